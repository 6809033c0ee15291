"""`make bench`: speed and memory of a real server, every rate beside the raw device in the same run.

Each round measures the raw device, then the server; a figure is the median of the rounds' ratios. Rates on
a shared machine drift, ratios within a round do not. Nothing here is asserted: read the table.
"""

import argparse
import base64
import json
import os
import platform
import statistics
import tempfile
import threading
import time
from pathlib import Path

import alone
import dispatch
import load
import raw
from service import running

BARS = {
    ("RSA-2048", 1): 45,
    ("RSA-3072", 1): 75,
    ("RSA-2048", 10): 85,
    ("RSA-2048", 100): 92,
    ("P-256", 100): 70,
    ("P-256", 1000): 85,
}
"""First release, in per cent of raw; for P-256 of raw with each signature verified (ADR 0013)."""
CPU_BAR, MEMORY_BAR, TAIL_BAR, DISPATCH_BAR = 650, 120, 4, 150
KEYS, BATCHES, CONNECTIONS = ("RSA-2048", "RSA-3072", "P-256"), (1, 10, 100, 1000), (1, 16, 64)


def main():
    options = _options()
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="csc-bench-") as folder:
        data_dir = Path(options.data_dir or f"{folder}/data")
        with running(data_dir, cores) as service:
            result = measure(service, options, cores)
    print(table(result))
    if options.json:
        Path(options.json).write_text(json.dumps(result, indent=2) + "\n")


def _options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=3, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3, help="the median is taken over these")
    parser.add_argument("--calls", type=int, default=20_000, help="of the long run at 64 connections")
    parser.add_argument("--keys", nargs="+", default=KEYS)
    parser.add_argument("--batches", nargs="+", type=int, default=BATCHES)
    parser.add_argument("--json", default="benchmarks.json", help="where the figures are written")
    parser.add_argument("--data-dir", help="of the server; a new one by default")
    return parser.parse_args()


def measure(service, options, cores):
    """Return all figures."""
    module = json.loads((service.data_dir / "settings.json").read_text())["signer"]["device"]["module"]
    result = {"machine": f"{cores} cores, {platform.machine()}, Python {platform.python_version()}", "rows": []}
    rates, counts = {}, {"wrong": 0, "refused": 0, "server_errors": 0, "requests": 0}
    for key in options.keys:
        rounds = [_round(service, options, cores, module, key, counts) for _ in range(options.rounds)]
        rates[key] = statistics.median(one["raw"].per_second for one in rounds)
        result["rows"] += [_row(key, batch, rounds) for batch in options.batches]
        result["rows"][-1]["raw_per_second"] = rates[key]
    result["connections"] = [_connections(service, options, number, rates, counts) for number in CONNECTIONS]
    result["beside_authorizations"] = _beside(service, options, rates, counts)
    result["alone"] = {key: _alone(service, options, key, rates[key]) for key in options.keys}
    result["dispatch"] = dispatch.cost(max(5, options.rounds))._asdict()
    before = service.memory()
    result["long_run"] = _long_run(service, options, rates, counts)
    result["memory"] = {"before": before, "after": service.memory()}
    result["counts"] = counts
    return result


def _round(service, options, cores, module, key, counts):
    """Raw, then every batch size, then raw again: the reference is the mean of both."""
    before = raw.rate(service.data_dir, module, key, cores)
    loads = {}
    for batch in options.batches:
        loads[batch] = load.run(service, key, batch, max(16, 2 * cores), options.seconds, before.per_second)
        _count(counts, loads[batch])
    after = raw.rate(service.data_dir, module, key, cores)
    verified = raw.rate(service.data_dir, module, key, cores, verifies=True)
    both = raw.Rate((before.per_second + after.per_second) / 2, (before.cpu + after.cpu) / 2)
    return {"raw": both, "verified": verified, "loads": loads}


def _row(key, batch, rounds):
    ratios, verified = (
        [one["loads"][batch].signatures_per_second / one[reference].per_second * 100 for one in rounds]
        for reference in ("raw", "verified")
    )
    overheads = [one["loads"][batch].cpu - one["raw"].cpu * batch for one in rounds]
    return {
        "key": key,
        "hashes": batch,
        "per_cent_of_raw": round(statistics.median(ratios), 1),
        "per_cent_of_verified": round(statistics.median(verified), 1),
        "bar": BARS.get((key, batch)),
        "signatures_per_second": round(statistics.median(one["loads"][batch].signatures_per_second for one in rounds)),
        "raw_per_second": round(statistics.median(one["raw"].per_second for one in rounds)),
        "cpu_us_per_request": round(statistics.median(one["loads"][batch].cpu for one in rounds)),
        "cpu_us_beside_raw": round(statistics.median(overheads)),
        "p50_us": round(statistics.median(one["loads"][batch].p50 for one in rounds)),
        "p99_us": round(statistics.median(one["loads"][batch].p99 for one in rounds)),
    }


