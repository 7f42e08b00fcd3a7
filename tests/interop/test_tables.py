# SPDX-License-Identifier: Apache-2.0
"""Tables put by the stock pyarrow client come back as they were: values, boundaries, metadata."""

import numpy as np
import pyarrow as pa
import pyarrow.flight as fl
import pyarrow.ipc as ipc
import pytest

import tables
from server_process import call_options
from transfer import assert_same, get, put, round_trip


def write_options(**options):
    return call_options(write_options=ipc.IpcWriteOptions(**options))


def one_column(array):
    return pa.record_batch([array], names=["column"])


@pytest.mark.parametrize("array", tables.ARRAYS, ids=tables.NAMES)
def test_every_type(client, array):
    """Whole, empty and as slices that begin at odd places."""
    whole = one_column(array)
    batches = [whole, whole.slice(0, 0), whole.slice(1), whole.slice(3, 2), whole.slice(6)]
    round_trip(client, "every type", whole.schema, batches)


@pytest.mark.parametrize("options", [
    {"compression": "lz4"}, {"compression": "zstd"},
    {"metadata_version": ipc.MetadataVersion.V4},
], ids=str)
def test_every_type_in_one_table(client, options):
    names = [f"column {i}" for i in range(len(tables.ARRAYS))]
    batch = pa.record_batch(tables.ARRAYS, names=names)
    round_trip(client, f"all {options}", batch.schema, [batch, batch.slice(2, 3)],
               options=write_options(**options))


def test_no_batches(client):
    schema = pa.schema([("a", pa.int64()), ("b", pa.list_(pa.string()))])
    round_trip(client, "no batches", schema, [])


def test_no_batches_of_a_dictionary(client):
    """pyarrow reads all dictionaries before it gives the schema, so the server must send some."""
    schema = pa.schema([("a", pa.dictionary(pa.int8(), pa.string())),
                        ("b", pa.list_(pa.dictionary(pa.int32(), pa.binary(2))))])
    round_trip(client, "no batches of a dictionary", schema, [])


def test_no_columns(client):
    rows = pa.StructArray.from_arrays([], [], mask=pa.array([False] * 5))
    batch = pa.RecordBatch.from_struct_array(rows)
    assert batch.num_rows == 5 and batch.num_columns == 0
    round_trip(client, "no columns", batch.schema, [batch, batch])


def test_batches_without_rows_keep_their_place(client):
    full = one_column(pa.array([1, 2, 3]))
    empty = full.slice(0, 0)
    round_trip(client, "empty between", full.schema, [empty, full, empty, empty, full, empty])


def test_ten_thousand_batches_of_one_row(client):
    column = pa.array(range(10_000))
    batches = [one_column(column.slice(i, 1)) for i in range(len(column))]
    round_trip(client, "10,000 batches", batches[0].schema, batches)


def test_one_thousand_columns(client):
    batch = pa.record_batch([pa.array([i, None]) for i in range(1000)],
                            names=[f"column {i}" for i in range(1000)])
    round_trip(client, "1,000 columns", batch.schema, [batch, batch])


@pytest.mark.slow
def test_batches_of_300_mb(client):
    rows = 300_000_000 // 8
    batches = [one_column(pa.array(np.arange(i, i + rows))) for i in range(2)]
    round_trip(client, "300 MB", batches[0].schema, batches)


def test_metadata_of_schema_and_fields(client):
    field = pa.field("a", pa.int32(), nullable=False, metadata={b"unit": b"m", b"\xff": b"\0"})
    inner = pa.field("b", pa.struct([pa.field("c", pa.string(), metadata={"deep": "yes"})]))
    schema = pa.schema([field, inner], metadata={b"pandas": b"{}" * 50_000, b"": b"", b"k": b"\0"})
    arrays = [pa.array([1, 2], pa.int32()), pa.array([{"c": "x"}, None], inner.type)]
    round_trip(client, "metadata", schema, [pa.record_batch(arrays, schema=schema)])


def test_columns_of_one_name(client):
    batch = pa.record_batch([pa.array([1]), pa.array(["x"]), pa.array([2])], names=["a", "a", ""])
    round_trip(client, "one name", batch.schema, [batch])


def test_app_metadata_of_each_batch(client):
    """Echoed in one PutResult a batch that has some, and given back with its batch."""
    batch = one_column(pa.array([1, 2, 3]))
    app_metadata = [b"0", None, b"two\0\xff", b"x" * 100_000, None, b"5"]
    acks = put(client, "app_metadata", batch.schema, [batch] * 6, app_metadata)
    assert acks == [m for m in app_metadata if m is not None]
    assert_same(batch.schema, [batch] * 6, get(client, "app_metadata"), app_metadata)


def test_no_put_results_without_app_metadata(client):
    batch = one_column(pa.array([1]))
    assert put(client, "no app_metadata", batch.schema, [batch] * 3) == []


def test_each_batch_can_be_waited_for(client):
    """A client in lock-step gets the echo of a batch before it sends the next one."""
    batch = one_column(pa.array(range(1000)))
    writer, reader = client.do_put(fl.FlightDescriptor.for_command("lock-step"), batch.schema,
                                   call_options())
    with writer:
        for i in range(20):
            writer.write_with_metadata(batch, str(i).encode())
            assert reader.read().to_pybytes() == str(i).encode()
        writer.done_writing()
        assert reader.read() is None


def dictionary_batches(words_of_each):
    return [one_column(pa.array(words).dictionary_encode()) for words in words_of_each]


@pytest.mark.parametrize("deltas", [False, True])
def test_dictionaries_that_change_between_batches(client, deltas):
    """Replaced, or grown by a delta; a batch goes with the dictionary that was in force then."""
    batches = dictionary_batches([["a", "b"], ["a", "b", "c", "c"], ["a", "b", "c", "d"]] +
                                 ([] if deltas else [["z"], ["a", "z"]]))
    round_trip(client, f"dictionaries {deltas}", batches[0].schema, batches,
               options=write_options(emit_dictionary_deltas=deltas))


def test_a_pandas_frame(client):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"when": pd.date_range("2024-01-01", periods=5, tz="UTC"),
                          "what": pd.Categorical(["a", "b", "a", None, "b"]),
                          "value": [1.0, None, 3.0, 4.0, 5.0]}, index=list("vwxyz"))
    table = pa.Table.from_pandas(frame)
    round_trip(client, "pandas", table.schema, table.to_batches())
    reader = client.do_get(fl.Ticket("pandas"), call_options())
    pd.testing.assert_frame_equal(reader.read_pandas(), frame)


def test_the_shapes_of_reading(client):
    """read_all, iteration and to_reader are what applications use."""
    batches = [one_column(pa.array(range(i, i + 3))) for i in range(4)]
    put(client, "shapes", batches[0].schema, batches)
    table = pa.Table.from_batches(batches)
    ticket = fl.Ticket("shapes")
    assert client.do_get(ticket, call_options()).read_all().equals(table)
    assert [chunk.data for chunk in client.do_get(ticket, call_options())] == batches
    assert client.do_get(ticket, call_options()).to_reader().read_all().equals(table)


def test_a_get_that_is_given_up(client):
    """A reader that stops early doesn't disturb the next call on its connection."""
    batch = one_column(pa.array(range(100_000)))
    put(client, "given up", batch.schema, [batch] * 50)
    for _ in range(5):
        reader = client.do_get(fl.Ticket("given up"), call_options())
        assert reader.read_chunk().data.equals(batch)
        reader.cancel()
    assert_same(batch.schema, [batch] * 50, get(client, "given up"))
