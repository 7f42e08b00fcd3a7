# SPDX-License-Identifier: Apache-2.0
"""Tables of every type and of every library, there and back."""

import decimal
import io
import re
from pathlib import Path

import duckdb
import nanoarrow as na
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import flightkv
import tables

GOLDEN = Path(__file__).resolve().parents[2] / "tests/golden"
STREAMS = sorted(GOLDEN.glob("*/*.stream"))
# Types that pyarrow itself can't take by the C interface, or read at all.
NOT_FOR_PYARROW = {"big_endian", "interval"}


@pytest.mark.parametrize("array", tables.ARRAYS, ids=tables.NAMES)
def test_every_type(client, array):
    table = pa.table({"a": array, "n": range(len(array))})
    client["k"] = table
    got = client["k"].to_pyarrow()
    got.validate(full=True)
    assert got.schema.equals(table.schema, check_metadata=True)
    assert got.equals(table)


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_golden_tables(client, path):
    try:
        with pa.ipc.open_stream(path) as stream:
            table = stream.read_all()
        client["k"] = table
    except (pa.ArrowException, NotImplementedError, TypeError, ValueError):
        assert path.stem in NOT_FOR_PYARROW
        return
    got = client["k"]
    assert got.to_pyarrow().equals(table)
    assert got.schema.to_pyarrow().equals(table.schema, check_metadata=True)


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("valid/*.types")), ids=lambda path: path.stem)
def test_types_are_spelled_as_pyarrow_spells_them(client, path):
    with pa.ipc.open_stream(path.with_suffix(".stream")) as stream:
        schema = stream.schema
    if path.stem in NOT_FOR_PYARROW or any(isinstance(type_, pa.BaseExtensionType)
                                           for type_ in schema.types):
        pytest.skip("pyarrow can't hand them on, or has names of its own")
    client["k"] = pa.Table.from_batches([], schema)
    names_of_items = re.compile(r" \('\w+'\)(?=[,>])") # of maps, which mean nothing
    types = names_of_items.sub("", path.read_text()).splitlines()
    assert client["k"].schema.types == types
    assert client.info("k").schema.names == schema.names


def test_batches_and_metadata_are_kept(client):
    schema = pa.schema([pa.field("a", pa.int64(), metadata={"unit": "m"})], metadata={"by": "me"})
    batches = [pa.record_batch([pa.array(range(n))], schema=schema) for n in (3, 0, 5)]
    client["k"] = pa.Table.from_batches(batches)
    got = client["k"]
    assert (got.num_batches, got.num_rows, len(got)) == (3, 8, 8)
    assert got.to_pyarrow().schema.equals(schema, check_metadata=True)
    assert [len(batch) for batch in got.to_pyarrow().to_batches()] == [3, 0, 5]


@pytest.mark.parametrize("table", [
    pa.table({"a": pa.array([], pa.int8())}),
    pa.schema([("a", pa.dictionary(pa.int8(), pa.string()))]).empty_table(),
    pa.table({}),
], ids=["no rows", "no batches", "no columns"])
def test_empty_tables(client, table):
    client["k"] = table
    assert client["k"].to_pyarrow().equals(table)
    assert client["k"].num_columns == table.num_columns
    assert "0 rows" in repr(client["k"])
    assert isinstance(client["k"]._repr_html_(), str)


def test_values_beyond_two_gigabytes_of_offsets_are_large(client):
    text = "x" * (1 << 20)
    table = pa.table({"s": pa.array([text] * 20, pa.large_string()),
                      "v": pa.array([text] * 20, pa.string_view())})
    client["k"] = table
    assert client["k"].to_pyarrow().equals(table)


FRAME = pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", None], "c": [1.5, None, 2.5],
                      "when": pd.date_range("2026-01-01", periods=3)})


def given_tables():
    table = pa.table({"a": [1, 2, 3], "b": ["x", "y", None]})
    yield "pyarrow Table", table
    yield "RecordBatch", table.to_batches()[0]
    yield "RecordBatchReader", table.to_reader()
    yield "pandas", pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", None]})
    yield "polars", pl.DataFrame({"a": [1, 2, 3], "b": ["x", "y", None]})
    yield "duckdb", duckdb.sql("from (values (1, 'x'), (2, 'y'), (3, null)) t(a, b)")
    yield "nanoarrow", na.ArrayStream(table)
    yield "struct array", table.to_struct_array().combine_chunks()


