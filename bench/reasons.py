# SPDX-License-Identifier: Apache-2.0
"""Why a goal isn't reached: for each that isn't, what the profiles say that the time goes into, and
where it is written what was tried."""

import goals
from figures import seconds_text

HEAD = """## Why

What bounds each goal that isn't reached, by [the profiles](#where-the-time-goes).
"""
KERNEL = "kernel: "
FULL = 0.9  # of a core's time


def cases_of(results, work):
    """The profile's cases, by process."""
    group = next((group for group in results["groups"] if group["key"] == "profiles"), None)
    calls = [case["first"] for case in group["cases"]] if group else []
    return {call["process"]: call for call in calls if call["work"] == work}


def parts_of(call):
    """Seconds of a call by part, the kernel's in one, the largest first."""
    parts = {}
    for part, share in (call.get("shares") or {}).items():
        name = "kernel" if part.startswith(KERNEL) else part
        parts[name] = parts.get(name, 0) + share * call["cpu"]
    return dict(sorted(parts.items(), key=lambda item: -item[1]))


def process_text(process, call):
    """Its CPU time, what share of the call that is, and the parts of it."""
    parts = ", ".join(f"{name} {seconds_text(seconds)}" for name, seconds in parts_of(call).items()
                      if seconds >= 0.01 * call["cpu"])
    parts = parts or f"kernel {seconds_text(call['kernel'])}, other parts not measured"
    return (f"{seconds_text(call['cpu'])} of CPU time in the {process}, "
            f"{100 * call['cpu'] / call['seconds']:.0f} % of it ({parts})")


def work_text(work, calls):
    first = next(iter(calls.values()))
    ends = " and ".join(process_text(process, call) for process, call in calls.items())
    return f"*{work}*: {seconds_text(first['seconds'])}, with {ends}."


def bound_text(calls):
    """What of its time the work has to do with: CPUs that are full, or waiting."""
    seconds = next(iter(calls.values()))["seconds"]
    full = [process for process, call in calls.items() if call["cpu"] >= FULL * seconds]
    rest = 1 - sum(call["cpu"] for call in calls.values()) / seconds
    if full:
        return f" Bounded by the CPU time of the {' and the '.join(full)}."
    if rest < 1 - FULL:
        return " Bounded by the CPU time of both ends."
    return f" {100 * rest:.0f} % of it is waiting for the other end, and for being woken up."


def ratio_text(verdict, results):
    """The ratio in the profiles; and, of small calls, what would be left of it if a part of ours
    took no time."""
    if len(verdict.profiles) != 2:
        return []
    ours, other = (cases_of(results, work) for work in verdict.profiles)
    if not ours or not other:
        return []
    whole, base = (next(iter(calls.values()))["seconds"] for calls in (ours, other))
    if not verdict.goal.startswith("<="):
        return [f"  Here the ratio is {base / whole:.2f}."]
    if not all(call.get("shares") for call in ours.values()):
        return [f"  Here the ratio is {whole / base:.2f}."]

    def spent(part):
        return sum(parts_of(call).get(part, 0) for call in ours.values())
    return [f"  Here the ratio is {whole / base:.2f}; it would be "
            f"{(whole - spent('nghttp2')) / base:.2f} without nghttp2's time, "
            f"{(whole - spent('flightkv')) / base:.2f} without flightkv's own, and the kernel's "
            f"alone is {spent('kernel') / base:.2f}."]


def reason(verdict, results, told):
    """`told` are the works that were described before."""
    lines = [f"- **{verdict.work}**: {verdict.measured}, goal {verdict.goal}."]
    found = {work: cases_of(results, work) for work in verdict.profiles}
    for work, calls in found.items():
        if calls:
            lines.append(f"  *{work}*: as above." if work in told else
                         f"  {work_text(work, calls)}{bound_text(calls)}")
            told.add(work)
    if verdict.profiles and not any(found.values()):
        lines.append("  Its profile is not measured.")
    lines += ratio_text(verdict, results)
    if verdict.tried:
        lines.append(f"  What was tried: [design/{verdict.tried}](design/{verdict.tried}).")
    return "\n".join(lines)


def text(results):
    missed = [verdict for verdict in goals.verdicts(results) if verdict.holds is False]
    if not missed:
        return HEAD.splitlines()[0] + "\n\nEvery goal that was measured is reached."
    told = set()
    return "\n".join([HEAD, *(reason(verdict, results, told) for verdict in missed)])
