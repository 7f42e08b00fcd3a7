# SPDX-License-Identifier: Apache-2.0
"""Who keeps what alive, and that nothing is kept for ever."""

import gc
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

import flightkv

TABLE = pa.table({"a": range(1000), "s": ["text"] * 1000,
                  "d": pa.array(["x", "y"] * 500).dictionary_encode(),
                  "l": [{"n": [1, 2]}] * 1000})


def test_what_came_outlives_table_client_and_server():
    with flightkv.Server(memory="16MiB") as server, server.connect() as client:
        client["k"] = pa.Table.from_batches(TABLE.to_batches(max_chunksize=100))
        table = client["k"]
        reader = pa.RecordBatchReader.from_stream(table)
        whole = table.to_pyarrow()
        column = table.to_pyarrow()["s"]
        schema = table.schema
        del table
    gc.collect()
    assert whole.equals(TABLE)
    assert column.to_pylist() == ["text"] * 1000
    assert reader.read_all().equals(TABLE)
    assert schema.to_pyarrow() == TABLE.schema


def test_columns_are_released_one_by_one(client):
    """Children are moved out of the batch and released in another order."""
    client["k"] = TABLE
    batch = client["k"].to_pyarrow().to_batches()[0]
    columns = batch.columns
    del batch
    for i in (2, 0, 3, 1):
        assert len(columns[i]) == 1000
        columns[i] = None


def test_streams_that_are_never_read_are_freed(client):
    client["k"] = TABLE
    table = client["k"]
    for _ in range(100):
        table.__arrow_c_stream__()
        table.__arrow_c_schema__()
        client.reader("k").__arrow_c_stream__()
        pa.RecordBatchReader.from_stream(table).read_next_batch()


def test_what_is_put_is_let_go(client):
    before = pa.total_allocated_bytes()
    for append in (False, True):
        table = pa.table({"a": pa.array(range(100_000))})
        client.put("k", table, append=append)
        del table
    with pytest.raises(KeyError):
        client.get("none")
    table = pa.table({"b": pa.array(range(100_000))})
    with pytest.raises(flightkv.Error):
        client.put("k", table, append=True)
    with pytest.raises(ValueError):
        client.put("", table)
    del table
    gc.collect()
    assert pa.total_allocated_bytes() == before


def test_references_are_given_back(client):
    """Each kind of call, many times: objects that are shared keep their counts."""
    def progress(progress):
        return True

    key, body = "k" * 20, {"key": "k"}
    shared = [progress, key, body, TABLE, None.__class__, flightkv.NotFoundError]

    def calls():
        client.put(key, TABLE, progress=progress)
        client.get(key)._repr_html_()
        client.put_many({key: TABLE, "l": TABLE})
        client.get_many([key, "l", "none"])
        client.delete("l")
        client.info(key)
        client.list("k*")
        client.action("flightkv.exists", body)
        with client.reader(key) as reader:
            for _ in reader:
                pass
        for _ in range(2):
            try:
                client.delete(key)
            except KeyError:
                pass

    calls()
    gc.collect()
    before = [sys.getrefcount(one) for one in shared]
    for _ in range(20):
        calls()
    gc.collect()
    assert [sys.getrefcount(one) for one in shared] == before


EVERY_CALL = """
import ctypes, gc, sys
import pyarrow as pa, flightkv

table = pa.table({"a": range(1000), "s": ["text"] * 1000, "l": [{"n": [1, 2]}] * 1000,
                  "d": pa.array(["x", "y"] * 500).dictionary_encode()})
with flightkv.Server(memory="64MiB") as server, server.connect() as client:
    client.put("k", table, progress=lambda progress: True)
    got = client.get("k")
    client.put("k", got, append=True)
    client.put_many({"k": got, "l": table})
    many = client.get_many(["k", "none", "l"])
    got._repr_html_(), client._repr_html_(), got.to_pyarrow(), got.schema.to_pyarrow()
    client.info("k"), client.list("k*"), client.stats()
    with client.reader("k") as first, client.reader("k") as second:
        next(first), next(second)
    pa.RecordBatchReader.from_stream(client.reader("k")).read_all()
    for use in (lambda: client.get("none"), lambda: client.reader("none"),
                lambda: client.put("k", pa.table({"b": [1]}), append=True),
                lambda: client.put_many({"l": table, "k": pa.table({"b": [1]})}, append=True),
                lambda: client.get_many(["k", "l"], columns="none")):
        try:
            use()
        except flightkv.Error:
            pass
    client.delete("k")
    if sys.argv[1:] == ["leak"]:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(got.__arrow_c_stream__()))
gc.collect()
"""


@pytest.mark.skipif("libasan" not in os.environ.get("LD_PRELOAD", ""),
                    reason="needs a build with the address sanitizer, and LD_PRELOAD")
@pytest.mark.parametrize("leaks", [[], ["leak"]], ids=["none", "on purpose"])
def test_nothing_is_leaked_at_the_end(leaks):
    """Python and its libraries keep some memory for ever; of theirs nothing is said here."""
    env = {**os.environ, "PYTHONMALLOC": "malloc", "ASAN_OPTIONS": "detect_leaks=1",
           "PYTHONPATH": os.pathsep.join([str(Path(flightkv.__file__).parents[1]), *sys.path])}
    done = subprocess.run([sys.executable, "-c", EVERY_CALL, *leaks], capture_output=True,
                          text=True, timeout=120, env=env)
    assert "Traceback" not in done.stderr
    ours = re.search(r"(python/extension|src/(?!libsanitizer)\w+)/\w+\.c:", done.stderr)
    assert bool(ours) == bool(leaks), done.stderr


def resident_bytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


@pytest.mark.slow
def test_memory_stays_where_it_is(client):
    """1,000 gets of 4 MiB, of which one leaked in ten would be 400 MiB."""
    table = pa.table({"a": pa.array(range(512 << 10))})

    def rounds(count):
        for _ in range(count):
            client["k"] = table
            got = client["k"]
            assert got.to_pyarrow().num_rows == len(got)

    rounds(50)
    before = resident_bytes()
    rounds(1000)
    assert resident_bytes() - before < 100 << 20
