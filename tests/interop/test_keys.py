# SPDX-License-Identifier: Apache-2.0
"""What names a table: descriptors, tickets, and which keys there are."""

import pyarrow as pa
import pyarrow.flight as fl
import pytest

from server_process import call_options
from transfer import assert_same, command, get, path, put

BATCH = pa.record_batch([pa.array([1, 2, 3])], names=["a"])


def put_rows(client, descriptor, rows):
    batch = BATCH.slice(0, rows)
    put(client, descriptor, batch.schema, [batch])
    return batch


@pytest.mark.parametrize("key", [
    b"k", b"a key with blanks", "sch\u00f6n \u20ac".encode(), b"\xff\xfe\x80", b"a\0b", b"\x01",
    b"%41", b"a/b", b"/", b"*?[a]\\", b"\r\n\t", b"x" * 4096,
], ids=lambda key: repr(key)[:20])
def test_any_bytes_are_a_key(client, key):
    batch = put_rows(client, key, 2)
    assert_same(batch.schema, [batch], get(client, key))
    info = client.get_flight_info(command(key), call_options())
    assert info.descriptor.command == key and info.total_records == 2
    client.do_action(fl.Action("drop_dataset", key), call_options())


def test_a_path_is_its_segments_joined(client):
    """`a`,`b` and `a/b` are one key, as PATH and as CMD."""
    for rows, descriptor in enumerate([path("a", "b"), path("a/b"), command("a/b")], start=1):
        batch = put_rows(client, descriptor, rows)
        for other in (path("a", "b"), path("a/b"), command("a/b")):
            info = client.get_flight_info(other, call_options())
            assert info.total_records == rows
            assert info.descriptor == other, "the descriptor asked with comes back"
            assert_same(batch.schema, [batch], get(client, info.endpoints[0].ticket))
        assert_same(batch.schema, [batch], get(client, "a/b"))


def test_a_path_of_empty_segments(client):
    put_rows(client, path("", "", ""), 3)
    assert client.get_flight_info(command("//"), call_options()).total_records == 3


def test_the_form_last_put_is_listed(client):
    def listed():
        return [info.descriptor for info in client.list_flights(b"form/*", call_options())]
    put_rows(client, path("form", "last", "put"), 1)
    assert listed() == [path("form", "last", "put")]
    put_rows(client, command("form/last/put"), 1)
    assert listed() == [command("form/last/put")]


BAD_KEYS = [
    (command(b""), "empty"), (command(b"\0key"), "NUL"), (command(b"\0"), "NUL"),
    (command(b"x" * 4097), "4096|4,096"), (path(), "descriptor|empty"), (path(""), "empty"),
    (path("a" * 4096, ""), "4096|4,096"), (path("\0"), "NUL"),
]


@pytest.mark.parametrize("descriptor, expected", BAD_KEYS, ids=lambda value: str(value)[:40])
def test_what_is_no_key_is_refused(client, descriptor, expected):
    with pytest.raises(pa.ArrowInvalid, match=f"(?i){expected}"):
        put_rows(client, descriptor, 1)
    with pytest.raises(pa.ArrowInvalid, match=f"(?i){expected}"):
        client.get_flight_info(descriptor, call_options())
    with pytest.raises(pa.ArrowInvalid, match=f"(?i){expected}"):
        client.get_schema(descriptor, call_options())


@pytest.mark.parametrize("ticket", [b"", b"\0", b"\0key", b"x" * 4097], ids=lambda t: repr(t)[:20])
def test_a_ticket_that_is_no_key_is_refused(client, ticket):
    with pytest.raises(pa.ArrowInvalid, match="(?i)ticket"):
        get(client, ticket)


@pytest.mark.parametrize("key, shown", [(b"not there", "not there"), (b"\xff%", "%FF%25")])
def test_a_missing_key_is_named(client, key, shown):
    calls = [
        lambda: get(client, key),
        lambda: client.get_flight_info(command(key), call_options()),
        lambda: client.get_schema(command(key), call_options()),
        lambda: list(client.do_action(fl.Action("drop_dataset", key), call_options())),
    ]
    for call in calls:
        with pytest.raises(pa.ArrowKeyError) as caught:
            call()
        assert shown in str(caught.value)
