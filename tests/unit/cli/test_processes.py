"""Starting, watching and stopping the two sides, with small programs in their place."""

import os
import signal
import subprocess
import sys

import pytest

from csc_server.cli.processes import Processes, Stop, run_process, start_process, stop_signals
from csc_server.errors import CscServerError
from csc_server.settings import Users

SETTINGS = Users(web="a", signer="b")

PROGRAMS = {
    "sleeping": "import sys, signal; sys.stdin.read(); signal.pause()",
    "ending": "import sys; sys.stdin.read(); sys.exit(7)",
    "echoing": "import os, sys; print(sys.stdin.read(), sorted(n for n in os.environ if 'CSC_SERVER' in n or 'HSM' in n))",
}


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Make a module that a process runs; its name has a dot, so that it is no part of ours."""
    package = tmp_path / "stand_in"
    package.mkdir()
    (package / "__init__.py").touch()
    for name, text in PROGRAMS.items():
        (package / f"{name}.py").write_text(text, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "stand_in.{}".format


@pytest.fixture
def processes():
    processes = Processes(Stop())
    yield processes
    processes.end()


def test_all_parts_are_stopped_at_the_end(program, processes):
    for name in ("sleeping", "sleeping"):
        processes.start(program(name), SETTINGS)
    (process,) = processes.running.values()

    processes.end()

    assert process.returncode == -signal.SIGTERM


def test_a_part_that_ends_is_told_with_its_code(program, processes):
    processes.start(program("sleeping"), SETTINGS)
    processes.start(program("ending"), SETTINGS)

    with pytest.raises(CscServerError, match="ending process has ended with exit code 7"):
        processes.wait()


def test_a_part_killed_by_a_signal_is_told_with_its_name(program, processes):
    processes.start(program("sleeping"), SETTINGS)
    processes.running[program("sleeping")].kill()

    with pytest.raises(CscServerError, match="by signal SIGKILL"):
        processes.wait()


def test_a_signal_ends_the_wait(program):
    with stop_signals() as stop:
        processes = Processes(stop)
        processes.start(program("sleeping"), SETTINGS)
        os.kill(os.getpid(), signal.SIGTERM)
        try:
            processes.wait()
            assert not processes.wait_until(lambda: False, 60)
        finally:
            processes.end()


def test_what_is_never_ready_is_given_up(program, processes):
    processes.start(program("sleeping"), SETTINGS)

    with pytest.raises(CscServerError, match="did not answer"):
        processes.wait_until(lambda: False, 0.01)

    assert processes.wait_until(lambda: True, 60)


def test_settings_come_by_standard_input_and_no_other_way(program, tmp_path, monkeypatch):
    monkeypatch.setenv("CSC_SERVER_SIGNER__NODE", "x")
    log = tmp_path / "log"

    start_process(program("echoing"), b"the settings", log=log).wait()

    assert log.read_text(encoding="utf-8") == "the settings []\n"


def test_AR_01_web_learns_nothing_of_the_device(tmp_path, monkeypatch):
    monkeypatch.setenv("SOFTHSM2_CONF", str(tmp_path))
    code = "from csc_server.cli.processes import _environment as e; print('SOFTHSM2_CONF' in e('web'), 'SOFTHSM2_CONF' in e('signer'))"

    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert output == "False True\n"


def test_a_short_part_that_fails_raises(program):
    with pytest.raises(CscServerError, match="exit code 7"):
        run_process(program("ending"), b"")


def test_a_short_part_ends_when_asked_to_stop(program):
    run_process(program("sleeping"), b"", stop=Stop(asked=True))
