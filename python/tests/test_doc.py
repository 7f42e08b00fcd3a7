# SPDX-License-Identifier: Apache-2.0
"""The examples of docstrings and of docs/PYTHON.md say what happens."""

import doctest
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

import flightkv

ROOT = Path(__file__).resolve().parents[2]
CITIES = pa.table({"name": ["Bern", "Oslo", "Porto"], "population": [134_000, 717_000, 438_000]})


def examples():
    found = doctest.DocTestFinder().find(flightkv, module=False)
    return [test for test in found if test.examples]


@pytest.mark.parametrize("test", examples(), ids=lambda test: test.name)
def test_docstrings(client, shared_server, test):
    client["cities"] = CITIES
    test.globs.update(flightkv=flightkv, pa=pa, client=client, server=shared_server,
                      polars=importlib.import_module("polars"))
    said = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    runner.run(test, out=said.append)
    assert runner.failures == 0, "".join(said)


def test_the_examples_are_found():
    assert len(examples()) > 20


def public(thing):
    return [name for name in vars(thing) if not name.startswith("_")]


def test_everything_public_has_a_docstring():
    plain = {"Client.uri", "Server.uris", "Table.schema", "Table.num_rows", "Table.num_columns",
             "Table.column_names", "Reader.schema"}
    for name in flightkv.__all__:
        thing = getattr(flightkv, name)
        assert thing.__doc__, name
        if name in ("Client", "Server", "Table", "Reader", "Schema"):
            for member in public(thing):
                assert getattr(thing, member).__doc__ or f"{name}.{member}" in plain, member


@pytest.mark.slow
def test_the_types_hold():
    done = subprocess.run([sys.executable, "-m", "mypy"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_guide(tmp_path, monkeypatch):
    """Its blocks run one after the other, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs/PYTHON.md").read_text()
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)
    assert len(blocks) > 5
    names = {"__name__": "guide"}
    for block in blocks:
        exec(compile(block, "docs/PYTHON.md", "exec"), names)
