"""The program behind test_supervisor: a supervisor over workers that tell their pid and obey one word.

Arguments: what worker 0 does (`obey` or `crash`), seconds a device call may take, and seconds that
a worker may be silent. It prints the addresses
of its workers' sockets, in hex, then one line for each worker that crashes or was asked to end.
"""

import functools
import os
import signal
import socket
import sys

from csc_server.signer.device.watched import CallStamps
from csc_server.signer.supervisor import Supervisor, Worker


def finish(*_: object) -> None:
    print("finished", flush=True)
    os._exit(0)


def work(index: int, crashes: bool, stamps: CallStamps, listener: socket.socket) -> None:
    if crashes:
        print("crash", flush=True)
        raise RuntimeError("a worker that cannot start")
    signal.signal(signal.SIGTERM, finish)
    while True:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(f"{os.getpid()} {stamps.age(index)}\n".encode())
            word = connection.recv(4)
            if word == b"spin":
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                stamps.beat(index)
                while True:
                    pass
            if word == b"hang":
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                stamps.enter(index)
                while True:
                    signal.pause()


def main(first: str, call_deadline: float, longest_silence: float) -> None:
    stamps = CallStamps(2)
    workers = []
    for index in range(2):
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind("")
        listener.listen(16)
        print(listener.getsockname().hex(), flush=True)
        crashes = index == 0 and first == "crash"
        workers.append(Worker(f"worker-{index}", listener, functools.partial(work, index, crashes, stamps)))
    Supervisor(workers, stamps, call_deadline, longest_silence).run()


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]))
