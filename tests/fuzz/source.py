"""Turns the bytes of a fuzzer into values with a structure: choices, texts, JSON with members twice, broken JWTs.

The same bytes give the same values, so a finding is its bytes. When they run out, every choice is the first.
"""

import base64
import json
from dataclasses import dataclass
from typing import Any

MAX_LEAF = 24


@dataclass(frozen=True)
class Pairs:
    """An object of JSON whose names may occur twice."""

    pairs: tuple[tuple[str, Any], ...]


class Source:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1] if self._at <= len(self._data) else 0

    def below(self, limit: int) -> int:
        """Return an integer of 0 to limit - 1."""
        if limit <= 256:
            return self.byte() % limit
        return (self.byte() << 16 | self.byte() << 8 | self.byte()) % limit

    def choice(self, values):
        return values[self.below(len(values))]

    def chance(self, of: int) -> bool:
        """Return true once in `of` times; false when the bytes are used up."""
        return self.byte() % of == of - 1

    def octets(self, most: int = MAX_LEAF) -> bytes:
        length = self.below(most + 1)
        piece = self._data[self._at : self._at + length]
        self._at += length
        return piece

    def rest(self) -> bytes:
        piece = self._data[self._at :]
        self._at = len(self._data)
        return piece

    def text(self, most: int = MAX_LEAF) -> str:
        octets = self.octets(most)
        return octets.decode("utf-8", "surrogatepass") if _is_text(octets) else octets.decode("latin-1")

    def number(self) -> Any:
        return self.choice([0, 1, -1, 2, 1.0, 0.5, 1e308, 2**31, 2**53, 2**53 + 1, -(2**53) - 1, 10**30, True, False])

    def json(self, depth: int = 4) -> Any:
        """Return a value of JSON."""
        kind = self.below(8 if depth else 5)
        if kind in (0, 1):
            return self.text()
        if kind == 2:
            return self.number()
        if kind in (3, 4):
            return self.choice([None, "", "a" * 300, "\x00", "A" * 44, "true", [], {}])
        if kind == 5:
            return [self.json(depth - 1) for _ in range(self.below(4))]
        if kind == 6:
            return Pairs(tuple((self.text(4), self.json(depth - 1)) for _ in range(self.below(4))))
        value = self.json(0)
        for _ in range(self.below(48)):
            value = [value]
        return value

    def changed(self, template: Any, depth: int = 4) -> Any:
        """Return a value like the template: members kept, left out, twice, replaced, or others beside them."""
        if self.chance(12):
            return self.json(depth)
        if isinstance(template, dict):
            pairs = []
            for name, value in template.items():
                if not self.chance(14):
                    pairs.append((name, self.changed(value, depth - 1)))
                if self.chance(20):
                    pairs.append((name, self.json(1)))
            if self.chance(12):
                pairs.append((self.text(12), self.json(1)))
            return Pairs(tuple(pairs))
        if isinstance(template, list):
            items = [self.changed(value, depth - 1) for value in template if not self.chance(14)]
            return items * self.choice([1, 1, 1, 1, 2, 40])
        if isinstance(template, str) and self.chance(6):
            at = len(template) if self.chance(2) else self.below(len(template) + 1)
            return template[:at] + self.text(4) + template[at + self.below(3) :]
        return template

    def json_text(self, template: Any) -> bytes:
        """Return the text of a changed template, sometimes broken or written in another way."""
        text = write(self.changed(template))
        if self.chance(10):
            at = self.below(len(text) + 1)
            text = text[:at] + self.octets(4) + text[at + self.below(3) :]
        return text

    def jws(self, header: Any, claims: Any, sign) -> str:
        """Return a compact JWS of changed parts; `sign` makes the signature of its input, most times."""
        parts = [encode(self.json_text(header)), encode(self.json_text(claims))]
        signature = encode(self.octets(64)) if self.chance(6) else encode(sign(".".join(parts).encode()))
        parts.append(signature)
        if self.chance(10):
            which = self.below(3)
            at = self.below(len(parts[which]) + 1)
            parts[which] = parts[which][:at] + self.text(3) + parts[which][at + self.below(2) :]
        return ".".join(parts)


def write(value: Any) -> bytes:
    """Return JSON text; objects of Pairs keep their order and what occurs twice."""
    if isinstance(value, Pairs | dict):
        pairs = value.pairs if isinstance(value, Pairs) else value.items()
        return b"{" + b",".join(_string(name) + b":" + write(member) for name, member in pairs) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(write(item) for item in value) + b"]"
    if isinstance(value, str):
        return _string(value)
    return json.dumps(value).encode()


def plain(value: Any) -> Any:
    """Return the value with dictionaries for objects."""
    if isinstance(value, Pairs):
        return {name: plain(member) for name, member in value.pairs}
    return [plain(item) for item in value] if isinstance(value, list) else value


def encode(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def _string(text: str) -> bytes:
    return json.dumps(text).encode()


def _is_text(octets: bytes) -> bool:
    try:
        octets.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True
