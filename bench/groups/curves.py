# SPDX-License-Identifier: Apache-2.0
"""How figures grow with the table's size, the number of keys, of clients and of connections; and
what the server's memory is."""

import contextlib
import subprocess

import pyarrow.flight as flight

from cases import BATCH_ROWS, ROW_BYTES, Call, Case, Group
from clients import Pyarrow
from machine import GIB, KIB, MIB, memory_available, size_text
from processes import Failed, run
from ways.harness import memory_of

ROUNDS = 3
SIZES = (KIB, 32 * KIB, MIB, 32 * MIB, 256 * MIB, GIB, 4 * GIB)
ONE_COLUMN_MOST = 4 * MIB   # smaller tables have one column, and are called many times
PEER_MOST = GIB             # what pyarrow's server and client are asked to hold
FILL_THREADS = 8
MANY_KEYS, FEW_KEYS = 1_000_000, (1, 1000)
TINY_BATCHES = 10_000
CLIENTS = (1, 2, 5, 10, 50, 100, 500)
PIPELINE = 16
SMALL = "1 KiB"
STREAMS = (1, 2, 4, 8)
STREAMS_BYTES = GIB
PIECE_ROWS = 64 * MIB // 8  # of one column, for clients that move a table each


# ---- sizes ----

def sizes_for(sitting):
    room = memory_available() // 4  # the server's two versions, the source, and what others hold
    return [size for size in SIZES if size <= min(2 * sitting.size, room)]


