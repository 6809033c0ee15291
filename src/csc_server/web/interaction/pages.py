"""The pages of the signer as a Flask blueprint: one address an interaction, one post for each step.

GET shows the step the record is in; every post answers 303 or shows its page again with what was wrong.
"""

from collections.abc import Callable

from flask import Blueprint, Response

from csc_server.errors import CscServerError
from csc_server.web.authorization.context import AuthorizationContext
from csc_server.web.authorization.login import PasswordLogin
from csc_server.web.authorization.token_endpoint import make_server
from csc_server.web.interaction.approvals import PATH, ApprovalDesk
from csc_server.web.interaction.assets import add_assets
from csc_server.web.interaction.desk import Desk

ADDRESS = "/interaction/<interaction_id>"


def blueprint(context: AuthorizationContext) -> Blueprint:
    """Return login, consent and their files; errors become pages here, nowhere else."""
    pages = Blueprint("interaction", __name__, template_folder="templates")
    login, assets = PasswordLogin(context), add_assets(pages)
    desk = Desk(context, make_server(context), login, assets)
    approvals = ApprovalDesk(context, login, assets)

    def add(path: str, method: str, view: Callable[..., Response]) -> None:
        pages.add_url_rule(path, view.__name__, view, methods=[method], provide_automatic_options=False)

    add(ADDRESS, "GET", desk.show)
    add(f"{ADDRESS}/login", "POST", desk.log_in)
    add(f"{ADDRESS}/consent", "POST", desk.decide)
    add(f"{ADDRESS}/switch", "POST", desk.switch_account)
    add(PATH, "GET", approvals.show_list)
    add(f"{PATH}/login", "POST", approvals.log_in_to_list)
    add(f"{PATH}/logout", "POST", approvals.log_out)
    add(f"{PATH}/<approval_id>", "GET", approvals.show_one)
    add(f"{PATH}/<approval_id>", "POST", approvals.decide_one)
    pages.before_request(context.limits.open_request)
    pages.register_error_handler(CscServerError, desk.explain)
    return pages
