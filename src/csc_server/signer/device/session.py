"""Loading a PKCS#11 module and logging in: what a process does once before it has a device (PKCS#11 v2.40, 5.4, 5.6).

python-pkcs11 initialises a module without a locking flag, so a module belongs to one process and one thread,
and is initialised after the fork. After another initialisation the module hands out the same handle numbers
for other keys: `Loading` tells an object of an older one, or of another process, from one that may be used.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pkcs11
from pkcs11 import PinIncorrect, PKCS11Error, TokenFlag
from pkcs11._pkcs11 import lib as Library  # noqa: N812 the library names a class in small letters

from csc_server.settings import DeviceSettings
from csc_server.signer.device.port import DeviceFaultError

_LOCK_POLL = 0.02
"""Seconds between two looks at a lock that another starting process holds."""
_LAST_TRY = TokenFlag.USER_PIN_FINAL_TRY | TokenFlag.USER_PIN_LOCKED

_libraries: dict[Path, Library] = {}
_refused_pins: dict[Path, int] = {}
_generation = 0


@dataclass(frozen=True)
class Loading:
    """One initialisation of a module in one process; what came from it dies with it."""

    process: int
    generation: int

    @property
    def is_current(self) -> bool:
        return self.generation == _generation and self.process == os.getpid()


@contextmanager
def faults(doing: str) -> Iterator[None]:
    """Turn an error of the module into DeviceFaultError; the text names its kind only, never its words."""
    try:
        yield
    except PKCS11Error as error:
        raise DeviceFaultError(f"{doing}: {type(error).__name__}") from error


@contextmanager
def starting(settings: DeviceSettings) -> Iterator[None]:
    """Let one process at a time initialise and log in: SoftHSM 2.6 fails at random otherwise.

    The lock is on the PIN file, which every process of this token reads and nobody else can.

    Raises:
        DeviceFaultError: no PIN file, or another process has not ended its start within the call's deadline.
    """
    try:
        lock = settings.pin_file.open("rb")
    except OSError as error:
        raise DeviceFaultError("the file of the device's PIN cannot be read") from error
    with lock:
        _take(lock, time.monotonic() + settings.call_deadline)
        yield


def open_session(settings: DeviceSettings) -> tuple[pkcs11.Session, Loading]:
    """Initialise the module afresh and return a read-write session of the logged-in user.

    Call it inside `starting`. A PIN that the device refused is not tried again in this process until its
    file changes, and none is tried when the token says that one more wrong PIN locks it: tries are few, and
    a worker that opens its device again and again would use them up.

    Raises:
        DeviceFaultError: the token is away or refuses.
    """
    stamp, pin = _read_pin(settings.pin_file)
    with faults("the device cannot be opened"):
        token = load_module(settings.module).get_token(token_label=settings.token_label)
        if token.flags & _LAST_TRY:
            raise DeviceFaultError("the device's PIN is locked, or one wrong try from it: an operator must look")
        try:
            session = token.open(rw=True, user_pin=pin)
        except PinIncorrect:
            _refused_pins[settings.pin_file] = stamp
            raise
    return session, Loading(os.getpid(), _generation)


def load_module(module: Path) -> Library:
    """Return the module, initialised afresh: what it knew of tokens, handles and logins is forgotten."""
    known = _libraries.get(module)
    if known is None:
        _begin_generation()
        return _libraries.setdefault(module, pkcs11.lib(str(module)))
    unload_module(module)
    known.initialize()
    return known


def unload_module(module: Path) -> None:
    """Finalise the module, if it is loaded; an error changes nothing: it is not used any more."""
    known = _libraries.get(module)
    _begin_generation()
    if known is not None and known.initialized:
        with suppress(PKCS11Error):  # a module may have noticed the fork, or lost its token
            known.finalize()


def _begin_generation() -> None:
    global _generation  # noqa: PLW0603 a module's state is the process's, and so is its count
    _generation += 1


def _take(lock: BinaryIO, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                raise DeviceFaultError("another process is still opening the device") from error
            time.sleep(_LOCK_POLL)
        else:
            return


def _read_pin(pin_file: Path) -> tuple[int, str]:
    try:
        stamp = pin_file.stat().st_mtime_ns
        pin = pin_file.read_bytes().decode("utf-8", errors="strict").strip()
    except (OSError, UnicodeDecodeError):
        raise DeviceFaultError("the file of the device's PIN cannot be read") from None  # its bytes are in the cause
    if _refused_pins.get(pin_file) == stamp:
        raise DeviceFaultError("the device refused its PIN, which is not tried again until its file changes")
    return stamp, pin
