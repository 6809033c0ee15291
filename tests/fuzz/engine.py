"""Runs one target: python -m fuzz.engine NAME --seconds N [--planted], in the folder `tests`.

The engine is atheris (libFuzzer: guided by coverage of the modules of csc_server). Where there is no build of
it, inputs are mutated at random instead. Ends with 0 if nothing was found and 1 after printing the finding.
"""

import argparse
import importlib
import logging
import os
import random
import sys
import tempfile
import time
import traceback
from pathlib import Path

import structlog

try:
    import atheris
except ImportError:  # no build for this machine
    atheris = None

TARGETS = tuple(sorted(path.stem for path in (Path(__file__).parent / "targets").glob("*.py")))
LONGEST = 600
"""Bytes of an input: a template uses a few for each member."""
ONE_RUN = 10
"""Seconds: a slower run is a finding (IN-10)."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, required=True)
    parser.add_argument("--planted", action="store_true", help="with a bug planted: it must be found")
    parser.add_argument("--random", action="store_true", help="mutate at random even if atheris is there")
    arguments = parser.parse_args()
    guided = atheris is not None and not arguments.random
    target = _load(arguments.target, guided=guided)
    if arguments.planted:
        target.plant()
    run = _stopping(target.run)
    # A planted bug has to be found, not to be told by a seed.
    seeds = [bytes(80)] if arguments.planted else target.SEEDS
    (_guided if guided else _mutate)(run, seeds, target.WORDS, arguments.seconds)


def _load(name: str, *, guided: bool):
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    module = f"fuzz.targets.{name}"
    if not guided:
        return importlib.import_module(module)
    with atheris.instrument_imports(include=["csc_server"]):
        return importlib.import_module(module)


def _stopping(run):
    """Return the target with findings printed and an end with status 1."""

    def stopping(data: bytes) -> None:
        try:
            run(data)
        except Exception:
            traceback.print_exc()
            print(f"FOUND with {data!r}", flush=True)
            sys.stdout.flush()
            _end(1)

    return stopping


def _end(status: int) -> None:
    """End at once: an exception would pass through the engine, which ends with a status of its own."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _guided(run, seeds: list[bytes], words: list[bytes], seconds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder, "corpus")
        corpus.mkdir()
        for number, seed in enumerate(seeds):
            (corpus / str(number)).write_bytes(seed)
        dictionary = Path(folder, "words")
        dictionary.write_text("".join(f'"{_escaped(word)}"\n' for word in words))
        limits = [
            f"-max_total_time={seconds}",
            f"-max_len={LONGEST}",
            f"-timeout={ONE_RUN}",
            "-rss_limit_mb=2048",
            f"-artifact_prefix={folder}/",
        ]
        atheris.Setup([sys.argv[0], str(corpus), f"-dict={dictionary}", "-seed=1", "-verbosity=0", *limits], run)
        atheris.Fuzz()


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{octet:02x}" for octet in word)


def _mutate(run, seeds: list[bytes], words: list[bytes], seconds: int) -> None:
    chance = random.Random(1)
    pool = [*seeds, *words]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        data = bytearray(chance.choice(pool))
        for _ in range(chance.randint(1, 12)):
            at = chance.randint(0, len(data))
            match chance.randint(0, 3):
                case 0:
                    data[at:at] = chance.randbytes(chance.randint(1, 8))
                case 1:
                    data[at : at + chance.randint(1, 4)] = b""
                case 2:
                    data[at : at + 1] = bytes([chance.randint(0, 255)])
                case 3:
                    data[at:at] = chance.choice(pool)
        started = time.monotonic()
        run(bytes(data[:LONGEST]))
        assert time.monotonic() - started < ONE_RUN, bytes(data)


if __name__ == "__main__":
    main()
