# SPDX-License-Identifier: Apache-2.0
"""What flightkv means to reach, held against what a run measured: functions that find a goal's
figures in the results, and say what they are and whether they reach it."""

from dataclasses import dataclass

from figures import count_text, find, median, ratio, seconds_text
from machine import size_text
from placement import TITLES as PLACES


@dataclass
class Verdict:
    work: str
    goal: str
    measured: str
    holds: bool = None  # None: not measured, or there is no goal
    profiles: tuple = ()  # of which works, ours and what it is held against
    tried: str = ""       # which note says what was tried


def at_least(work, goal, value, more="", **rest):
    """A ratio that shall be at least the goal."""
    if value is None:
        return Verdict(work, f">= {goal:g}x", "not measured", **rest)
    return Verdict(work, f">= {goal:g}x", f"{value:.2f}x{more}", value >= goal, **rest)


def speed_ratio(results, key, ours, theirs):
    """How many times as fast our case is as theirs."""
    mine, other = find(results, key, ours), find(results, key, theirs)
    return ratio(median(other), median(mine)) if mine and other else None


def stock_profiles(way, *others):
    return tuple(f"{way} by pyarrow's client, {name}" for name in ("flightkv", *others))


def pyarrow_goals(results, size):
    ours, theirs = "flightkv over TCP", "pyarrow server"
    put, first = f"pyarrow client, put of {size} ", "first"
    yield at_least(f"{put}into a fresh server, against the pyarrow server", 1.5,
                   speed_ratio(results, first, "flightkv, pyarrow's client",
                               "pyarrow server, pyarrow's client"),
                   profiles=stock_profiles("first put", "the pyarrow server"),
                   tried="012-populated-ahead.md")
    yield at_least(f"{put}into a fresh server with --warm, against the pyarrow server", 1.5,
                   speed_ratio(results, first, "flightkv --warm, pyarrow's client",
                               "pyarrow server, pyarrow's client"))
    yield at_least(f"{put}replacing, against the pyarrow server", 3,
                   speed_ratio(results, "pyarrow", f"put: {ours}", f"put: {theirs}"),
                   profiles=stock_profiles("put", "the pyarrow server"),
                   tried="002-table-memory.md")
    case = find(results, "pyarrow", f"get: {ours}")
    cpu = ratio(median(case, "cpu"), median(case)) if case else None
    share = f"; the client's own CPU time is {100 * cpu:.0f} % of its call" if cpu else ""
    for against in (theirs, "bare nghttp2 responder"):
        yield at_least(f"pyarrow client, get of {size}, against the {against}", 0.95,
                       speed_ratio(results, "pyarrow", f"get: {ours}", f"get: {against}"), share,
                       profiles=stock_profiles("get", *(
                           ("the pyarrow server",) if against == theirs else ())),
                       tried="007-cold-memory.md")


def socket_goals(results, size):
    for name in ("TCP", "Unix"):
        for way in ("put", "get"):
            yield at_least(f"libflightkv, {way} of {size} over {name}, against the bare socket "
                           "into warm memory", 0.9,
                           speed_ratio(results, "sockets", f"{way}: libflightkv over {name}",
                                       f"{way}: bare {name} socket"),
                           profiles=(f"{way} by libflightkv over {name}",
                                     f"{way} by the bare {name} socket"),
                           tried="010-unix-sockets.md" if name == "Unix" else
                           "002-table-memory.md")


def python_goals(results, size):
    for way in ("put", "get"):
        yield at_least(f"Python package, {way} of {size} over TCP, against libflightkv", 0.9,
                       speed_ratio(results, "python", f"{way}, over TCP: Python",
                                   f"{way}, over TCP: libflightkv"))


def shared_goals(results, size):
    case = find(results, "host", "get: flightkv, libflightkv over shared memory")
    if case and any(call["way"] != "shm" for call in case["calls"]):
        yield Verdict(f"get of {size} over shared memory", "< 1 ms", "it came over the socket",
                      False)
        return
    p99 = median(case, "p99") if case else None
    yield Verdict(f"get of {size} over shared memory, ready to read, p99", "< 1 ms",
                  seconds_text(p99) if case else "not measured",
                  p99 < 1e-3 if case else None)


def latency_goals(results):
    for place in PLACES:
        for name, base in (("TCP", "TCP"), ("Unix", "Unix"), ("shm", "Unix")):
            yield latency_goal(results, place, name, base)


