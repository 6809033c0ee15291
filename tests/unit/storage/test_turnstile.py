"""The queue before SQLite's write lock."""

import fcntl
import os
import threading
import time

import pytest

from csc_server.errors import UnavailableError
from csc_server.storage import turnstile
from csc_server.storage.turnstile import Turnstile

PATIENCE = 20.0


@pytest.fixture
def places(tmp_path):
    places = [Turnstile(tmp_path / "x.db") for _ in range(3)]
    yield places
    for place in places:
        place.close()


def wait_until_somebody_queues(folder):
    """Look at the queue's file until its lock is taken."""
    queue = os.open(folder / "x.db-queue", os.O_RDWR)
    end = time.monotonic() + PATIENCE
    try:
        while time.monotonic() < end:
            try:
                fcntl.flock(queue, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            fcntl.flock(queue, fcntl.LOCK_UN)
            time.sleep(0.001)
    finally:
        os.close(queue)
    pytest.fail("nobody queued")


def test_one_at_a_time(places):
    inside, most = [], []

    def pass_often(place):
        for _ in range(100):
            with place:
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=pass_often, args=(place,)) for place in places]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)

    assert len(most) == 300
    assert set(most) == {1}


def test_who_waits_goes_before_who_comes_back(places, tmp_path):
    first, second, _ = places
    order = []

    def wait_and_note():
        with second:
            order.append("the one that waited")

    with first:
        waiting = threading.Thread(target=wait_and_note)
        waiting.start()
        wait_until_somebody_queues(tmp_path)
    with first:
        order.append("the one that came back")
    waiting.join(PATIENCE)

    assert order == ["the one that waited", "the one that came back"]


def test_wait_for_a_hung_writer_ends(places, monkeypatch):
    monkeypatch.setattr(turnstile, "LONGEST_WRITE", 0.01)
    first, second, _ = places
    with first, pytest.raises(UnavailableError) as caught, second:
        pass

    assert caught.value.component == "database"
    with second:
        pass


def test_exception_inside_gives_the_turn_back(places):
    first, second, _ = places
    with pytest.raises(KeyError), first:
        raise KeyError
    with second:
        pass


def test_dead_process_gives_its_turn_back(places, tmp_path):
    child = os.fork()
    if child == 0:
        Turnstile(tmp_path / "x.db").__enter__()
        os._exit(0)
    os.waitpid(child, 0)
    with places[0]:
        pass
