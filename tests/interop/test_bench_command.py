# SPDX-License-Identifier: Apache-2.0
"""`flightkv bench`, small: what it counts adds up, what it leaves, how it ends. Its figures mean
nothing here."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import time
import xml.etree.ElementTree
from pathlib import Path

import pyarrow.flight as fl
import pytest

from server_process import CALL_TIMEOUT_S, PROGRAM, ROOT
from test_demo import run

LATENCIES = ("min_us", "p50_us", "p90_us", "p99_us", "p99_9_us", "max_us")


def bench(*options):
    return run(ROOT / PROGRAM, "bench", *options)


def bench_json(*options):
    result = bench(*options, "--json")
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return json.loads(result.stdout)


def check_sums(figures, operations, rows):
    """Every figure that follows from others."""
    put, get = figures["put"], figures["get"]
    assert figures["operations"] == put["count"] + get["count"] == operations
    assert put["rows"] == rows * put["count"]
    assert get["rows"] == rows * (get["count"] - get["misses"])
    columns = figures["work"]["columns"]
    for kind in (put, get):
        assert kind["bytes"] == 8 * columns * kind["rows"]
        for name in ("rows", "bytes"):
            assert kind[f"{name}_per_s"] == pytest.approx(kind[name] / figures["seconds"])
        assert kind["per_s"] == pytest.approx(kind["count"] / figures["seconds"])
        if kind["count"] == 0:
            assert "latency" not in kind
            continue
        values = [kind["latency"][name] for name in LATENCIES]
        assert values == sorted(values) and values[0] > 0
        mean = kind["latency"]["mean_us"]
        assert values[0] <= mean <= values[-1]
        if "rate_per_s" not in figures["work"]:  # so many calls at a time, and no waiting before
            at_a_time = figures["work"]["clients"] * figures["work"]["pipeline"]
            assert mean * kind["count"] <= at_a_time * figures["seconds"] * 1e6
    if figures["work"]["pipeline"] > 1:  # tables are given whole
        assert "first_batch" not in get
    elif get["misses"] == 0:
        assert get["first_batch"]["p50_us"] <= get["latency"]["p50_us"]
    assert figures["errors"] == 0 and figures["interrupted"] is False


def keys_of(server):
    with server.connect() as client:
        return {info.descriptor.command for info in client.list_flights()}


@pytest.mark.parametrize("scheme", ["tcp", "unix", "own server"])
def test_counts_add_up(start_server, tmp_path, scheme):
    options = ("--count", 2000, "--clients", 3, "--keys", 50, "--ratio", "1:3", "--verify",
               "--distribution", "zipf:1.2", "--seed", 5)
    if scheme == "own server":
        figures = bench_json(*options, "--own-server")
    else:
        listen = {"tcp": "grpc+tcp://localhost:0", "unix": f"grpc+unix://{tmp_path}/s"}[scheme]
        server = start_server(listen=listen)
        before = server.stats()
        figures = bench_json(*options, "--server", server.uri)
        after = server.stats()
        assert after["puts"] - before["puts"] == 50 + figures["put"]["count"]
        assert after["hits"] - before["hits"] == figures["get"]["count"]
        assert after["deletes"] == 50 and after["keys"] == 0
    check_sums(figures, 2000, 32)
    assert figures["get"]["misses"] == 0
    assert abs(figures["put"]["count"] - 500) < 150
    assert figures["load"]["keys"] == 50 and figures["load"]["seconds"] > 0
    assert figures["work"] == {
        "keys": 50, "table_bytes": 1024, "rows": 32, "columns": 4, "batch_rows": 32, "seed": 5,
        "ratio": "1:3", "distribution": "zipf:1.2", "clients": 3, "pipeline": 1, "streams": 1,
        "verify": True}
    assert figures["server"]["table_bytes"] == 50 * 1024
    assert figures["server"]["resident_bytes"] > 50 * 1024
    assert figures["server"]["cpu_s"] > 0 and figures["client"]["cpu_s"] > 0


@pytest.mark.parametrize("scheme", ["tcp", "unix", "shm", "a server that takes 2 at a time"])
def test_pipelines_add_up(start_server, tmp_path, scheme):
    listen = f"grpc+unix://{tmp_path}/s" if scheme == "unix" else "grpc+tcp://localhost:0"
    more = ("--streams", "2") if scheme.startswith("a server") else ()
    server = start_server(*more, listen=listen)
    size = ("--size", "256KiB", "--transport", "shm") if scheme == "shm" else ()
    before = server.stats()
    figures = bench_json("--server", server.uri, "--count", 2000, "--clients", 3, "--keys", 50,
                         "--ratio", "1:3", "--verify", "--pipeline", 16, *size)
    after = server.stats()
    check_sums(figures, 2000, (256 if scheme == "shm" else 1) * 32)
    assert figures["work"]["pipeline"] == 16
    assert figures["get"]["misses"] == 0
    assert after["puts"] - before["puts"] == 50 + figures["put"]["count"]
    assert after["hits"] - before["hits"] == figures["get"]["count"]
    if scheme == "shm":
        assert after["shm_gets"] - before["shm_gets"] == figures["get"]["count"]
    assert after["keys"] == 0


def test_a_pipeline_misses_and_keeps_to_its_rate(server):
    figures = bench_json("--server", server.uri, "--duration", "1s", "--rate", "200/s", "--ratio",
                         "0:1", "-P", 4, "--no-load")
    check_sums(figures, 200, 32)
    assert figures["get"]["misses"] == 200
    assert figures["seconds"] >= 0.99


def test_the_seed_makes_the_operations(server):
    counts = {seed: [bench_json("--server", server.uri, "--count", 500, "--keys", 5, "--clients",
                                clients, "--seed", seed)["put"]["count"] for clients in (1, 4)]
              for seed in (1, 2)}
    assert counts[1][0] == counts[1][1] and counts[2][0] == counts[2][1]
    assert counts[1] != counts[2]


def test_large_tables_over_several_connections(server):
    """Where memory is shared there is only one."""
    figures = bench_json("--server", server.uri, "--size", "4MiB", "--columns", 3, "--batch-rows",
                         10_000, "--keys", 2, "--count", 20, "--streams", 2, "--verify",
                         "--transport", "tcp")
    check_sums(figures, 20, (4 << 20) // 24)
    gets = figures["get"]["count"]
    assert server.stats()["connections_total"] > gets


def test_time_and_rate_bound_it(server):
    figures = bench_json("--server", server.uri, "--duration", "1s", "--warm-up", "100ms", "--rate",
                         "100/s", "--ratio", "0:1")
    check_sums(figures, 100, 32)
    assert figures["seconds"] >= 0.99  # the last one is due 10 ms before the end
    assert figures["work"]["rate_per_s"] == 100
    assert figures["samples"][-1]["operations"] <= 100


def test_keeps_its_keys_when_asked(server):
    kept = {b"bench:%d" % i for i in range(7)}
    bench_json("--server", server.uri, "--keys", 7, "--count", 1, "--keep")
    assert keys_of(server) == kept
    figures = bench_json("--server", server.uri, "--keys", 10, "--count", 20, "--no-load",
                         "--distribution", "sequential", "--ratio", "0:1")
    check_sums(figures, 20, 32)
    assert figures["get"]["misses"] == 6 and "load" not in figures
    assert keys_of(server) == set()


def test_writes_csv_and_files(server, tmp_path):
    result = bench("--server", server.uri, "--count", 3000, "--keys", 9, "--csv", "--plot",
                   tmp_path / "a.svg", "--hgrm", tmp_path / "a.b.hgrm")
    assert result.returncode == 0, result.stderr
    rows = {row["operation"]: row for row in csv.DictReader(io.StringIO(result.stdout))}
    assert sum(int(row["count"]) for row in rows.values()) == 3000
    xml.etree.ElementTree.parse(tmp_path / "a.svg")
    for kind, row in rows.items():
        text = (tmp_path / f"a.b.{kind}.hgrm").read_text()
        assert f"Total count    = {int(row['count']):12d}]" in text
        points = [line.split() for line in text.splitlines() if re.match(r"\s+[\d.]+ ", line)]
        assert [float(point[0]) for point in points] == sorted(float(p[0]) for p in points)
        assert float(points[-1][0]) == float(row["max_us"]) and points[-1][1:] == [
            "1.000000000000", row["count"]]
        median = next(float(p[0]) for p in points if float(p[1]) >= 0.5)
        assert median == float(row["p50_us"])
    assert len(list(tmp_path.glob("a.*"))) == 3


def test_no_file_without_its_operations(server, tmp_path):
    result = bench("--server", server.uri, "--count", 10, "--ratio", "1:0", "--hgrm",
                   tmp_path / "a")
    assert result.returncode == 0, result.stderr
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("a")] == ["a.put"]


# ---- how it ends ----

def start_bench(*options, **more):
    command = [ROOT / PROGRAM, "bench", "--json", *map(str, options)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            **more)


def wait_for_gets(server, count=100):
    server.wait_for_stats(lambda stats: stats["hits"] >= count)


@pytest.mark.parametrize("depth", [1, 16])
def test_a_signal_ends_it_with_a_report(start_server, depth):
    server = start_server()
    process = start_bench("--server", server.uri, "--duration", "10m", "--clients", 2,
                          "--pipeline", depth)
    wait_for_gets(server)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=CALL_TIMEOUT_S)
    figures = json.loads(out)
    assert process.returncode == 0, err
    assert figures["interrupted"] is True and figures["operations"] >= 100
    assert keys_of(server) == set()


def cpu_s(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_terminals_signal_leaves_the_own_server_alone():
    process = start_bench("--own-server", "--keys", 1, "--duration", "10m", start_new_session=True)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    end = time.monotonic() + CALL_TIMEOUT_S
    # A server that has worked for so long has done more than hold one key.
    while not any(cpu_s(child) > 0.3 for child in children.read_text().split()):
        assert time.monotonic() < end
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=CALL_TIMEOUT_S)
    assert process.returncode == 0, err
    figures = json.loads(out)
    assert figures["interrupted"] is True and figures["errors"] == 0
    assert figures["server"]["table_bytes"] == 1024  # it answered after the signal


def test_a_signal_while_loading_removes_what_was_loaded(start_server):
    server = start_server()
    process = start_bench("--server", server.uri, "--keys", 100_000_000)
    server.wait_for_stats(lambda stats: stats["keys"] >= 100)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=CALL_TIMEOUT_S)
    assert process.returncode == 128 + signal.SIGTERM and out == ""
    assert err == "flightkv: interrupted while loading the keys\n"
    assert keys_of(server) == set()


@pytest.mark.parametrize("depth", [1, 16])
def test_a_server_that_dies_ends_it(tmp_path, depth):
    socket = f"grpc+unix://{tmp_path}/s"
    server = subprocess.Popen([ROOT / PROGRAM, "serve", "--listen", socket], stdout=subprocess.PIPE)
    server.stdout.readline()
    process = start_bench("--server", socket, "--duration", "10m", "--clients", 3, "--pipeline",
                          depth)
    with fl.connect(socket) as client:
        end = time.monotonic() + CALL_TIMEOUT_S
        action = fl.Action("flightkv.stats", b"")
        while json.loads(next(client.do_action(action)).body.to_pybytes())["hits"] < 100:
            assert time.monotonic() < end
    server.kill()
    server.wait()
    out, err = process.communicate(timeout=CALL_TIMEOUT_S)
    assert process.returncode == 1 and out == ""
    assert re.fullmatch(r"flightkv: bench: the server is gone after [\d,]+ operations, nothing is "
                        r"reported: .*\n", err)


@pytest.mark.parametrize("depth", [1, 2])
def test_failures_are_counted_and_shown(start_server, depth):
    server = start_server("--memory", "16MiB")
    # There is no room for a second version of what is there.
    result = bench("--server", server.uri, "--size", "9MiB", "--keys", 1, "--ratio", "1:1",
                   "--count", 20, "--json", "--pipeline", depth)
    assert result.returncode == 1
    figures = json.loads(result.stdout)
    failed = figures["errors"]
    assert failed > 0 and figures["errors_by_status"] == {"resource exhausted": failed}
    assert figures["put"]["count"] == 0 and figures["get"]["count"] == 20 - failed
    assert re.match(rf"flightkv: {failed} operations failed; the first: ", result.stderr)
    assert result.stderr.count("\n") == 1


def test_no_room_for_the_keys_ends_it_at_once(start_server):
    server = start_server("--memory", "16MiB")
    result = bench("--server", server.uri, "--size", "1MiB", "--keys", 100)
    assert result.returncode == 1 and result.stdout == ""
    assert result.stderr.startswith("flightkv: bench: while loading the keys: ")
    assert keys_of(server) == set()
