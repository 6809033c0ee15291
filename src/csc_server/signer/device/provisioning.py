"""Making a token ready: what an operator does once, and the development server at its first start.

python-pkcs11 has no C_InitToken, so that one call goes through ctypes; PINs travel in memory only, never on
a command line.
"""

import ctypes
import os
from pathlib import Path

from pkcs11 import PKCS11Error

from csc_server.settings import DeviceSettings
from csc_server.signer.device import module_keys
from csc_server.signer.device.pkcs11 import load_module, open_session, starting
from csc_server.signer.device.port import DeviceFaultError

LABEL_LENGTH = 32
"""CK_TOKEN_INFO.label is padded with blanks to 32 bytes (PKCS#11 v2.40, 3.2)."""
_INIT_TOKEN = 9
"""C_InitToken is the tenth function of CK_FUNCTION_LIST (PKCS#11 v2.40, 3.6); C_Initialize is the first."""


class _FunctionList(ctypes.Structure):
    _fields_ = (("version", ctypes.c_ubyte * 2), ("functions", ctypes.c_void_p * 68))


def initialise_token(module: Path, label: str, so_pin: str, user_pin: str) -> None:
    """Initialise the first free slot of a module as a token with this label and these PINs."""
    try:
        slot = next(slot for slot in load_module(module).get_slots(token_present=True) if not _is_initialised(slot))
        _init_token(module, slot.slot_id, so_pin, label)
        token = load_module(module).get_token(token_label=label)
        with token.open(rw=True, so_pin=so_pin) as session:
            session.init_pin(user_pin)
    except (PKCS11Error, StopIteration) as error:
        raise DeviceFaultError(f"the token could not be initialised: {type(error).__name__}") from error


def create_module_keys(settings: DeviceSettings) -> None:
    """Create the SAD, MAC and sealing keys of the signature activation module; existing ones stay."""
    with starting(settings.pin_file):
        try:
            session = open_session(settings)
            module_keys.create(session)
            session.close()
        except PKCS11Error as error:
            raise DeviceFaultError(f"the module's keys could not be created: {type(error).__name__}") from error


def _is_initialised(slot: object) -> bool:
    token = slot.get_token()  # type: ignore[attr-defined]  # python-pkcs11 publishes no type of a slot
    return bool(str(token.label).strip())


def _init_token(module: Path, slot_id: int, so_pin: str, label: str) -> None:
    library = ctypes.CDLL(os.fspath(module))
    functions = ctypes.POINTER(_FunctionList)()
    library.C_GetFunctionList(ctypes.byref(functions))
    init_token = ctypes.CFUNCTYPE(ctypes.c_ulong, ctypes.c_ulong, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)(
        functions.contents.functions[_INIT_TOKEN]
    )
    pin = so_pin.encode()
    result = init_token(slot_id, pin, len(pin), label.encode().ljust(LABEL_LENGTH)[:LABEL_LENGTH])
    if result:
        raise DeviceFaultError(f"C_InitToken answered {result:#x}")
