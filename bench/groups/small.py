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
from processes import Failed, last_line
from sitting import bytes_of_calls

SMALL = "1 KiB"
TRANSPORTS = ("TCP", "Unix", "TLS", "shm")
LOAD_LEAST, LOAD_TIMEOUT_S = 2000, 120
STALLS = ("pyarrow server", 500, 10)
BUSY_POLL, BUSY_POLL_US = "1ms", 1000
METHOD = "/arrow.flight.protocol.FlightService/DoGet"


# ---- one call after the other ----

@contextlib.contextmanager
def latency(sitting):
    source, notes, cases = sitting.small(), [], []
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(sitting.flightkv(1 << 26))
        caller = stack.enter_context(sitting.caller(server))
        raw = stack.enter_context(sitting.sockets(1 << 20))
        caller.many("TCP", "put", "small", 100)
        busy = busy_caller(sitting, stack, notes)
        sizes = {way: bytes_of_calls(sitting, server, way) for way in ("get", "put")}
        if caller.shm_refusal:
            notes.append(caller.shm_refusal)
        for way in ("get", "put"):
            cases += pings(sitting, raw, way, sizes[way])
            cases += own_cases(sitting, caller, way)
            cases += busy_cases(sitting, busy, way) if busy else []
        cases += stock_cases(sitting, stack, server, source, notes)
        cases += store_cases(sitting, stack, source, notes)
        bytes_text = ", ".join(f"a {way} {request:,} bytes there and {answer:,} back"
                               for way, (request, answer) in sizes.items())
        yield [Group("latency", "A table of 1 KiB", "One call after the other over one connection, "
                     f"{sitting.own_count:,} at a time ({sitting.stock_count} by pyarrow's "
                     "client). The ping-pong sends the same bytes over a bare socket, by blocking "
                     f"calls: {bytes_text}; \"spinning\" is the same without sleeping at either "
                     "end, which busy polling is held against. Redis and memcached hold the table "
                     "as an IPC stream.", cases, "latency", times=3, notes=notes)]


def pings(sitting, raw, way, sizes):
    return [Case(f"{way}: ping-pong over {name}{', spinning' if how == 'spin' else ''}",
                 batch=SMALL, run=lambda kind=kind, how=how: raw.ping(
                     kind, sitting.own_count, *sizes, how))
            for name, kind in (("TCP", "tcp"), ("Unix", "unix")) for how in ("block", "spin")]


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


def busy_caller(sitting, stack, notes):
    """A client and a server that look for work without sleeping; None where there is no such."""
    if not sitting.serve_knows("--busy-poll"):
        notes.append("Busy polling is left out: this server knows no --busy-poll.")
        return None
    try:
        server = stack.enter_context(sitting.flightkv(1 << 26, "--busy-poll", BUSY_POLL))
        caller = stack.enter_context(Caller(sitting.program("caller")))
        for name in ("TCP", "Unix"):
            caller.open(name, server.uris[name], None, name.lower(), BUSY_POLL_US)
        caller.many("TCP", "put", "small", 10)
        return caller
    except Failed as failure:
        notes.append(f"Busy polling is left out: {failure}.")
        return None


def busy_cases(sitting, caller, way):
    return [Case(f"{way}: libflightkv over {name}, busy polling", batch=SMALL,
                 base=f"{way}: ping-pong over {name}, spinning", run=lambda name=name: caller.many(
                     name, way, "small", sitting.own_count)) for name in ("TCP", "Unix")]


def stock_cases(sitting, stack, server, source, notes):
    clients = {"flightkv": server.uris["TCP"],
               "pyarrow server": stack.enter_context(sitting.peers.pyarrow()).address}
    if sitting.wanted(notes, "go"):
        clients["Go server"] = stack.enter_context(sitting.peers.go(1 << 20)).address
    cases = []
    for name, uri in clients.items():
        client = stack.enter_context(Pyarrow(uri))
        client.put("small", source.table)
        cases += [Case(f"get: pyarrow's client, {name}", base="get: ping-pong over TCP",
                       batch=SMALL,
                       run=lambda client=client: client.many_gets(
                           "small", sitting.stock_count)),
                  Case(f"put: pyarrow's client, {name}", base="put: ping-pong over TCP",
                       batch=SMALL, run=lambda client=client: client.many_puts(
                           "small", source.table, sitting.stock_count))]
    return cases


def store_cases(sitting, stack, source, notes):
    cases = []
    for name in sitting.wanted(notes, "redis-server", "memcached"):
        kind = "redis" if name == "redis-server" else name
        started = stack.enter_context(sitting.peers.redis() if kind == "redis" else
                                      sitting.peers.memcached(1 << 20))
        client = stack.enter_context(Store(sitting.program("stores"), kind, started.port,
                                           source.path, peers.REDIS_SPLIT))
        client.many("put", source.size, 1)
        cases += [Case(f"{way}: {kind}, client in C", base=f"{way}: ping-pong over TCP",
                       batch=SMALL, run=lambda client=client, way=way: client.many(
                           way, source.size, sitting.own_count)) for way in ("get", "put")]
    return cases


# ---- many connections ----

class Load:
    """Gets by h2load, so many that they take about as long as they shall, by the run before."""

    def __init__(self, sitting, port, path, clients, in_flight, body=None):
        self.command = [sitting.peers.programs["h2load"], "-t", "1", "-c", str(clients), "-m",
                        str(in_flight)]
        if body:
            self.command += ["-d", str(body), "-H", "content-type: application/grpc",
                             "-H", "te: trailers"]
        self.url = f"http://127.0.0.1:{port}{path}"
        self.seconds = sitting.arguments.load_seconds
        self.least = self.count = max(LOAD_LEAST, clients * in_flight)

    def run(self):
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
    started = {"flightkv, 1 worker": stack.enter_context(sitting.flightkv(1 << 26, "--workers",
                                                                          "1")),
               "pyarrow server": stack.enter_context(sitting.peers.pyarrow())}
    if sitting.wanted(notes, "go"):
        started["Go server"] = stack.enter_context(sitting.peers.go(1 << 20))
    for server in started.values():
        with Pyarrow(server.address) as client:
            client.put("small", source.table)
    return {name: server.address.rpartition(":")[2] for name, server in started.items()}


@contextlib.contextmanager
def requests(sitting):
    notes, cases = [], []
    about = (f"Gets of a table of 1 KiB by h2load, in one thread, "
             f"about {sitting.arguments.load_seconds} s each: over 1, 50 and 500 "
             "connections, with one get at a time on each, or ten. nghttpd, the server that comes "
             "with nghttp2, answers a GET with a file of 1 KiB: as fast as HTTP/2 gets without any "
             "of gRPC, Flight and keys.")
    with contextlib.ExitStack() as stack:
        if sitting.wanted(notes, "h2load"):
            body = write_ticket(sitting.folder / "ticket", b"small")
            servers = flight_servers(sitting, stack, notes, sitting.small())
            loads = {name: (port, METHOD, body) for name, port in servers.items()}
            if sitting.wanted(notes, "nghttpd"):
                (sitting.folder / "files").mkdir(exist_ok=True)
                (sitting.folder / "files/small").write_bytes(b"x" * 1024)
                started = stack.enter_context(sitting.peers.nghttpd(sitting.folder / "files"))
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
