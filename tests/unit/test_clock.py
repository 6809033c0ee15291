"""Time that does not go back within a process (SA-09)."""

import pytest

from csc_server.clock import TOLERANCE, SteadyClock, SystemClock
from csc_server.errors import UnavailableError


class TwoClocks:
    """A machine whose clock can be set apart from the time that passes."""

    def __init__(self):
        self.wall = 1_800_000_000
        self.passed = 1000.0

    def seconds(self):
        return self.wall

    def milliseconds(self):
        return self.wall * 1000

    def monotonic(self):
        return self.passed

    def wait(self, seconds):
        self.wall += seconds
        self.passed += seconds


@pytest.fixture
def machine():
    return TwoClocks()


def test_it_shows_the_clock_of_the_machine(machine):
    clock = SteadyClock(machine)
    machine.wait(3600)

    assert (clock.seconds(), clock.milliseconds(), clock.monotonic()) == (machine.wall, machine.wall * 1000, 4600.0)


def test_SA_09_a_clock_set_forward_is_followed(machine):
    clock = SteadyClock(machine)
    machine.wall += 86_400

    assert clock.seconds() == machine.wall


@pytest.mark.parametrize("idle", [0, 1, 3600])
def test_SA_09_time_goes_on_where_the_clock_was_set_back_a_little(machine, idle):
    clock = SteadyClock(machine)
    before = machine.wall
    machine.wait(idle)
    machine.wall -= TOLERANCE
    shown = clock.seconds()
    machine.wait(2)

    assert shown == before + idle
    assert clock.seconds() == before + idle + 2


@pytest.mark.parametrize("idle", [0, 3600])
def test_SA_09_a_clock_set_back_far_is_refused_however_long_nobody_looked(machine, idle):
    clock = SteadyClock(machine)
    machine.wait(idle)
    machine.wall -= TOLERANCE + 1

    for _ in range(2):
        with pytest.raises(UnavailableError) as caught:
            clock.seconds()
        assert caught.value.component == "clock"


def test_SA_09_a_step_forward_and_back_again_is_a_step_back(machine):
    clock = SteadyClock(machine)
    machine.wall += 86_400
    clock.seconds()
    machine.wall -= 86_400

    with pytest.raises(UnavailableError):
        clock.seconds()


def test_the_machines_own_clock_is_steady():
    clock = SteadyClock(SystemClock())
    shown = [clock.seconds() for _ in range(1000)]

    assert shown == sorted(shown)
