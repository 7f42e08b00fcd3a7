# SPDX-License-Identifier: Apache-2.0
"""Which cores servers and clients run on, where that decides what is measured.

A call of some microseconds costs a third when both its ends are on one core: nobody has to be
woken up on another. Left to the scheduler, ends that block and wake each other share a core in one
round and don't in the next, so a ratio of two such calls says which of them was lucky. What is
pinned is measured as pinned: servers on one core, clients on another, or all of them on one.

The large table's transfers beside bare sockets are pinned to a core each, too: the scheduler lets
both ends share one in some runs, and keeps them there. Puts and gets of 1 GiB over TCP by "flightkv
bench", medians of 8 runs each, in turn: 187 to 422 ms and 206 to 551 ms left to the scheduler, 197
to 211 and 208 to 221 pinned. Other large transfers are left to it."""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

TITLES = {"apart": "a core each", "together": "both ends on one core"}


@dataclass
class Placement:
    key: str
    title: str
    server: int  # the cores
    client: int


def siblings(core):
    """The cores that are one with it in the silicon, itself among them."""
    path = Path(f"/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list")
    try:
        text = path.read_text().strip()
    except OSError:
        return {core}
    every = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        every |= set(range(int(first), int(last or first) + 1))
    return every


def cores():
    """One for servers and one for clients: two of a pair in the silicon only where there are no
    others, and the same one twice where there is only one."""
    allowed = sorted(os.sched_getaffinity(0))
    first, rest = allowed[0], allowed[1:]
    apart = [core for core in rest if core not in siblings(first)]
    return first, (apart or rest or [first])[0]


def apart():
    return Placement("apart", TITLES["apart"], *cores())


def together():
    first, _ = cores()
    return Placement("together", TITLES["together"], first, first)


def placements():
    """With one core there is one of them."""
    return [apart(), together()] if len(set(cores())) > 1 else [together()]


@contextlib.contextmanager
def on_core(core):
    """Processes that this thread starts meanwhile stay on that core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def pin_threads(every):
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(task.name), every)


@contextlib.contextmanager
def all_on_core(core):
    """All threads of this process meanwhile: pyarrow's client has some of its own."""
    before = os.sched_getaffinity(0)
    pin_threads({core})
    try:
        yield
    finally:
        pin_threads(before)
