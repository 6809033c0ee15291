"""What came back from a request: an answer of a method, or the redirect that ends an authorization request."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests


@dataclass(frozen=True)
class Answer:
    """Status, media type and the members of the JSON object, or of the redirect's query."""

    status: int
    members: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def error(self) -> str:
        return str(self.members.get("error", ""))

    @property
    def description(self) -> str:
        return str(self.members.get("error_description", ""))

    @property
    def is_refusal(self) -> bool:
        return self.status >= 400 or (self.status == 302 and "error" in self.members)

    @property
    def outcome(self) -> str:
        """One line: empty for success, else status, error and text."""
        if not self.is_refusal and not self.error:
            return ""
        return f"{self.status} {self.error}".rstrip() + (f": {self.description}" if self.description else "")


def read_answer(response: requests.Response, redirect_uri: str = "") -> Answer:
    """Return an answer; a redirect to the application is read as its parameters (RFC 6749, 4.1.2)."""
    location = response.headers.get("Location", "")
    members: Any = {}
    if redirect_uri and location.startswith(redirect_uri):
        members = dict(parse_qsl(urlsplit(location).query, keep_blank_values=True))
    elif response.headers.get("Content-Type", "").partition(";")[0] == "application/json":
        members = response.json()
    assert isinstance(members, dict)
    return Answer(response.status_code, members, response.headers, response.content)
