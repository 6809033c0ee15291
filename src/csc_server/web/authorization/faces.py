"""The faces of the OAuth 2.0 endpoints: three addresses and dialects over one store and one issuer (decision 16)."""

from enum import StrEnum


class Face(StrEnum):
    """Under which address an endpoint was called; `V1` and `V2` speak CSC's words, `RFC` those of the RFCs.

    The metadata of RFC 8414 name the addresses of `RFC`; `info` of an API version names its own face.
    """

    V1 = "v1"
    V2 = "v2"
    RFC = "rfc"

    @property
    def path(self) -> str:
        """The path that the endpoints of this face begin with."""
        return "/oauth2" if self is Face.RFC else f"/csc/{self.value}/oauth2"
