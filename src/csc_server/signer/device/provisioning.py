"""Making a token ready: what an operator does once, and the development server at its first start.

python-pkcs11 has no C_InitToken, so that one call goes through ctypes; PINs travel in memory only, never on
a command line. The module is finalised at the end, so that a process may fork after it.
"""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pkcs11 import TokenFlag

from csc_server.settings import DeviceSettings
from csc_server.signer.device import module_keys
from csc_server.signer.device.port import DeviceFaultError
from csc_server.signer.device.session import faults, load_module, open_session, starting, unload_module

LABEL_LENGTH = 32
"""CK_TOKEN_INFO.label is padded with blanks to 32 bytes (PKCS#11 v2.40, 3.2)."""
_FUNCTIONS = 68
"""Functions of CK_FUNCTION_LIST in PKCS#11 v2.40, 3.6; C_Initialize is the first."""
_INIT_TOKEN = 9
"""C_InitToken is the tenth of them."""


class _FunctionList(ctypes.Structure):
    _fields_ = (("version", ctypes.c_ubyte * 2), ("functions", ctypes.c_void_p * _FUNCTIONS))


def initialise_token(module: Path, label: str, so_pin: str, user_pin: str) -> None:
    """Initialise the first free slot of a module as a token with this label and these PINs.

    A token that is initialised already is never touched: C_InitToken destroys every key in it.

    Raises:
        ValueError: the label is empty or longer than 32 bytes of UTF-8.
        DeviceFaultError: no slot is free, a token has this label, or the module refuses.
    """
    if not 0 < len(label.encode()) <= LABEL_LENGTH:
        raise ValueError(f"a token's label has 1 to {LABEL_LENGTH} bytes")
    with _unloading(module), faults("the token could not be initialised"):
        slot_id = _free_slot(module, label)
        _init_token(module, slot_id, so_pin, label)
        token = load_module(module).get_token(token_label=label)
        with token.open(rw=True, so_pin=so_pin) as session:
            session.init_pin(user_pin)


def has_token(module: Path, label: str) -> bool:
    """Whether a module has an initialised token of this label."""
    with _unloading(module), faults("the module's tokens cannot be read"):
        tokens = [slot.get_token() for slot in load_module(module).get_slots(token_present=True)]
        return any(token.flags & TokenFlag.TOKEN_INITIALIZED and token.label == label for token in tokens)


def create_module_keys(settings: DeviceSettings) -> None:
    """Create the SAD, MAC and sealing keys of the signature activation module; existing ones stay."""
    with starting(settings), _unloading(settings.module), faults("the module's keys could not be created"):
        session, _ = open_session(settings)
        module_keys.create(session)


@contextmanager
def _unloading(module: Path) -> Iterator[None]:
    try:
        yield
    finally:
        unload_module(module)


def _free_slot(module: Path, label: str) -> int:
    free: list[int] = []
    for slot in load_module(module).get_slots(token_present=True):
        token = slot.get_token()
        if not token.flags & TokenFlag.TOKEN_INITIALIZED:
            free.append(slot.slot_id)
        elif token.label == label:
            raise DeviceFaultError(f"a token has the label {label!r} already")
    if not free:
        raise DeviceFaultError("the module has no slot with a token that is not initialised")
    return free[0]


def _init_token(module: Path, slot_id: int, so_pin: str, label: str) -> None:
    library = ctypes.CDLL(os.fspath(module))
    functions = ctypes.POINTER(_FunctionList)()
    result = library.C_GetFunctionList(ctypes.byref(functions))
    if not result:
        init_token = ctypes.CFUNCTYPE(ctypes.c_ulong, ctypes.c_ulong, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)(
            functions.contents.functions[_INIT_TOKEN]
        )
        pin = so_pin.encode()
        result = init_token(slot_id, pin, len(pin), label.encode().ljust(LABEL_LENGTH))
    if result:
        raise DeviceFaultError(f"C_InitToken answered {result:#x}")
