# SPDX-License-Identifier: Apache-2.0
"""Puts that append, by the stock pyarrow client."""

import threading

import numpy as np
import pyarrow as pa
import pyarrow.flight as fl
import pytest

from server_process import CALL_TIMEOUT_S
from tables import ARRAYS
from transfer import assert_same, command, get, put


def options(**named):
    headers = [(f"flightkv-{name}".encode(), value.encode()) for name, value in named.items()]
    return fl.FlightCallOptions(timeout=CALL_TIMEOUT_S, headers=headers)


def append(client, key, schema, batches, app_metadata=None):
    return put(client, key, schema, batches, app_metadata, options(mode="append"))


def one_column(array):
    return pa.record_batch([array], names=["a"])


def dictionary(indices, values):
    return one_column(pa.DictionaryArray.from_arrays(pa.array(indices, pa.int8()), values))


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: str(array.type)[:40])
def test_every_type_is_appended(client, array):
    whole, part = one_column(array), one_column(array).slice(2, 4)
    for batches in ([whole, part], [part], [], [whole]):
        append(client, f"type {array.type}", whole.schema, batches)
    received = get(client, f"type {array.type}")
    assert_same(whole.schema, [whole, part, part, whole], received)
    client.do_action(fl.Action("drop_dataset", f"type {array.type}".encode()))


def test_an_append_changes_the_etag_as_one_put_of_all(server):
    batch = one_column(pa.array([1, 2, 3]))
    with server.connect() as client:
        put(client, "whole", batch.schema, [batch] * 4)
        put(client, "grown", batch.schema, [batch])
        for count in (1, 2):
            append(client, "grown", batch.schema, [batch] * count)
    assert server.action("stat", key="whole")["etag"] == server.action("stat", key="grown")["etag"]


def test_dictionaries_of_other_values_follow(client):
    batches = [
        dictionary([0, 1, None], pa.array(["a", "b"])),
        dictionary([0, 1, 0], pa.array(["a", "b"])),
        dictionary([2, 1, 0], pa.array(["x", "y", "z"])),
        dictionary([0, 0], pa.array(["x", "y", "z"])),
        dictionary([1, 0], pa.array(["a", "b"])),
        dictionary([1, 2], pa.array(["a", "b", "c"])),
    ]
    for batch in batches:
        append(client, "words", batch.schema, [batch])
    assert_same(batches[0].schema, batches, get(client, "words"))


def test_a_dictionary_in_force_is_stored_once(server):
    words = pa.array([f"{'word' * 50} {i}" for i in range(100)])
    batch = dictionary([0, 1, 99], words)
    with server.connect() as client:
        append(client, "once", batch.schema, [batch])
        one = server.action("stat", key="once")["bytes"]
        append(client, "once", batch.schema, [batch])
        assert server.action("stat", key="once")["bytes"] < one + 1000
        assert_same(batch.schema, [batch, batch], get(client, "once"))


def test_deltas_stay_deltas(client):
    """Each put sends a whole dictionary and a delta; the next one replaces what they made."""
    first = dictionary([0, 1], pa.array(["a", "b"]))
    more = dictionary([2, 1], pa.array(["a", "b", "c"]))
    for _ in range(3):
        writer, _ = client.do_put(command("deltas"), first.schema, options(mode="append"))
        writer.write_batch(first)
        writer.write_batch(more)
        writer.close()
    assert_same(first.schema, [first, more] * 3, get(client, "deltas"))


def test_nested_dictionaries_follow_their_inner_ones(client):
    def nested(inner_values, outer_indices):
        inner = pa.DictionaryArray.from_arrays(pa.array([0, 1, 0], pa.int8()),
                                               pa.array(inner_values))
        values = pa.StructArray.from_arrays([inner], ["word"])
        return one_column(
            pa.DictionaryArray.from_arrays(pa.array(outer_indices, pa.int16()), values))

    batches = [nested(["in", "out"], [0, 1, 2]), nested(["up", "down"], [0, 1, 2]),
               nested(["up", "down"], [2, 1]), nested(["in", "out"], [0, 1, 2])]
    for batch in batches:
        append(client, "nested", batch.schema, [batch])
    # One part at a time: pyarrow keeps an outer dictionary together with the inner one last read.
    info = client.get_flight_info(command("nested"), options(endpoints="256"))
    for endpoint, batch in zip(info.endpoints, batches, strict=True):
        assert_same(batch.schema, [batch], get(client, endpoint.ticket))
    assert_same(batches[0].schema, batches, get(client, "nested"))


