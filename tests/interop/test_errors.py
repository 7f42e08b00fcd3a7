# SPDX-License-Identifier: Apache-2.0
"""What a stock pyarrow client sees of each kind of error, and of the headers of any call: through
its middleware, which gets initial and trailing metadata alike."""

import pyarrow as pa
import pyarrow.flight as fl
import pytest

from server_process import call_options
from transfer import command, get, put

TABLE = pa.table({"n": range(1000), "text": [f"row {i}" for i in range(1000)]})
OTHER = pa.table({"n": ["one"]})


class Recorder(fl.ClientMiddlewareFactory):
    """Sends a header with each call and keeps what comes back, call by call."""

    def __init__(self, **headers):
        super().__init__()
        self.headers, self.calls = headers, []

    def start_call(self, info):
        self.calls.append(Call(self.headers, info.method))
        return self.calls[-1]

    def last(self):
        return self.calls[-1]


class Call(fl.ClientMiddleware):
    def __init__(self, headers, method):
        super().__init__()
        self.headers, self.method, self.received, self.error = headers, method, {}, None
        self.is_over = False

    def sending_headers(self):
        return self.headers

    def received_headers(self, headers):
        for name, values in headers.items():
            self.received.setdefault(name, []).extend(values)

    def call_completed(self, error):
        self.is_over, self.error = True, error


@pytest.fixture
def recorder():
    return Recorder()


@pytest.fixture
def client(server, recorder):
    with server.connect(middleware=[recorder]) as client:
        put(client, "errors", TABLE.schema, TABLE.to_batches())
        yield client


def asking(**asked):
    return call_options(headers=[(f"flightkv-{name.replace('_', '-')}".encode(), value)
                                 for name, value in asked.items()])


def read(client, key, **asked):
    return client.do_get(fl.Ticket(key), asking(**asked)).read_all()


def write(client, key, table, **asked):
    put(client, key, table.schema, table.to_batches(), options=asking(**asked))


def exchange(client, key, table, **asked):
    writer, reader = client.do_exchange(command(key), asking(**asked))
    with writer:
        writer.begin(table.schema)
        writer.write_table(table)
        writer.done_writing()
        return reader.read_all()


def act(client, name, body=b""):
    return list(client.do_action(fl.Action(name, body), call_options()))


