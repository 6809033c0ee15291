"""The pages of the signer as a Flask blueprint: one address an interaction, one post for each step.

GET shows the step the record is in; every post answers 303 or shows its page again with what was wrong.
"""

import hashlib
from importlib import resources

from flask import Blueprint, Response

from csc_server.errors import CscServerError
from csc_server.web.authorization.context import AuthorizationContext
from csc_server.web.authorization.login import PasswordLogin
from csc_server.web.authorization.token_endpoint import make_server
from csc_server.web.interaction.desk import Desk

A_YEAR = 31_536_000


def blueprint(context: AuthorizationContext) -> Blueprint:
    """Return login, consent and their style sheet; errors become pages here, nowhere else."""
    pages = Blueprint("interaction", __name__, template_folder="templates")
    style = resources.files(__package__).joinpath("static/pages.css").read_bytes()
    style_path = f"/interaction/style/{hashlib.sha256(style).hexdigest()[:16]}.css"
    desk = Desk(context, make_server(context), PasswordLogin(context), style_path)

    def style_sheet() -> Response:
        response = Response(style, content_type="text/css; charset=utf-8")
        response.headers["Cache-Control"] = f"public, max-age={A_YEAR}, immutable"
        return response

    address = "/interaction/<interaction_id>"
    pages.add_url_rule(style_path, "style_sheet", style_sheet, methods=["GET"], provide_automatic_options=False)
    pages.add_url_rule(address, "show", desk.show, methods=["GET"], provide_automatic_options=False)
    pages.add_url_rule(f"{address}/login", "login", desk.log_in, methods=["POST"], provide_automatic_options=False)
    pages.add_url_rule(f"{address}/consent", "consent", desk.decide, methods=["POST"], provide_automatic_options=False)
    pages.add_url_rule(
        f"{address}/switch", "switch", desk.switch_account, methods=["POST"], provide_automatic_options=False
    )
    pages.register_error_handler(CscServerError, desk.explain)
    return pages
