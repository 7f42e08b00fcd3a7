# SPDX-License-Identifier: Apache-2.0
"""The results as text: the harness' lines for each Flight way, one table, and what they say."""

import statistics

from machine import size_text

DIRECTIONS = ("put", "get")
FLIGHT_WAYS = ("library", "client", "pyarrow")
ORDER = ("library", "shared", "client", "pyarrow", "socket", "pickle", "feather", "parquet", "json")


def loop_means(timing):
    return [sum(loop) / len(loop) for loop in timing["loops"]]


def best(way, direction):
    return min(loop_means(way[direction]))


def is_mapped(name, direction):
    """No byte moves: there is a time, and no speed."""
    return (name, direction) == ("shared", "get")


def mean(way, direction):
    means = loop_means(way[direction])
    return sum(means) / len(means)


def short_size(size):
    """"2.0GB": binary units under their everyday names."""
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1023.95 or unit == "GB":
            return f"{size:.1f}{unit}"
        size /= 1024


def timing_lines(timing):
    means = loop_means(timing)
    loops, calls = len(timing["loops"]), len(timing["loops"][0])
    total = sum(sum(loop) for loop in timing["loops"])
    return (f"First: {timing['first']:.4g}s\n"
            f"Best timing out of {loops} loops: {min(means):.4g}s, avg/stdev: "
            f"{statistics.fmean(means):.4g}s/{statistics.pstdev(means):.4g}s, total execution time "
            f"({loops} loops {calls} times each): {total:.4g}s\n")


def harness_text(results):
    parts = []
    for name in FLIGHT_WAYS:
        way = results["ways"].get(name)
        if way:
            parts.append(f"{way['label']}\n"
                         f"Size of the table: {short_size(results['bytes'])}\n"
                         f"Caching the table...\n{timing_lines(way['put'])}\n"
                         f"Retrieve the table...\n{timing_lines(way['get'])}")
    return "\n".join(parts)


# ---- the table ----

def seconds(value):
    if value is None:
        return "-"
    return f"{value:.4g}s" if value >= 1 else f"{value * 1000:.4g}ms"


def cells(ways, name, direction, size):
    timing, base = ways[name][direction], ways.get("library")
    fastest = best(ways[name], direction)
    speed = "mapped" if is_mapped(name, direction) else f"{size / fastest / 1e9:.3g}"
    ratio = f"{fastest / best(base, direction):.3g}" if base else "-"
    return [seconds(timing["first"]), seconds(fastest), speed, ratio]


def counts(way):
    """"5 x 10", or one of each direction where they differ."""
    texts = []
    for direction in DIRECTIONS:
        loops = way[direction]["loops"]
        texts.append(f"{len(loops)} x {len(loops[0])}")
    return texts[0] if texts[0] == texts[1] else " / ".join(texts)


def table_of(ways, size):
    names = [name for name in ORDER if name in ways]
    rows = [["", "first", "best", "GB/s", "ratio", "first", "best", "GB/s", "ratio", "loops"]]
    for name in names:
        rows.append([ways[name]["label"], *cells(ways, name, "put", size),
                     *cells(ways, name, "get", size), counts(ways[name])])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        parts = [row[0].ljust(widths[0])]
        parts += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        parts[5] = "  " + parts[5]
        lines.append("  ".join(parts).rstrip())
    put_width = sum(widths[1:5]) + 6
    head = " " * (widths[0] + 2) + "put".center(put_width) + "    " + "get".center(
        sum(widths[5:9]) + 6)
    return "\n".join([head.rstrip(), lines[0], "-" * max(map(len, lines)), *lines[1:]]) + "\n"


def table(results):
    text = (f"{size_text(results['bytes'])}: {results['rows']:,} rows, {results['columns']} "
            f"float64 columns, batches of {results['batch_rows']:,} rows\n\n"
            + table_of(results["ways"], results["bytes"]))
    small = results["small"]
    if small["ways"]:
        text += (f"\n{size_text(small['bytes'])}, beside JSON\n\n"
                 + table_of(small["ways"], small["bytes"]))
    return text + ("\nfirst: the very first call, into cold memory (the socket's: into fresh "
                   "memory); best: of\nthe loops' means; ratio: of the best time to the one of "
                   "flightkv's own client.\n"
                   + ("mapped: the client could read the table; reading it is not part of the time."
                      "\n" if "shared" in results["ways"] else ""))


# ---- what the figures say ----

def stage_lines(way):
    lines = []
    for direction in DIRECTIONS:
        calls = way["turns"][0]["stages"][direction]
        fastest = min(calls, key=lambda call: sum(call.values()))
        parts = ", ".join(f"{name} {value:.4g}s" for name, value in fastest.items())
        lines.append(f"JSON {direction}: {parts}")
    return lines


def ratio_line(ways, label, faster, slower, how):
    """How many times as fast the first is as the second, by the best loop and by all of them: the
    best of many short loops is a luckier one than that of a few long ones."""
    if faster not in ways or slower not in ways:
        return []
    put, get = (best(ways[slower], d) / best(ways[faster], d) for d in DIRECTIONS)
    puts, gets = (mean(ways[slower], d) / mean(ways[faster], d) for d in DIRECTIONS)
    return [f"{label}: put {put:.3g}, get {get:.3g} {how} (all calls: {puts:.3g}, {gets:.3g})"]


def memory_lines(results):
    client = results["ways"].get("client")
    lines = []
    if client:
        memory = client["turns"][0]["server_memory"]["after_put"]
        over = 100 * (memory / results["bytes"] - 1)
        lines.append(f"A fresh flightkv server after one put: {size_text(memory)} of memory for "
                     f"{size_text(results['bytes'])} of values ({over:+.1f} %)")
    lines.append(f"Most memory at any time, all processes: {size_text(results['memory_peak'])}")
    return lines


def findings(results):
    ways, small = results["ways"], results["small"]["ways"]
    lines = ratio_line(ways, "pyarrow's client, flightkv's server", "client", "pyarrow",
                       "times the speed of pyarrow's server")
    lines += ratio_line(ways, "flightkv's own client", "library", "socket",
                        "of the speed of a bare socket")
    if "json" in small:
        lines += ratio_line(small, "pyarrow's client, flightkv's server", "client", "json",
                            "times the speed of JSON")
        lines += stage_lines(small["json"])
    lines += memory_lines(results)
    minutes, rest = divmod(int(results["seconds"]), 60)
    lines.append(f"Time for all of it: {minutes} min {rest:02d} s")
    return "\n".join(lines) + "\n"


def text(results):
    return "\n".join([harness_text(results), table(results), findings(results)])
