"""Forms and query strings of the OAuth 2.0 endpoints: each name once, or a refusal (OA-17)."""

from urllib.parse import parse_qsl, quote_plus

from csc_server.errors import ProblemError
from csc_server.web.authorization import parameters
from fuzz.source import Source

NAMES = ["grant_type", "code", "client_id", "client_secret", "scope", "hash", "state", "redirect_uri"]
SEEDS = [b"\x00grant_type=a&grant_type=b", b"\x00state=%ff", b"\x00a=%00", b"\x00scope=a;b&c", b"\x00" + b"a&" * 70]
WORDS = [b"%00", b"%ff", b"&", b"=", b"+", b";", b"grant_type="]


def run(data: bytes) -> None:
    source = Source(data)
    if source.chance(2):
        pairs = [(source.choice(NAMES), source.text()) for _ in range(source.below(6))]
        text = "&".join(f"{name}={quote_plus(value, errors='surrogatepass')}" for name, value in pairs).encode()
    else:
        text = source.rest()
    try:
        found = parameters.read_query(text)
    except ProblemError as problem:
        assert (problem.status, problem.error) == (400, "invalid_request")
        return
    pairs = parse_qsl(text.decode("ascii"), keep_blank_values=True)
    names = [name for name, _ in pairs]
    assert len(names) == len(set(names)) <= 64
    assert found == {name: value for name, value in pairs if value}
    assert not any(ord(character) < 32 and character not in "\t\n\r" for value in found.values() for character in value)


def plant() -> None:
    """The last of two parameters of one name wins."""
    real = parameters.read_query
    parameters.read_query = lambda query: real(
        b"&".join({pair.partition(b"=")[0]: pair for pair in query.split(b"&")}.values())
    )
