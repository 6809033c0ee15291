"""Compares a row with what the server does: everything that is expected is read from the row."""

import re
from collections.abc import Callable
from dataclasses import replace

from rows import api_requests, oauth_errors, oauth_requests, signature_errors  # noqa: F401 modules of errors register their ways
from rows.answers import Answer
from rows.answers_of_rows import ANSWERS, LATE_ANSWERS, WHERE, holders
from rows.api_errors import ANY, WAYS
from rows.catalogue import ErrorRow, ParameterRow, Row
from rows.desk import Desk, Json
from rows.requests_of_rows import HEADER, Request, Situation, find, fits, fits_form, placed, split, without, wrong_value

NONE = "(none)"
CONSTANT = frozenset({"holds", "fails"})
"""Of a member that depends on a condition: on this server it always holds, or always fails."""
NEVER_SENT = frozenset({"always", "fails"})
TAKEN = "taken"
"""What a row says that the server does with a request that the table refuses."""
PRESENCES = frozenset("MROC")
ALL_MEMBERS = "(CredentialInfo members)"
ABSENT, PRESENT = object(), object()
"""Stand for a parameter that is left out, and for one with the value it has."""


class MissingWayError(Exception):
    """There is no way yet to bring this row about."""


class Judge:
    """One run against one server; rows that differ in their version alone share requests, and each is compared."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.seen: dict[tuple[str, ...], Answer] = {}
        self.asked = 0
        """Answers that were compared since somebody set this to zero."""
        self._bodies: dict[tuple[int, str], Json] = {}
        self._values: dict[tuple[str, ...], object] = {}

    def judge(self, row: Row) -> list[str]:
        """Return what differs between the row and the server, nothing when all is as the row says.

        Where the server departs from the table on purpose, the row says so, and that must be true and needed.
        """
        if not row.here:
            return self._faults(row)
        stale = [] if self._faults(replace(row, here="")) else ["the server no longer departs from the table"]
        if isinstance(row, ParameterRow):
            changed = {"presence" if row.here in PRESENCES else "type": row.here}
            return stale + self._faults(replace(row, here="", **changed))
        outcome = self._error_answer(row).outcome or TAKEN
        return stale + ([] if outcome == row.here else [f"instead of {row.here!r}: {outcome!r}"])

    def _faults(self, row: Row) -> list[str]:
        if isinstance(row, ErrorRow):
            return error_faults(row, self._error_answer(row))
        return self._request_faults(row) if row.direction == "request" else self._response_faults(row)

    # Members of answers

    def _response_faults(self, row: ParameterRow) -> list[str]:
        if row.method not in ANSWERS:
            raise MissingWayError(f"{row.id} {row.method}: an answer")
        there, missing = self._places(row)
        if row.absent == "sometimes" and not missing:
            return _mixed_faults(row, [self._answer(row, name) for name in there])
        faults = _response_claims(row, missing)
        faults += [] if there or missing else ["no answer has a place for it"]
        for name in there:
            faults += [f"{name}: {fault}" for fault in present_faults(row, self._answer(row, name))]
        for name in missing:
            faults += [f"{name}: {fault}" for fault in missing_faults(row, self._answer(row, name))]
        return faults

    def _places(self, row: ParameterRow) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the situations that must have the member and those that must not.

        Where nothing is registered, all answers must that have the object it stands in.
        """
        all_names = tuple(name for name in ANSWERS[row.method] if name not in LATE_ANSWERS)
        if row.absent in NEVER_SENT:
            return (), all_names
        registered = WHERE.get((row.method, f"{row.face} {row.parameter}")) or WHERE.get((row.method, row.parameter))
        if registered is not None:
            return registered
        return tuple(name for name in all_names if holders(self._answer(row, name).members, row.parameter)), ()

    def _answer(self, row: ParameterRow, name: str) -> Answer:
        make = ANSWERS[row.method][name]
        return self._once((row.face, row.method, "answer", name), lambda: make(self.desk, row.face))

    # Errors

    def _error_answer(self, row: ErrorRow) -> Answer:
        """Return the answer of the request that this row's case makes."""
        found = WAYS.get((row.method, row.case)) or WAYS.get((ANY, row.case))
        if found is None:
            raise MissingWayError(f"{row.id} {row.method}: {row.case}")
        return self._once((row.face, row.method, row.case), lambda: found(self.desk, row.face, row.method))

    def _once(self, key: tuple[str, ...], send: Callable[[], Answer]) -> Answer:
        if key not in self.seen:
            self.seen[key] = send()
        self.asked += 1
        return self.seen[key]

    # Parameters of requests

    def _request_faults(self, row: ParameterRow) -> list[str]:
        request = find_request(row)
        if request is None:
            raise MissingWayError(f"{row.id} {row.method}: {row.parameter}")
        return [
            *_claims(row, request),
            *self._judge_absence(row, request),
            *self._judge_value(row, request),
            *self._judge_freedom(row, request),
        ]

    def _judge_value(self, row: ParameterRow, request: Request) -> list[str]:
        """Try a value of another type, then the right one."""
        right = self._right_value(row, request.needed)
        faults = [] if _has_type(row, right) else [f"{right!r} is no {row.type}"]
        wrong = wrong_value(row.type, right, is_form=_is_form(row))
        answer = self._try(row, request.needed, f"wrong {row.type}", wrong)
        if answer.outcome != row.wrong:
            faults.append(f"wrong type: {answer.outcome!r}")
        present = self._try(row, request.needed, "present", PRESENT)
        if present.is_refusal or (request.effect and not request.effect(present)):
            faults.append(f"present: {present.outcome!r}")
        return faults

    def _right_value(self, row: ParameterRow, situation: Situation) -> object:
        key = (row.face, row.method, row.parameter)
        if key not in self._values:
            self._values[key] = find(self._body(row, situation), split(row.parameter))
        return self._values[key]

    def _judge_absence(self, row: ParameterRow, request: Request) -> list[str]:
        """Leave the parameter out, and send null, or an empty value, which says the same (R4, O8)."""
        faults = []
        for kind, value in (("absent", ABSENT), ("null", None)):
            if row.parameter.startswith(HEADER) and value is None:
                continue
            answer = self._try(row, request.needed, kind, value)
            if answer.outcome != row.absent or (request.effect and not answer.is_refusal and request.effect(answer)):
                faults.append(f"{kind}: {answer.outcome!r}")
        return faults

    def _judge_freedom(self, row: ParameterRow, request: Request) -> list[str]:
        """Try the situation in which nobody needs it: an R may be absent there, a C means nothing there."""
        if request.free is None or row.presence not in {"R", "C"}:
            return []
        answer = self._try(row, request.free, "free", ABSENT)
        faults = [f"absent where it is not needed: {answer.outcome!r}"] if answer.is_refusal else []
        if row.presence == "C" and request.effect is None:
            ignored = self._try(
                row, request.free, f"ignored {row.type}", wrong_value(row.type, "x", is_form=_is_form(row))
            )
            faults += [f"wrong type where it means nothing: {ignored.outcome!r}"] if ignored.is_refusal else []
        return faults

    def _try(self, row: ParameterRow, situation: Situation, kind: str, value: object) -> Answer:
        """Send the situation's body with this value in the parameter's place."""

        def send() -> Answer:
            body, steps = self._body(row, situation), split(row.parameter)
            answer = situation.send(self.desk, row.face, _changed(body, steps, value))
            if situation.once or not answer.is_refusal:
                self._bodies.pop((id(situation), row.face), None)
            return answer

        return self._once((row.face, row.method, row.parameter, kind), send)

    def _body(self, row: ParameterRow, situation: Situation) -> Json:
        """Return a body that no success has used up yet."""
        key = (id(situation), row.face)
        if key not in self._bodies:
            self._bodies[key] = situation.make(self.desk, row.face)
        return self._bodies[key]


