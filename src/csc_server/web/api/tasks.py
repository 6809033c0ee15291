"""Work that goes on after its request was answered: a few threads of this process, and a queue that ends."""

import threading
import time
from collections.abc import Callable
from queue import Empty, Full, Queue

import structlog

from csc_server.errors import UnavailableError

POLL = 0.02
"""Seconds between two looks at the queue while it empties."""

_log = structlog.get_logger("csc_server.web")

Task = Callable[[], None]


class Tasks:
    """Runs tasks in the background; its threads start with the first of them, in the process that serves.

    Args:
        name: of the threads, for logs.
        threads: that run tasks.
        waiting: tasks that may wait for a thread; what is beyond is refused.
    """

    def __init__(self, name: str, *, threads: int, waiting: int) -> None:
        self._name = name
        self._threads = threads
        self._queue: Queue[Task] = Queue(waiting)
        self._lock = threading.Lock()
        self._started = False
        self._closed = False

    def submit(self, task: Task) -> None:
        """Take a task, else raise UnavailableError: there are too many, or the process ends."""
        if self._closed:
            raise UnavailableError("tasks")
        self._start()
        try:
            self._queue.put_nowait(task)
        except Full as error:
            raise UnavailableError("tasks") from error

    def close(self, seconds: float) -> None:
        """Take no more tasks, and wait until those that were taken are done, but only so long."""
        self._closed = True
        end = time.monotonic() + seconds
        while self._queue.unfinished_tasks and time.monotonic() < end:
            time.sleep(POLL)

    def _start(self) -> None:
        with self._lock:
            if not self._started:
                self._started = True
                for number in range(self._threads):
                    threading.Thread(target=self._run, name=f"{self._name}-{number}", daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                task = self._queue.get(timeout=60)
            except Empty:
                continue
            try:
                task()
            except Exception as error:  # noqa: BLE001 the thread serves the next task whatever became of this one
                _log.error("task_failed", name=self._name, error=type(error).__name__)
            finally:
                self._queue.task_done()
