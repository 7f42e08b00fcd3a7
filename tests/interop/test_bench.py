# SPDX-License-Identifier: Apache-2.0
"""`make bench`, small: what it leaves, and how it refuses. Its figures mean nothing here."""

import json
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree

import pytest

from server_process import PROGRAM, ROOT
from test_demo import run
from this_build import preload

sys.path.insert(0, str(ROOT / "bench"))

import figures
import goals
import placement
import profiler
import reasons
from peers import PACKAGES, Peers, find

MIB = 1 << 20
# What a group has whether or not peers are installed.
OWN_CASES = {
    "sockets": {"put: bare TCP socket", "get: libflightkv over Unix", "memcpy"},
    "python": {"put, over TCP: Python", "get, over TCP, each batch released: libflightkv"},
    "pyarrow": {"put: pyarrow server", "put: flightkv over TLS", "get: bare nghttp2 responder"},
    "first": {"pyarrow server, pyarrow's client", "flightkv, libflightkv's client"},
    "stores": {"put: flightkv, libflightkv over TCP", "get: JSON over TCP, of 1 MiB"},
    "host": {"get: IPC file on tmpfs, mapped", "get: multiprocessing.shared_memory"},
    "latency-together": {"get: ping-pong over Unix", "put: libflightkv over TCP",
                         "get: pyarrow's client, pyarrow server"},
    "fairness": {"alone", "beside both"},
    "sizes": {"put: libflightkv over TCP, 1 KiB", "get: pyarrow's client and server, 1 MiB"},
    "keys": {"put, 300 keys", "get, 1 keys", "list, 300 keys"},
    "memory": {"300 keys of 1 KiB", "one table of 1 MiB"},
    "clients": {"1 worker, Unix, 500 clients"},
    "parts": {"pyarrow: first 1 % of rows"},
    "streams": {"get of one table, Unix, 8", "puts by so many clients, TCP, 4"},
    "appends": {"behind 20 batches"},
    "transports": {"get over TLS"},
    "profiles": {"1 KiB get over TCP, both ends on one core: server",
                 "first put by pyarrow's client, the pyarrow server: client"},
}


def bench(folder, *options):
    return run(sys.executable, "bench/bench.py", "--docs", folder, "--results", folder, "--build",
               (ROOT / PROGRAM).parent, "--rounds", "1", "--load-seconds", "0.1", "--batches",
               "20", "--keys", "300", "--calls", "500", *options, **preload())


def results_in(folder):
    return json.loads(next(folder.glob("20*.json")).read_text())


def cases_by_group(results):
    return {group["key"]: {case["name"]: case for case in group["cases"]}
            for group in results["groups"]}


def check_group(group):
    for case in group["cases"]:
        calls = [case["first"], *case["calls"]]
        assert len(calls) == group["rounds"] + (2 if group["rounds"] == 0 else 1)
        if group["kind"] != "memory":
            assert all(call["seconds"] > 0 for call in calls), case["name"]
        if group["kind"] == "latency":
            assert all(call["seconds"] <= call["p99"] <= call["p999"] <= call["most"]
                       for call in calls)
        bases = {other["name"] for other in group["cases"]}
        assert case["base"] is None or case["base"] in bases


