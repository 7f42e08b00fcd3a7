# SPDX-License-Identifier: Apache-2.0
"""The pictures of docs/BENCHMARKS.md: dots with least and most on a logarithmic axis, and lines
over two of them."""

import math
import statistics

from figures import (count_text, curve_text, curve_values, median, seconds_text, values)
from machine import size_text
from plot import FAINT, GRID, dot, line, text

WIDTH, LEFT, RIGHT, ROW = 860, 330, 90, 22
COLORS = ["#2f6fb0", "#e0892b", "#3b8f4a", "#b03a48", "#7a52a3", "#6b6b6b", "#c2a300"]
CEILINGS = ("bare", "ping-pong", "memcpy", "nghttpd")
PEERS = ("pyarrow server", "Go server", "redis", "memcached", "JSON", "IPC file", "multiprocessing")
UNITS = {"s": "", "/s": "/s", "B/s": " GB/s"}
PLOT_LEFT, PLOT_RIGHT, PLOT_TOP, PLOT_HEIGHT = 80, 290, 60, 320


def file_of(group):
    return f"benchmarks-{group['key']}.svg"


def ticks(every):
    """Round values around all of them: powers of ten, between which 2 and 5 where there are few."""
    low, high = math.floor(math.log10(min(every))), math.ceil(math.log10(max(every)))
    if high - low > 2:
        return [10.0**power for power in range(low, high + 1)]
    marks = [factor * 10.0**power for power in range(low, high + 1) for factor in (1, 2, 5)]
    first = max((i for i, mark in enumerate(marks) if mark <= min(every)), default=0)
    last = next(i for i, mark in enumerate(marks) if mark >= max(every))
    return marks[first:max(last, first + 2) + 1]


# ---- dots ----

def color_of(case):
    for color, words in ((COLORS[5], CEILINGS), (COLORS[1], PEERS)):
        if any(word in case["name"] for word in words):
            return color
    return COLORS[0]


def rows_of(groups, name, place, top):
    y, shapes = top, []
    for group in groups:
        if len(groups) > 1:
            y += ROW + 4
            shapes.append(text(20, y, group["title"], 13, bold=True))
        for case in group["cases"]:
            y += ROW
            end, color = place(max(values(case, name))), color_of(case)
            shapes += [text(LEFT - 12, y, case["name"], 11, "end"),
                       line(place(min(values(case, name))), y - 4, end, y - 4, color),
                       dot(place(median(case, name)), y - 4, color),
                       text(end + 9, y, FORMATS[name](median(case, name)), 11)]
    return shapes, y


FORMATS = {"seconds": seconds_text, "rate": lambda rate: count_text(rate) + "/s"}


def draw_dots(groups, title, name, better):
    every = [value for group in groups for case in group["cases"] for value in values(case, name)]
    marks = ticks(every)
    scale = (WIDTH - LEFT - RIGHT) / math.log10(marks[-1] / marks[0])

    def place(value):
        return LEFT + math.log10(value / marks[0]) * scale

    shapes, y = rows_of(groups, name, place, 46)
    axis = [line(place(mark), 46, place(mark), y + 10, GRID) for mark in marks]
    axis += [text(place(mark), y + 28, FORMATS[name](mark), 12, "middle", FAINT) for mark in marks]
    axis.append(text(WIDTH - 20, y + 48, "median, with least and most; blue: flightkv, orange: "
                     f"others, grey: a ceiling; logarithmic; {better} is better", 12, "end", FAINT))
    return {"width": WIDTH, "height": y + 64,
            "shapes": axis + [text(20, 28, title, 17, bold=True)] + shapes}


# ---- lines ----

def segment(points, color):
    return [line(*start, *end, color) for start, end in zip(points, points[1:])] + \
        [dot(*point, color) for point in points]


def labels_apart(ends, least=15):
    """Moves labels down until none covers another; by name."""
    placed, y = {}, -math.inf
    for wanted, name in sorted((y, name) for name, y in ends.items()):
        y = max(wanted, y + least)
        placed[name] = y
    return placed


def draw_curve(group):
    cases = group["cases"]
    unit = group["unit"]

    def value(case):
        return statistics.median(curve_values(group, case))
    low_x, high_x = (math.log10(x) for x in (min(case["x"] for case in cases),
                                             max(case["x"] for case in cases)))
    marks = ticks([value(case) for case in cases])
    bottom = PLOT_TOP + PLOT_HEIGHT
    right = WIDTH - PLOT_RIGHT

    def place(x, y):
        share = (math.log10(x) - low_x) / max(high_x - low_x, 1e-9)
        return (PLOT_LEFT + share * (right - PLOT_LEFT),
                bottom - math.log10(y / marks[0]) / math.log10(marks[-1] / marks[0]) * PLOT_HEIGHT)
    shapes = [text(20, 28, group["title"], 17, bold=True)]
    for mark in marks:
        _, y = place(10**low_x, mark)
        label = curve_text(mark, unit) + UNITS[unit]
        shapes += [line(PLOT_LEFT, y, right, y, GRID),
                   text(PLOT_LEFT - 8, y + 4, label, 11, "end", FAINT)]
    for x in sorted({case["x"] for case in cases}):
        place_x, _ = place(x, marks[0])
        label = size_text(x) if group["x_unit"] == "bytes" else f"{x:,}"
        shapes += [line(place_x, PLOT_TOP, place_x, bottom, GRID),
                   text(place_x, bottom + 18, label, 11, "middle", FAINT)]
    ends = {}
    names = list(dict.fromkeys(case["series"] for case in cases))
    for name, color in zip(names, COLORS):
        points = sorted(place(case["x"], value(case)) for case in cases if case["series"] == name)
        shapes += segment(points, color)
        ends[name] = points[-1][1]
    for name, y in labels_apart(ends).items():
        shapes.append(text(right + 14, y + 4, name, 12, color=COLORS[names.index(name)]))
    shapes.append(text(right, bottom + 38, f"medians; both axes logarithmic; {group['x_unit']}", 12,
                       "end", FAINT))
    return {"width": WIDTH, "height": bottom + 54, "shapes": shapes}


def draw_all(results):
    """By file name."""
    size, pictures = size_text(results["bytes"]), {}
    times = [group for group in results["groups"] if group["kind"] == "time"]
    if times:
        pictures["benchmarks.svg"] = draw_dots(times, f"Calls at {size}", "seconds", "left")
    for group in results["groups"]:
        if group["kind"] == "latency":
            pictures[file_of(group)] = draw_dots([group], f"{group['title']}: p50", "seconds",
                                                 "left")
        elif group["kind"] == "rate" and group["cases"]:
            pictures[file_of(group)] = draw_dots([group], "Gets of 1 KiB a second", "rate",
                                                 "right")
        elif group["kind"] == "curve":
            pictures[file_of(group)] = draw_curve(group)
    return pictures
