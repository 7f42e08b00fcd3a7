# SPDX-License-Identifier: Apache-2.0
"""The large table: libflightkv's client held against bare sockets, pyarrow's against other servers,
and the first put into a server that has just started."""

import contextlib
import json
import time

from pyarrow import flight

from cases import Case, Group
from clients import Pyarrow, PythonCaller
from machine import MIB, touch_memory
from placement import on_core
from processes import Failed, Server
from ways.harness import memory_of


@contextlib.contextmanager
def sockets(sitting):
    """Everything is held against the bare socket of the same kind."""
    size, rows, place = sitting.size, sitting.rows, sitting.apart
    with contextlib.ExitStack() as stack:
        with on_core(place.server):
            server = stack.enter_context(sitting.flightkv(2 * size))
        with on_core(place.client):
            caller = stack.enter_context(sitting.caller(server))
            raw = stack.enter_context(sitting.sockets(size, place))
        caller.put("TCP", "table", rows)
        cases = []
        for name, kind in (("TCP", "tcp"), ("Unix", "unix")):
            for way in ("put", "get"):
                cases.append(Case(f"{way}: bare {name} socket", batch="-",
                                  run=lambda way=way, kind=kind: raw.transfer(way, kind, size)))
        for name in ("TCP", "Unix", "TLS"):
            base = "TCP" if name == "TLS" else name
            cases += [Case(f"put: libflightkv over {name}", base=f"put: bare {base} socket",
                           run=lambda name=name: caller.put(name, "table", rows)),
                      Case(f"get: libflightkv over {name}", base=f"get: bare {base} socket",
                           run=lambda name=name: caller.get(name, "table", how="whole"))]
            if name != "TLS":
                cases.append(Case(
                    f"get: libflightkv over {name}, each batch released", base=cases[-1].base,
                    run=lambda name=name: caller.get(name, "table")))
        cases.append(Case("memcpy", run=lambda: raw.copy(size), batch="-"))
        yield [Group("sockets", "Against the bare socket",
                     "One table, put in place of the one before, and got; servers on one core, "
                     "clients on another. The bare sockets receive "
                     "into memory of the whole size that was touched before, in the best of chunks "
                     "of 64 KiB to 4 MiB; a get by libflightkv holds the whole table until its end "
                     "unless it says otherwise, in memory that the client recycles. TLS is held "
                     "against the bare TCP socket.", order_by_way(cases), times=2)]


def order_by_way(cases):
    """Puts, gets, the rest, as the table shows them."""
    ways = ("put", "get")
    return sorted(cases, key=lambda case: ways.index(case.name[:3])
                  if case.name[:3] in ways else len(ways))


@contextlib.contextmanager
def python(sitting):
    """The Python package's client held against libflightkv's."""
    notes, size, rows = [], sitting.size, sitting.rows
    if not (sitting.build / "python/flightkv/_flightkv.abi3.so").exists():
        notes.append("The Python package is left out: it isn't built (Debian: python3-dev).")
        yield [Group("python", "The Python package", "", [], notes=notes)]
        return
    with (sitting.flightkv(2 * size) as server, sitting.caller(server) as caller,
          PythonCaller(sitting.build) as package):
        package.open("TCP", server.uris["TCP"])
        package.open("auto", server.uris["TCP"], "auto")
        caller.put("TCP", "table", rows)
        works = [("put, over TCP", lambda: caller.put("TCP", "table", rows),
                  lambda: package.put("TCP", "table", rows)),
                 ("get, over TCP", lambda: caller.get("TCP", "table", how="whole"),
                  lambda: package.get("TCP", "table")),
                 ("get, over TCP, each batch released", lambda: caller.get("TCP", "table"),
                  lambda: package.get("TCP", "table", "batches"))]
        if caller.shm_refusal:
            notes.append(caller.shm_refusal)
        else:
            works.append(("get, over shared memory",
                          lambda: caller.get("shm", "table", how="whole"),
                          lambda: package.get("auto", "table")))
        cases = []
        for work, by_library, by_package in works:
            cases += [Case(f"{work}: libflightkv", run=by_library),
                      Case(f"{work}: Python", base=f"{work}: libflightkv", run=by_package)]
        yield [Group("python", "The Python package", "Its client beside libflightkv's, each a "
                     "process of its own that puts the table in place of the one before, and gets "
                     "it: whole, or batch by batch, which in Python a reader does. Shared memory "
                     "is what Python's client takes by itself.", cases, times=3, notes=notes)]