def rows_of(document, title):
    """The cells of the table in that section."""
    section = document.split(f"\n## {title}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if re.match(r"\| (?!---)", line)]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Every group but those that need a peer, of 1 MiB."""
    folder = tmp_path_factory.mktemp("bench")
    result = bench(folder, "--size", "1MiB", "--without", ",".join(PACKAGES))
    assert result.returncode == 0, result.stdout + result.stderr
    return folder, result.stdout


def test_every_group_is_measured(whole):
    results = results_in(whole[0])
    found = cases_by_group(results)
    assert set(found) - {"latency-apart"} == {*OWN_CASES, "requests"}
    for key, names in OWN_CASES.items():
        assert names <= set(found[key]), key
    for group in results["groups"]:
        check_group(group)


def test_every_group_moves_what_it_says(whole):
    found = cases_by_group(results_in(whole[0]))
    for key in ("sockets", "python", "pyarrow", "first", "host"):
        for case in found[key].values():
            assert case["first"]["bytes"] == MIB, case["name"]
    parts = found["parts"]
    rows = {name: case["first"]["rows"] for name, case in parts.items()}
    sizes = {name: case["first"]["bytes"] for name, case in parts.items()}
    for client in ("libflightkv", "pyarrow"):
        assert rows[f"{client}: whole table"] == rows[f"{client}: 2 of 64 columns"] == 2048
        assert rows[f"{client}: first 1 % of rows"] == rows[f"{client}: 1 % of rows, middle"] == 20
        assert sizes[f"{client}: 2 of 64 columns"] == 1 << 15
        assert sizes[f"{client}: 2 columns of 1 % of rows"] == 2 * 8 * 20
    assert found["pyarrow"]["get: bare nghttp2 responder"]["first"]["rows"] == 2048


def test_the_document_has_what_the_results_have(whole):
    folder = whole[0]
    results, document = results_in(folder), (folder / "BENCHMARKS.md").read_text()
    for group in results["groups"]:
        if not group["cases"]:
            continue
        head, *rows = rows_of(document, group["title"])
        assert all(len(row) == len(head) for row in rows)
        if group["kind"] == "curve":
            assert head[2:] == list(dict.fromkeys(case["series"] for case in group["cases"]))
            assert len(rows) == len({case["x"] for case in group["cases"]})
        else:
            assert [row[0] for row in rows] == [case["name"] for case in group["cases"]]
    pictures = set(re.findall(r"\]\((\S+\.svg)\)", document))
    assert pictures == {path.name for path in folder.glob("*.svg")}
    for name in pictures:
        xml.etree.ElementTree.parse(folder / name)


def test_what_is_missing_is_said(whole):
    folder, output = whole
    document = (folder / "BENCHMARKS.md").read_text()
    for name, package in PACKAGES.items():
        assert f"Left out: {name} (apt-get install {package})" in output
        assert f"{name} is left out" in document
    assert "gets of 1 KiB a second, one worker, h2load over 50 connections, 10 at a time | " \
           ">= 100,000 | not measured | - |" in document


def test_peers_that_are_here_join_the_same_day(whole):
    folder = whole[0]
    before = cases_by_group(results_in(folder))
    result = bench(folder, "--size", "1MiB", "--only", "stores,requests", "--without", "go")
    assert result.returncode == 0, result.stdout + result.stderr
    after = cases_by_group(results_in(folder))
    assert list(after) == list(before)
    assert after["sockets"] == before["sockets"]
    here = Peers((ROOT / PROGRAM).parent, ["go"]).programs
    for name, case in (("redis-server", "get: redis"), ("memcached", "put: memcached")):
        assert (case in after["stores"]) == (name in here)
    assert bool(after["requests"]) == ("h2load" in here)


def test_the_go_server_keeps_tables(tmp_path):
    result = bench(tmp_path, "--size", "1MiB", "--only", "first")
    assert result.returncode == 0, result.stdout + result.stderr
    results = results_in(tmp_path)
    if "go" in results["missing"]:
        pytest.skip(results["missing"]["go"])
    case = cases_by_group(results)["first"]["Go server, pyarrow's client"]
    assert case["first"]["rows"] == 2048


# ---- goals, from figures that are made up ----

def results_of(**groups):
    return {"bytes": 2 << 30, "groups": [
        {"key": key, "cases": [{"name": name, "calls": [
            {"seconds": 1.0, **call} for call in calls]} for name, calls in cases.items()]}
        for key, cases in groups.items()]}


def verdict_of(results, part):
    return next(verdict for verdict in goals.verdicts(results) if part in verdict.work)


def test_a_goal_is_held_against_the_median():
    calls = [{"seconds": 1.2}, {"seconds": 100.0}, {"seconds": 0.1}]
    cases = {"get: libflightkv over TCP": calls, "get: bare TCP socket": [{"seconds": 1.0}]}
    verdict = verdict_of(results_of(sockets=cases), "get of 2 GiB over TCP")
    assert (verdict.measured, verdict.holds) == ("0.83x", False)
    cases["get: libflightkv over TCP"] = [{"seconds": 1.1}]
    verdict = verdict_of(results_of(sockets=cases), "get of 2 GiB over TCP")
    assert (verdict.measured, verdict.holds) == ("0.91x", True)


def small_calls(get, ping, cpu=10e-6, parts=None):
    """Goals and profiles of a get over TCP, with both ends on one core."""
    where = "both ends on one core"

    def profile(work, seconds):
        return [{"seconds": seconds, "work": f"{work} over TCP, {where}", "process": process,
                 "cpu": cpu, "kernel": cpu / 2, "shares": parts}
                for process in ("server", "client")]
    results = results_of(**{"latency-together": {
        "get: libflightkv over TCP": [{"seconds": get}],
        "get: ping-pong over TCP": [{"seconds": ping}]}})
    calls = profile("1 KiB get", get) + profile("ping-pong", ping)
    results["groups"].append({"key": "profiles", "cases": [{"first": call} for call in calls]})
    return results


def test_a_latency_is_held_against_one_of_the_same_placement():
    results = small_calls(26e-6, 20e-6)
    work = "1 KiB get over TCP, p50, against the blocking ping-pong (TCP), "
    assert verdict_of(results, work + "both ends on one core").holds is True
    assert verdict_of(results, work + "a core each").holds is None
    assert verdict_of(small_calls(30e-6, 20e-6), work + "both ends on one core").holds is False


def test_a_goal_that_is_missed_comes_with_its_profile():
    assert reasons.text(small_calls(26e-6, 20e-6)).endswith("is reached.")
    parts = dict.fromkeys(profiler.PARTS, 0) | {"kernel: copies": 0.25, "kernel: other": 0.25,
                                                "nghttp2": 0.4, "flightkv": 0.1}
    text = reasons.text(small_calls(40e-6, 20e-6, parts=parts))
    assert "10 us of CPU time in the server, 25 % of it " \
        "(kernel 5 us, nghttp2 4 us, flightkv 1 us)" in text
    assert "it would be 1.60 without nghttp2's time, 1.90 without flightkv's own, and the " \
        "kernel's alone is 0.50" in text
    assert "design/009-small-calls.md" in text
    text = reasons.text(small_calls(40e-6, 20e-6))
    assert "(kernel 5 us, other parts not measured)" in text and "without nghttp2" not in text
    results = small_calls(40e-6, 20e-6)
    results["groups"].pop()
    assert "Its profile is not measured." in reasons.text(results)


def test_samples_are_told_apart():
    shares = profiler.shares_of([
        "  12 ffffffff81ab0000 _copy_to_iter ([kernel.kallsyms])",
        "  12 ffffffff81ab0000 clear_page_erms ([kernel.kallsyms])",
        "  12 ffffffff81ab0000 tcp_ack ([kernel.kallsyms])",
        "  12     7f0000000000 nghttp2_session_mem_recv (/lib/libnghttp2.so.14.24.1)",
        "  12     7f0000000000 pb::operator()(int, char*) (/x/libarrow_flight.so.2400)",
        "  13     7f0000000000 memcpy (/lib/libc.so.6)",
        "  13     7f0000000000 wire_feed (/build/flightkv)",
        "  13     7f0000000000 [unknown] ([vdso])",
        "something else"])
    assert {part for part, share in shares[12].items() if share == 0.2} == {
        "kernel: copies", "kernel: pages", "kernel: other", "nghttp2", "Arrow, gRPC"}
    assert sum(shares[13].values()) == 1
    assert shares[13]["libc"] == shares[13]["flightkv"] == shares[13]["other"]


def test_what_a_process_does_is_sampled(tmp_path):
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as busy:
        try:
            where = profiler.Profiler(tmp_path, find("perf"))
            with where.sampling([busy.pid]) as shares:
                time.sleep(0.3)
        finally:
            busy.kill()
    if where.why_not:
        assert not shares
        pytest.skip(where.why_not)
    assert set(shares) == {busy.pid} and abs(sum(shares[busy.pid].values()) - 1) < 1e-6


def test_processes_stay_where_they_are_put():
    allowed = os.sched_getaffinity(0)
    server, client = placement.cores()
    assert {server, client} <= allowed and (server != client or len(allowed) == 1)
    with placement.on_core(client):
        done = subprocess.run([sys.executable, "-c", "import os; print(os.sched_getaffinity(0))"],
                              capture_output=True, text=True)
    assert done.stdout.strip() == str({client})
    with placement.all_on_core(server):
        assert os.sched_getaffinity(0) == {server}
    assert os.sched_getaffinity(0) == allowed


def test_a_goal_without_its_figures_is_not_measured():
    assert all(verdict.holds is None for verdict in goals.verdicts(results_of()))


def test_memory_is_held_against_what_is_stored():
    def memory(rss):
        return results_of(memory={
            "1,000,000 keys of 1 KiB": [{"rss": rss, "stored": 1024_000_000, "count": 1000_000}],
            "one table of 2 GiB": [{"rss": int(2.05 * 2**30), "stored": 2 << 30, "count": 1}]})
    assert verdict_of(memory(2047_000_000), "1,000,000 keys").holds is True
    assert verdict_of(memory(2049_000_000), "1,000,000 keys").holds is False
    verdict = verdict_of(memory(0), "one put into a fresh server")
    assert (verdict.measured, verdict.holds) == ("+2.5 %", False)


def test_figures_as_text():
    assert [figures.seconds_text(seconds) for seconds in (2.0, 0.0123, 0.0000456, 2e-7)] == \
        ["2 s", "12.3 ms", "45.6 us", "0.2 us"]
    assert [figures.count_text(count) for count in (12.34, 999, 12345, 1234567)] == \
        ["12.3", "999", "12,300", "1,230,000"]
    assert [figures.ratio_text(part, 100) for part in (90, 25, 0.5, 30000, None)] == \
        ["0.90", "1/4.0", "1/200", "300", "-"]


def test_refuses_bad_use(tmp_path):
    for options, words in ((("--size", "huge"), "'huge' isn't a size"),
                           (("--size", "1KiB"), "No size fits"),
                           (("--rounds", "0"), "at least one round"),
                           (("--only", "nothing"), "'nothing' isn't known"),
                           (("--build", tmp_path), "isn't built")):
        result = bench(tmp_path, *options)
        assert result.returncode != 0
        assert words in result.stderr


def test_results_of_another_size_are_not_mixed(tmp_path):
    first = bench(tmp_path, "--size", "1MiB", "--only", "transports")
    assert first.returncode == 0, first.stderr
    second = bench(tmp_path, "--size", "2MiB", "--only", "fairness")
    assert second.returncode != 0
    assert "is of another size" in second.stderr
