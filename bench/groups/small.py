# SPDX-License-Identifier: Apache-2.0
"""Tables of 1 KiB: how long a call takes, how many there are a second, and how a large transfer
beside them shows."""

import contextlib
import re
import subprocess
import threading
import time

import peers
from cases import Call, Case, Group
from clients import Caller, Pyarrow, Store
from placement import all_on_core, on_core
from processes import Failed, last_line
from sitting import bytes_of_calls

SMALL = "1 KiB"
TRANSPORTS = ("TCP", "Unix", "TLS", "shm")
LOAD_LEAST, LOAD_TIMEOUT_S = 2000, 120
STALLS = ("pyarrow server", 500, 10)
BUSY_POLL, BUSY_POLL_US = "1ms", 1000
STOCK = ("flightkv", "pyarrow server", "Go server")  # what pyarrow's client is asked to call
STORES = {"redis-server": "redis", "memcached": "memcached"}
PLACES = {
    "apart": "Servers stay on one core, clients on another: a call wakes both of them up, one "
             "after the other, and most of its time is that.",
    "together": "Servers and clients stay on the same core: no core is woken up, and a call takes "
                "what both its ends compute, in the kernel and outside of it."}
METHOD = "/arrow.flight.protocol.FlightService/DoGet"


# ---- one call after the other ----

@contextlib.contextmanager
def latency(sitting):
    """The servers are the same for all placements, on one core; the clients are where it says."""
    source, notes = sitting.small(), []
    with contextlib.ExitStack() as stack:
        servers = latency_servers(sitting, stack, source, notes)
        with sitting.caller(servers["flightkv"], names=("TCP",)) as caller:
            caller.many("TCP", "put", "small", 100)
        sizes = {way: bytes_of_calls(sitting, servers["flightkv"], way) for way in ("get", "put")}
        yield [latency_group(sitting, stack, servers, placement, sizes, notes)
               for placement in sitting.placements]


def latency_group(sitting, stack, servers, placement, sizes, notes):
    notes, is_apart = list(notes), placement.key == "apart"
    with on_core(placement.client):
        caller = stack.enter_context(sitting.caller(servers["flightkv"]))
        raw = stack.enter_context(sitting.sockets(1 << 20, placement))
        busy = busy_caller(sitting, stack, servers["busy"]) \
            if is_apart and servers["busy"] else None
        stores = store_clients(sitting, stack, servers)
    notes += [caller.shm_refusal] if caller.shm_refusal else []
    cases = []
    for way in ("get", "put"):
        cases += pings(sitting, raw, way, sizes[way], is_apart)
        cases += own_cases(sitting, caller, way)
        cases += busy_cases(sitting, busy, way) if busy else []
        cases += stock_cases(sitting, servers, placement, way)
        cases += store_cases(sitting, stores, way)
    bytes_text = ", ".join(f"a {way} {request:,} bytes there and {answer:,} back"
                           for way, (request, answer) in sizes.items())
    return Group(f"latency-{placement.key}", f"A table of 1 KiB, {placement.title}",
                 f"{PLACES[placement.key]} One call after the other over one connection, "
                 f"{sitting.own_count:,} at a time ({sitting.stock_count} by pyarrow's "
                 "client). The ping-pong sends the same bytes over a bare socket, by blocking "
                 f"calls: {bytes_text}. " + (
                     "\"spinning\" is the same without sleeping at either end, which busy polling "
                     "is held against. " if is_apart else "") +
                 "Redis and memcached hold the table as an IPC stream.", cases, "latency", times=2,
                 notes=notes)


def latency_servers(sitting, stack, source, notes):
    """By name, all on one core."""
    with on_core(sitting.apart.server):
        servers = {"flightkv": stack.enter_context(sitting.flightkv(1 << 26)),
                   "busy": busy_server(sitting, stack, notes),
                   "pyarrow server": stack.enter_context(sitting.peers.pyarrow())}
        if sitting.wanted(notes, "go"):
            servers["Go server"] = stack.enter_context(sitting.peers.go(1 << 20))
        for name in sitting.wanted(notes, "redis-server", "memcached"):
            servers[name] = stack.enter_context(
                sitting.peers.redis() if name == "redis-server" else
                sitting.peers.memcached(1 << 20))
    for name in STOCK:
        if name in servers:
            servers[name].stock = stack.enter_context(Pyarrow(servers[name].address))
            servers[name].stock.put("small", source.table)
    return servers


def pings(sitting, raw, way, sizes, spins):
    return [Case(f"{way}: ping-pong over {name}{', spinning' if how == 'spin' else ''}",
                 batch=SMALL, run=lambda kind=kind, how=how: raw.ping(
                     kind, sitting.own_count, *sizes, how))
            for name, kind in (("TCP", "tcp"), ("Unix", "unix"))
            for how in (("block", "spin") if spins else ("block",))]


