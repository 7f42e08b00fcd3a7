#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures flightkv against other ways to hand a table to another process.

    make demo                      the size that the machine has room for
    make demo SIZE=512MiB          another one (1GiB, 256MiB, ...)
    make demo FULL=1               5 loops of 10 calls for every way, however long it takes
    bench/demo.py --help           more options; each can be given as a variable, too

What happens, in this order:
1. A table of 64 float64 columns of normal random numbers is made as a Parquet file in
   build/demo, and held in memory as Arrow batches of 131,072 rows.
2. Rounds. In each, in random order, every one of these puts the table and gets it back:
   libflightkv's client and pyarrow's client to a flightkv server, pyarrow's client to a pyarrow
   server that keeps tables in a dict, and a bare TCP socket (bench/ceiling).
3. The other ways, one after the other: libflightkv's client again, which maps what it gets (timed
   until it could be read, not reading it); Feather file, pickle 5 over TCP, Parquet file; then JSON
   over TCP and, at JSON's size, the first three again.
4. A table, a plot and the raw timings.

How it is made fair, and why so:
- Each server and each client is a process of its own, and only one of each is alive at a time,
  so that nobody works beside the one who is measured and memory stays within 6 times the table
  (12 GiB at 2 GiB). A server that isn't measured would hold up to 2 tables.
- So servers are started again each turn, and a fresh process pays for every page that it touches
  the first time: one to two seconds a GiB, more than the copy itself, and up to four in a virtual
  machine that gives free memory back to its host (free page reporting). That is why the first put
  and the first get of a turn are kept apart and not part of a loop. Those of the first round,
  where every client has a fresh server, are shown as "first"; in the other one, both flightkv
  clients use one server, which saves a restart.
- The table lives once in memory, in a memfd that the clients map. So they need no time to read it,
  the pages are the same for all, and nothing of it is in the clients' own memory.
- Loops that are to be compared must be neighbours in time: a machine's speed wanders by a third
  within minutes. Hence rounds rather than one way after the other: two of them with 3 and 2 loops,
  for each further one would spend half a minute on fresh pages.
- A loop's timing is the mean of its calls; best, average and deviation are of the loops.
- All of it fits into 8 minutes: where a machine is too slow for that, each way but libflightkv's
  gets fewer loops, those first that aren't flightkv's; the counts are printed.
