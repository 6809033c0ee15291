"""PINs and what guessing them costs (AU-05)."""

import ast
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from csc_server.activation.parts import Evidence
from csc_server.errors import RefusedError
from csc_server.signer.custody.in_one_step import Custody, NewCredential
from csc_server.signer.identity.evidence import EvidenceVerifier
from csc_server.signer.identity.pin import UnusablePinError, is_right_pin, key_pin, new_pin_factor
from csc_server.signer.identity.response_key import Asked
from csc_server.storage.ports.signer import LockLimits
from csc_server.values import AuthMode, CredentialId, FactorKind, KeyType, Refusal, Scal
from fakes.signer_inside import CHEAP, CLIENT, SIGNER
from fakes.software_device import SoftwareDevice
from pki import issue

ASKED = Asked(CLIENT, 1, "", ())
SOURCE = Path(__file__).resolve().parents[4] / "src" / "csc_server"
NAME = CredentialId("credential")


@pytest.fixture(scope="module")
def device():
    return SoftwareDevice()


def at_full_cost(device, pin, salt, name=NAME):
    """AU-05 in other words than the program's: argon2id, 64 MiB, three passes, over the device's HMAC."""
    keyed = device.authenticate(b"csc-server/pin/1\0" + name.encode() + b"\0" + pin.encode())
    return Argon2id(salt=salt, length=32, iterations=3, lanes=1, memory_cost=64 * 1024).derive(keyed)


def test_AU_05_a_pin_costs_64_MiB_and_three_passes_unless_a_test_says_otherwise(device):
    factor = new_pin_factor(device, NAME, "1234-right")

    assert factor.verifier == at_full_cost(device, "1234-right", factor.salt)
    assert len(factor.salt) == 16
    assert is_right_pin(key_pin(device, factor.credential_id, "1234-right"), factor)
    assert not is_right_pin(key_pin(device, factor.credential_id, "1234-right"), factor, CHEAP)


def test_AU_05_custody_enrols_and_the_verifier_compares_at_full_cost_by_themselves(inside):
    new = NewCredential(CredentialId("full"), SIGNER, KeyType.P_256, AuthMode.EXPLICIT, Scal.ONE, 1, "2468-full")
    Custody(inside.store, inside.device, inside.clock, writer="custody/full").create(new, issue)
    verifier = EvidenceVerifier(inside.store, inside.device, inside.clock, LockLimits())
    with inside.store.begin() as transaction:
        factor = transaction.begin_try(new.credential_id, FactorKind.PIN, inside.clock.now, LockLimits())
    verified = verifier.verify(new.credential_id, [FactorKind.PIN], Evidence(new.pin, None), ASKED)
    with pytest.raises(RefusedError) as cheap:
        verifier.verify(CredentialId("explicit"), [FactorKind.PIN], Evidence("1234-right", None), ASKED)

    assert factor.verifier == at_full_cost(inside.device, new.pin, factor.salt, new.credential_id)
    assert verified.steps == ((FactorKind.PIN, 0),)
    assert cheap.value.refusal is Refusal.PIN_INVALID, "its verifier was made at the least cost"


def names_in(tree):
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(name=name):
                yield name


def test_AU_05_no_composition_root_chooses_the_cost_of_a_pin():
    own = {
        Path(f"signer/{name}.py")
        for name in ("identity/pin", "identity/evidence", "custody/in_one_step", "custody/factors")
    }
    before_the_cost = {"Custody": 4, "EvidenceVerifier": 4, "FactorCustody": 3}
    built = dict.fromkeys(before_the_cost, 0)
    for path in SOURCE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if path.relative_to(SOURCE) not in own:
            assert {"PinCost", "PIN_COST", "pin_cost"}.isdisjoint(names_in(tree)), path
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            name = ast.unparse(call.func).rpartition(".")[2]
            if name in built and path.relative_to(SOURCE).parts[0] != "web":  # which cannot import them
                built[name] += 1
                assert len(call.args) <= before_the_cost[name], f"{path}: the argument after these is the cost"
                assert {keyword.arg for keyword in call.keywords} <= {"writer"}, path

    assert built == dict.fromkeys(before_the_cost, 1)


def test_AU_05_one_pin_has_another_verifier_each_time_and_for_each_credential(device):
    first, second = (new_pin_factor(device, NAME, "1234", CHEAP) for _ in range(2))

    assert first.verifier != second.verifier
    assert not is_right_pin(key_pin(device, CredentialId("other"), "1234"), first, CHEAP)
    assert not is_right_pin(key_pin(SoftwareDevice(), first.credential_id, "1234"), first, CHEAP), (
        "guessing needs the device"
    )


@pytest.mark.parametrize("pin", ["", "123", "1" * 65, "12\n34", "12\x0034", "1234\ud800", "\u200b1234"])
def test_AU_05_a_pin_nobody_can_have_is_neither_enrolled_nor_right(device, pin):
    factor = new_pin_factor(device, NAME, "1234", CHEAP)

    assert not is_right_pin(key_pin(device, factor.credential_id, pin), factor, CHEAP)
    with pytest.raises(UnusablePinError):
        new_pin_factor(device, NAME, pin, CHEAP)


@pytest.mark.parametrize(("chosen", "typed"), [("１２３４", "1234"), ("ﾊﾟｽﾜｰﾄﾞ", "パスワード"), ("1" * 64, "1" * 64)])
def test_AU_05_pins_are_compared_in_their_normal_form(device, chosen, typed):
    factor = new_pin_factor(device, NAME, chosen, CHEAP)

    assert is_right_pin(key_pin(device, factor.credential_id, typed), factor, CHEAP)
    assert not is_right_pin(key_pin(device, factor.credential_id, typed[:-1] + "x"), factor, CHEAP)
