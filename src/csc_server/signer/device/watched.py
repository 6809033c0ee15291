"""A worker that can be seen from outside: the supervisor kills one whose device call hangs or that spins (RL-04).

A worker beats each time its loop comes round and with each device call. One that does neither for long neither
waits for requests nor makes progress with any.
"""

import mmap
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from csc_server.policy.algorithms import SignatureMechanism
from csc_server.signer.device.port import KeyDevice, KeyFacts
from csc_server.values import KeyHandle, KeyType

_STAMP = struct.Struct("d")
_ResultT = TypeVar("_ResultT")


class CallStamps:
    """When each worker entered its current device call and when it last beat, in memory that all share."""

    def __init__(self, workers: int) -> None:
        self._beats = max(1, workers) * _STAMP.size
        self._memory = mmap.mmap(-1, 2 * self._beats)

    def enter(self, worker: int) -> None:
        """Note that a call begins now; it counts as a beat."""
        now = time.monotonic()
        _STAMP.pack_into(self._memory, worker * _STAMP.size, now)
        if self._last_beat(worker):
            self._set_beat(worker, now)

    def leave(self, worker: int) -> None:
        """Note that no call is under way."""
        _STAMP.pack_into(self._memory, worker * _STAMP.size, 0.0)

    def age(self, worker: int) -> float:
        """Return for how many seconds the current call has run; 0 when there is none."""
        (entered,) = _STAMP.unpack_from(self._memory, worker * _STAMP.size)
        return time.monotonic() - entered if entered else 0.0

    def beat(self, worker: int) -> None:
        """Note that the worker is at its loop; from its first beat on it is watched."""
        self._set_beat(worker, time.monotonic())

    def rest(self, worker: int) -> None:
        """Stop watching the worker: it ended, or its successor has yet to begin."""
        self._set_beat(worker, 0.0)

    def silence(self, worker: int) -> float:
        """Return for how many seconds the worker has not beaten; 0 when it is not watched."""
        last = self._last_beat(worker)
        return time.monotonic() - last if last else 0.0

    @contextmanager
    def unwatched(self, worker: int) -> Iterator[None]:
        """Do something that rightly takes long without a beat: opening a device, making a key."""
        was_watched = bool(self._last_beat(worker))
        self.rest(worker)
        try:
            yield
        finally:
            if was_watched:
                self.beat(worker)

    def _set_beat(self, worker: int, time_of_beat: float) -> None:
        _STAMP.pack_into(self._memory, self._beats + worker * _STAMP.size, time_of_beat)

    def _last_beat(self, worker: int) -> float:
        last: float = _STAMP.unpack_from(self._memory, self._beats + worker * _STAMP.size)[0]
        return last


class WatchedDevice:
    """Passes every call on and stamps it."""

    def __init__(self, device: KeyDevice, stamps: CallStamps, worker: int) -> None:
        self._device = device
        self._stamps = stamps
        self._worker = worker

    def _watch(self, call: Callable[[], _ResultT]) -> _ResultT:
        self._stamps.enter(self._worker)
        try:
            return call()
        finally:
            self._stamps.leave(self._worker)

    def keys(self) -> list[KeyFacts]:
        return self._device.keys()  # reads what `open` found; long with many keys, so it has no deadline

    def key(self, handle: KeyHandle) -> KeyFacts | None:
        return self._watch(lambda: self._device.key(handle))

    def sign(self, handle: KeyHandle, mechanism: SignatureMechanism, digest: bytes) -> bytes:
        return self._watch(lambda: self._device.sign(handle, mechanism, digest))

    def generate_key(self, key_type: KeyType) -> KeyFacts:
        with self._stamps.unwatched(self._worker):  # RSA-4096 takes seconds: no deadline of a signature
            return self._device.generate_key(key_type)

    def destroy_key(self, handle: KeyHandle) -> None:
        self._watch(lambda: self._device.destroy_key(handle))

    def sign_sad(self, digest: bytes) -> bytes:
        return self._watch(lambda: self._device.sign_sad(digest))

    def sad_public_key(self) -> bytes:
        return self._watch(self._device.sad_public_key)

    def authenticate(self, data: bytes) -> bytes:
        return self._watch(lambda: self._device.authenticate(data))

    def seal(self, plaintext: bytes, context: bytes) -> bytes:
        return self._watch(lambda: self._device.seal(plaintext, context))

    def open_sealed(self, sealed: bytes, context: bytes) -> bytes:
        return self._watch(lambda: self._device.open_sealed(sealed, context))

    def close(self) -> None:
        self._device.close()