def times_of(size):
    return max(3, min(1000, 16 * MIB // size))


def batch_text(size):
    return size_text(size if size <= ONE_COLUMN_MOST else min(size, BATCH_ROWS * ROW_BYTES))


def own_call(caller, name, way, size):
    if size <= ONE_COLUMN_MOST:
        return caller.many(name, way, f"size-{size}", times_of(size), rows=size // 8)
    key = f"size-{size}"
    return caller.put(name, key, size // ROW_BYTES) if way == "put" else caller.get(name, key)


def stock_call(client, size):
    key = f"size-{size}"
    return client.many_gets(key, min(times_of(size), 100)) if size <= ONE_COLUMN_MOST else \
        client.get(key)


@contextlib.contextmanager
def sizes(sitting):
    every = sizes_for(sitting)
    with (sitting.flightkv(sum(every) + max(every)) as server, sitting.caller(server) as caller,
          sitting.peers.pyarrow() as peer, Pyarrow(peer.address) as peer_client,
          Pyarrow(server.uris["TCP"]) as stock):
        notes = [caller.shm_refusal] if caller.shm_refusal else []
        if every[-1] < SIZES[-1]:
            notes.append(f"Tables above {size_text(every[-1])} are left out: there is no room for "
                         "them, or a smaller large table was asked for.")
        cases = []

        def add(series, size, run):
            cases.append(Case(f"{series}, {size_text(size)}", run, x=size, series=series,
                              batch=batch_text(size)))
        for size in every:
            own_call(caller, "TCP", "put", size)
            for way, name in (("put", "TCP"), ("get", "TCP"), ("get", "Unix")):
                add(f"{way}: libflightkv over {name}", size, lambda name=name, way=way, size=size:
                    own_call(caller, name, way, size))
            if not caller.shm_refusal:
                add("get: libflightkv over shared memory", size,
                    lambda size=size: own_call(caller, "shm", "get", size))
            if size <= PEER_MOST:
                add("get: pyarrow's client", size, lambda size=size: stock_call(stock, size))
                peer_client.put(f"size-{size}", stock_table(stock, size))
                add("get: pyarrow's client and server", size,
                    lambda size=size: stock_call(peer_client, size))
        yield [Group("sizes", f"From {size_text(every[0])} to {size_text(every[-1])}",
                     f"Tables up to {size_text(ONE_COLUMN_MOST)} have one column in one batch, and "
                     "their times are the median of many calls; larger ones have 64 columns. "
                     "libflightkv's gets release each batch.", cases, "curve", rounds=ROUNDS,
                     notes=notes, x_unit="bytes")]


def stock_table(client, size):
    return client.client.do_get(flight.Ticket(f"size-{size}")).read_all()


# ---- keys ----

def fill(caller, name, keys):
    """Puts a table of 1 KiB under each of KEYS keys."""
    return caller.many(name, "put", "key-", keys, keys=keys, threads=min(FILL_THREADS, keys))


def memory_case(name, rss, stored, count):
    call = Call(0.0, bytes=stored, more={"rss": rss, "stored": stored, "count": count})
    return Case(name, lambda: call, batch="1 KiB")


@contextlib.contextmanager
def keys(sitting):
    arguments = sitting.arguments
    counts = [count for count in (*FEW_KEYS, arguments.keys) if count <= arguments.keys]
    cases, memory, notes = [], [], []
    if arguments.keys < MANY_KEYS:
        notes.append(f"{arguments.keys:,} keys were asked for in place of {MANY_KEYS:,}.")
    if memory_available() < 4 * KIB * arguments.keys:
        notes.append("There is little memory for so many keys.")
    with contextlib.ExitStack() as stack:
        for count in counts:
            server = stack.enter_context(sitting.flightkv(2 * KIB * count + GIB))
            caller = stack.enter_context(sitting.caller(server))
            before = memory_of(server.pid)
            put = sitting.progress.during(f"Putting {count:,} keys", 0,
                                             lambda: fill(caller, "TCP", count))
            memory.append(memory_case(f"{count:,} keys of 1 KiB", memory_of(server.pid) - before,
                                      count * KIB, count))
            cases += key_cases(sitting, caller, count, put)
        memory += other_memory(sitting)
        yield [Group("keys", "From 1 to 1,000,000 keys", "Tables of 1 KiB with equal schemas. Puts "
                     f"are the filling of the server over {FILL_THREADS} connections, made once; "
                     "gets ask for any of the keys, one after the other over one connection; a "
                     "listing asks for all of them by ListFlights.", cases, "curve", rounds=ROUNDS,
                     notes=notes, x_unit="keys", unit="/s"),
               Group("memory", "The server's memory", "Resident memory after the puts, less what "
                     "the server had before them. The last row is one table.", memory, "memory",
                     rounds=0)]


def key_cases(sitting, caller, count, put):
    puts = [Case(f"put, {count:,} keys", lambda: call_of_rate(put.more["rate"]), x=count,
                 series="puts", batch=SMALL)] if count > 1 else []  # one put is no rate
    return [*puts,
            Case(f"get, {count:,} keys", x=count, series="gets", batch=SMALL,
                 run=lambda: call_of_rate(caller.many("TCP", "get", "key-", sitting.own_count,
                                                      keys=count).more["rate"])),
            Case(f"list, {count:,} keys", x=count, series="keys listed", batch=SMALL,
                 run=lambda: call_of_rate(caller.list("TCP", "*").more["rate"]))]


def other_memory(sitting):
    """Of a server for each: one large table, and one of many tiny batches."""
    cases = []
    for name, rows, batch_rows, columns in (
            (f"one table of {size_text(sitting.size)}", sitting.rows, BATCH_ROWS, 64),
            (f"one table of {TINY_BATCHES:,} batches of 1 row", TINY_BATCHES, 1, 1)):
        with sitting.flightkv(sitting.size) as server, sitting.caller(server) as caller:
            before = memory_of(server.pid)
            call = sitting.progress.during(f"Putting {name}", 0, lambda: caller.put(
                "TCP", "table", rows, batch_rows, columns=columns))
            after = memory_of(server.pid)
            whole = name.startswith("one table of") and batch_rows != 1
            cases.append(memory_case(name, after if whole else after - before, call.bytes,
                                     1 if whole else TINY_BATCHES))
    return cases


# ---- clients ----

@contextlib.contextmanager
def clients(sitting):
    count, has_bench = sitting.arguments.calls, knows_bench(sitting)
    by = "`flightkv bench`" if has_bench else "threads of one process of libflightkv's clients"
    with (sitting.flightkv(1 << 26) as server, sitting.caller(server) as caller,
          sitting.flightkv(1 << 26, "--workers", "1") as single,
          sitting.caller(single) as single_caller):
        cases = []
        for series, which, client in (("all workers", server, caller),
                                      ("1 worker", single, single_caller)):
            client.many("TCP", "put", "small", 10)
            for name in ("TCP", "Unix"):
                def load(number, which=which, client=client, name=name):
                    return bench_call(sitting, which.uris[name], count, number) if has_bench else \
                        caller_call(client, name, count, number)
                cases += clients_cases(f"{series}, {name}", load)
                if has_bench and which is single:
                    cases += clients_cases(
                        f"{series}, {name}, {PIPELINE} at a time", lambda number, name=name:
                        bench_call(sitting, single.uris[name], 4 * count, number, PIPELINE))
        yield [Group("clients", "From 1 to 500 clients", f"{count:,} gets of a table of 1 KiB by "
                     f"{by}, one get at a time over each of the connections, with a thread for "
                     f"each: they need the same cores as the server. Four times as many gets where "
                     f"{PIPELINE} of them are under way on each connection (`--pipeline "
                     f"{PIPELINE}`).", cases, "curve",
                     rounds=ROUNDS, x_unit="clients", unit="/s")]


def clients_cases(series, load):
    return [Case(f"{series}, {number} clients", x=number, series=series, batch=SMALL,
                 run=lambda number=number: load(number)) for number in CLIENTS]


def caller_call(caller, name, count, threads):
    return call_of_rate(caller.many(name, "get", "small", max(count, threads),
                                    threads=threads).more["rate"])


def call_of_rate(rate):
    return Call(1 / rate, more={"rate": rate})


def knows_bench(sitting):
    done = subprocess.run([sitting.build / "flightkv", "bench", "--help"], capture_output=True)
    return done.returncode == 0


def bench_call(sitting, uri, count, number, depth=1):
    result = run([str(sitting.build / "flightkv"), "bench", "--server", uri, "--json", "--size",
                  "1KiB", "--columns", "1", "--keys", "1", "--ratio", "0:1", "--clients",
                  str(number), "--pipeline", str(depth), "--count", str(max(count, number))])
    if result["errors"]:
        raise Failed(f"flightkv bench: {result['errors']} errors")
    return call_of_rate(result["per_s"])


# ---- connections ----

@contextlib.contextmanager
def scaling(sitting):
    """The same bytes by 1, 2, 4 and 8 connections at once."""
    size = min(STREAMS_BYTES, sitting.size)
    rows, piece = size // ROW_BYTES, min(PIECE_ROWS, size // 8 // max(STREAMS))
    count, cases = size // (8 * piece), []
    with sitting.flightkv(3 * size) as server, sitting.caller(server) as caller:
        caller.put("TCP", "table", rows)
        caller.many("TCP", "put", "piece-", count, keys=count, rows=piece)

        def add(series, number, run):
            cases.append(Case(f"{series}, {number}", run, x=number, series=series,
                              batch=size_text(8 * piece)))
        for number in STREAMS:
            for name in ("TCP", "Unix"):
                add(f"get of one table, {name}", number, lambda name=name, number=number:
                    caller.get(name, "table", streams=number))
            for way in ("get", "put"):
                add(f"{way}s by so many clients, TCP", number, lambda way=way, number=number:
                    moved(caller.many("TCP", way, "piece-", count, keys=count, threads=number,
                                      rows=piece), size))
        yield [Group("streams", "From 1 to 8 connections", f"{size_text(size)} in all: a get of "
                     "one table over so many connections at once (`flightkv get --streams N`), and "
                     f"clients that share {count} gets or puts of a table of "
                     f"{size_text(8 * piece)} each. Each transfer keeps a core of the server and "
                     f"one of the client busy: on {sitting.cores} cores nothing is left to grow "
                     f"into beyond {max(sitting.cores // 2, 1)}; "
                     "[design/011](design/011-many-cores.md) reckons with more of them.", cases,
                     "curve", rounds=ROUNDS, x_unit="connections", unit="B/s")]


def moved(call, size):
    """By the clock on the wall."""
    return Call(call.more["count"] / call.more["rate"], bytes=size)
