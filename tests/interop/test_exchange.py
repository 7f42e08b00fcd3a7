# SPDX-License-Identifier: Apache-2.0
"""DoExchange with the cache, by the stock pyarrow client: append, and read a part back, on one
call."""

import threading

import pyarrow as pa
import pyarrow.flight as fl
import pytest

from server_process import CALL_TIMEOUT_S
from tables import ARRAYS
from transfer import assert_same, command, get, put

TABLE = pa.table({"n": range(10), "text": [f"row {i}" for i in range(10)]})


def exchange(client, descriptor, schema=None, batches=(), app_metadata=None, **options):
    """Appends the batches, none without a schema; what is read back, as `transfer.get` has it."""
    if isinstance(descriptor, str):
        descriptor = command(descriptor)
    headers = [(f"flightkv-{name}".replace("_", "-").encode(), value.encode())
               for name, value in options.items()]
    writer, reader = client.do_exchange(
        descriptor, fl.FlightCallOptions(timeout=CALL_TIMEOUT_S, headers=headers))
    with writer:
        if schema is not None:
            writer.begin(schema)
        for i, batch in enumerate(batches):
            if app_metadata is not None:
                writer.write_with_metadata(batch, app_metadata[i])
            else:
                writer.write_batch(batch)
        writer.done_writing()
        chunks = []
        while True:
            try:
                chunk = reader.read_chunk()
            except StopIteration:
                return reader.schema, chunks
            chunks.append((chunk.data, chunk.app_metadata and chunk.app_metadata.to_pybytes()))


def exchange_table(client, descriptor, table=None, **options):
    wrote = (None, []) if table is None else (table.schema, table.to_batches())
    schema, chunks = exchange(client, descriptor, *wrote, **options)
    return pa.Table.from_batches([batch for batch, _ in chunks], schema)


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: str(array.type)[:40])
def test_every_type_comes_back(client, array):
    batch, key = pa.record_batch([array], names=["a"]), f"type {array.type}"
    part = batch.slice(1, 3)
    assert_same(batch.schema, [batch], exchange(client, key, batch.schema, [batch]))
    received = exchange(client, key, batch.schema, [part, batch])
    assert_same(batch.schema, [batch, part, batch], received)
    assert_same(batch.schema, [batch, part, batch], get(client, key))
    client.do_action(fl.Action("drop_dataset", key.encode()))


def test_the_part_asked_for_is_of_the_whole(client):
    assert exchange_table(client, "part", TABLE, columns="text", rows="8:").equals(
        TABLE.select(["text"]).slice(8))
    again = exchange_table(client, "part", TABLE, columns="n,text", rows="8:12")
    assert again.equals(pa.concat_tables([TABLE.slice(8), TABLE.slice(0, 2)]))
    small = exchange(client, "part", columns="n", max_message_bytes="220")[1]
    assert len(small) > 2 and sum(batch.num_rows for batch, _ in small) == 20


def test_who_writes_nothing_only_reads(client):
    put(client, "read", TABLE.schema, TABLE.to_batches())
    assert exchange_table(client, "read", rows="3:5").equals(TABLE.slice(3, 2))
    path = fl.FlightDescriptor.for_path("read")
    assert exchange_table(client, path).equals(TABLE)
    with pytest.raises(KeyError, match="no table under key 'nowhere'"):
        exchange(client, "nowhere")


def test_a_schema_alone_makes_the_table_and_appends_nothing(client):
    assert exchange(client, "empty", TABLE.schema) == (TABLE.schema, [])
    assert exchange_table(client, "empty", TABLE).equals(TABLE)
    assert exchange_table(client, "empty", TABLE.slice(0, 0)).num_rows == 10


def test_app_metadata_and_schema_metadata_come_back(client):
    schema = TABLE.schema.with_metadata({"made": "here"})
    batches = TABLE.cast(schema).to_batches(max_chunksize=4)
    metadata = [b"one", b"two", b"three"]
    received = exchange(client, "metadata", schema, batches, metadata)
    assert_same(schema, batches, received, metadata)