@contextlib.contextmanager
def pyarrow(sitting):
    size, source, notes = sitting.size, sitting.source(), []
    index = sitting.folder / "index"
    source.write_index(index)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(sitting.flightkv(2 * size))
        peer = stack.enter_context(sitting.peers.pyarrow())
        bare = stack.enter_context(Server([str(sitting.program("responder")), str(index),
                                           source.path]))
        addresses = {"pyarrow server": (peer.address, None),
                     "flightkv over TCP": (server.uris["TCP"], None),
                     "flightkv over Unix": (server.uris["Unix"], None),
                     "flightkv over TLS": (server.uris["TLS"], sitting.certificate)}
        if sitting.wanted(notes, "go"):
            go = stack.enter_context(sitting.peers.go(size))
            addresses["Go server"] = (go.address, None)
        clients = {name: stack.enter_context(Pyarrow(*address))
                   for name, address in addresses.items()}
        clients["flightkv over TCP"].put("table", source.table)
        clients["pyarrow server"].put("table", source.table)
        if "Go server" in clients:
            clients["Go server"].put("table", source.table)
        responder = stack.enter_context(Pyarrow(bare.address))
        yield [Group("pyarrow", "By pyarrow's client", "The stock client puts the table in place "
                     "of the one before, and gets it. The pyarrow server keeps tables in a dict, "
                     "the Go server (arrow-go) in a map; the bare nghttp2 responder "
                     "(bench/responder.c) answers each get with prepared messages from "
                     "warm memory. \"CPU\" is the median of the client's own CPU time in a call.",
                     pyarrow_cases(clients, responder, source.table), notes=notes)]


def pyarrow_cases(clients, responder, table):
    cases = []
    for way in ("put", "get"):
        for name, client in clients.items():
            base = f"{way}: pyarrow server"
            cases.append(Case(
                f"{way}: {name}", base=None if base.endswith(name) else base,
                run=(lambda client=client: client.put("table", table)) if way == "put" else
                (lambda client=client: client.get("table"))))
    cases.append(Case("get: bare nghttp2 responder", base="get: pyarrow server",
                      run=lambda: responder.get("table")))
    return cases


@contextlib.contextmanager
def prepared(sitting):
    """A server that has populated room for the table before anybody asked (--warm)."""
    warm = -(-(sitting.size + sitting.size // 16) // MIB) * MIB  # it is kept in whole pages
    with sitting.flightkv(warm, "--warm", warm) as server, \
            flight.connect(server.address) as client:
        end = time.monotonic() + 60
        while memory_warm(client) < warm:
            if time.monotonic() > end:
                raise Failed("flightkv serve: --warm isn't populated after 60 s")
            time.sleep(0.05)
        yield server


def memory_warm(client):
    answer = next(iter(client.do_action("flightkv.stats")))
    return json.loads(answer.body.to_pybytes())["memory_warm_bytes"]


@contextlib.contextmanager
def first(sitting):
    """Each call has a server of its own; nothing else holds memory meanwhile."""
    table, notes = sitting.source().table, []
    servers = {"pyarrow server, pyarrow's client": sitting.peers.pyarrow,
               "flightkv, pyarrow's client": lambda: sitting.flightkv(sitting.size),
               "flightkv --warm, pyarrow's client": lambda: prepared(sitting)}
    if sitting.wanted(notes, "go"):
        servers["Go server, pyarrow's client"] = lambda: sitting.peers.go(sitting.size)

    def run(start):
        touch_memory(sitting.size * 3 // 2)
        with start() as server, Pyarrow(server.address) as client:
            before = memory_of(server.pid)
            call = client.put("table", table)
            call.more |= {"rss": memory_of(server.pid), "idle": before, "stored": call.bytes}
            return call
    with sitting.caller() as caller:
        def run_own():
            touch_memory(sitting.size * 3 // 2)
            with sitting.flightkv(sitting.size) as server:
                name = f"TCP-{server.pid}"
                caller.open(name, server.uris["TCP"])
                call = caller.put(name, "table", sitting.rows)
                call.more |= {"rss": memory_of(server.pid), "stored": call.bytes}
                return call
        base = "pyarrow server, pyarrow's client"
        cases = [Case(name, base=None if name == base else base,
                      run=lambda start=start: run(start)) for name, start in servers.items()]
        cases.append(Case("flightkv, libflightkv's client", base=base, run=run_own))
        yield [Group("first", "The first put", "Into a server that has just started: every page "
                     "that it fills is new to it. Each call has a server of its own, before whose "
                     "start memory of one and a half times the table's size was touched and given "
                     "back. With --warm it had the time to populate room for the table.", cases,
                     notes=notes)]
