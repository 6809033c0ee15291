"""Workers that crash, hang or are killed have successors; none outlives its supervisor (RL-04).

Nothing here waits by sleeping: a caller's connection queues until a worker takes it, and ends when the worker does.
"""

import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("supervised_program.py")
PATIENCE = 60
"""Seconds until a test says that something does not happen; it takes milliseconds."""
LONG = 3600


class Supervised:
    """A supervisor in a process of its own, with two workers."""

    def __init__(self, process):
        self.process = process
        self.addresses = [bytes.fromhex(process.stdout.readline()) for _ in range(2)]
        self.connections = []

    def connect(self, index):
        """Return a connection, which its worker keeps until it hears a word, and the worker's pid and call's age."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.connections.append(connection)
        connection.settimeout(PATIENCE)
        connection.connect(self.addresses[index])
        pid, age = connection.makefile().readline().split()
        return connection, int(pid), float(age)

    def pid(self, index):
        connection, pid, _ = self.connect(index)
        connection.close()
        return pid


@contextmanager
def supervised(first="obey", call_deadline=LONG, longest_silence=LONG):
    arguments = [sys.executable, PROGRAM, first, str(call_deadline), str(longest_silence)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        made = Supervised(process)
        try:
            yield made
        finally:
            for connection in made.connections:
                connection.close()
            process.kill()


def ended(connection):
    """Whether the worker at the other end is no more: it would answer nothing until it heard a word."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_RL_04_workers_are_processes_of_their_own():
    with supervised() as made:
        first, second = made.pid(0), made.pid(1)

        assert len({first, second, made.process.pid}) == 3
        assert (made.pid(0), made.pid(1)) == (first, second)


def test_RL_04_a_killed_worker_is_replaced_and_its_callers_wait():
    with supervised() as made:
        other = made.pid(1)
        pids = [made.pid(0)]
        for _ in range(2):
            connection, _, _ = made.connect(0)
            os.kill(pids[-1], signal.SIGKILL)
            assert ended(connection)
            pids.append(made.pid(0))
            assert not is_alive(pids[-2]), "the dead are reaped"

        assert len(set(pids)) == 3
        assert made.pid(1) == other


def test_RL_04_a_worker_that_hangs_in_a_device_call_is_killed_and_its_successor_is_not():
    with supervised(call_deadline=0.2) as made:
        other = made.pid(1)
        connection, hung, age = made.connect(0)
        assert age == 0
        connection.sendall(b"hang")
        assert ended(connection)
        patient, successor, age = made.connect(0)

        assert successor != hung
        assert not is_alive(hung)
        assert age == 0, "the hung call of its forerunner is not counted against it"
        assert made.pid(1) == other
        patient.close()
        assert made.pid(0) == successor


def test_RL_04_a_worker_that_spins_is_killed_and_its_successor_is_not():
    with supervised(longest_silence=0.2) as made:
        other = made.pid(1)
        connection, spinning, _ = made.connect(0)
        connection.sendall(b"spin")
        assert ended(connection)
        successor = made.pid(0)

        assert successor != spinning
        assert not is_alive(spinning)
        assert made.pid(1) == other, "a worker that has not begun to beat is not watched"
        assert made.pid(0) == successor


def test_RL_04_a_call_within_its_deadline_is_let_alone():
    with supervised() as made:
        connection, pid, _ = made.connect(0)
        connection.sendall(b"hang")
        for _ in range(2):  # the supervisor looks at all workers between the deaths of one
            old = made.pid(1)
            os.kill(old, signal.SIGKILL)
            assert made.pid(1) != old

        assert is_alive(pid)
        os.kill(pid, signal.SIGKILL)
        assert ended(connection)
        assert made.pid(0) != pid


def test_RL_04_a_worker_that_cannot_start_is_tried_again_and_hurts_no_other():
    with supervised("crash") as made:
        other = made.pid(1)

        assert [made.process.stdout.readline() for _ in range(3)] == ["crash\n"] * 3
        assert made.pid(1) == other


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_RL_04_a_signal_ends_the_workers_and_then_the_supervisor(number):
    with supervised() as made:
        connections = [made.connect(0), made.connect(1)]
        made.process.send_signal(number)

        assert made.process.wait(PATIENCE) == 0
        assert made.process.stdout.read() == "finished\n" * 2, "each worker was asked, not killed"
        for connection, pid, _ in connections:
            assert ended(connection)
            assert not is_alive(pid)


def test_RL_04_no_worker_outlives_a_killed_supervisor():
    with supervised() as made:
        connections = [made.connect(0)[0], made.connect(1)[0]]
        made.process.kill()
        made.process.wait(PATIENCE)

        assert all(ended(each) for each in connections)
