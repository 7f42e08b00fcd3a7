# SPDX-License-Identifier: Apache-2.0
"""What the CPU time of a call goes into, in the server and in the client: why it isn't faster."""

import contextlib
import os
import resource
import time

from cases import BATCH, Call, Case, Group
from clients import Pyarrow
from groups.small import METHOD, SMALL, Load, nghttpd, write_ticket
from machine import touch_memory
from placement import on_core
from profiler import Profiler, children_of, cpu_seconds
from sitting import bytes_of_calls

LARGE_CALLS, WARM_CALLS = 2, 2  # replacing takes the room of two tables
SETTLE_S = 0.05  # what a server does behind its answer
LOAD_SECONDS = 1.5


def profile(sitting, profiler, work, processes, run, calls, batch=SMALL):
    """A case for each of the processes, given by name; `run` makes the calls, and gives what one
    of them takes."""
    def measure():
        before = {pid: cpu_seconds(pid) for pid in processes.values()}
        with profiler.sampling(list(processes.values())) as shares:
            seconds = run()
            time.sleep(SETTLE_S)
        return seconds, shares, {pid: [after - then for after, then in zip(cpu_seconds(pid),
                                                                           before[pid])]
                                 for pid in before}
    seconds, shares, used = sitting.progress.during(f"Profile of {work}", 0, measure)
    return [profile_case(work, name, seconds, sum(used[pid]) / calls, used[pid][1] / calls,
                         shares.get(pid), batch) for name, pid in processes.items()]


def profile_case(work, process, seconds, cpu, kernel, shares, batch):
    """The kernel's time is the system's figure where there are no samples, which tell it better."""
    if shares:
        kernel = cpu * sum(share for part, share in shares.items() if part.startswith("kernel"))
    call = Call(seconds, more={"work": work, "process": process, "cpu": cpu, "kernel": kernel,
                               "shares": shares})
    return Case(f"{work}: {process}", lambda: call, batch=batch)


def ends_of(raw):
    """The server is a child of the client, there since it answered something."""
    raw.copy(2)
    client = raw.process.pid
    return {**{"server": pid for pid in children_of(client)}, "client": client}


# ---- small calls ----

def small_calls(sitting, profiler, placement, sizes, server, caller, raw):
    count, cases = sitting.arguments.calls, []
    both = {"server": server.pid, "client": caller.process.pid}
    for name in ("TCP", "Unix", *(() if caller.shm_refusal else ("shm",))):
        cases += profile(sitting, profiler, f"1 KiB get over {name}, {placement.title}", both,
                         lambda name=name: 1 / caller.many(name, "get", "small",
                                                           count).more["rate"], count)
    ends = ends_of(raw)
    for name in ("TCP", "Unix"):
        cases += profile(sitting, profiler, f"ping-pong over {name}, {placement.title}", ends,
                         lambda name=name: 1 / raw.ping(name.lower(), count,
                                                        *sizes).more["rate"], count)
    return cases


def small(sitting, profiler):
    with contextlib.ExitStack() as stack:
        with on_core(sitting.apart.server):
            server = stack.enter_context(sitting.flightkv(1 << 26))
        cases = []
        for placement in sitting.placements:
            with on_core(placement.client):
                caller = stack.enter_context(sitting.caller(server))
                raw = stack.enter_context(sitting.sockets(1 << 20, placement))
            caller.many("TCP", "put", "small", 100)
            sizes = bytes_of_calls(sitting, server, "get")
            cases += small_calls(sitting, profiler, placement, sizes, server, caller, raw)
        return cases


def loads(sitting, profiler):
    """By h2load, of which only the time is known: it begins and ends with its calls."""
    if not sitting.peers.has("h2load"):
        return []
    body, cases = write_ticket(sitting.folder / "ticket", b"small"), []
    with contextlib.ExitStack() as stack:
        with on_core(sitting.apart.server):
            server = stack.enter_context(sitting.flightkv(1 << 26, "--workers", "1"))
            file = stack.enter_context(nghttpd(sitting)) if sitting.peers.has("nghttpd") else None
        with sitting.caller(server, names=("TCP",)) as caller:
            caller.many("TCP", "put", "small", 1)
        asked = {"1 KiB gets": (server.pid, server.address.rpartition(":")[2], METHOD, body)}
        if file:
            asked["nghttpd's answers"] = (file.pid, file.port, "/small", None)
        for in_flight in (1, 10):
            for what, (pid, port, path, sent) in asked.items():
                load = Load(sitting, port, path, 50, in_flight, sent)
                load.run()
                load.count = round(load.count * LOAD_SECONDS / sitting.arguments.load_seconds)
                cases += load_profile(sitting, profiler, pid, load, f"{what} by h2load, 50 "
                                      f"connections, {in_flight} at a time")
    return cases