def find_request(row: ParameterRow) -> Request | None:
    """Return how a parameter is tried; a way may be of one face alone."""
    for ways in (oauth_requests.WAYS, api_requests.WAYS):
        found = ways.get((row.method, f"{row.face} {row.parameter}")) or ways.get((row.method, row.parameter))
        if found is not None:
            return found
    return api_requests.whole_body(row.method)


def _changed(body: Json, steps: list[str], value: object) -> Json:
    if value is PRESENT:
        return body
    return without(body, steps) if value is ABSENT else placed(body, steps, value)


def _claims(row: ParameterRow, request: Request) -> list[str]:
    """Return what the row claims against itself or against the situations there are."""
    presence = row.presence
    faults = []
    if (presence == "M" and not row.absent) or (presence in {"O", "C"} and row.absent):
        faults.append(f"presence {presence} and absent {row.absent!r}")
    if (presence in {"R", "C"}) != (request.free is not None):
        faults.append(f"presence {presence}, and {'a' if request.free else 'no'} situation without it")
    if presence == "R" and not row.absent and request.effect is None:
        faults.append("presence R, and its absence changes nothing")
    return faults


def _is_form(row: ParameterRow) -> bool:
    """Whether the parameter is one of a form or query itself, not a member inside one."""
    return row.method.startswith("oauth2/") and "." not in row.parameter


