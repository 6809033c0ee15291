"""The two cookies of the pages: the browser's secret and the signer's session (AU-09)."""

from dataclasses import dataclass

from flask import Request, Response

from csc_server.settings import WebSettings
from csc_server.web.authorization.secret_values import is_secret


@dataclass(frozen=True)
class Cookies:
    """Names and attributes; `__Host-` binds a cookie to https, this host and path / (RFC 6265bis, 4.1.3.2)."""

    is_secure: bool

    @classmethod
    def of(cls, settings: WebSettings) -> "Cookies":
        """Drop the prefix and Secure only for a test environment on http: `dev` on loopback."""
        on_http = settings.environment == "test" and settings.base_url.startswith("http://")
        return cls(is_secure=not on_http)

    @property
    def session(self) -> str:
        return self._name("csc-session")

    @property
    def browser(self) -> str:
        return self._name("csc-browser")

    def _name(self, name: str) -> str:
        return f"__Host-{name}" if self.is_secure else name

    def read(self, request: Request, name: str) -> str:
        """Return a cookie's value if it has the form of our secrets, else ""."""
        value = request.cookies.get(name, "")
        return value if is_secret(value) else ""

    def write(self, response: Response, name: str, value: str) -> None:
        """Set a cookie that ends with the browser's session."""
        response.set_cookie(name, value, path="/", secure=self.is_secure, httponly=True, samesite="Lax")

    def clear(self, response: Response, name: str) -> None:
        response.delete_cookie(name, path="/", secure=self.is_secure, httponly=True, samesite="Lax")
