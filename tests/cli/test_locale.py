# SPDX-License-Identifier: Apache-2.0
"""Figures under a locale with a decimal comma: what programs read has points all the same."""

import json
import subprocess

import pyarrow as pa
import pytest

import run
from comma_locale import comma_locale


@pytest.fixture(scope="module")
def variables(server, tmp_path_factory):
    variables = comma_locale(tmp_path_factory.mktemp("locale"))
    printed = subprocess.check_output(["bash", "-c", "printf %.1f 1,5"], env=variables)
    assert printed == b"1,5"
    server.put("t", [pa.record_batch([[1.5, None], [[0.25], []]], ["x", "l"])])
    return {**run.environment(server.uri), **variables}


def flightkv(variables, *words, cwd=None):
    done = subprocess.run([run.program(), *words], capture_output=True, env=variables, cwd=cwd,
                          timeout=run.TIMEOUT_S)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("words", [
    "put k data/values.arrow", "get k -o k.arrow", "ls", "info k", "stats",
    "ping", "top --count 1 --interval 10ms", "diff k k",
    "bench --keys 2 --count 20 --warm-up 10ms"])
def test_json_has_points(variables, tmp_path, words):
    """A number with a comma in it is no JSON."""
    (tmp_path / "data").symlink_to(run.HERE / "data")
    for line in flightkv(variables, *words.split(), "--json", cwd=tmp_path).splitlines():
        json.loads(line)


def test_values_have_points(variables):
    assert flightkv(variables, "get", "t", "--csv") == b"x,l\n1.5,[0.25]\n,[]\n"
    rows = json.loads(flightkv(variables, "get", "t", "--format", "json"))
    assert rows == [{"x": 1.5, "l": [0.25]}, {"x": None, "l": []}]


def test_sizes_and_times_have_points(variables):
    flightkv(variables, "ping", "--timeout", "1.5s")