- Every client compares what came back with what went in, outside the time.
"""

import argparse
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(HERE))

try:
    import pyarrow as pa
except ImportError:
    sys.exit("bench/demo.py needs pyarrow; \"make demo\" installs it into .venv")

import machine
import plot
import report
from dataset import BATCH_ROWS, COLUMNS, Table, make_file, shown
from processes import Failed, Progress, Server, run

ROUNDS = 2
TIME_LIMIT_S = 420  # of 8 minutes; the rest is for what can't be foreseen

LIBRARY, CLIENT, PEER, SOCKET = "library", "client", "pyarrow", "socket"
SHARED = "shared"
LABELS = {
    LIBRARY: "flightkv, its own client",
    CLIENT: "flightkv, pyarrow client",
    PEER: "pyarrow server and client",
    SOCKET: "bare TCP socket",
    SHARED: "flightkv, shared memory",
    "pickle": "pickle 5 over TCP",
    "feather": "Feather file",
    "parquet": "Parquet file, snappy",
    "json": "JSON over TCP",
}


def parse_arguments():
    def variable(name, fallback=None):
        return os.environ.get(name) or fallback

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default=variable("SIZE"), help="of the table (variable SIZE); "
                        "default: the largest of 2GiB, 1GiB, 512MiB, 256MiB that has room")
    parser.add_argument("--full", action="store_true", default=bool(variable("FULL")),
                        help="5 loops of 10 calls for every way (FULL=1)")
    parser.add_argument("--loops", type=int, default=variable("LOOPS", "5"),
                        help="loops of every way (LOOPS); default: 5")
    parser.add_argument("--calls", type=int, default=variable("CALLS", "10"),
                        help="calls in a loop (CALLS); default: 10")
    parser.add_argument("--json-size", default=variable("JSON_SIZE", "64MiB"),
                        help="of the table that goes as JSON (JSON_SIZE); default: 64MiB")
    parser.add_argument("--dir", type=Path, default=ROOT / "build/demo",
                        help="for the dataset and the results; default: build/demo")
    parser.add_argument("--build", type=Path, default=ROOT / "build/release",
                        help="where flightkv and bench/ceiling are; default: build/release")
    parser.add_argument("--seed", type=int, default=None, help="of the rounds' order")
    arguments = parser.parse_args()
    for name in ("size", "json_size"):
        try:
            text = getattr(arguments, name)
            setattr(arguments, name, machine.parse_size(text) if text else None)
        except ValueError:
            parser.error(f"'{text}' isn't a size; expected one like 2GiB or 512MiB")
    arguments.dir, arguments.build = arguments.dir.resolve(), arguments.build.resolve()
    if arguments.loops < 1 or arguments.calls < 1:
        parser.error("at least one loop of one call is needed")
    return arguments


# ---- the table ----

def choose_size(arguments):
    memory, disk = machine.memory_available(), machine.disk_free(arguments.dir)
    row = COLUMNS * 8
    if arguments.size:
        size, why = arguments.size // row * row, "as asked for"
        if machine.MEMORY_FACTOR * size > memory:
            why += (f"; {machine.MEMORY_FACTOR} times as much memory is wanted, and "
                    f"{machine.size_text(memory)} are available: it may end for want of memory")
    else:
        size, why = machine.choose_size(memory, disk)
    if not size:
        sys.exit(f"No size fits, {why}. Name a smaller one: make demo SIZE=64MiB")
    print(f"Size: {machine.size_text(size)}, {why}.", flush=True)
    return size


def check_json_size(arguments, size):
    """The size of the JSON table, or None when it is left out."""
    wanted = min(arguments.json_size, size)
    need, memory = machine.JSON_FACTOR * wanted, machine.memory_available()
    if need <= memory:
        return wanted // (COLUMNS * 8) * COLUMNS * 8
    refusal = (f"JSON of {machine.size_text(wanted)} would need about {machine.size_text(need)} of "
               f"memory, {machine.JSON_FACTOR} times its size, and {machine.size_text(memory)} are "
               f"available")
    if os.environ.get("JSON_SIZE") or "--json-size" in " ".join(sys.argv):
        sys.exit(f"{refusal}. Name a smaller size: JSON_SIZE=16MiB")
    print(f"Left out: {refusal}.")
    return None


# ---- turns: a server, a client, one or more loops ----

class Bench:
    def __init__(self, arguments, progress):
        self.arguments = arguments
        self.progress = progress
        self.program = str(arguments.build / "flightkv")
        self.ceiling = str(arguments.build / "bench/ceiling")
        self.results = {}
        self.peak = 0

    def processes(self, table):
        return {"pass_fds": [table.fd], "cwd": HERE}

    def python(self, module, role, *rest):
        return [sys.executable, "-m", f"ways.{module}", role, *map(str, rest)]

    def server(self, kind, table):
        """Flight servers by URI, the others by host and port."""
        if kind == "flightkv":
            command = [self.program, "serve", "--listen", "grpc+tcp://127.0.0.1:0"]
        else:
            command = self.python(kind, "server", "--table", table.path)
        return Server(command, **self.processes(table))

    def client(self, way, server, table, loops, calls, limits=()):
        """One client's turn; gives its result."""
        counts = ["--loops", str(loops), "--calls", str(calls)]
        if way in (LIBRARY, SHARED):
            command = [self.program, "demo", table.path, "--server", server.address, "--json",
                       "--transport", "shm" if way == SHARED else "tcp"]
        else:
            module = {CLIENT: "flight", PEER: "flight", "pickle": "pickle_tcp",
                      "json": "json_tcp"}[way]
            command = self.python(module, "client", "--table", table.path, "--address",
                                  server.address, "--server-pid", server.pid)
            counts += limits
        result = run(command + counts, **self.processes(table))
        return result

    def note_peak(self, server_peak, results, table):
        """Of a client's memory, the table is the map that all have."""
        for result in results:
            self.peak = max(self.peak, server_peak + result["client_peak"])

    def socket_turn(self, table, loops, calls, fresh):
        """bench/ceiling knows no first call; one into fresh memory is its like."""
        command = [self.ceiling, "--size", str(table.bytes), "--calls", str(loops * calls)]
        result = run(command + (["--fresh"] if fresh else []))
        for direction in ("put", "get"):
            timing = result[direction]
            seconds = timing.pop("calls")
            timing["loops"] = [seconds[i:i + calls] for i in range(0, len(seconds), calls)]
            timing["first"] = next(iter(timing.pop("fresh")), None)
        return result

    def keep(self, results, way, result):
        """Adds a turn's loops to the way's."""
        kept = results.setdefault(way, {"label": LABELS[way], "turns": []})
        kept["turns"].append(result)
        for direction in ("put", "get"):
            if direction not in result:
                continue
            timing = kept.setdefault(direction, {"first": result[direction]["first"], "loops": []})
            timing["loops"] += result[direction]["loops"]


def calls_of(arguments, way):
    if arguments.full or way in (LIBRARY, CLIENT):
        return arguments.calls
    return 1 if way == SOCKET else min(2, arguments.calls)