def test_app_metadata_comes_back_and_is_echoed(client):
    batch = one_column(pa.array([1]))
    assert put(client, "echo", batch.schema, [batch], [b"old"]) == [b"old"]
    assert append(client, "echo", batch.schema, [batch] * 3, [b"x", None, b"y"]) == [b"x", b"y"]
    assert_same(batch.schema, [batch] * 4, get(client, "echo"), [b"old", b"x", None, b"y"])


def test_schemas_of_other_bytes_and_the_same_meaning_match(client):
    field = pa.field("a", pa.int64(), metadata={"x": "1", "y": "2"})
    turned = pa.field("a", pa.int64(), metadata={"y": "2", "x": "1"})
    for one in (field, turned):
        schema = pa.schema([one])
        batch = pa.record_batch([pa.array([1])], schema=schema)
        append(client, "turned", schema, [batch])
    assert len(get(client, "turned")[1]) == 2


@pytest.mark.parametrize("field, expected", [
    (pa.field("a", pa.int32()), r"field 'a' differs: the table has struct.*the put int32"),
    (pa.field("b", pa.struct([("x", pa.list_(pa.int8()))])), r"field 'a' differs.*calls it 'b'"),
    (pa.field("a", pa.struct([("x", pa.list_(pa.int16()))])),
     r"field 'a\.x\.item' differs: the table has int8, the put int16"),
    (pa.field("a", pa.struct([("x", pa.list_(pa.int8()))]), nullable=False),
     r"field 'a' differs: in the table it is nullable, in the put not null"),
    (pa.field("a", pa.struct([("x", pa.list_(pa.int8()))]), metadata={"k": "v"}),
     r"field 'a' differs: the put has other metadata under 'k'"),
])
def test_another_schema_is_refused_by_its_first_difference(server, client, field, expected):
    schema = pa.schema([("a", pa.struct([("x", pa.list_(pa.int8()))]))])
    put(client, "refused", schema, [])
    before = server.action("stat", key="refused")
    with pytest.raises(pa.ArrowInvalid, match=expected):
        append(client, "refused", pa.schema([field]), [])
    with pytest.raises(pa.ArrowInvalid, match="column 'z' is only in the put"):
        append(client, "refused", schema.append(pa.field("z", pa.int8())), [])
    assert server.action("stat", key="refused") == before


def test_metadata_versions_are_not_mixed(client):
    batch = one_column(pa.array([1]))
    put(client, "versions", batch.schema, [batch])
    old = fl.FlightCallOptions(
        timeout=CALL_TIMEOUT_S, headers=[(b"flightkv-mode", b"append")],
        write_options=pa.ipc.IpcWriteOptions(metadata_version=pa.ipc.MetadataVersion.V4))
    with pytest.raises(pa.ArrowInvalid, match="the table has metadata version V5, the put V4"):
        put(client, "versions", batch.schema, [batch], options=old)


def test_compressed_batches_follow_others(client):
    batch = one_column(pa.array(np.arange(10000)))
    for codec in (None, "lz4", "zstd"):
        some = fl.FlightCallOptions(
            timeout=CALL_TIMEOUT_S, headers=[(b"flightkv-mode", b"append")],
            write_options=pa.ipc.IpcWriteOptions(compression=codec))
        put(client, "codecs", batch.schema, [batch], options=some)
    assert_same(batch.schema, [batch] * 3, get(client, "codecs"))


def test_modes_have_names(client):
    batch = one_column(pa.array([1]))
    for _ in range(2):
        put(client, "modes", batch.schema, [batch], options=options(mode="replace"))
    assert len(get(client, "modes")[1]) == 1
    with pytest.raises(pa.ArrowInvalid, match="'add', expected 'replace' or 'append'"):
        put(client, "modes", batch.schema, [batch], options=options(mode="add"))


def test_appenders_at_once_all_land(server):
    """Each changes the dictionary all the time, so that what one found in force often isn't."""
    counts = {}

    def work(number):
        with server.connect() as client:
            for i in range(40):
                values = pa.array([f"{number}", f"{i % 3}"])
                batch = dictionary([0, 1], values)
                append(client, "race", batch.schema, [batch])
            counts[number] = 40

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == {number: 40 for number in range(4)}
    with server.connect() as client:
        _, chunks = get(client, "race")
    rows = [chunk.column(0).to_pylist() for chunk, _ in chunks]
    for number in range(4):
        mine = [row[1] for row in rows if row[0] == f"{number}"]
        assert mine == [f"{i % 3}" for i in range(40)]


