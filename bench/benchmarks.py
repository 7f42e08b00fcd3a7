# SPDX-License-Identifier: Apache-2.0
"""docs/BENCHMARKS.md and its plots, from the results of bench.py."""

import math
import statistics

from machine import size_text
from plot import FAINT, GRID, dot, line, seconds_text, svg, text

WIDTH, LEFT, RIGHT, ROW = 860, 300, 90, 26
COLOR = "#2f6fb0"

HEAD = """# Benchmarks

Written by `make bench`; [bench/bench.py](../bench/bench.py) says at its head how it measures. All
tables are of one run. Within a group, all cases were called once a round, in an order that was
random each round. "first" is the first round, apart from the rest, into memory that was not touched
before; median, least and most are of the {rounds} rounds behind it. "time" is the median's ratio to
that of the group's case with a 1; "bytes" is the same of what went over the wire, TCP's headers
included. Only ratios mean anything on another machine.

- {date}: {processor}, {cores} cores, {memory} of memory, Linux {kernel}, pyarrow {pyarrow}
- client and server on the same machine
- a table of {size}: {rows:,} rows of 64 float64 columns, in batches of 131,072 rows
- {minutes} min {rest:02d} s in all; every call is in [{results}](../{results})
"""


def seconds_of(case):
    return [call["seconds"] for call in case["calls"]]


def median(case):
    return statistics.median(seconds_of(case))


def wire_of(case):
    """None where it wasn't over the loopback device."""
    counts = [call["wire"] for call in case["calls"]]
    return None if None in counts else statistics.median(counts)


def ratio_text(part, whole):
    """"1/32" or "1.2"."""
    ratio = part / whole
    if ratio >= 0.5:
        return f"{ratio:.2f}"
    return f"1/{1 / ratio:.1f}" if ratio > 0.01 else f"1/{1 / ratio:,.0f}"


def row_of(case, by_name):
    base, wire = by_name.get(case["base"]), wire_of(case)
    seconds = seconds_of(case)
    base_wire = wire_of(base) if base else None
    return [case["name"], seconds_text(case["first"]["seconds"]), seconds_text(median(case)),
            seconds_text(min(seconds)), seconds_text(max(seconds)),
            ratio_text(median(case), median(base)) if base else "1",
            size_text(round(wire)) if wire is not None else "-",
            ratio_text(wire, base_wire) if wire is not None and base_wire else
            "1" if wire is not None and not base else "-"]


def table_of(group):
    by_name = {case["name"]: case for case in group["cases"]}
    rows = [["", "first", "median", "least", "most", "time", "on the wire", "bytes"]]
    rows.append(["---"] + ["---:"] * (len(rows[0]) - 1))
    rows += [row_of(case, by_name) for case in group["cases"]]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


# ---- plots ----

def draw(results):
    """All groups' medians with least and most, on one logarithmic axis of seconds."""
    every = [case for group in results["groups"] for case in group["cases"]]
    values = [second for case in every for second in seconds_of(case)]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    scale = (WIDTH - LEFT - RIGHT) / max(high - low, 1)

    def place(seconds):
        return LEFT + (math.log10(seconds) - low) * scale

    top = y = 50
    shapes = [text(20, 28, f"Calls at {size_text(results['bytes'])}", 17, bold=True)]
    for group in results["groups"]:
        y += ROW
        shapes.append(text(20, y, group["title"], 13, bold=True))
        for case in group["cases"]:
            y += ROW
            end = place(max(seconds_of(case)))
            shapes += [text(LEFT - 12, y, case["name"], 12, "end"),
                       line(place(min(seconds_of(case))), y - 4, end, y - 4, COLOR),
                       dot(place(median(case)), y - 4, COLOR),
                       text(end + 9, y, seconds_text(median(case)), 12)]
    axis = [line(place(10.0**power), top, place(10.0**power), y + 10, GRID)
            for power in range(low, high + 1)]
    axis += [text(place(10.0**power), y + 28, seconds_text(10.0**power), 12, "middle", FAINT)
             for power in range(low, high + 1)]
    axis.append(text(WIDTH - RIGHT, y + 48, "median, with least and most; logarithmic; left is "
                     "better", 12, "end", FAINT))
    return {"width": WIDTH, "height": y + 64, "shapes": axis + shapes}


# ---- the document ----

def write_document(results, folder):
    """BENCHMARKS.md and its plot; gives their paths."""
    about = results["machine"]
    minutes, rest = divmod(results["seconds"], 60)
    parts = [HEAD.format(
        rounds=results["rounds"], date=results["date"], processor=about["processor"],
        cores=about["cores"], memory=size_text(about["memory"]), kernel=about["kernel"],
        pyarrow=results["pyarrow"], size=size_text(results["bytes"]),
        rows=results["bytes"] // 512, minutes=minutes, rest=rest,
        results=f"bench/results/{results['date']}.json"),
        "![medians with least and most of every case](benchmarks.svg)\n"]
    for group in results["groups"]:
        parts.append(f"## {group['title']}\n\n{group['about']}\n\n{table_of(group)}\n")
    document, picture = folder / "BENCHMARKS.md", folder / "benchmarks.svg"
    document.write_text("\n".join(parts))
    picture.write_text(svg(draw(results)))
    return [document, picture]