# What is called, the exception, its code in Arrow C++ (x-arrow-status), and words of its message.
NOT_FOUND = (KeyError, "2")
INVALID = (pa.ArrowInvalid, "4")
TOO_LARGE = (pa.ArrowCapacityError, "6")
LACKING = (NotImplementedError, "10")
ERRORS = {
    "get, no such key":
        (lambda c: read(c, "nowhere"), *NOT_FOUND, "no table under key 'nowhere'"),
    "info, no such key":
        (lambda c: c.get_flight_info(command("nowhere")), *NOT_FOUND, "'nowhere'"),
    "exchange that only reads, no such key":
        (lambda c: c.do_exchange(command("nowhere"))[0].close(), *NOT_FOUND, "'nowhere'"),
    "drop, no such key":
        (lambda c: act(c, "drop_dataset", b"nowhere"), *NOT_FOUND, "'nowhere'"),
    "get, a bad option":
        (lambda c: read(c, "errors", rows=b"7:3"), *INVALID, "flightkv-rows is '7:3'"),
    "put, a bad key":
        (lambda c: write(c, b"\0", TABLE), *INVALID, "key"),
    "info, an empty key":
        (lambda c: c.get_flight_info(command(b"")), *INVALID, "the key is empty"),
    "action, a bad body":
        (lambda c: act(c, "flightkv.stat", b"{"), *INVALID, "flightkv.stat"),
    "append of another schema":
        (lambda c: write(c, "errors", OTHER, mode=b"append"), *INVALID, "'errors': field 'n'"),
    "exchange of another schema":
        (lambda c: exchange(c, "errors", OTHER), *INVALID, "'errors': field 'n'"),
    "get, messages too small":
        (lambda c: read(c, "errors", max_message_bytes=b"10"), *TOO_LARGE,
         "flightkv-max-message-bytes"),
    "action, a request too large":
        (lambda c: act(c, "flightkv.stat", b" " * (2 << 20)), *TOO_LARGE,
         "2097[0-9]{3} bytes is over the limit of 1048576"),
    "get, no such option":
        (lambda c: read(c, "errors", speed=b"high"), *LACKING, "flightkv-speed"),
    "action, no such name":
        (lambda c: act(c, "flightkv.nonsense"), *LACKING, "flightkv.nonsense"),
    "handshake, no users":
        (lambda c: c.authenticate_basic_token("ann", "secret"), *LACKING, "Handshake is not"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_each_error_is_pyarrows_own(server, client, recorder, name):
    call, error, code, words = ERRORS[name]
    failed = server.stats()["calls_failed"]
    with pytest.raises(error, match=words) as caught:
        call(client)
    received = recorder.last().received
    assert received["x-arrow-status"] == [code]
    [message] = received["x-arrow-status-message-bin"]
    assert message.decode() in str(caught.value)
    assert recorder.last().is_over and recorder.last().error is not None
    assert server.stats()["calls_failed"] == failed + 1
    assert get(client, "errors")[1][0][0].num_rows == TABLE.num_rows


def test_compressed_requests_are_unimplemented(server, recorder):
    """gRPC's own answer to an encoding that a server lacks: which ones it has."""
    gzip = [("grpc.default_compression_algorithm", 2)]
    with server.connect(generic_options=gzip, middleware=[recorder]) as client:
        for call in (lambda: write(client, "gzip", TABLE), lambda: list(client.list_flights()),
                     lambda: exchange(client, "gzip", TABLE)):
            with pytest.raises(NotImplementedError, match="grpc-encoding.*expected identity"):
                call()
    with server.connect() as client, pytest.raises(KeyError):
        get(client, "gzip")


def test_headers_go_both_ways_when_all_is_well(server):
    recorder = Recorder(**{"x-of-the-client": "a value", "x-bytes-bin": b"\0\xff"})
    with server.connect(middleware=[recorder]) as client:
        put(client, "headers", TABLE.schema, TABLE.to_batches())
        etag = recorder.last().received["flightkv-etag"]
        assert get(client, "headers")[1][0][0].equals(TABLE.to_batches()[0])
        assert recorder.last().received["flightkv-etag"] == etag
        assert exchange(client, "headers", TABLE).num_rows == 2 * TABLE.num_rows
        [appended] = recorder.last().received["flightkv-etag"]
        assert len(appended) == 32 and [appended] != etag
        client.get_flight_info(command("headers"))
        client.get_schema(command("headers"))
        list(client.list_flights())
        list(client.list_actions())
        act(client, "flightkv.ping")
    methods = [call.method.name for call in recorder.calls]
    assert methods == ["DO_PUT", "DO_GET", "DO_EXCHANGE", "GET_FLIGHT_INFO", "GET_SCHEMA",
                       "LIST_FLIGHTS", "LIST_ACTIONS", "DO_ACTION"]
    for call in recorder.calls:
        assert call.is_over and call.error is None
        assert "x-arrow-status" not in call.received


def test_an_exchange_that_fails_after_its_append_has_the_etag(client, recorder):
    """A row that fits no message of the size asked for: the append is there all the same."""
    large = pa.table({"n": [1], "text": ["x" * 10000]})
    with pytest.raises(pa.ArrowCapacityError):
        exchange(client, "errors", large, max_message_bytes=b"4000")
    [etag] = recorder.last().received["flightkv-etag"]
    assert get(client, "errors")[1][-1][0].num_rows == 1
    assert recorder.last().received["flightkv-etag"] == [etag]
