# SPDX-License-Identifier: Apache-2.0
"""What bench.py measures: a group is a table of the results, a case a row of it.

A case is called once a round; `run` gives a Call, and everything outside of the call itself is
outside of its time. The first case of a group's `base` is what its others are held against."""

import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.flight as flight

from processes import Failed

COLUMNS = 64
BATCH_ROWS = 131072
ROW_BYTES = COLUMNS * 8


@dataclass
class Call:
    seconds: float
    rows: int
    bytes: int          # of batch bodies, as the client got or sent them
    wire: int = None    # as the loopback device counts them; None: not over it


@dataclass
class Case:
    name: str
    run: callable
    base: str = None    # the case that it is held against
    first: Call = None  # of the first round
    calls: list = field(default_factory=list)


@dataclass
class Group:
    title: str
    about: str
    cases: list
    unit: str = "get"


def loopback_bytes():
    for line in Path("/proc/net/dev").read_text().splitlines():
        name, _, figures = line.partition(":")
        if name.strip() == "lo":
            return int(figures.split()[0])
    return None


class Caller:
    """libflightkv's client in a process of its own (bench/caller.c)."""

    def __init__(self, program, uri, ca=None):
        self.is_counted = "unix" not in uri
        self.process = subprocess.Popen([program, uri] + ([ca] if ca else []), text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, *words):
        before = loopback_bytes()
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        wire = loopback_bytes() - before if self.is_counted and before is not None else None
        if not answer or answer.startswith("error"):
            raise Failed(answer.strip() or "the caller ended")
        seconds, rows, size = answer.split()
        return Call(float(seconds), int(rows), int(size), wire)

    def put(self, key, rows, batch_rows=BATCH_ROWS, mode="put"):
        return self.ask(mode, key, rows, batch_rows)

    def get(self, key, columns=(), rows="-", streams=1):
        return self.ask("get", key, ",".join(columns) or "-", rows, streams)

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class Pyarrow:
    """The stock client, in this process."""

    def __init__(self, uri):
        self.client = flight.connect(uri)

    def get(self, key, columns=(), rows=None):
        headers = [(b"flightkv-columns", ",".join(columns).encode())] if columns else []
        headers += [(b"flightkv-rows", rows.encode())] if rows else []
        before, begin = loopback_bytes(), time.perf_counter()
        reader = self.client.do_get(flight.Ticket(key), flight.FlightCallOptions(headers=headers))
        table = reader.read_all()
        seconds = time.perf_counter() - begin
        wire = loopback_bytes() - before if before is not None else None
        return Call(seconds, table.num_rows, table.nbytes, wire)

    def close(self):
        self.client.close()


# ---- the groups ----

def parts(caller, stock, rows):
    """Of a whole table: some columns, some rows, both; by both clients."""
    two, percent = ("f3", "f40"), rows // 100
    front, middle = f"0:{percent}", f"{rows // 2}:{rows // 2 + percent}"
    cases = []
    for label, client in (("libflightkv", caller), ("pyarrow", stock)):
        def case(name, label=label, client=client, **asked):
            whole = f"{label}: whole table"
            full = f"{label}: {name}"
            return Case(full, lambda: client.get("table", **asked),
                        base=None if full == whole else whole)
        cases += [case("whole table"), case(f"2 of {COLUMNS} columns", columns=two),
                  case("first 1 % of rows", rows=front), case("1 % of rows, middle", rows=middle),
                  case("2 columns of 1 % of rows", columns=two, rows=front)]
    return Group("Parts of a table", "A get of the whole table, and of parts of it by "
                 "`flightkv-columns` and `flightkv-rows`.", cases)


def streams(caller):
    cases = [Case(f"{count} stream{'s' if count > 1 else ''}",
                  lambda count=count: caller.get("table", streams=count),
                  base="1 stream" if count > 1 else None) for count in (1, 2, 4)]
    return Group("Several connections", "A get of the whole table over 1, 2 and 4 connections at "
                 "once (`flightkv get --streams N`).", cases)


def transports(callers, rows):
    cases = []
    for name, caller in callers.items():
        cases.append(Case(f"put over {name}", lambda name=name, caller=caller:
                          caller.put(f"put-{name}", rows),
                          base=None if name == "TCP" else "put over TCP"))
    for name, caller in callers.items():
        cases.append(Case(f"get over {name}", lambda caller=caller: caller.get("half"),
                          base=None if name == "TCP" else "get over TCP"))
    return Group("Transports", "Puts, each in place of the one before, and gets of a table half as "
                 "large.", cases, "call")


def appends(caller, small, large):
    def append(count):
        return lambda: caller.put(f"batches-{count}", 1024, 1024, "append")
    cases = [Case(f"behind {small} batch", append(small)),
             Case(f"behind {large:,} batches", append(large), base=f"behind {small} batch")]
    return Group("Appends", "A batch of 1,024 rows (512 KiB) behind those that are there.", cases,
                 "append")