def _connections(service, options, number, rates, counts):
    runs = [load.run(service, "RSA-2048", 1, number, options.seconds, rates["RSA-2048"]) for _ in range(options.rounds)]
    for one in runs:
        _count(counts, one)
    return _latency(f"{number} connections", runs)


def _latency(name, runs):
    p50, p99 = statistics.median(one.p50 for one in runs), statistics.median(one.p99 for one in runs)
    rate = statistics.median(one.requests_per_second for one in runs)
    ratio = statistics.median(one.p99 / one.p50 for one in runs)
    return {"name": name, "p50_us": p50, "p99_us": p99, "p99_to_p50": round(ratio, 2), "per_second": round(rate)}


def _beside(service, options, rates, counts):
    """16 signing connections while a signer brings a PIN twice a second."""
    stop = threading.Event()

    def authorize():
        while not stop.wait(0.5):
            service.sads("P-256", 1)

    runs = []
    for _ in range(options.rounds):
        thread = threading.Thread(target=authorize)
        thread.start()
        try:
            runs.append(load.run(service, "RSA-2048", 1, 16, options.seconds, rates["RSA-2048"]))
        finally:
            stop.set()
            thread.join()
            stop.clear()
    for one in runs:
        _count(counts, one)
    return _latency("16 connections, 2 authorizations a second", runs)


def _alone(service, options, key, rate):
    caller = _owner(service)
    made = {
        batch: statistics.median(
            alone.rate(service, key, batch, 8, options.seconds, rate, caller) for _ in range(options.rounds)
        )
        for batch in options.batches
    }
    return {str(batch): round(each / rate * 100, 1) for batch, each in made.items()}


def _owner(service):
    """The client and signer that auth/login stands for, read from a SAD: it is a JWS."""
    payload = service.sads("P-256", 1)[0].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return claims["client_id"], claims["sub"]


def _long_run(service, options, rates, counts):
    started, left = time.monotonic(), options.calls
    while left > 0:
        one = load.run(service, "P-256", 1, 64, 10, min(rates["P-256"], 4000))
        _count(counts, one)
        left -= one.requests
    return {"calls": options.calls - left, "seconds": round(time.monotonic() - started)}


def _count(counts, one):
    for name in counts:
        counts[name] += getattr(one, name)


def table(result):
    """Return the figures as text."""
    lines = [f"csc-server on {result['machine']}", ""]
    heads = (("sig/s", 7), ("raw/s", 7), ("% raw", 6), ("% verified", 10), ("bar", 4), ("CPU us/req", 10), ("- raw", 7))
    titles = " ".join(f"{head:>{width}}" for head, width in (*heads, ("p50 ms", 7), ("p99 ms", 7)))
    lines.append(f"{'key':9} {'hashes':>6} {titles}")
    for row in result["rows"]:
        lines.append(
            f"{row['key']:9} {row['hashes']:6} {row['signatures_per_second']:7} {row['raw_per_second']:7.0f}"
            f" {row['per_cent_of_raw']:6} {row['per_cent_of_verified']:10} {row['bar'] or '':>4}"
            f" {row['cpu_us_per_request']:10} {row['cpu_us_beside_raw']:7}"
            f" {row['p50_us'] / 1000:7.1f} {row['p99_us'] / 1000:7.1f}"
        )
    lines.append("")
    for row in [*result["connections"], result["beside_authorizations"]]:
        lines.append(
            f"RSA-2048, {row['name']}: {row['per_second']}/s, p50 {row['p50_us'] / 1000:.1f} ms,"
            f" p99 {row['p99_us'] / 1000:.1f} ms, p99/p50 {row['p99_to_p50']} (bar {TAIL_BAR} at 16)"
        )
    for key, made in result["alone"].items():
        lines.append(
            f"signer processes alone, {key}: " + ", ".join(f"{n} hashes {p} % of raw" for n, p in made.items())
        )
    lines.append(
        f"long run: {result['long_run']['calls']} calls at 64 connections in {result['long_run']['seconds']} s"
    )
    lines.append(f"memory, MiB (bar {MEMORY_BAR} each): before {result['memory']['before']}")
    lines.append(f"                                  after {result['memory']['after']}")
    counts = result["counts"]
    lines.append(
        f"{counts['requests']} requests: {counts['wrong']} wrong signatures, {counts['server_errors']} server errors,"
        f" {counts['refused']} refused"
    )
    lines.append(f"CPU of a one-hash request beside the raw signature: bar {CPU_BAR} us")
    costs = result["dispatch"]
    lines.append(
        f"a Flask view that does nothing {costs['nothing']:.0f} us; table, parameters and answer"
        f" {costs['answered'] - costs['nothing']:.0f} us more ({costs['answered'] / costs['nothing']:.1f} times),"
        f" with a refusal {costs['refused'] - costs['nothing']:.0f} us more (bar {DISPATCH_BAR})"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