def latency_goal(results, place, name, base):
    key, where = f"latency-{place}", PLACES[place]
    ours = find(results, key, f"get: libflightkv over {name}")
    raw = find(results, key, f"get: ping-pong over {base}")
    value = ratio(median(ours), median(raw)) if ours and raw else None
    label = "shared memory" if name == "shm" else name
    return Verdict(f"1 KiB get over {label}, p50, against the blocking ping-pong ({base}), {where}",
                   "<= 1.4x", "not measured" if value is None else
                   f"{value:.2f}x ({seconds_text(median(ours))})",
                   None if value is None else value <= 1.4,
                   profiles=(f"1 KiB get over {name}, {where}", f"ping-pong over {base}, {where}"),
                   tried="009-small-calls.md")


def load_profiles(where):
    return tuple(f"{what} by h2load, {where}" for what in ("1 KiB gets", "nghttpd's answers"))


def request_goals(results):
    where, rates = "50 connections, 10 at a time", {}
    more = {"profiles": load_profiles(where), "tried": "009-small-calls.md"}
    for name in ("flightkv, 1 worker", "pyarrow server", "Go server", "nghttpd, a file"):
        case = find(results, "requests", f"{where}: {name}")
        rates[name] = median(case, "rate") if case else None
    ours = rates["flightkv, 1 worker"]
    work = f"gets of 1 KiB a second, one worker, h2load over {where}"
    yield Verdict(work, ">= 100,000", count_text(ours) if ours else "not measured",
                  ours >= 100_000 if ours else None, **more)
    yield at_least("the same, against the pyarrow server", 10,
                   ratio(ours, rates["pyarrow server"]), **more)
    yield at_least("the same, against the Go server", 4, ratio(ours, rates["Go server"]), **more)
    share = ratio(ours, rates["nghttpd, a file"])
    yield Verdict("the same, as a share of nghttpd's", "stated",
                  "not measured" if share is None else f"{share:.2f}")
    yield from single_request_goals(results)


def single_request_goals(results):
    """Most of it is the kernel's: the next thing to a server that does nothing is beside it."""
    where = "50 connections, 1 at a time"
    ours, file = (find(results, "requests", f"{where}: {name}")
                  for name in ("flightkv, 1 worker", "nghttpd, a file"))
    rate = median(ours, "rate") if ours else None
    share = ratio(rate, median(file, "rate")) if file else None
    beside = f"; {share:.2f} of nghttpd's" if share else ""
    yield Verdict(f"gets of 1 KiB a second, one worker, h2load over {where}", ">= 100,000",
                  count_text(rate) + beside if rate else "not measured",
                  rate >= 100_000 if rate else None,
                  profiles=load_profiles(where), tried="009-small-calls.md")


def memory_goals(results):
    group = next((group for group in results["groups"] if group["key"] == "memory"), None)
    for case in group["cases"] if group else []:
        call = case["calls"][0]
        over = call["rss"] - call["stored"]
        if call["count"] == 1 and call["stored"] == results["bytes"]:
            yield Verdict("server's memory after one put into a fresh server, over the stored "
                          "bytes", "<= 2 %", f"{100 * over / call['stored']:+.1f} %",
                          over <= 0.02 * call["stored"], tried="002-table-memory.md")
        elif "keys" in case["name"] and call["count"] > 1000:
            yield Verdict(f"server's memory for {case['name']}, a key over the stored bytes",
                          "<= 1 KiB", size_text(round(over / call["count"])),
                          over <= 1024 * call["count"], tried="009-small-calls.md")
    if not group:
        yield Verdict("server's memory over the stored bytes", "<= 2 %; <= 1 KiB a key",
                      "not measured")


def fairness_goals(results, size):
    case = find(results, "fairness", "beside both")
    p99 = median(case, "p99") if case else None
    yield Verdict(f"1 KiB get beside a get and a put of {size} on the same worker, p99", "< 5 ms",
                  seconds_text(p99) if case else "not measured", p99 < 5e-3 if case else None,
                  tried="004-turns.md")


def verdicts(results):
    size = size_text(results["bytes"])
    return [*pyarrow_goals(results, size), *socket_goals(results, size),
            *python_goals(results, size), *shared_goals(results, size), *latency_goals(results),
            *request_goals(results), *memory_goals(results), *fairness_goals(results, size)]


def table(results):
    """As Markdown."""
    words = {True: "yes", False: "**no**", None: "-"}
    lines = ["| work | goal | measured | holds |", "| --- | ---: | ---: | --- |"]
    lines += [f"| {verdict.work} | {verdict.goal} | {verdict.measured} | {words[verdict.holds]} |"
              for verdict in verdicts(results)]
    return "\n".join(lines)
