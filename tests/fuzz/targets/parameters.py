"""web/http/params.py: whatever the members are, a value of the right type or the table's refusal (IN-05)."""

from csc_server.errors import MalformedInputError, ProblemError
from csc_server.web.http.params import Parameters
from csc_server.wire import decode_base64_any, parse_json
from fuzz.source import Source

TEMPLATE = {
    "credentialID": "a", "numSignatures": 1, "hash": ["AAAA", "AAAA"], "certificates": "chain", "certInfo": True,
    "clientData": "", "signAlgoParams": "MAA=", "SAD": "x",
}  # fmt: skip
CHOICES = ("none", "single", "chain")
SEEDS = [bytes(40), bytes(range(40)), b"\x0b\x0b\x0b\x00\x02"]
WORDS = [b"null", b"true", b"1.0"]


def run(data: bytes) -> None:
    source = Source(data)
    try:
        members = parse_json(source.json_text(TEMPLATE))
    except MalformedInputError:
        return
    if not isinstance(members, dict):
        return
    lenient = source.chance(2)
    parameters = Parameters(members, text_booleans=lenient)
    for name in TEMPLATE:
        value = members.get(name)
        _read(parameters.required_string, name, lambda found, value=value: found == value and 0 < len(found) <= 255)
        _read(parameters.optional_string, name, lambda found, value=value: found == value)
        _read(parameters.free_text, name, lambda found, value=value: found == (value or ""))
        _read(parameters.required_integer, name, lambda found, value=value: type(value) is int and found == value)
        _read(
            parameters.boolean, name,
            lambda found, value=value: found is value or (value is None and found is False)
            or (lenient and str(value) == str(found).lower()),
        )  # fmt: skip
        _read(parameters.base64, name, lambda found: isinstance(found, bytes))
        _read(lambda name: parameters.choice(name, CHOICES, "single"), name, lambda found: found in CHOICES)
        _read(lambda name: parameters.hashes([name], 4), name, lambda found, value=value: _are_digests(found, value))


def plant() -> None:
    """A boolean passes for an integer."""

    def required_integer(self, name):
        value = self._members.get(name)
        if not isinstance(value, int):
            raise ProblemError(400, "invalid_request", "")
        return value

    Parameters.required_integer = required_integer


def _read(reader, name, is_right) -> None:
    try:
        found = reader(name)
    except ProblemError as problem:
        assert (problem.status, problem.error) == (400, "invalid_request")
        return
    assert is_right(found), (name, found)


def _are_digests(found, value) -> bool:
    if found is None:
        return value is None
    return 0 < len(found) <= 4 and list(found) == [decode_base64_any(text) for text in value]