def own_cases(sitting, caller, way):
    cases = []
    for name in TRANSPORTS:
        if name == "shm" and caller.shm_refusal:
            continue
        base = "Unix" if name in ("Unix", "shm") else "TCP"
        cases.append(Case(f"{way}: libflightkv over {name}", batch=SMALL,
                          base=f"{way}: ping-pong over {base}",
                          run=lambda name=name: caller.many(
                              name, way, "small", sitting.own_count)))
    return cases


def busy_server(sitting, stack, notes):
    """One that looks for work without sleeping; None where there is no such, or no core for it."""
    if sitting.apart.server == sitting.apart.client:
        notes.append("Spinning and busy polling are left out: both ends need a core each.")
        return None
    if not sitting.serve_knows("--busy-poll"):
        notes.append("Busy polling is left out: this server knows no --busy-poll.")
        return None
    return stack.enter_context(sitting.flightkv(1 << 26, "--busy-poll", BUSY_POLL))


def busy_caller(sitting, stack, server):
    caller = stack.enter_context(Caller(sitting.program("caller")))
    for name in ("TCP", "Unix"):
        caller.open(name, server.uris[name], None, name.lower(), BUSY_POLL_US)
    caller.many("TCP", "put", "small", 10)
    return caller


def busy_cases(sitting, caller, way):
    return [Case(f"{way}: libflightkv over {name}, busy polling", batch=SMALL,
                 base=f"{way}: ping-pong over {name}, spinning", run=lambda name=name: caller.many(
                     name, way, "small", sitting.own_count)) for name in ("TCP", "Unix")]


def stock_cases(sitting, servers, placement, way):
    """By pyarrow's client, which is in this process."""
    table, count = sitting.small().table, sitting.stock_count

    def run(client):
        with all_on_core(placement.client):
            return client.many_gets("small", count) if way == "get" else \
                client.many_puts("small", table, count)
    return [Case(f"{way}: pyarrow's client, {name}", base=f"{way}: ping-pong over TCP", batch=SMALL,
                 run=lambda client=servers[name].stock: run(client))
            for name in STOCK if name in servers]


def store_clients(sitting, stack, servers):
    clients = {}
    for name, kind in STORES.items():
        if name in servers:
            clients[kind] = stack.enter_context(Store(
                sitting.program("stores"), kind, servers[name].port, sitting.small().path,
                peers.REDIS_SPLIT))
            clients[kind].many("put", sitting.small().size, 1)
    return clients


def store_cases(sitting, clients, way):
    return [Case(f"{way}: {kind}, client in C", base=f"{way}: ping-pong over TCP", batch=SMALL,
                 run=lambda client=client: client.many(way, sitting.small().size,
                                                       sitting.own_count))
            for kind, client in clients.items()]


# ---- many connections ----

class Load:
    """Gets by h2load, so many that they take about as long as they shall, by the run before."""

    def __init__(self, sitting, port, path, clients, in_flight, body=None):
        self.command = [sitting.peers.programs["h2load"], "-t", "1", "-c", str(clients), "-m",
                        str(in_flight)]
        if body:
            self.command += ["-d", str(body), "-H", "content-type: application/grpc",
                             "-H", "te: trailers"]
        self.url, self.core = f"http://127.0.0.1:{port}{path}", sitting.apart.client
        self.seconds = sitting.arguments.load_seconds
        self.least = self.count = max(LOAD_LEAST, clients * in_flight)

    def run(self):
        with on_core(self.core):
            done = subprocess.run([*self.command, "-n", str(self.count), self.url],
                                  capture_output=True, text=True, timeout=LOAD_TIMEOUT_S)
        if done.returncode != 0:
            raise Failed(f"h2load: {last_line(done.stderr or done.stdout)}")
        rate = rate_of(done.stdout, self.count)
        self.count = max(self.least, round(rate * self.seconds))
        return Call(1 / rate, bytes=1024, more={"rate": rate})


def rate_of(text, count):
    """Requests a second; every answer must be whole and hold the table."""
    rate = re.search(r"finished in .*, ([\d.]+) req/s", text)
    good = re.search(r"(\d+) succeeded, 0 failed, 0 errored", text)
    traffic = re.search(r"traffic: .* \((\d+)\) data", text)
    if not (rate and good and traffic):
        raise Failed("h2load said: " + " ".join(text.split()[-60:]))
    size = int(traffic.group(1)) / count
    if int(good.group(1)) != count or size < 1024:
        raise Failed(f"h2load: {good.group(1)} answers of {size:.0f} bytes, of {count}")
    return float(rate.group(1))


def write_ticket(path, key):
    """A DoGet's request: the gRPC prefix and a Ticket."""
    ticket = b"\x0a" + bytes([len(key)]) + key
    path.write_bytes(b"\0" + len(ticket).to_bytes(4, "big") + ticket)
    return path


