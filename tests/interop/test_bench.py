# SPDX-License-Identifier: Apache-2.0
"""`make bench`, small: what it leaves, and how it refuses. Its figures mean nothing here."""

import json
import re
import sys
import xml.etree.ElementTree

from server_process import PROGRAM, ROOT
from test_demo import run


def bench(folder, *options):
    return run(sys.executable, "bench/bench.py", "--docs", folder, "--results", folder, "--build",
               (ROOT / PROGRAM).parent, "--rounds", "2", "--batches", "20", *options)


def test_every_case_is_measured_and_written(tmp_path):
    result = bench(tmp_path, "--size", "1MiB")
    assert result.returncode == 0, result.stderr
    results = json.loads(next(tmp_path.glob("20*.json")).read_text())
    groups = {group["title"]: {case["name"]: case for case in group["cases"]}
              for group in results["groups"]}
    assert set(groups) == {"Parts of a table", "Several connections", "Appends", "Transports"}
    for cases in groups.values():
        for case in cases.values():
            assert len(case["calls"]) == 2
            assert all(call["seconds"] > 0 for call in case["calls"])

    rows = {name: case["first"]["rows"] for name, case in groups["Parts of a table"].items()}
    sizes = {name: case["first"]["bytes"] for name, case in groups["Parts of a table"].items()}
    for client in ("libflightkv", "pyarrow"):
        assert rows[f"{client}: whole table"] == rows[f"{client}: 2 of 64 columns"] == 2048
        assert rows[f"{client}: first 1 % of rows"] == rows[f"{client}: 1 % of rows, middle"] == 20
        assert sizes[f"{client}: whole table"] == 1 << 20
        assert sizes[f"{client}: 2 of 64 columns"] == 1 << 15
        assert sizes[f"{client}: 2 columns of 1 % of rows"] == 2 * 8 * 20

    document = (tmp_path / "BENCHMARKS.md").read_text()
    table = [line for line in document.splitlines() if re.match(r"\| (?!-)\S", line)]
    assert len(table) == sum(map(len, groups.values()))
    assert all(line.count("|") == 9 for line in table)
    xml.etree.ElementTree.parse(tmp_path / "benchmarks.svg")


def test_refuses_bad_use(tmp_path):
    for options, words in ((("--size", "huge"), "'huge' isn't a size"),
                           (("--size", "1KiB"), "No size fits"),
                           (("--rounds", "0"), "at least one round"),
                           (("--build", tmp_path), "isn't built")):
        result = bench(tmp_path, *options)
        assert result.returncode != 0
        assert words in result.stderr