# Seconds for a put, a get and a turn's start, for 1 GiB; only to reckon with.
COST = {LIBRARY: (0.45, 0.35, 6), CLIENT: (0.45, 1.2, 4), PEER: (1.3, 1.2, 5),
        SOCKET: (0.45, 0.5, 6), SHARED: (0.45, 0.01, 6),
        "pickle": (1.8, 0.8, 5), "feather": (1.1, 0.5, 5),
        "parquet": (3.6, 0.5, 5), "json": (240, 240, 0)}
FIXED_S = 0.5  # of a turn, whatever the size


def cost_of(way, loops, calls, size):
    put, get, start = COST[way]
    return ((put + get) * loops * calls + start) * size / machine.GIB + FIXED_S


def limits_of(bench, way, loops, calls, size):
    """The harness' arguments that keep a turn within its share of the time that is left. Small
    tables have the fixed part nearly for themselves: a hiccup of the disk is no slow machine."""
    if bench.arguments.full:
        return []
    progress = bench.progress
    planned = max(progress.planned - progress.done, 1)
    share = max(TIME_LIMIT_S - progress.elapsed(), 0) / planned
    put, get, _ = COST[way]
    per_second, fixed = share * loops * calls * size / machine.GIB, share * FIXED_S / 2
    return ["--put-limit", str(put * per_second + fixed),
            "--get-limit", str(get * per_second + fixed)]


def say_turn(prefix, way, result):
    def text(direction):
        if direction not in result:
            return ""
        loops = result[direction]["loops"]
        best = min(sum(loop) / len(loop) for loop in loops)
        return f"  {direction} {best:.4g}s"
    print(f"{prefix}  {LABELS[way]:<26}{text('put')}{text('get')}", flush=True)


# ---- the rounds ----

def groups_of_round(available, first_round, order):
    """Lists of ways that share a server, shuffled."""
    flightkv = [way for way in (LIBRARY, CLIENT) if way in available]
    order.shuffle(flightkv)
    groups = [[way] for way in flightkv] if first_round else [flightkv]
    groups += [[way] for way in (PEER, SOCKET) if way in available]
    order.shuffle(groups)
    return [group for group in groups if group]


