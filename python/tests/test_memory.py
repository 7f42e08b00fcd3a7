# SPDX-License-Identifier: Apache-2.0
"""Who keeps what alive, and that nothing is kept for ever."""

import gc
import resource
import sys

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
