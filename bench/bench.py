#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures flightkv beside its peers and beside what the machine can do, and writes
docs/BENCHMARKS.md.

    make bench                     at 2 GiB, or the largest size that the machine has room for
    make bench SIZE=256MiB ROUNDS=3
    make bench ONLY=latency,keys   these groups only; they join the day's other results
    bench/bench.py --help          more options, and the groups

Each server and each client of libflightkv is a process of its own; pyarrow's client is in this one.
Groups go one after the other, each with its own servers; within a group, all cases are called once
a round, in an order that is random each round, so that whatever the machine does in the meantime
meets all of them. The first round is kept apart; medians, least and most are of the others, and
ratios of the medians of one and the same group. Calls of some microseconds are made in two
placements, each a group: servers on one core and clients on another, and all of them on one;
placement.py says why. The large table beside bare sockets, and h2load and its servers, have a core
each. All else is the scheduler's to place. What a table is received into was touched before,
wherever that is ours to say; the first put into a server that has just started has a group of its
own.

Bytes on the wire are what the loopback device counted during the call: TCP's headers are in it, and
whatever else went over it then. The machine should have nothing else to do.

Peers (Redis, memcached, a Go server, h2load and nghttpd) are measured where they are installed, and
left out elsewhere; the run says which and how to add them.
"""

import argparse
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
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
from figures import count_text, seconds_text
from groups import GROUPS
from peers import PACKAGES
from processes import Failed
from sitting import Sitting

MEMORY_FACTOR = 9  # most of it: flightkv 2, two peers 5, the clients' 2 (group "pyarrow")
PROGRAMS = ("flightkv", "bench/caller", "bench/ceiling", "bench/responder", "bench/stores")
WITH_SOURCE = ("pyarrow", "first", "stores", "host")  # neighbours, which share the table
# Seconds at 2 GiB with 5 rounds on 2 cores; only to reckon with.
EXPECTED = {"sockets": 150, "python": 90, "pyarrow": 150, "first": 110, "stores": 125, "host": 70,
            "latency": 75, "requests": 110, "fairness": 70, "sizes": 80, "keys": 60, "clients": 115,
            "scaling": 34, "parts": 30, "transports": 22, "profiles": 95}


def parse_arguments():
    def variable(name, fallback):
        return os.environ.get(name) or fallback

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default=variable("SIZE", None), help="of the table (variable "
                        "SIZE); default: the largest of 2GiB, 1GiB, 512MiB, 256MiB that has room")
    parser.add_argument("--rounds", type=int, default=variable("ROUNDS", "5"),
                        help="rounds behind the first one (ROUNDS); default: 5")
    parser.add_argument("--only", default=variable("ONLY", None), metavar="GROUP,GROUP",
                        help="these groups only (ONLY): " + ", ".join(GROUPS))
    parser.add_argument("--without", default=variable("WITHOUT", ""), metavar="PEER,PEER",
                        help="as if these weren't installed (WITHOUT): " + ", ".join(PACKAGES))
    parser.add_argument("--batches", type=int, default=variable("BATCHES", "10000"),
                        help="of the table that appends go to (BATCHES); default: 10000")
    parser.add_argument("--keys", type=int, default=variable("KEYS", "1000000"),
                        help="most keys in a server (KEYS); default: 1000000")
    parser.add_argument("--calls", type=int, default=variable("CALLS", "20000"),
                        help="of a small table by many clients in all, from which the other "
                        "counts follow (CALLS); default: 20000")
    parser.add_argument("--load-seconds", type=float, default=variable("LOAD_SECONDS", "1"),
                        help="of each load by h2load (LOAD_SECONDS); default: 1")
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
    check(parser, arguments)
    return arguments


def check(parser, arguments):
    arguments.build = arguments.build.resolve()
    for name, known in (("only", GROUPS), ("without", PACKAGES)):
        words = [word for word in (getattr(arguments, name) or "").split(",") if word]
        for word in words:
            if word not in known:
                parser.error(f"'{word}' isn't known; expected some of {', '.join(known)}")
        setattr(arguments, name, words)
    least = min(arguments.rounds, arguments.batches, arguments.keys, arguments.calls)
    if least < 1 or arguments.load_seconds <= 0:
        parser.error("at least one round, batch, key, call and second is needed")


def choose_size(arguments):
    memory = machine.memory_available()
    size = arguments.size or next(
        (size for size in machine.SIZES if MEMORY_FACTOR * size <= memory), None)
    if size is None or size < 100 * cases.ROW_BYTES:
        sys.exit("No size fits; name one of at least 50 KiB: make bench SIZE=64MiB")
    return size // cases.ROW_BYTES * cases.ROW_BYTES


# ---- rounds ----

def run_round(group, sitting, number, prefix, planned):
    for case in sitting.order.sample(group.cases, len(group.cases)):
        call = sitting.progress.during(f"{prefix}, {case.name}", planned / len(group.cases),
                                       case.run)
        if number == 0:
            case.first = call
        if number > 0 or group.rounds == 0:  # what is there once counts as both
            case.calls.append(call)


def median_text(case, group):
    if group.kind == "memory":
        return machine.size_text(case.first.more["rss"])
    if group.kind == "profile":
        return seconds_text(case.first.more["cpu"]) + " of CPU"
    if group.unit == "B/s":
        return f"{statistics.median(call.bytes / call.seconds for call in case.calls) / 1e9:.2f}" \
            " GB/s"
    seconds = statistics.median(call.seconds for call in case.calls)
    if group.kind == "rate" or group.unit == "/s":
        return count_text(1 / seconds) + "/s"
    return seconds_text(seconds)


def run_group(group, sitting, planned):
    rounds = sitting.arguments.rounds * group.times
    rounds = rounds if group.rounds is None else min(rounds, group.rounds)
    for number in range(rounds + 1):
        run_round(group, sitting, number, f"{group.title}, round {number} of {rounds}",
                  planned / (rounds + 1))
    for case in group.cases:
        print(f"    {case.name:<58} {median_text(case, group)}", flush=True)
    group.rounds = rounds


def planned_seconds(name, sitting):
    large = sitting.size / cases.ROW_BYTES / 4194304
    return EXPECTED[name] * (0.1 + 0.9 * large) * (sitting.arguments.rounds + 1) / 6


def run_named(name, sitting):
    """The groups of that name as they stand in the results."""
    begin, planned = time.monotonic(), planned_seconds(name, sitting)
    ticks, stolen = machine.cpu_times()
    with GROUPS[name](sitting) as groups:
        for group in groups:
            run_group(group, sitting, planned / len(groups))
    seconds = time.monotonic() - begin
    every, gone = machine.cpu_times()
    share = (gone - stolen) / max(every - ticks, 1)
    print(f"    {seconds:.0f} s; {share:.1%} of the CPU time went to other virtual machines",
          flush=True)
    return [group_result(group, sitting, seconds / len(groups), share) for group in groups]


# ---- results ----

def commit():
    """Of this tree, with a "+" where it has changes; "unknown" outside of one."""
    try:
        name = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty=+"],
                              capture_output=True, text=True)
    except OSError:
        return "unknown"
    return name.stdout.strip() or "unknown"


def call_result(call):
    return {"seconds": call.seconds, "rows": call.rows, "bytes": call.bytes, "wire": call.wire,
            **call.more}


def group_result(group, sitting, seconds, stolen):
    return {"key": group.key, "title": group.title, "about": group.about, "kind": group.kind,
            "rounds": group.rounds, "seconds": round(seconds, 1), "stolen": round(stolen, 4),
            "commit": sitting.commit, "notes": group.notes, "x_unit": group.x_unit,
            "unit": group.unit,
            "cases": [{"name": case.name, "base": case.base, "batch": case.batch, "x": case.x,
                       "series": case.series, "first": call_result(case.first),
                       "calls": list(map(call_result, case.calls))} for case in group.cases]}


def results_before(arguments, path, size):
    """Of the same day and size, for ONLY= to join; empty otherwise."""
    if not arguments.only or not path.exists():
        return []
    before = json.loads(path.read_text())
    if before.get("bytes") != size or "versions" not in before:
        sys.exit(f"{path} is of another size; name that one, or remove the file")
    return before["groups"]


def merged(before, groups):
    """Those of before, in the order of a whole run, with the new ones in their place."""
    new = {group["key"] for group in groups}
    order = ["sockets", "python", "pyarrow", "first", "stores", "host", "latency-apart",
             "latency-together", "requests", "fairness", "sizes", "keys", "memory", "clients",
             "streams", "parts", "appends", "transports", "profiles"]
    kept = [group for group in before if group["key"] not in new and group["key"] in order]
    return sorted(kept + groups, key=lambda group: order.index(group["key"]))


def run_all(arguments, size, results, path):
    """Writes the file behind every group: what was measured isn't lost with the rest."""
    before = results["groups"]
    names = [name for name in GROUPS if not arguments.only or name in arguments.only]
    done = []
    with contextlib.ExitStack() as stack:
        sitting = Sitting(arguments, size, stack)
        sitting.commit = commit()
        results |= {"missing": sitting.peers.missing, "versions": {
            "pyarrow": pyarrow.__version__, **sitting.peers.versions()}}
        for name, why in sitting.peers.missing.items():
            print(f"Left out: {name} ({why})")
        for name in names:
            sitting.progress.plan(planned_seconds(name, sitting))
        for number, name in enumerate(names, 1):
            print(f"{name} ({number} of {len(names)}; {sitting.progress.summary()}):", flush=True)
            if name not in WITH_SOURCE:
                sitting.drop_sources()
            try:
                done += run_named(name, sitting)
            except (Failed, EOFError, OSError, pyarrow.ArrowException) as failure:
                results["failed"][name] = str(failure).splitlines()[0]
                print(f"    failed: {failure}", flush=True)
            results["groups"] = merged(before, done)
            path.write_text(json.dumps(results, indent=1) + "\n")


def main():
    arguments = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Terminated."))
    for program in PROGRAMS:
        if not os.access(arguments.build / program, os.X_OK):
            sys.exit(f"{arguments.build / program} isn't built; \"make\" builds it")
    size = choose_size(arguments)
    print(f"A table of {machine.size_text(size)}, {arguments.rounds} rounds and a first one.")
    arguments.results.mkdir(parents=True, exist_ok=True)
    arguments.docs.mkdir(parents=True, exist_ok=True)
    date = time.strftime("%Y-%m-%d")
    path = arguments.results / f"{date}.json"
    results = {"date": date, "bytes": size, "rounds": arguments.rounds,
               "machine": machine.describe() | machine.settings(), "run": {"commit": commit()},
               "failed": {}, "groups": results_before(arguments, path, size)}
    run_all(arguments, size, results, path)
    if not results["groups"]:
        sys.exit("bench: nothing was measured")
    written = [path, *write_document(results, arguments.docs)]
    print("Written: " + ", ".join(os.path.relpath(path, os.getcwd()) for path in written))
    if results["failed"]:
        sys.exit("bench: failed: " + ", ".join(results["failed"]))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
