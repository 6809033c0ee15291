"""One way to make a page of a template: what every page is given, and its headers."""

from typing import Any

from flask import Response, render_template

from csc_server.web.interaction.assets import Assets
from csc_server.web.interaction.headers import protect
from csc_server.web.interaction.texts import Language, Texts


class Renderer:
    """Renders pages of one service; `service_name` is what signers know it by."""

    def __init__(self, assets: Assets, service_name: str) -> None:
        self._assets = assets
        self._service_name = service_name

    def render(self, template: str, texts: Texts, status: int, **values: Any) -> Response:  # noqa: ANN401 template values
        """Return a page in the language of its texts, with the headers of a page."""
        page = render_template(
            template,
            t=texts,
            language=texts.language,
            languages=list(Language),
            assets=self._assets,
            service_name=self._service_name,
            **values,
        )
        return protect(Response(page, status, content_type="text/html; charset=utf-8"))
