# SPDX-License-Identifier: Apache-2.0
"""Parts of a table, appends, and a table half as large over each transport."""

import contextlib

from cases import BATCH, COLUMNS, Case, Group
from clients import Pyarrow


@contextlib.contextmanager
def parts(sitting):
    batches = sitting.arguments.batches
    with (sitting.flightkv(2 * sitting.size) as server, sitting.caller(server) as caller,
          Pyarrow(server.uris["TCP"]) as stock):
        caller.put("TCP", "table", sitting.rows)
        caller.put("TCP", "batches-1", 1024, 1024)
        caller.put("TCP", f"batches-{batches}", batches, 1)
        yield [of_a_table(caller, stock, sitting.rows), appends(caller, 1, batches)]


def of_a_table(caller, stock, rows):
    """Some columns, some rows, both; by both clients."""
    two, percent = ("f3", "f40"), rows // 100
    front, middle = f"0:{percent}", f"{rows // 2}:{rows // 2 + percent}"
    cases = []
    for label, get in (("libflightkv", lambda **asked: caller.get("TCP", "table", **asked)),
                       ("pyarrow", lambda **asked: stock.get("table", **asked))):
        def case(name, label=label, get=get, **asked):
            whole = f"{label}: whole table"
            full = f"{label}: {name}"
            return Case(full, lambda: get(**asked), base=None if full == whole else whole)
        cases += [case("whole table"), case(f"2 of {COLUMNS} columns", columns=two),
                  case("first 1 % of rows", rows=front), case("1 % of rows, middle", rows=middle),
                  case("2 columns of 1 % of rows", columns=two, rows=front)]
    return Group("parts", "Parts of a table", "A get of the whole table, and of parts of it by "
                 "`flightkv-columns` and `flightkv-rows`.", cases)


def appends(caller, small, large):
    def append(count):
        return lambda: caller.put("TCP", f"batches-{count}", 1024, 1024, "append")
    cases = [Case(f"behind {small} batch", append(small), batch="512 KiB"),
             Case(f"behind {large:,} batches", append(large), base=f"behind {small} batch",
                  batch="512 KiB")]
    return Group("appends", "Appends", "A batch of 1,024 rows (512 KiB) behind those that are "
                 "there.", cases)


@contextlib.contextmanager
def transports(sitting):
    rows = sitting.rows // 2
    with sitting.flightkv(3 * sitting.size) as server, sitting.caller(server) as caller:
        caller.put("TCP", "half", rows)
        cases = []
        for way in ("put", "get"):
            for name in server.uris:
                cases.append(Case(
                    f"{way} over {name}", batch=BATCH,
                    base=None if name == "TCP" else f"{way} over TCP",
                    run=(lambda name=name: caller.put(name, f"put-{name}", rows)) if way == "put"
                    else (lambda name=name: caller.get(name, "half"))))
        yield [Group("transports", "Transports", "Puts, each in place of the one before, and gets "
                     "of a table half as large.", cases)]
