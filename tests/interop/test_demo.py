# SPDX-License-Identifier: Apache-2.0
"""The measurement as a visitor runs it, small: what it prints and leaves, and how it refuses."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import xml.etree.ElementTree

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from server_process import PROGRAM, ROOT

FIRST = r"First: [\d.e-]+s\n"
BEST = (r"Best timing out of 2 loops: [\d.e-]+s, avg/stdev: [\d.e-]+s/[\d.e-]+s, total execution "
        r"time \(2 loops 3 times each\): [\d.e-]+s\n")
HARNESS = ("Size of the table: 1.0MB\nCaching the table...\n" + FIRST + BEST
           + "\nRetrieve the table...\n" + FIRST + BEST)


def run(*command, **variables):
    environment = {**os.environ, **variables}
    return subprocess.run(list(map(str, command)), cwd=ROOT, env=environment, text=True,
                          capture_output=True, timeout=300)


def demo(*options):
    return run(ROOT / PROGRAM, "demo", *options)


def test_prints_the_harness_lines(tmp_path):
    result = demo("--size", "1MiB", "--loops", "2", "--calls", "3", "--dir", tmp_path)
    assert result.returncode == 0, result.stderr
    assert re.search(HARNESS, result.stdout), result.stdout
    assert "What came back equals what went in." in result.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["numbers-1MiB.parquet"]


def test_uses_its_file_again(tmp_path):
    for word in ("Generating", "Using"):
        result = demo("--size", "1MiB", "--loops", "1", "--calls", "1", "--dir", tmp_path)
        assert result.stdout.startswith(f"{word} {tmp_path}/numbers-1MiB.parquet\n")


def test_json_has_every_call(tmp_path):
    result = demo("--size", "1MiB", "--loops", "2", "--calls", "3", "--dir", tmp_path, "--json")
    figures = json.loads(result.stdout)
    assert figures["bytes"] == 1 << 20 and figures["rows"] == 2048
    for direction in ("put", "get"):
        assert figures[direction]["first"] > 0
        assert [len(loop) for loop in figures[direction]["loops"]] == [3, 3]
    assert figures["server_memory"]["after_put"] > figures["server_memory"]["before"] > 0


@pytest.mark.parametrize("options, code, words", [
    (("--size", "huge"), 2, "--size: 'huge' isn't a size"),
    (("--size", "1"), 2, "at least one row, 512 bytes"),
    (("--loops", "0"), 2, "--loops: '0' isn't a whole number from 1 to 1000"),
    (("no-such.parquet",), 1, "no such file 'no-such.parquet'"),
    (("x.arrow", "--size", "1MiB"), 2, "--size and --dir are for a table to be made"),
])
def test_refuses_bad_use(options, code, words):
    result = demo(*options)
    assert result.returncode == code
    assert words in result.stderr
    assert result.stderr.count("\n") == 1


def test_ctrl_c_takes_the_line_of_progress_away(tmp_path):
    ours, theirs = pty.openpty()
    process = subprocess.Popen([ROOT / PROGRAM, "demo", "--size", "1MiB", "--loops", "1000",
                                "--calls", "1000", "--dir", tmp_path], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    said = b""
    while b"Call 3 of" not in said:
        said += os.read(ours, 4096)
    process.send_signal(signal.SIGINT)
    try:
        while True:
            said += os.read(ours, 4096)
    except OSError:  # the other side has closed
        os.close(ours)
    assert process.wait(60) == 128 + signal.SIGINT
    assert said.decode().rpartition("\r\x1b[K")[2] == "flightkv: interrupted\r\n"
    process.stdout.close()


@pytest.mark.parametrize("transport", [[], ["--transport", "shm"]], ids=["socket", "shm"])
def test_a_server_on_a_unix_socket(start_server, tmp_path, transport):
    server = start_server(listen=f"grpc+unix://{tmp_path}/s")
    done = demo("--size", "1MiB", "--loops", "1", "--calls", "1", "--server", server.uri,
                *transport, "--json")
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["get"]["loops"]) == 1


def test_refuses_what_it_can_not_compare(tmp_path):
    path = tmp_path / "words.parquet"
    parquet.write_table(pa.table({"word": ["a", "b"]}), path)
    result = demo(path)
    assert result.returncode == 1
    assert "column 'word' isn't float64" in result.stderr


def test_says_which_other_table_lies_there(tmp_path):
    parquet.write_table(pa.table({"c0": [1.0]}), tmp_path / "numbers-1MiB.parquet")
    result = demo("--size", "1MiB", "--dir", tmp_path)
    assert result.returncode == 1
    assert "isn't the table that its name says; remove it" in result.stderr


# ---- all ways ----

def run_bench(folder, **variables):
    return run(sys.executable, "bench/demo.py", "--dir", folder, "--build", (ROOT / PROGRAM).parent,
               **variables)


def test_all_ways_are_measured(tmp_path):
    result = run_bench(tmp_path, SIZE="1MiB", LOOPS="2", CALLS="3", JSON_SIZE="64KiB")
    assert result.returncode == 0, result.stderr
    assert re.search("flightkv, its own client\n" + HARNESS, result.stdout), result.stdout
    assert re.search("flightkv, pyarrow client\n" + HARNESS, result.stdout), result.stdout
    assert {path.name for path in tmp_path.iterdir()} >= {
        "numbers-1MiB.parquet", "timings.json", "table.txt", "demo.svg"}
    xml.etree.ElementTree.parse(tmp_path / "demo.svg")

    timings = json.loads((tmp_path / "timings.json").read_text())
    counts = {way: [len(loop) for loop in result["put"]["loops"]]
              for way, result in timings["ways"].items()}
    assert counts.pop("socket", [1, 1]) == [1, 1]
    assert counts == {"library": [3, 3], "client": [3, 3], "pyarrow": [2, 2], "shared": [2, 2],
                      "pickle": [2, 2], "feather": [2, 2], "parquet": [2, 2]}
    small = timings["small"]
    assert small["bytes"] == 64 << 10
    assert set(small["ways"]) == {"library", "client", "pyarrow", "json"}
    for direction in ("put", "get"):
        stages = small["ways"]["json"]["turns"][0]["stages"][direction]
        assert all(set(call) == {"convert", "send", "parse"} for call in stages)
        assert all(seconds >= 0 for call in stages for seconds in call.values())


def test_works_without_the_program(tmp_path):
    result = run(sys.executable, "bench/demo.py", "--dir", tmp_path, "--build", tmp_path / "none",
                 SIZE="1MiB", LOOPS="1", CALLS="1", JSON_SIZE="64KiB")
    assert result.returncode == 0, result.stderr
    assert "Left out: flightkv, for" in result.stdout
    timings = json.loads((tmp_path / "timings.json").read_text())
    assert set(timings["ways"]) == {"pyarrow", "pickle", "feather", "parquet"}


def test_refuses_json_that_can_not_fit(tmp_path):
    result = run_bench(tmp_path, SIZE="64GiB", JSON_SIZE="64GiB")
    assert result.returncode == 1
    assert "would need about 1920 GiB of memory, 30 times its size" in result.stderr


# ---- the examples ----

def test_example_puts_gets_and_drops(server):
    result = run(sys.executable, "examples/speed_of_flight.py", FLIGHTKV_SERVER=server.uri)
    assert result.returncode == 0, result.stderr
    assert "In the cache: my_table, 100,000 rows of 3 columns" in result.stdout
    assert "Equal: True" in result.stdout
    assert "Dropped; left in the cache: nothing" in result.stdout


def test_example_appends_and_reads_on_one_call(server):
    result = run(sys.executable, "examples/exchange.py", FLIGHTKV_SERVER=server.uri)
    assert result.returncode == 0, result.stderr
    rows = [int(line.split(", ")[1].split()[0]) for line in result.stdout.splitlines()]
    assert rows == [2, 6, 10]


@pytest.mark.parametrize("example", ["speed_of_flight", "exchange"])
def test_example_says_where_no_server_is(example):
    address = "grpc+tcp://127.0.0.1:1"
    result = run(sys.executable, f"examples/{example}.py", FLIGHTKV_SERVER=address)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith(f"No server answers at {address}")