@pytest.mark.parametrize("name, table", list(given_tables()), ids=lambda value: value
                         if isinstance(value, str) else "")
def test_any_library_puts(client, name, table):
    sent = client.put("k", table)
    assert sent.rows == 3
    assert client["k"].to_pyarrow().to_pydict() == {"a": [1, 2, 3], "b": ["x", "y", None]}


def test_only_an_array_will_do(client):
    class Batch:
        def __arrow_c_array__(self, requested_schema=None):
            return pa.record_batch({"a": [1, 2]}).__arrow_c_array__()

    client["k"] = Batch()
    assert client["k"].to_pyarrow().to_pydict() == {"a": [1, 2]}
    schema, array = Batch().__arrow_c_array__()
    stream = flightkv._flightkv.stream_of_array(schema, array)
    with pytest.raises(ValueError, match="read already"):
        flightkv._flightkv.stream_of_array(schema, array)
    del stream


def test_pandas_there_and_back(client):
    client["k"] = FRAME
    pd.testing.assert_frame_equal(client["k"].to_pandas(), FRAME)


def test_polars_there_and_back(client):
    frame = pl.DataFrame({"a": [1, None], "s": ["x", "longer than twelve bytes"], "l": [[1], []],
                          "c": pl.Series(["u", "v"], dtype=pl.Categorical),
                          "d": [decimal.Decimal("1.5"), None]})
    client["k"] = frame
    assert client["k"].to_polars().equals(frame)
    assert pl.DataFrame(client["k"]).equals(frame)


def test_duckdb_queries_what_came(client):
    client["k"] = pa.table({"a": range(1000)})
    got = client["k"]
    assert duckdb.sql("select sum(a) from got").fetchall() == [(499500,)]
    assert got.num_rows == 1000


def test_nanoarrow_takes_what_came(client):
    client["k"] = pa.table({"a": [1, 2]})
    assert na.ArrayStream(client["k"]).read_all().to_pylist() == [{"a": 1}, {"a": 2}]
    assert na.c_schema(client["k"].schema).child(0).name == "a"


def test_what_came_goes_in_again(client):
    client["a"] = pa.table({"n": range(10)})
    client["b"] = client["a"]
    client["c"] = client.reader("b")
    assert client["c"].to_pyarrow().equals(client["a"].to_pyarrow())


def test_numpy_views_what_was_received(client):
    client["k"] = pa.table({"x": np.arange(1000.0)})
    column = client["k"].to_pyarrow()["x"].chunk(0)
    assert column.to_numpy(zero_copy_only=True).sum() == 499500


def test_what_is_no_table_is_refused(client):
    for table in (None, 5, {"a": [1]}, [1], "text"):
        with pytest.raises(TypeError, match="__arrow_c_stream__"):
            client.put("k", table)
    with pytest.raises(ValueError):
        client.put("k", pl.Series([1, 2]))
    assert "k" not in client


def test_a_failing_source_fails_the_put(client):
    schema = pa.schema([("a", pa.int64())])

    def batches():
        yield pa.record_batch([[1]], schema=schema)
        raise RuntimeError("the source broke")

    with pytest.raises(ValueError, match="the source broke"):
        client.put("k", pa.RecordBatchReader.from_batches(schema, batches()))
    assert "k" not in client


def test_a_file_is_put_as_it_is_read(client, tmp_path):
    table = pa.table({"a": range(100)})
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=10)
    sink.seek(0)
    assert client.put("k", pa.ipc.open_stream(sink)).batches == 10


@pytest.mark.parametrize("method, missing", [("to_pyarrow", "pyarrow"), ("to_polars", "polars"),
                                             ("to_pandas", "pandas"), ("to_pandas", "pyarrow")])
def test_a_library_that_is_missing_is_named(client, monkeypatch, method, missing):
    import sys
    client["k"] = pa.table({"a": [1]})
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match=rf"{method}\(\) needs {missing}: pip install {missing}"):
        getattr(client["k"], method)()