def test_dictionaries_follow(client):
    def batch(indices, values):
        array = pa.DictionaryArray.from_arrays(pa.array(indices, pa.int8()), values)
        return pa.record_batch([array], names=["a"])

    first, second = batch([0, 1], pa.array(["a", "b"])), batch([1, 0], pa.array(["c", "d"]))
    exchange(client, "dictionaries", first.schema, [first])
    schema, chunks = exchange(client, "dictionaries", second.schema, [second], rows="1:")
    values = [value for part, _ in chunks for value in part.column(0).to_pylist()]
    assert values == ["b", "d", "c"]


@pytest.mark.parametrize("options, error, message", [
    ({"columns": "text,tex"}, pa.ArrowInvalid, "no column 'tex'"),
    ({"rows": "7:3"}, pa.ArrowInvalid, "flightkv-rows is '7:3'"),
    ({"mode": "replace"}, NotImplementedError, "flightkv-mode"),
    ({"endpoints": "2"}, NotImplementedError, "flightkv-endpoints"),
], ids=lambda value: next(iter(value)) if isinstance(value, dict) else "")
def test_what_can_not_be_asked_for_appends_nothing(client, options, error, message):
    put(client, "asked", TABLE.schema, TABLE.to_batches())
    with pytest.raises(error, match=message):
        exchange(client, "asked", TABLE.schema, TABLE.to_batches(), **options)
    assert sum(batch.num_rows for batch, _ in get(client, "asked")[1]) == 10


@pytest.mark.parametrize("name, call", [
    ("mode", lambda client, options: client.do_put(command("twice"), TABLE.schema, options)[0]),
    ("endpoints", lambda client, options: client.get_flight_info(command("asked"), options)),
    ("rows", lambda client, options: client.do_get(fl.Ticket("asked"), options).read_all()),
    ("columns", lambda client, options: client.do_exchange(command("asked"), options)[0]),
], ids=lambda value: value if isinstance(value, str) else "")
def test_an_option_that_is_given_twice_is_refused(client, name, call):
    header = (f"flightkv-{name}".encode(), {"mode": b"append", "rows": b"1:"}.get(name, b"1"))
    options = fl.FlightCallOptions(timeout=CALL_TIMEOUT_S, headers=[header, header])
    with pytest.raises(pa.ArrowInvalid, match=f"flightkv-{name} is given twice"):
        answer = call(client, options)
        if hasattr(answer, "close"):
            answer.close()


def test_another_schema_appends_nothing(client):
    other = pa.table({"n": ["one"], "text": ["two"]})
    put(client, "other", TABLE.schema, TABLE.to_batches())
    with pytest.raises(pa.ArrowInvalid, match="key 'other': field 'n' differs"):
        exchange(client, "other", other.schema, other.to_batches())
    assert sum(batch.num_rows for batch, _ in get(client, "other")[1]) == 10


def test_an_empty_key_is_refused(client):
    with pytest.raises(pa.ArrowInvalid, match="the key is empty"):
        exchange(client, command(b""), TABLE.schema, TABLE.to_batches())


def test_a_call_that_is_cancelled_appends_nothing(server):
    with server.connect() as client:
        put(client, "cancelled", TABLE.schema, TABLE.to_batches())
        writer, reader = client.do_exchange(command("cancelled"))
        writer.begin(TABLE.schema)
        writer.write_table(TABLE)
        reader.cancel()
        with pytest.raises((pa.ArrowCancelled, fl.FlightCancelledError)):
            writer.close()
        assert server.wait_for_stats(lambda stats: stats["puts_open"] == 0)["puts_open"] == 0
        assert sum(batch.num_rows for batch, _ in get(client, "cancelled")[1]) == 10


def test_each_of_many_sees_its_own_rows_last(server):
    """Writers race on one key; every answer is a version that ends with the writer's own rows."""
    failed = []

    def run(number):
        with server.connect() as client:
            for turn in range(10):
                own = pa.table({"writer": [number] * 3, "turn": [turn] * 3})
                whole = exchange_table(client, "race", own)
                if not whole.slice(whole.num_rows - 3).combine_chunks().equals(own):
                    failed.append((number, turn))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    with server.connect() as client:
        whole = exchange_table(client, "race")
    rows = [tuple(row.values()) for row in whole.to_pylist()]
    assert sorted(rows) == sorted((w, t) for w in range(6) for t in range(10) for _ in range(3))