def flight_servers(sitting, stack, notes, source):
    """Port by name, with the table in each."""
    with on_core(sitting.apart.server):
        started = {"flightkv, 1 worker": stack.enter_context(
                       sitting.flightkv(1 << 26, "--workers", "1")),
                   "pyarrow server": stack.enter_context(sitting.peers.pyarrow())}
        if sitting.wanted(notes, "go"):
            started["Go server"] = stack.enter_context(sitting.peers.go(1 << 20))
    for server in started.values():
        with Pyarrow(server.address) as client:
            client.put("small", source.table)
    return {name: server.address.rpartition(":")[2] for name, server in started.items()}


def nghttpd(sitting):
    """With a file "small" of 1 KiB."""
    folder = sitting.folder / "files"
    folder.mkdir(exist_ok=True)
    (folder / "small").write_bytes(b"x" * 1024)
    return sitting.peers.nghttpd(folder)


@contextlib.contextmanager
def requests(sitting):
    notes, cases = [], []
    other = "another" if sitting.apart.server != sitting.apart.client else "the same"
    about = ("Gets of a table of 1 KiB by h2load, about "
             f"{sitting.arguments.load_seconds:g} s each: over 1, 50 and 500 connections, with one "
             "get at a time on each, or ten. Every server stays on one core, with all its threads, "
             f"and h2load, which has one, on {other}. nghttpd, the server that comes with nghttp2, "
             "answers a GET with a file of 1 KiB: as fast as HTTP/2 gets without any of gRPC, "
             "Flight and keys.")
    with contextlib.ExitStack() as stack:
        if sitting.wanted(notes, "h2load"):
            body = write_ticket(sitting.folder / "ticket", b"small")
            servers = flight_servers(sitting, stack, notes, sitting.small())
            loads = {name: (port, METHOD, body) for name, port in servers.items()}
            if sitting.wanted(notes, "nghttpd"):
                with on_core(sitting.apart.server):
                    started = stack.enter_context(nghttpd(sitting))
                loads["nghttpd, a file"] = (started.port, "/small", None)
            for in_flight in (1, 10):
                for clients in (1, 50, 500):
                    asked = {name: load for name, load in loads.items()
                             if (name, clients, in_flight) != STALLS}
                    cases += load_cases(sitting, asked, clients, in_flight)
            notes.append("The pyarrow server isn't asked for ten at a time over 500 connections: "
                         "it came to a standstill there.")
        yield [Group("requests", "Gets a second", about, cases, "rate", notes=notes)]


def load_cases(sitting, loads, clients, in_flight):
    where = (f"{clients} connection{'s' if clients > 1 else ''}, {in_flight} at a time")
    first = next(iter(loads))
    return [Case(f"{where}: {name}", base=None if name == first else f"{where}: {first}",
                 batch=SMALL, run=Load(sitting, port, path, clients, in_flight, body).run)
            for name, (port, path, body) in loads.items()]


# ---- beside a large transfer ----

class Background:
    """Calls again and again in a thread, while the `with` block runs."""

    def __init__(self, call):
        self.call, self.stop, self.failure = call, threading.Event(), None
        self.thread = threading.Thread(target=self.run)

    def run(self):
        try:
            while not self.stop.is_set():
                self.call()
        except Failed as failure:
            self.failure = failure

    def __enter__(self):
        self.thread.start()
        time.sleep(0.2)  # until it is under way
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()
        if self.failure:
            raise self.failure


@contextlib.contextmanager
def fairness(sitting):
    rows, count = sitting.rows, max(sitting.arguments.calls // 20, 10)
    with (sitting.flightkv(3 * sitting.size, "--workers", "1") as server,
          sitting.caller(server) as small, sitting.caller(server) as getter,
          sitting.caller(server) as putter):
        putter.put("TCP", "table", rows)
        putter.put("TCP", "other", rows)
        small.many("TCP", "put", "small", 10)
        works = {"get": lambda: getter.get("TCP", "table"),
                 "put": lambda: putter.put("TCP", "other", rows)}

        def run(names):
            with contextlib.ExitStack() as stack:
                for name in names:
                    stack.enter_context(Background(works[name]))
                return small.many("TCP", "get", "small", count)
        cases = [Case(name, base=None if not names else "alone", batch=SMALL,
                      run=lambda names=names: run(names))
                 for name, names in (("alone", ()), ("beside a get of the large table", ("get",)),
                                     ("beside a put of it", ("put",)),
                                     ("beside both", ("get", "put")))]
        yield [Group("fairness", "Small gets beside large ones", f"{count:,} gets of a table "
                     "of 1 KiB over TCP, from a server with one worker that at the same time sends "
                     "and receives the large table again and again, for clients in processes of "
                     "their own: they and the small one's share the machine's cores.", cases,
                     "latency")]