def parts(client, key, count):
    info = client.get_flight_info(command(key), options(endpoints=str(count)))
    assert info.ordered and 1 <= len(info.endpoints) <= count
    assert all(endpoint.ticket.ticket[:1] == b"\0" for endpoint in info.endpoints)
    return info.endpoints


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: str(array.type)[:40])
def test_parts_of_every_type_make_the_whole(client, array):
    batches = [one_column(array).slice(i % 4, 3) for i in range(7)]
    put(client, "parts", batches[0].schema, batches)
    for count in (1, 2, 3, 256):
        endpoints = parts(client, "parts", count)
        assert count < 256 or len(endpoints) == 7
        chunks = [chunk for e in endpoints for chunk in get(client, e.ticket)[1]]
        assert_same(batches[0].schema, batches, (batches[0].schema, chunks))


def test_parts_have_the_dictionary_in_force(client):
    batches = [dictionary([i % 2], pa.array([f"{i // 3}", f"{i // 3}'"])) for i in range(12)]
    put(client, "in force", batches[0].schema, batches)
    endpoints = parts(client, "in force", 12)
    for batch, endpoint in zip(batches, endpoints, strict=True):
        assert_same(batch.schema, [batch], get(client, endpoint.ticket))


def test_parts_are_balanced_and_read_at_once(server, client):
    batches = [one_column(pa.array(np.full(10000 * (1 + i % 3), float(i)))) for i in range(60)]
    put(client, "balanced", batches[0].schema, batches)
    endpoints = parts(client, "balanced", 4)
    received = [None] * len(endpoints)

    def read(i):
        with server.connect() as other:
            received[i] = get(other, endpoints[i].ticket)[1]

    threads = [threading.Thread(target=read, args=(i,)) for i in range(len(endpoints))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sizes = [sum(chunk.nbytes for chunk, _ in chunks) for chunks in received]
    assert len(sizes) == 4 and max(sizes) < 1.2 * min(sizes)
    chunks = [chunk for part in received for chunk in part]
    assert_same(batches[0].schema, batches, (batches[0].schema, chunks))


def test_a_table_without_batches_is_one_part(client):
    schema = pa.schema([("a", pa.int8())])
    put(client, "empty", schema, [])
    [endpoint] = parts(client, "empty", 5)
    assert_same(schema, [], get(client, endpoint.ticket))


def test_a_part_of_another_version_is_gone(client):
    batch = one_column(pa.array([1, 2]))
    put(client, "gone", batch.schema, [batch] * 4)
    ticket = parts(client, "gone", 2)[1].ticket
    put(client, "gone", batch.schema, [batch] * 4)
    assert len(get(client, ticket)[1]) == 2, "the same bytes are the same version"
    append(client, "gone", batch.schema, [batch])
    with pytest.raises(pa.ArrowKeyError, match="'gone' has changed, call GetFlightInfo again"):
        get(client, ticket)


def test_forged_tickets_are_refused(client):
    batch = one_column(pa.array([1, 2]))
    put(client, "forged", batch.schema, [batch] * 4)
    good = parts(client, "forged", 2)[1].ticket.ticket
    for size in range(1, len(good) - len("forged") + 1):
        with pytest.raises(pa.ArrowInvalid, match="the ticket is not one of this server"):
            get(client, fl.Ticket(good[:size]))
    for first, end in ((0, 5), (3, 2), (1, 6), (2**64 - 1, 2**64 - 1), (1, 2**63)):
        forged = good[:2] + first.to_bytes(8, "little") + end.to_bytes(8, "little") + good[18:]
        with pytest.raises(pa.ArrowInvalid, match="the ticket is for messages"):
            get(client, fl.Ticket(forged))


@pytest.mark.parametrize("count", ["0", "257", "-1", "", "1x", "99999999999999999999"])
def test_the_number_of_endpoints_has_bounds(client, count):
    put(client, "bounds", pa.schema([]), [])
    with pytest.raises(pa.ArrowInvalid, match="expected a number from 1 to 256"):
        client.get_flight_info(command("bounds"), options(endpoints=count))