def load_profile(sitting, profiler, pid, load, work):
    count, used = load.count, {}

    def run():
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        rate = load.run().more["rate"]
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used.update(kernel=after.ru_stime - before.ru_stime, rest=after.ru_utime - before.ru_utime)
        return 1 / rate
    cases = profile(sitting, profiler, work, {"server": pid}, run, count)
    return cases + [profile_case(work, "client", cases[0].run().seconds,
                                 sum(used.values()) / count, used["kernel"] / count, None, SMALL)]


# ---- the large table ----

def large(sitting, profiler):
    with (sitting.flightkv(2 * sitting.size) as server, sitting.caller(server) as caller):
        both, cases = {"server": server.pid, "client": caller.process.pid}, []
        for name in ("TCP", "Unix"):
            works = {"put": lambda name=name: caller.put(name, "table", sitting.rows).seconds,
                     "get": lambda name=name: caller.get(name, "table", how="whole").seconds}
            for way, run in works.items():
                for _ in range(WARM_CALLS):
                    run()
                cases += profile(sitting, profiler, f"{way} by libflightkv over {name}", both,
                                 lambda run=run: mean(run), LARGE_CALLS, BATCH)
    with sitting.sockets(sitting.size) as raw:
        ends = ends_of(raw)
        for name in ("TCP", "Unix"):
            for way in ("put", "get"):
                def run(way=way, name=name):
                    return raw.transfer(way, name.lower(), sitting.size).seconds
                run()
                cases += profile(sitting, profiler, f"{way} by the bare {name} socket", ends,
                                 lambda run=run: mean(run), LARGE_CALLS, BATCH)
    return cases


def mean(run):
    return sum(run() for _ in range(LARGE_CALLS)) / LARGE_CALLS


def stock(sitting, profiler):
    """pyarrow's client is in this process."""
    table, cases = sitting.source().table, []
    for name, start in (("flightkv", lambda: sitting.flightkv(2 * sitting.size)),
                        ("the pyarrow server", sitting.peers.pyarrow)):
        touch_memory(sitting.size * 3 // 2)
        with start() as server, Pyarrow(server.address) as client:
            both = {"server": server.pid, "client": os.getpid()}
            works = {"first put": lambda client=client: client.put("table", table).seconds,
                     "put": lambda client=client: client.put("table", table).seconds,
                     "get": lambda client=client: client.get("table").seconds}
            for way, run in works.items():
                if way == "put":
                    run()  # replacing takes the room of two: this one is a first put, too
                cases += profile(sitting, profiler, f"{way} by pyarrow's client, {name}", both,
                                 run, 1, BATCH)
    return cases


@contextlib.contextmanager
def profiles(sitting):
    profiler = Profiler(sitting.folder, sitting.peers.programs.get("perf"))
    cases = small(sitting, profiler) + loads(sitting, profiler) + large(sitting, profiler) + \
        stock(sitting, profiler)
    notes = []
    if sitting.wanted(notes, "perf") and profiler.why_not:
        notes.append(f"Shares are not measured: {profiler.why_not}.")
    yield [Group("profiles", "Where the time goes", "The same calls again, made while perf samples "
                 "the CPU's clock of the processes: what a call takes, the CPU time of the "
                 "server and of the client in it, and which parts of that lie where. \"kernel: "
                 "copies\" are those between a process and a socket, \"kernel: pages\" is making "
                 "memory be there, both told by the names of the kernel's functions; a copy inside "
                 "of a process is in libc, a table's digest in xxhash. A sample interrupts: small "
                 "calls take some percent longer than in their own group.", cases, "profile",
                 rounds=0, notes=notes)]
