"""The reference page of each version, `/reference/v1` and `/reference/v2`: rendered here, without script."""

import hashlib
from functools import cache
from importlib import resources

from flask import Blueprint, Response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from csc_server.values import ApiVersion
from csc_server.web.operations.documents import AN_HOUR, read_document
from csc_server.web.operations.reference_texts import LANGUAGES, TEXTS
from csc_server.web.operations.reference_view import groups_of

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)
A_YEAR = 31_536_000
"""Seconds: a changed style sheet has another name."""


def blueprint(base_url: str) -> Blueprint:
    """Return the pages and their style sheet.

    Args:
        base_url: of the service, which the page shows.
    """
    pages = Blueprint("reference", __name__, template_folder="templates")
    style = _add_style(pages)

    @cache
    def page(version: ApiVersion, language: str) -> str:
        document = read_document(version)
        return render_template(
            "reference.html",
            document=document["info"],
            groups=groups_of(document),
            version=version,
            versions=list(ApiVersion),
            language=language,
            languages=LANGUAGES,
            texts=TEXTS[language],
            address=f"{base_url.rstrip('/')}/csc/{version}",
            style=style,
        )

    def show(version: ApiVersion) -> Response:
        return _protect(Response(page(version, _language()), content_type="text/html; charset=utf-8"))

    def newest() -> AnyResponse:
        return redirect(f"/reference/{ApiVersion.V2}")

    pages.add_url_rule("/reference", "newest", newest, methods=["GET"], provide_automatic_options=False)
    for each in ApiVersion:
        pages.add_url_rule(
            f"/reference/{each}", str(each), show, defaults={"version": each}, methods=["GET"],
            provide_automatic_options=False,
        )  # fmt: skip
    return pages


def _language() -> str:
    """Return the language of the address, else the browser's first that we speak (RFC 9110, 12.5.4), else English."""
    accepted = (tag for tag, weight in request.accept_languages if weight > 0)
    primary = (tag.partition("-")[0].lower() for tag in (request.args.get("lang", ""), *accepted))
    return next((each for each in primary if each in LANGUAGES), "en")


def _protect(response: Response) -> Response:
    headers = response.headers
    headers["Content-Security-Policy"] = POLICY
    headers["X-Frame-Options"] = "DENY"
    headers["Referrer-Policy"] = "no-referrer"
    headers["Cache-Control"] = f"public, max-age={AN_HOUR}"
    headers["Vary"] = "Accept-Language"
    return response


def _add_style(pages: Blueprint) -> str:
    content = resources.files(__package__).joinpath("static", "reference.css").read_bytes()
    path = f"/reference/style-{hashlib.sha256(content).hexdigest()[:16]}.css"

    def send() -> Response:
        response = Response(content, content_type="text/css; charset=utf-8")
        response.headers["Cache-Control"] = f"public, max-age={A_YEAR}, immutable"
        return response

    pages.add_url_rule(path, "style", send, methods=["GET"], provide_automatic_options=False)
    return path
