# SPDX-License-Identifier: Apache-2.0
"""Calls that end in mid-stream, from either side: cancelled, left, out of time, drained. After
each, nothing of it is stored, its memory is given back and the server serves on."""

import signal

import numpy as np
import pyarrow as pa
import pyarrow.flight as fl
import pytest

from server_process import STOP_TIMEOUT_S, call_options
from transfer import assert_same, command, get, put

BATCH = pa.record_batch({"x": np.zeros(1 << 17)})
# More than window and socket hold: a get of it stands still until the client reads on.
LARGE = [BATCH] * 48
HELD = ("keys", "tables", "table_bytes", "memory_used_bytes", "puts_open")
CANCELLED = (fl.FlightCancelledError, pa.ArrowCancelled)
# A deadline of a call that can't end in time, because nobody reads or writes on.
SOON_S = 0.3


def held(stats):
    """What must be as it was; of the calls only the one that asks is open."""
    return {**{name: stats[name] for name in HELD}, "calls": stats["calls"]}


class Broken:
    """A server with the table LARGE; calls on it are broken off."""

    def __init__(self, server):
        self.server, self.client = server, server.connect()
        put(self.client, "large", BATCH.schema, LARGE)
        self.before = held(server.stats())

    def begin(self, what, client=None, **options):
        """A call in mid-stream: its writer and reader, either None."""
        client = client or self.client
        options = fl.FlightCallOptions(**options) if options else call_options()
        if what == "get":
            reader = client.do_get(fl.Ticket("large"), options)
            reader.read_chunk()
            return None, reader
        if what == "put":
            writer, reader = client.do_put(command("new"), BATCH.schema, options)
        else:
            writer, reader = client.do_exchange(command("large"), options)
            writer.begin(BATCH.schema)
        for _ in range(8):
            writer.write_batch(BATCH)
        return writer, reader

    def wait_until_it_is_there(self):
        """The begun call's batches are held by the server."""
        expected = self.before["memory_used_bytes"] + 8 * BATCH.nbytes
        stats = self.server.wait_for_stats(lambda stats: stats["memory_used_bytes"] >= expected)
        assert stats["puts_open"] == 1

    def assert_as_before(self):
        stats = self.server.wait_for_stats(lambda stats: held(stats) == self.before)
        assert held(stats) == self.before
        with pytest.raises(KeyError):
            get(self.client, "new")
        put(self.client, "after", BATCH.schema, [BATCH])
        assert_same(BATCH.schema, [BATCH], get(self.client, "after"))
        assert_same(BATCH.schema, LARGE, get(self.client, "large"))


@pytest.fixture
def broken(start_server):
    broken = Broken(start_server("--workers", "2"))
    yield broken
    broken.client.close()


def go_on(writer, reader):
    """Does with the call what its user would do next. (read_all would make a KeyboardInterrupt of a
    call that is cancelled.)"""
    if writer is None:
        while True:
            reader.read_chunk()
    else:
        writer.write_batch(BATCH)
        writer.close()


@pytest.mark.parametrize("what", ["get", "exchange"])
def test_the_client_cancels(broken, what):
    writer, reader = broken.begin(what)
    if writer is not None:
        broken.wait_until_it_is_there()
    reader.cancel()
    with pytest.raises(CANCELLED):
        go_on(writer, reader)
    broken.assert_as_before()


def test_an_exchange_is_cancelled_while_it_reads_back(broken):
    """The append was made by then; what it holds for the reader goes."""
    writer, reader = broken.begin("exchange")
    writer.done_writing()
    assert reader.read_chunk().data.equals(BATCH)
    reader.cancel()
    with pytest.raises(CANCELLED):
        writer.close()
    stats = broken.server.wait_for_stats(lambda stats: stats["calls"] == 1)
    assert stats["calls"] == 1 and stats["puts_open"] == 0
    assert_same(BATCH.schema, [*LARGE, *[BATCH] * 8], get(broken.client, "large"))


def test_a_reader_is_dropped(broken):
    _, reader = broken.begin("get")
    del reader
    broken.assert_as_before()


def test_a_client_is_gone_in_mid_get(broken):
    client = broken.server.connect()
    _, reader = broken.begin("get", client)
    client.close()
    del reader, client
    broken.assert_as_before()


@pytest.mark.parametrize("what", ["get", "put", "exchange"])
def test_the_clients_deadline_passes(broken, what):
    writer, reader = broken.begin(what, timeout=SOON_S)
    stats = broken.server.wait_for_stats(lambda stats: stats["calls"] == 1)
    assert stats["calls"] == 1
    with pytest.raises(fl.FlightTimedOutError):
        go_on(writer, reader)
    broken.assert_as_before()


@pytest.mark.parametrize("what, option", [
    ("get", "stall-timeout"), ("put", "upload-timeout"), ("exchange", "upload-timeout")])
def test_the_server_ends_what_stands_still(start_server, what, option):
    broken = Broken(start_server(f"--{option}", "300ms"))
    writer, reader = broken.begin(what)
    stats = broken.server.wait_for_stats(lambda stats: stats["calls"] == 1)
    assert stats["calls"] == 1
    with pytest.raises(fl.FlightTimedOutError, match=option):
        go_on(writer, reader)
    broken.assert_as_before()


@pytest.mark.parametrize("what", ["get", "put", "exchange"])
def test_a_stopping_server_ends_calls_when_its_time_is_over(start_server, what):
    """The fixture checks that it stops cleanly."""
    broken = Broken(start_server("--drain-timeout", "200ms"))
    writer, reader = broken.begin(what)
    broken.server.process.send_signal(signal.SIGTERM)
    broken.server.process.wait(STOP_TIMEOUT_S)
    with pytest.raises(fl.FlightUnavailableError):
        go_on(writer, reader)
    with pytest.raises(fl.FlightUnavailableError):
        get(broken.client, "large")
    assert "drain-timed-out" in broken.server.log_text()


@pytest.mark.parametrize("what", ["get", "put", "exchange"])
def test_a_stopping_server_lets_calls_end(start_server, what):
    broken = Broken(start_server("--drain-timeout", "60s"))
    writer, reader = broken.begin(what)
    if writer is not None:
        broken.wait_until_it_is_there()
    broken.server.process.send_signal(signal.SIGTERM)
    if what == "get":
        assert reader.read_all().num_rows == 47 * BATCH.num_rows
    elif what == "put":
        go_on(writer, reader)
    else:
        writer.done_writing()
        assert reader.read_all().num_rows == (48 + 8) * BATCH.num_rows
        writer.close()
    # gRPC keeps a connection as long as a call's object is held: it isn't waited for.
    broken.server.process.wait(STOP_TIMEOUT_S)
    del writer, reader
    assert "drain-timed-out" not in broken.server.log_text()
