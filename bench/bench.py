#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures what flightkv does, and writes docs/BENCHMARKS.md.

    make bench                     at 2 GiB, or the largest size that the machine has room for
    make bench SIZE=256MiB ROUNDS=3
    bench/bench.py --help          more options; each can be given as a variable, too

One server holds the table (64 float64 columns, batches of 131,072 rows); libflightkv's client, in a
process of its own, and pyarrow's, in this one, ask it. Groups go one after the other; within a
group, all cases are called once a round, in an order that is random each round, so that whatever
the machine does in the meantime meets all of them. The first round, into memory that was never
touched, is kept apart; medians, least and most are of the others, and ratios of the medians of one
and the same run.

Bytes on the wire are what the loopback device counted during the call: TCP's headers are in it, and
whatever else went over it then. The machine should have nothing else to do.
"""

import argparse
import contextlib
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(HERE))

try:
    import pyarrow
except ImportError:
    sys.exit("bench/bench.py needs pyarrow; \"make bench\" installs it into .venv")

import cases
import machine
from benchmarks import write_document
from processes import Failed, Progress, Server

MEMORY_FACTOR = 5  # the server's versions of two keys, the caller's table, both clients' answers


def parse_arguments():
    def variable(name, fallback):
        return os.environ.get(name) or fallback

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default=variable("SIZE", None), help="of the table (variable "
                        "SIZE); default: the largest of 2GiB, 1GiB, 512MiB, 256MiB that has room")
    parser.add_argument("--rounds", type=int, default=variable("ROUNDS", "9"),
                        help="rounds behind the first one (ROUNDS); default: 9")
    parser.add_argument("--batches", type=int, default=variable("BATCHES", "10000"),
                        help="of the table that appends go to (BATCHES); default: 10000")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs",
                        help="where BENCHMARKS.md and its plots are written; default: docs")
    parser.add_argument("--results", type=Path, default=HERE / "results",
                        help="where DATE.json is written; default: bench/results")
    parser.add_argument("--build", type=Path, default=ROOT / "build/release",
                        help="where flightkv and bench/caller are; default: build/release")
    parser.add_argument("--seed", type=int, default=None, help="of the rounds' order")
    arguments = parser.parse_args()
    try:
        arguments.size = machine.parse_size(arguments.size) if arguments.size else None
    except ValueError:
        parser.error(f"'{arguments.size}' isn't a size; expected one like 2GiB or 512MiB")
    if arguments.rounds < 1 or arguments.batches < 1:
        parser.error("at least one round, and one batch to append to, are needed")
    return arguments


def choose_size(arguments):
    memory = machine.memory_available()
    size = arguments.size or next(
        (size for size in machine.SIZES if MEMORY_FACTOR * size <= memory), None)
    if size is None or size < 100 * cases.ROW_BYTES:
        sys.exit("No size fits; name one of at least 50 KiB: make bench SIZE=64MiB")
    return size // cases.ROW_BYTES * cases.ROW_BYTES


# ---- the server and its clients ----

def make_certificate(folder):
    """For localhost, signed by itself."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", certificate,
                    "-days", "2", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=DNS:localhost"], check=True, capture_output=True)
    return str(key), str(certificate)


@contextlib.contextmanager
def clients_of(arguments, size):
    """A server with a listener for each transport, and the clients by name."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        key, certificate = make_certificate(Path(folder))
        command = [arguments.build / "flightkv", "serve", "--memory", str(4 * size + (1 << 28)),
                   "--listen", "grpc+tcp://localhost:0",
                   "--listen", f"grpc+unix://{folder}/socket", "--listen", "grpc+tls://localhost:0",
                   "--tls-cert", certificate, "--tls-key", key]
        server = stack.enter_context(Server(list(map(str, command)), listeners=3))
        callers = {}
        for name, uri in zip(("TCP", "Unix", "TLS"), server.addresses):
            ca = certificate if name == "TLS" else None
            callers[name] = cases.Caller(arguments.build / "bench/caller", uri, ca)
            stack.callback(callers[name].close)
        stock = cases.Pyarrow(server.addresses[0])
        stack.callback(stock.close)
        yield callers, stock


# ---- rounds ----

def run_round(group, order, number, progress, prefix):
    for case in order.sample(group.cases, len(group.cases)):
        call = progress.during(f"{prefix}, {case.name}", 0, case.run)
        if number == 0:
            case.first = call
        else:
            case.calls.append(call)


def run_group(group, arguments, order, progress):
    begin = time.monotonic()
    for number in range(arguments.rounds + 1):
        prefix = f"{group.title}, round {number} of {arguments.rounds}"
        run_round(group, order, number, progress, prefix)
    print(f"{group.title}: {time.monotonic() - begin:.0f} s")
    for case in group.cases:
        seconds = statistics.median(call.seconds for call in case.calls)
        print(f"    {case.name:<40} {seconds * 1000:10.3f} ms", flush=True)


def run_all(arguments, size):
    rows, progress, order = size // cases.ROW_BYTES, Progress(), random.Random(arguments.seed)
    with clients_of(arguments, size) as (callers, stock):
        tcp = callers["TCP"]

        def prepare():
            tcp.put("table", rows)
            tcp.put("batches-1", 1024, 1024)
            tcp.put(f"batches-{arguments.batches}", arguments.batches, 1)
        progress.during("Putting the tables", 0, prepare)
        groups = [cases.parts(tcp, stock, rows), cases.streams(tcp),
                  cases.appends(tcp, 1, arguments.batches)]
        for group in groups:
            run_group(group, arguments, order, progress)
        tcp.put("table", 1)  # its memory is wanted for the rest
        tcp.put("half", rows // 2)
        groups.append(cases.transports(callers, rows // 2))
        run_group(groups[-1], arguments, order, progress)
    return groups


# ---- results ----

def results_of(arguments, size, groups, seconds):
    def call_of(call):
        return {"seconds": call.seconds, "rows": call.rows, "bytes": call.bytes,
                "wire": call.wire}

    return {"date": time.strftime("%Y-%m-%d"), "seconds": round(seconds), "bytes": size,
            "rounds": arguments.rounds, "machine": machine.describe(),
            "pyarrow": pyarrow.__version__,
            "groups": [{"title": group.title, "about": group.about, "unit": group.unit,
                        "cases": [{"name": case.name, "base": case.base,
                                   "first": call_of(case.first),
                                   "calls": list(map(call_of, case.calls))}
                                  for case in group.cases]} for group in groups]}


def main():
    arguments, begin = parse_arguments(), time.monotonic()
    for program in ("flightkv", "bench/caller"):
        if not os.access(arguments.build / program, os.X_OK):
            sys.exit(f"{arguments.build / program} isn't built; \"make\" builds it")
    size = choose_size(arguments)
    print(f"A table of {machine.size_text(size)}, {arguments.rounds} rounds and a first one.")
    groups = run_all(arguments, size)
    results = results_of(arguments, size, groups, time.monotonic() - begin)
    arguments.results.mkdir(parents=True, exist_ok=True)
    arguments.docs.mkdir(parents=True, exist_ok=True)
    path = arguments.results / f"{results['date']}.json"
    path.write_text(json.dumps(results, indent=1) + "\n")
    written = [path, *write_document(results, arguments.docs)]
    print("Written: " + ", ".join(os.path.relpath(path, os.getcwd()) for path in written))


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"bench: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)