def loops_of_rounds(loops):
    """How many loops each round has: [2, 2, 1] for 5."""
    rounds = min(ROUNDS, loops)
    return [loops // rounds + (i < loops % rounds) for i in range(rounds)]


def loops_planned(arguments, way, loops):
    """What is reckoned with: a single loop of what isn't flightkv's, unless time is no matter."""
    return loops if arguments.full or way in (LIBRARY, CLIENT) else 1


def run_group(bench, group, table, loops, prefix, is_first):
    def turn(way, function):
        calls = calls_of(bench.arguments, way)
        planned = loops_planned(bench.arguments, way, loops)
        cost = cost_of(way, planned, calls, table.bytes)
        result = bench.progress.during(f"{prefix}, {LABELS[way]}", cost, lambda: function(calls))
        bench.keep(bench.results, way, result)
        say_turn(prefix, way, result)
        return result

    if group == [SOCKET]:
        turn(SOCKET, lambda calls: bench.socket_turn(table, loops, calls, is_first))
        return
    kind = "flight" if group == [PEER] else "flightkv"
    with bench.server(kind, table) as server:
        results = [turn(way, lambda calls, way=way: bench.client(
            way, server, table, loops, calls,
            limits_of(bench, way, loops_planned(bench.arguments, way, loops), calls, table.bytes)))
                   for way in group]
    bench.note_peak(server.peak, results, table)


def run_rounds(bench, table, available):
    order = random.Random(bench.arguments.seed)
    rounds = loops_of_rounds(bench.arguments.loops)
    for number, loops in enumerate(rounds, 1):
        prefix = f"Round {number} of {len(rounds)}"
        for group in groups_of_round(available, number == 1, order):
            run_group(bench, group, table, loops, prefix, number == 1)


# ---- the other ways ----

def measure_served(bench, results, way, kind, table, loops, calls, is_limited=False):
    limits = limits_of(bench, way, 1, calls, table.bytes) if is_limited else []

    def turn():
        with bench.server(kind, table) as server:
            result = bench.client(way, server, table, loops, calls, limits)
        bench.note_peak(server.peak, [result], table)
        return result

    size = machine.size_text(table.bytes)
    result = bench.progress.during(f"{LABELS[way]}, {size}",
                                   cost_of(way, 1, calls, table.bytes) if is_limited else 0, turn)
    bench.keep(results, way, result)
    say_turn(f"At {size}", way, result)


def measure_file(bench, way, table, loops, calls):
    path = bench.arguments.dir / f"handed-over.{way}"
    counts = ["--table", table.path, "--file", path, "--loops", loops, "--calls", calls,
              *limits_of(bench, way, 1, calls, table.bytes)]

    def turn():
        result = {}
        try:
            for role in ("writer", "reader"):
                half = run(bench.python("files", role, *counts), **bench.processes(table))
                bench.note_peak(0, [half], table)
                result.update(half)
        finally:
            path.unlink(missing_ok=True)
        return result

    result = bench.progress.during(f"{LABELS[way]}, {machine.size_text(table.bytes)}",
                                   cost_of(way, 1, calls, table.bytes), turn)
    bench.keep(bench.results, way, result)
    say_turn(f"At {machine.size_text(table.bytes)}", way, result)


def others_of(available):
    return ([SHARED] if LIBRARY in available else []) + ["feather", "pickle", "parquet"]


def run_others(bench, table, available):
    loops, calls = bench.arguments.loops, calls_of(bench.arguments, "pickle")
    if SHARED in others_of(available):
        measure_served(bench, bench.results, SHARED, "flightkv", table, loops, calls)
    measure_file(bench, "feather", table, loops, calls)
    measure_served(bench, bench.results, "pickle", "pickle_tcp", table, loops, calls, True)
    measure_file(bench, "parquet", table, loops, calls)


def run_small(bench, small, available):
    """JSON, and beside it the ways to compare it with, at its size."""
    arguments = bench.arguments
    results = {}
    for way, kind in ((LIBRARY, "flightkv"), (CLIENT, "flightkv"), (PEER, "flight")):
        if way in available:
            measure_served(bench, results, way, kind, small, arguments.loops,
                           calls_of(arguments, way))
    calls = calls_of(arguments, "json") if arguments.full else 1
    measure_served(bench, results, "json", "json_tcp", small, arguments.loops, calls, True)
    return results


# ---- the whole ----

def find_available(bench):
    available = [PEER]
    if os.access(bench.program, os.X_OK):
        available += [LIBRARY, CLIENT]
    else:
        print(f"Left out: flightkv, for {shown(bench.program)} isn't built; \"make\" builds it.")
    if os.access(bench.ceiling, os.X_OK):
        available.append(SOCKET)
    else:
        print(f"Left out: the bare socket, for {shown(bench.ceiling)} isn't built.")
    return available


def plan(bench, size, json_size, available):
    arguments, progress = bench.arguments, bench.progress
    for loops in loops_of_rounds(arguments.loops):
        for way in available:
            progress.plan(cost_of(way, loops_planned(arguments, way, loops),
                                  calls_of(arguments, way), size))
    for way in others_of(available):
        progress.plan(cost_of(way, loops_planned(arguments, way, arguments.loops),
                              calls_of(arguments, way), size))
    if json_size:
        progress.plan(cost_of("json", 1, 1, json_size))


def demo(arguments, bench):
    size = choose_size(arguments)
    json_size = check_json_size(arguments, size)
    available = find_available(bench)
    dataset = make_file(arguments.dir, size, arguments.build / "flightkv")
    table = bench.progress.during("Reading the table", 0, lambda: Table.read(dataset))
    if table.bytes != size:
        sys.exit(f"{shown(dataset)} isn't the table that its name says; remove it")
    print(f"Read: {table.rows:,} rows, {COLUMNS} columns, batches of {BATCH_ROWS:,} rows.\n")
    plan(bench, size, json_size, available)
    run_rounds(bench, table, available)
    run_others(bench, table, available)
    small_results, small = {}, None
    if json_size:
        small = table.first(json_size)
        small_results = run_small(bench, small, available)
    return {
        "machine": machine.describe(), "pyarrow": pa.__version__,
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "bytes": table.bytes, "rows": table.rows, "columns": COLUMNS, "batch_rows": BATCH_ROWS,
        "ways": bench.results,
        "small": {"bytes": small.bytes if small else 0, "ways": small_results},
        "memory_peak": bench.peak, "seconds": bench.progress.elapsed(),
    }


def finish(results, folder):
    timings, picture = folder / "timings.json", folder / "demo.svg"
    timings.write_text(json.dumps(results, indent=1) + "\n")
    text = report.text(results)
    (folder / "table.txt").write_text(report.table(results))
    print("\n" + text)
    files = [timings, folder / "table.txt", picture]
    shapes = plot.draw(results)
    picture.write_text(plot.svg(shapes))
    if plot.write_png(shapes, folder / "demo.png"):
        files.append(folder / "demo.png")
    else:
        print("No PNG, for matplotlib isn't there.")
    print("Written: " + ", ".join(shown(file) for file in files))


def main():
    arguments = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Terminated."))
    bench = Bench(arguments, Progress())
    try:
        arguments.dir.mkdir(parents=True, exist_ok=True)
        finish(demo(arguments, bench), arguments.dir)
    except (Failed, OSError) as failure:
        sys.exit(f"The demo failed: {failure}")
    except KeyboardInterrupt:
        sys.exit("\nInterrupted.")


if __name__ == "__main__":
    main()
