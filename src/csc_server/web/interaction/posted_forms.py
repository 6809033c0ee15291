"""What every page does with a posted form: believe it only from our own pages, and log in with it."""

from collections.abc import Mapping

from flask import Request

from csc_server.errors import ProblemError
from csc_server.values import SignerId
from csc_server.web.authorization.login import PasswordLogin
from csc_server.web.authorization.parameters import FORM, read_query
from csc_server.web.http.rate_limits import TooManyRequestsError
from csc_server.web.interaction.protection import is_same_origin
from csc_server.web.interaction.visits import PageError


def posted_form(request: Request, issuer_origin: str) -> dict[str, str]:
    """Return the form of a post that our own page may have made; its token is still to be compared (AU-10).

    Raises:
        PageError: it comes from elsewhere, or is no form.
    """
    if not is_same_origin(request, issuer_origin):
        raise PageError("forbidden", 403)
    if request.mimetype != FORM:
        raise PageError("malformed", 400)
    return read_query(request.get_data(cache=False))


def logged_in_signer(login: PasswordLogin, form: Mapping[str, str]) -> SignerId | None:
    """Return the signer of a login form, None when anything in it is wrong (AU-12).

    Raises:
        TooManyRequestsError: of this account or address in this minute (IN-21).
    """
    try:
        return login.login(form.get("username", ""), form.get("password", ""), form.get("one_time_code", "").strip())
    except TooManyRequestsError:
        raise
    except ProblemError:
        return None
