"""The stamps by which a supervisor sees a call that hangs (RL-04), around a device in software."""

import pytest

from csc_server.policy.algorithms import HashAlgorithm, SignatureMechanism, SignatureScheme
from csc_server.signer.device.port import DeviceFaultError
from csc_server.signer.device.watched import CallStamps, WatchedDevice
from csc_server.values import KeyHandle, KeyType
from fakes.software_device import SoftwareDevice

MECHANISM = SignatureMechanism(SignatureScheme.ECDSA, HashAlgorithm.SHA_256)


class Looking(SoftwareDevice):
    """Notes, from inside each call, how old the call looks from outside."""

    def __init__(self, stamps):
        super().__init__()
        self.stamps = stamps
        self.ages = []

    def sign(self, handle, mechanism, digest):
        self.ages.append(self.stamps.age(1))
        return super().sign(handle, mechanism, digest)

    def authenticate(self, data):
        self.ages.append(self.stamps.age(1))
        return super().authenticate(data)


def watched():
    stamps = CallStamps(3)
    inner = Looking(stamps)
    return stamps, inner, WatchedDevice(inner, stamps, 1)


def test_RL_04_a_call_is_seen_while_it_runs_and_not_after():
    stamps, inner, device = watched()
    facts = device.generate_key(KeyType.P_256)
    device.sign(facts.handle, MECHANISM, bytes(32))
    device.authenticate(b"x")

    assert len(inner.ages) == 2
    assert all(age > 0 for age in inner.ages)
    assert [stamps.age(worker) for worker in range(3)] == [0, 0, 0]


def test_RL_04_a_call_that_fails_leaves_no_stamp():
    stamps, _, device = watched()
    with pytest.raises(DeviceFaultError):
        device.sign(KeyHandle(b"nowhere"), MECHANISM, bytes(32))

    assert stamps.age(1) == 0


def test_RL_04_silence_counts_from_the_last_beat_and_a_device_call_is_one():
    stamps, _, device = watched()
    assert stamps.silence(1) == 0, "not watched before its first beat"
    stamps.beat(1)
    before = stamps._last_beat(1)
    device.authenticate(b"x")

    assert stamps._last_beat(1) > before
    assert stamps.silence(1) > 0
    assert [stamps.silence(0), stamps.silence(2)] == [0, 0]


def test_RL_04_what_rightly_takes_long_is_not_watched():
    stamps, _, device = watched()
    device.authenticate(b"x")
    with stamps.unwatched(1):
        device.generate_key(KeyType.P_256)
    assert stamps.silence(1) == 0, "nobody watched it before, nobody does after"
    stamps.beat(1)
    with stamps.unwatched(1):
        assert stamps.silence(1) == 0
    assert stamps.silence(1) > 0
    stamps.rest(1)

    assert stamps.silence(1) == 0
