"""A KeyDevice whose calls can be seen from outside: the supervisor kills a worker whose call hangs (RL-04)."""

import mmap
import struct
import time
from collections.abc import Callable
from typing import TypeVar

from csc_server.policy.algorithms import SignatureMechanism
from csc_server.signer.device.port import KeyDevice, KeyFacts
from csc_server.values import KeyHandle, KeyType

_STAMP = struct.Struct("d")
_ResultT = TypeVar("_ResultT")


class CallStamps:
    """When each worker entered its current device call, in memory that supervisor and workers share."""

    def __init__(self, workers: int) -> None:
        self._memory = mmap.mmap(-1, max(1, workers) * _STAMP.size)

    def enter(self, worker: int) -> None:
        """Note that a call begins now."""
        _STAMP.pack_into(self._memory, worker * _STAMP.size, time.monotonic())

    def leave(self, worker: int) -> None:
        """Note that no call is under way."""
        _STAMP.pack_into(self._memory, worker * _STAMP.size, 0.0)

    def age(self, worker: int) -> float:
        """Return for how many seconds the current call has run; 0 when there is none."""
        (entered,) = _STAMP.unpack_from(self._memory, worker * _STAMP.size)
        return time.monotonic() - entered if entered else 0.0


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

    def sign(self, handle: KeyHandle, mechanism: SignatureMechanism, digest: bytes) -> bytes:
        return self._watch(lambda: self._device.sign(handle, mechanism, digest))

    def generate_key(self, key_type: KeyType) -> KeyFacts:
        return self._device.generate_key(key_type)  # RSA-4096 takes seconds: no deadline of a signature

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
