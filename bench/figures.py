# SPDX-License-Identifier: Apache-2.0
"""Figures of the results as they stand in the JSON file: a case is a dictionary there, its calls
dictionaries of numbers."""

import statistics


def values(case, name="seconds"):
    return [call[name] for call in case["calls"] if call.get(name) is not None]


def median(case, name="seconds"):
    """None where no call has it."""
    every = values(case, name)
    return statistics.median(every) if every else None


def find(results, key, name):
    """A case by its group's key and its name; None where it wasn't measured."""
    for group in results["groups"]:
        if group["key"] == key:
            return next((case for case in group["cases"] if case["name"] == name), None)
    return None


def curve_value(call, unit):
    """What a curve shows of a call, by its unit: "s", "/s" or "B/s"."""
    seconds = call["seconds"]
    return seconds if unit == "s" else (call["bytes"] if unit == "B/s" else 1) / seconds


def curve_values(group, case):
    return [curve_value(call, group["unit"]) for call in case["calls"]]


def ratio(part, whole):
    return part / whole if part is not None and whole else None


# ---- as text ----

def seconds_text(seconds):
    if seconds is None:
        return "-"
    for unit, factor in (("s", 1), ("ms", 1e3), ("us", 1e6)):
        if seconds * factor >= 0.9995 or unit == "us":  # or it would read as "1e+03"
            return f"{seconds * factor:.3g} {unit}"


def count_text(number):
    """Three digits of it at most, with commas: it isn't known better than that."""
    if number is None:
        return "-"
    if number < 1000:
        return f"{number:.3g}"
    digits = len(str(round(number))) - 3
    return f"{round(number / 10**digits) * 10**digits:,}"


CURVE_UNITS = {"s": "", "/s": ", a second", "B/s": ", in GB/s"}  # what isn't in the texts


def curve_text(value, unit):
    return seconds_text(value) if unit == "s" else count_text(value) if unit == "/s" else \
        f"{value / 1e9:.3g}"


def ratio_text(part, whole):
    """"1/32" or "1.2"."""
    value = ratio(part, whole)
    if value is None:
        return "-"
    if value >= 0.5:
        return f"{value:.2f}" if value < 100 else f"{value:,.0f}"
    return f"1/{1 / value:.1f}" if value > 0.01 else f"1/{1 / value:,.0f}"
