# SPDX-License-Identifier: Apache-2.0
"""docs/BENCHMARKS.md, from the results of bench.py: the goals, then a table a group."""

import statistics

import drawings
import goals
import reasons
from figures import (CURVE_UNITS, count_text, curve_text, curve_value, curve_values, median,
                     ratio_text, seconds_text, values)
from machine import size_text
from plot import svg
from profiler import PARTS

HEAD = """# Benchmarks

Written by `make bench`; [bench/bench.py](../bench/bench.py) says at its head how it measures.
Within a group, all cases were called once a round, in an order that was random each round. "first"
is the first round, apart from the rest; median, least and most are of the rounds behind it. Only
ratios mean anything on another machine: those of one group, which is one sitting.

Calls of a table of 1 KiB were made in two placements, each with a table of its own: servers on one
core and clients on another, and both on the same core. Left to the scheduler, the two ends of a
call share a core in one round and don't in the next. A bare ping-pong then takes a third of the
time or all of it, and its ratio to another call says which of them was lucky. The large table
beside bare sockets has a core for each end, too; other large transfers are left to the scheduler.

## Goals

Medians of the groups below.

{goals}

{reasons}

## The machine and the run

{facts}
"""


def wire_of(case):
    """None where it wasn't over the loopback device."""
    return median(case, "wire") if len(values(case, "wire")) == len(case["calls"]) else None


# ---- tables: a row a case, a column a function ----

def speed_text(case):
    """GB/s; of a call that moves nothing, or in no time, none."""
    size, seconds = median(case, "bytes"), median(case)
    return f"{size / seconds / 1e9:.2f}" if size and seconds > 1e-3 else "-"


def wire_text(case, base):
    wire = wire_of(case)
    return size_text(round(wire)) if wire is not None else "-"


def wire_ratio(case, base):
    wire, whole = wire_of(case), wire_of(base) if base else None
    if wire is None:
        return "-"
    return ratio_text(wire, whole) if whole else "-" if base else "1"


def ratio_of(name):
    return lambda case, base: ratio_text(median(case, name), median(base, name)) if base else "1"


def text_of(name, text):
    return lambda case, base: text(median(case, name))


def share_text(call, part):
    shares = call.get("shares")
    return f"{100 * shares[part]:.0f} %" if shares else "-"


def share_of(part):
    return lambda case, base: share_text(case["first"], part)


COLUMNS = {
    "time": {
        "batch": lambda case, base: case["batch"],
        "first": lambda case, base: seconds_text(case["first"]["seconds"]),
        "median": text_of("seconds", seconds_text),
        "least": lambda case, base: seconds_text(min(values(case))),
        "most": lambda case, base: seconds_text(max(values(case))),
        "GB/s": lambda case, base: speed_text(case),
        "time": ratio_of("seconds"),
        "every byte read once": text_of("read", seconds_text),
        "p99": text_of("p99", seconds_text),
        "CPU": text_of("cpu", seconds_text),
        "on the wire": wire_text,
        "bytes": wire_ratio,
    },
    "latency": {
        "batch": lambda case, base: case["batch"],
        "first p50": lambda case, base: seconds_text(case["first"]["seconds"]),
        "p50": text_of("seconds", seconds_text),
        "least": lambda case, base: seconds_text(min(values(case))),
        "most": lambda case, base: seconds_text(max(values(case))),
        "p99": text_of("p99", seconds_text),
        "p99.9": text_of("p999", seconds_text),
        "calls/s": text_of("rate", count_text),
        "p50 ratio": ratio_of("seconds"),
    },
    "rate": {
        "batch": lambda case, base: case["batch"],
        "first": lambda case, base: count_text(case["first"]["rate"]),
        "median": text_of("rate", count_text),
        "least": lambda case, base: count_text(min(values(case, "rate"))),
        "most": lambda case, base: count_text(max(values(case, "rate"))),
        "ratio": ratio_of("rate"),
    },
    "memory": {
        "stored": text_of("stored", size_text),
        "memory": text_of("rss", size_text),
        "over it": lambda case, base: f"{median(case, 'rss') / median(case, 'stored') - 1:+.1%}",
        "over it, each": lambda case, base: size_text(round(
            (median(case, "rss") - median(case, "stored")) / median(case, "count"))),
    },
    "profile": {
        "batch": lambda case, base: case["batch"],
        "a call takes": text_of("seconds", seconds_text),
        "CPU": text_of("cpu", seconds_text),
        "in the kernel": text_of("kernel", seconds_text),
        **{part: share_of(part) for part in PARTS},
    },
}
OPTIONAL = {"every byte read once": "read", "p99": "p99", "CPU": "cpu", "on the wire": "wire",
            "bytes": "wire"}
LEGENDS = {
    "time": "\"time\" is the median's ratio to that of the case above it with a 1{wire}.",
    "latency": "Times in microseconds are \"us\"; p50, p99 and p99.9 are medians of the rounds'; "
               "least and most are of the p50; its ratio is to the case above it with a 1.",
    "rate": "Calls a second; the ratio is to the case above it with a 1.",
    "memory": None,
    "profile": "The shares are of the CPU time, by perf's samples.",
}
WIRE = "; \"bytes\" is the same of what went over the loopback device, TCP's headers included"