def _has_type(row: ParameterRow, value: object) -> bool:
    if row.type == "Basic | Digest":
        return isinstance(value, str) and value.split(" ")[0] in row.type.split(" | ")
    return fits_form(row.type, value) if _is_form(row) else fits(row.type, value)


def _response_claims(row: ParameterRow, missing: tuple[str, ...]) -> list[str]:
    """Return what the row claims against itself or against the situations there are."""
    presence = row.presence
    allowed = {"M": {""}, "R": {"", *CONSTANT}, "C": {"", *CONSTANT}, "O": {"never", "sometimes", "always"}}.get(
        presence, set()
    )
    faults = [] if row.absent in allowed else [f"presence {presence} and absent {row.absent!r}"]
    if bool(missing) != (row.absent in {"sometimes", *NEVER_SENT} or (presence in {"R", "C"} and not row.absent)):
        faults.append(f"presence {presence}, absent {row.absent!r}, and missing from {missing}")
    return faults


def _mixed_faults(row: ParameterRow, answers: list[Answer]) -> list[str]:
    """Return why a member does not stand in some of the objects that may have it, and not in others."""
    name = split(row.parameter)[-1]
    places = [holder for answer in answers for holder in holders(answer.members, row.parameter)]
    values = [holder[name] for holder in places if name in holder]
    faults = [] if row.presence == "O" else [f"presence {row.presence} and absent 'sometimes'"]
    faults += [] if 0 < len(values) < len(places) else [f"{len(values)} of {len(places)} have it"]
    return faults + [f"{value!r} is no {row.type}" for value in values if not fits(row.type, value)]


def present_faults(row: ParameterRow, answer: Answer) -> list[str]:
    """Return why the member does not stand in the answer as the row says."""
    if row.parameter == NONE:
        return [] if (answer.status, answer.body, row.type) == (204, b"", "-") else [f"status {answer.status}"]
    if answer.is_refusal and not row.method.startswith("oauth2/authorize"):
        return [f"refused: {answer.outcome}"]
    if row.parameter == ALL_MEMBERS:
        names = {"key", "cert", "auth"}
        return [] if row.type == "Object" and names <= set(answer.members) else ["no description"]
    places = holders(answer.members, row.parameter)
    name = split(row.parameter)[-1]
    faults = [] if places else ["there is no place for it"]
    for holder in places:
        if name not in holder:
            faults.append("absent")
        elif not fits(row.type, holder[name]):
            faults.append(f"{holder[name]!r} is no {row.type}")
    return faults


def missing_faults(row: ParameterRow, answer: Answer) -> list[str]:
    """Return where the member stands although it must not; an absent member is never null (A3)."""
    if row.parameter == ALL_MEMBERS:
        return ["a description"] if "key" in answer.members else []
    name = split(row.parameter)[-1]
    return ["present" for holder in holders(answer.members, row.parameter) if name in holder]


def error_faults(row: ErrorRow, answer: Answer) -> list[str]:
    """Return what differs; an error without a text in the table needs one of our own all the same."""
    faults = []
    if str(answer.status) not in row.status.split("|"):
        faults.append(f"status {answer.status}")
    if not answer.error or (row.error and answer.error != row.error):
        faults.append(f"error {answer.error!r}")
    if not answer.description or (row.description and not _is_text(row.description, answer.description)):
        faults.append(f"text {answer.description!r}")
    return faults


def _is_text(wanted: str, found: str) -> bool:
    """Compare word for word; a name in square brackets stands for a value."""
    parts = re.split(r"\[\w+\]", wanted)
    return re.fullmatch("[^']+".join(re.escape(part) for part in parts), found) is not None
