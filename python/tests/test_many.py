# SPDX-License-Identifier: Apache-2.0
"""Many keys at a time."""

import threading
import time

import pyarrow as pa
import pyarrow.flight as flight
import pytest

import flightkv


def table(n):
    return pa.table({"a": range(n, n + 10), "b": [f"row {n}"] * 10})


def key(n):
    return f"key {n}"


@pytest.mark.parametrize("depth", [1, 3, 16, 256])
def test_many_keys_come_back(client, depth):
    sent = client.put_many({key(n): table(n) for n in range(100)}, depth=depth)
    assert list(sent) == [key(n) for n in range(100)]
    assert {(one.rows, one.batches) for one in sent.values()} == {(10, 1)}
    assert len(client) == 100
    wanted = [key(n) for n in range(110, -1, -1)]
    got = client.get_many(wanted, depth=depth)
    assert list(got) == [key(n) for n in range(99, -1, -1)]
    assert all(got[key(n)].to_pyarrow().equals(table(n)) for n in range(100))


def test_nothing_is_nothing(client):
    assert client.get_many([]) == {} == client.put_many({})
    assert client.get_many(["x"]) == {}


def test_keys_are_given_as_they_were_asked_for(client):
    client.put_many([("a", table(1)), (b"b\xff", table(2))])
    assert list(client.get_many(["a", b"b\xff", "a", b"a"])) == ["a", b"b\xff", b"a"]
    assert list(client.get_many({"a": None, "x": None})) == ["a"]


def test_parts_and_appends(client):
    client.put_many({key(n): table(n) for n in range(3)})
    client.put_many(((key(n), table(n)) for n in range(3)), append=True)
    got = client.get_many(map(key, range(3)), columns="a", rows=slice(8, 12), check=True)
    assert [one.to_pyarrow()["a"].to_pylist() for one in got.values()] == [
        [n + 8, n + 9, n, n + 1] for n in range(3)]


def test_large_ones_among_small_ones(client):
    large = pa.Table.from_batches(pa.table({"x": range(500_000)}).to_batches(max_chunksize=10_000))
    tables = {key(n): large if n % 5 == 0 else table(n) for n in range(12)}
    client.put_many(tables)
    got = client.get_many(tables)
    assert all(got[name].to_pyarrow().equals(one) for name, one in tables.items())


def test_bad_arguments(client):
    client["k"] = table(0)
    cases = (([5], TypeError), ([None], TypeError), (5, TypeError), (["k", ""], ValueError))
    for keys, kind in cases:
        with pytest.raises(kind):
            client.get_many(keys)
    for depth in (0, 257):
        with pytest.raises(ValueError):
            client.get_many(["k"], depth=depth)
        with pytest.raises(ValueError):
            client.put_many({}, depth=depth)
    with pytest.raises(TypeError):
        client.put_many({"a": 5})
    for pairs in ([("a", table(0)), ("a", table(1))], {"a": table(0), b"a": table(1)}):
        with pytest.raises(ValueError, match="a' comes twice"):
            client.put_many(pairs)
    with pytest.raises(ValueError, match="^'k': .*nowhere"):
        client.get_many(["k"], columns="nowhere")
    assert client.keys() == ["k"]


def test_the_first_failure_is_raised_with_its_key(client):
    other = pa.table({"other": [1]})
    client[key(3)] = other
    with pytest.raises(flightkv.PreconditionError, match="^'key 3': ") as raised:
        client.put_many(((key(n), table(n)) for n in range(1000)), append=True)
    assert raised.value.status == flightkv.Status.FAILED_PRECONDITION
    assert client[key(3)].to_pyarrow().equals(other)
    assert len(client) < 100  # it ended there
    assert client[key(0)].to_pyarrow().equals(table(0))


def test_what_makes_the_tables_may_raise(client):
    def tables():
        yield key(0), table(0)
        raise ZeroDivisionError("here")

    with pytest.raises(ZeroDivisionError, match="here"):
        client.put_many(tables())
    client[key(1)] = table(1)

    def unreadable():
        yield table(0).to_batches()[0]
        raise ZeroDivisionError("there")

    reader = pa.RecordBatchReader.from_batches(table(0).schema, unreadable())
    with pytest.raises(flightkv.InvalidArgumentError, match="^'key 2': .*there"):
        client.put_many({key(2): reader})
    assert client.keys()[-1] == key(1)


def test_what_makes_the_tables_may_not_use_the_client(client):
    def tables():
        yield key(0), client["x"]

    with pytest.raises(flightkv.PreconditionError, match="callback"):
        client.put_many(tables())


def test_another_thread_may_cancel_it(client):
    begun = threading.Event()

    def tables():
        for n in range(10**9):
            yield key(n), table(n)
            if n == 100:
                begun.set()

    def cancel():
        begun.wait()
        while not is_over:
            client.cancel()
            time.sleep(0.01)

    is_over = False
    thread = threading.Thread(target=cancel)
    thread.start()
    try:
        with pytest.raises(flightkv.CancelledError):
            client.put_many(tables())
    finally:
        is_over = True
        begun.set()
        thread.join()
    assert len(client.get_many([key(n) for n in range(50)])) == 50


def test_time_is_each_calls(client):
    def slow():
        time.sleep(0.05)
        yield table(0).to_batches()[0]

    reader = pa.RecordBatchReader.from_batches(table(0).schema, slow())
    with pytest.raises(flightkv.DeadlineError, match="^'slow': "):
        client.put_many({"slow": reader}, timeout=0.001)
    assert client.put_many({"quick": table(0)}, timeout=60)["quick"].rows == 10
    assert "quick" in client.get_many(["quick"], timeout=60)


def test_a_server_that_goes_away():
    with flightkv.Server(memory="64MiB", workers=1) as server:
        client = server.connect(timeout=60)
        client.put_many({key(n): table(n) for n in range(20)})
    with pytest.raises(flightkv.UnavailableError, match="^'key 0': "):
        client.get_many([key(n) for n in range(20)])
    client.close()
    with pytest.raises(flightkv.PreconditionError):
        client.get_many(["k"])


class Dict(flight.FlightServerBase):
    """The server of the article."""

    def __init__(self):
        super().__init__("grpc://localhost:0")
        self.tables = {}

    def do_put(self, context, descriptor, reader, writer):
        self.tables[descriptor.command] = reader.read_all()

    def do_get(self, context, ticket):
        if ticket.ticket not in self.tables:
            raise KeyError(ticket.ticket)
        return flight.RecordBatchStream(self.tables[ticket.ticket])


def test_a_pyarrow_server():
    with Dict() as server, flightkv.connect(f"grpc+tcp://localhost:{server.port}",
                                            timeout=60) as client:
        client.put_many({key(n): table(n) for n in range(40)})
        got = client.get_many([key(n) for n in range(40)])
        assert all(got[key(n)].to_pyarrow().equals(table(n)) for n in range(40))
        # KeyError is what pyarrow makes NOT_FOUND of.
        assert list(client.get_many([key(1), "nothing", key(2)])) == [key(1), key(2)]
