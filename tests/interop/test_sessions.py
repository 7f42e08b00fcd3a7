# SPDX-License-Identifier: Apache-2.0
"""Sessions of the cache, with the stock pyarrow client. It has no calls for them, so the messages
are written here by hand; test_conformance.py has Arrow C++'s own calls."""

import struct

import pyarrow as pa
import pyarrow.flight as fl
import pytest

from server_process import call_options
from test_conformance import Cookies
from transfer import command, put

BATCH = pa.record_batch({"a": list(range(100)), "b": [str(i) for i in range(100)]})


def field(number, body):
    assert len(body) < 128
    return bytes([number << 3 | 2, len(body)]) + body


def entry(name, value):
    """Of a map<string, SessionOptionValue>; a value of None erases."""
    body = b""
    if isinstance(value, str):
        body = field(1, value.encode())
    elif value is not None:
        body = b"\x19" + struct.pack("<q", value)
    return field(1, field(1, name.encode()) + field(2, body))


def act(client, name, body=b""):
    [result] = client.do_action(fl.Action(name, body), call_options())
    return result.body.to_pybytes()


def set_options(client, **values):
    """The SetSessionOptionsResult; b"" is that without errors."""
    return act(client, "SetSessionOptions",
               b"".join(entry("flightkv-" + name.replace("_", "-"), value)
                        for name, value in values.items()))


def get(client, key, **headers):
    options = call_options(headers=[(f"flightkv-{name}".encode(), value.encode())
                                    for name, value in headers.items()])
    return client.do_get(fl.Ticket(key.encode()), options)


@pytest.fixture
def cookies():
    return Cookies()


@pytest.fixture
def client(server, cookies):
    with server.connect(middleware=[cookies]) as client:
        put(client, "k", BATCH.schema, [BATCH])
        yield client


def begin(client, cookies, **values):
    assert set_options(client, **values) == b""
    [cookies.sent] = cookies.received
    cookies.received.clear()
    assert cookies.sent.startswith("arrow_flight_session_id=")


def test_options_are_defaults_of_later_calls(client, cookies):
    begin(client, cookies, columns="b", rows="10:13")
    assert get(client, "k").read_all() == pa.table(BATCH.select(["b"]).slice(10, 3))
    assert get(client, "k", rows="1:2", columns="a").read_all() == \
        pa.table(BATCH.select(["a"]).slice(1, 1))
    assert set_options(client, rows=None) == b""
    assert get(client, "k").read_all() == pa.table(BATCH.select(["b"]))
    assert cookies.received == []
    cookies.sent = None
    assert get(client, "k").read_all() == pa.table(BATCH)


def test_a_message_limit_is_set_once(client, cookies):
    begin(client, cookies, max_message_bytes=700)
    batches = [chunk.data for chunk in get(client, "k")]
    assert len(batches) > 1
    assert pa.Table.from_batches(batches).combine_chunks() == pa.table(BATCH)


def test_puts_that_append(client, cookies):
    begin(client, cookies, mode="append", endpoints="2")
    put(client, "k", BATCH.schema, [BATCH])
    assert get(client, "k").read_all().num_rows == 200
    info = client.get_flight_info(command("k"), call_options())
    assert len(info.endpoints) == 2
    assert sum(client.do_get(endpoint.ticket).read_all().num_rows
               for endpoint in info.endpoints) == 200


def test_what_is_set_is_told(client, cookies):
    begin(client, cookies, mode="append", endpoints=2)
    assert act(client, "GetSessionOptions") == entry("flightkv-mode", "append") + \
        entry("flightkv-endpoints", 2)
    assert set_options(client, other="x") == \
        field(1, field(1, b"flightkv-other") + field(2, b"\x08\x01"))
    assert set_options(client, mode="x") == \
        field(1, field(1, b"flightkv-mode") + field(2, b"\x08\x02"))


def test_a_session_ends(client, cookies):
    begin(client, cookies, rows="10:13")
    first = cookies.sent
    assert act(client, "CloseSession") == b"\x08\x01"
    assert cookies.received.pop().endswith("Max-Age=0")
    with pytest.raises(KeyError, match="no such session"):
        get(client, "k").read_all()
    assert cookies.received == []
    with pytest.raises(KeyError, match="no such session"):
        act(client, "GetSessionOptions")
    assert cookies.received.pop().endswith("Max-Age=0")
    cookies.sent = None
    begin(client, cookies, rows="20:21")
    assert cookies.sent != first
    assert get(client, "k").read_all().num_rows == 1


def test_sessions_are_listed_and_counted(server, client, cookies):
    names = {action.type for action in client.list_actions(call_options())}
    assert {"SetSessionOptions", "GetSessionOptions", "CloseSession"} <= names
    before = server.stats()["sessions"]
    begin(client, cookies)
    assert server.stats()["sessions"] == before + 1


def test_the_number_of_sessions_is_bounded(start_server):
    server = start_server("--sessions", "3", "--session-idle", "1h")
    sent = []
    for i in range(5):
        cookies = Cookies()
        with server.connect(middleware=[cookies]) as client:
            begin(client, cookies)
            sent.append(cookies.sent)
    assert server.stats()["sessions"] == 3
    with server.connect(middleware=[cookies]) as client:
        for i, cookie in enumerate(sent):
            cookies.sent = cookie
            if i < 2:
                with pytest.raises(KeyError, match="no such session"):
                    list(client.list_flights(b"", call_options()))
            else:
                assert list(client.list_flights(b"", call_options())) == []


def test_sessions_without_end_of_cookies(server):
    """Bytes that aren't a session's name, or are too many."""
    with server.connect() as client:
        for name in b"0" * 32, b"f" * 9000, b";;":
            options = call_options(headers=[(b"cookie", b"arrow_flight_session_id=" + name)])
            with pytest.raises(KeyError, match="no such session"):
                list(client.list_flights(b"", options))
        options = call_options(headers=[(b"cookie", b";" * 5000)])
        list(client.list_flights(b"", options))