def markdown(rows):
    rows = [rows[0], ["---"] + ["---:"] * (len(rows[0]) - 1), *rows[1:]]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def columns_of(group):
    """Those of its kind that some case has a figure for."""
    columns = COLUMNS[group["kind"]]
    if group["kind"] != "time":
        return columns
    return {title: text for title, text in columns.items() if title not in OPTIONAL or any(
        values(case, OPTIONAL[title]) for case in group["cases"])}


def table_of(group):
    by_name = {case["name"]: case for case in group["cases"]}
    columns = columns_of(group)
    rows = [["", *columns]]
    for case in group["cases"]:
        base = by_name.get(case["base"])
        rows.append([case["name"], *(text(case, base) for text in columns.values())])
    return markdown(rows)


def x_text(group, x):
    return size_text(x) if group["x_unit"] == "bytes" else f"{x:,}"


def value_text(group, case):
    """First, median and best; once, where there was one measurement."""
    if case is None:
        return "-"
    unit, every = group["unit"], curve_values(group, case)
    best = min(every) if unit == "s" else max(every)
    three = (curve_value(case["first"], unit), statistics.median(every), best)
    texts = [curve_text(value, unit) for value in three]
    return texts[0] if len(set(three)) == 1 else " / ".join(texts)


def curve_table(group):
    """A row an x, a column a series."""
    names = list(dict.fromkeys(case["series"] for case in group["cases"]))
    found = {(case["series"], case["x"]): case for case in group["cases"]}
    batches = {case["x"]: case["batch"] for case in group["cases"]}
    rows = [[group["x_unit"], "batch", *names]]
    for x in sorted(batches):
        rows.append([x_text(group, x), batches[x]] + [value_text(group, found.get((name, x)))
                                                      for name in names])
    return markdown(rows)


def section(group):
    parts = [f"## {group['title']}\n", group["about"] + "\n"]
    if group["kind"] == "curve":
        parts += [f"First (cold) / median / best{CURVE_UNITS[group['unit']]}.\n",
                  f"![{group['title']}]({drawings.file_of(group)})\n", curve_table(group) + "\n"]
    else:
        legend = LEGENDS[group["kind"]]
        if legend:
            wire = WIRE if "bytes" in columns_of(group) else ""
            parts.append(legend.format(wire=wire) + "\n")
        if group["kind"] in ("latency", "rate") and group["cases"]:
            parts.append(f"![{group['title']}]({drawings.file_of(group)})\n")
        parts.append(table_of(group) + "\n")
    parts += [f"{note}\n" for note in group["notes"]]
    return "\n".join(parts)


# ---- the document ----

def facts_of(results):
    about, run = results["machine"], results["run"]
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    lines = [f"{results['date']}: {about['processor']}, {about['cores']} cores, "
             f"{size_text(about['memory'])} of memory, Linux {about['kernel']}",
             "transparent huge pages: " + about["huge_pages"],
             *(f"{name}: {value}" for name, value in about["tcp"].items()),
             f"commit {run['commit']}; {versions}",
             "client and server on the same machine",
             f"the large table: {size_text(results['bytes'])}, {results['bytes'] // 512:,} rows of "
             "64 float64 columns, in batches of 131,072 rows (64 MiB)",
             time_text(results),
             stolen_text(results),
             f"every call is in [bench/results/{results['date']}.json]"
             f"(../bench/results/{results['date']}.json)"]
    lines += [f"{name} is left out ({why})" for name, why in results["missing"].items()]
    lines += [f"the group {name} failed: {why}" for name, why in results["failed"].items()]
    return "\n".join(f"- {line}" for line in lines)


def time_text(results):
    minutes, rest = divmod(round(sum(group["seconds"] for group in results["groups"])), 60)
    text = f"{minutes} min {rest:02d} s for all groups"
    commits = {group["commit"] for group in results["groups"]}
    if len(commits) > 1:
        text += f", run one by one, at the commits {', '.join(sorted(commits))}"
    return text


def stolen_text(results):
    """A host that is busy makes everything slower by its own measure."""
    groups = [group for group in results["groups"] if "stolen" in group]
    if not groups:
        return "what other virtual machines took of the CPU time isn't known"
    worst = max(groups, key=lambda group: group["stolen"])
    whole = sum(group["seconds"] for group in groups)
    share = sum(group["stolen"] * group["seconds"] for group in groups) / max(whole, 1e-9)
    return (f"other virtual machines took {share:.1%} of the CPU time, {worst['stolen']:.1%} in "
            f"\"{worst['title']}\"")


def write_document(results, folder):
    """BENCHMARKS.md and its plots, in place of those that are there; gives their paths."""
    parts = [HEAD.format(goals=goals.table(results), reasons=reasons.text(results),
                         facts=facts_of(results))]
    pictures = drawings.draw_all(results)
    if "benchmarks.svg" in pictures:
        parts.append("![medians with least and most of every large case](benchmarks.svg)\n")
    parts += [section(group) for group in results["groups"]]
    for old in folder.glob("benchmarks*.svg"):
        if old.name not in pictures:
            old.unlink()
    written = [folder / "BENCHMARKS.md"]
    written[0].write_text("\n".join(parts))
    for name, drawing in pictures.items():
        written.append(folder / name)
        written[-1].write_text(svg(drawing))
    return written
