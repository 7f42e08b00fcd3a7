# SPDX-License-Identifier: Apache-2.0
"""What bench.py measures: a group is a table of the results, a case a row of it, a call one
measurement of a case.

A case is called once a round; `run` gives a Call, and everything outside of what is measured is
outside of its time."""

from dataclasses import dataclass, field

COLUMNS = 64
BATCH_ROWS = 131072
ROW_BYTES = COLUMNS * 8
BATCH = "64 MiB"    # what a full batch of that shape is
SMALL_ROWS = 128    # of one float64 column: 1 KiB


@dataclass
class Call:
    seconds: float
    rows: int = 0
    bytes: int = 0      # of batch bodies, as the client got or sent them
    wire: int = None    # as the loopback device counts them; None: not over it
    more: dict = field(default_factory=dict)  # p99, p999, rate, read, cpu, rss, stored


@dataclass
class Case:
    name: str
    run: callable
    base: str = None    # the case that it is held against
    batch: str = BATCH  # in what pieces the table goes
    x: int = None       # where it stands on a curve
    series: str = None  # which curve that is
    first: Call = None  # of the first round
    calls: list = field(default_factory=list)


@dataclass
class Group:
    key: str            # as in ONLY=
    title: str
    about: str
    cases: list
    kind: str = "time"  # time, latency, rate, curve, memory or profile: which columns it has
    rounds: int = None  # where it needs fewer than the rest
    times: int = 1      # so many times as many rounds: what wanders much, and is quick
    notes: list = field(default_factory=list)  # what was left out, and why
    x_unit: str = None  # of a curve: "bytes", "keys", "clients", "connections"
    unit: str = "s"     # of a curve's values: "s", "/s" or "B/s"


def latency_call(words):
    """Of a program's line "latency P50 P99 P99.9 MAX SUM COUNT ..."."""
    p50, p99, p999, most, total, count = map(float, words[1:7])
    return Call(p50, more={"p99": p99, "p999": p999, "most": most, "rate": count / total,
                           "count": int(count)})
