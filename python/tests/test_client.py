# SPDX-License-Identifier: Apache-2.0
"""Arguments, errors, the manners of a dict, and what is shown."""

import json
import os
import subprocess
import sys
import time

import pyarrow as pa
import pytest

import flightkv
from comma_locale import comma_locale

TABLE = pa.table({"a": range(100), "b.c": ["x"] * 100, "s": [{"x": 1, "y": 2}] * 100,
                  "p%,q": [0.5] * 100})


@pytest.fixture
def stored(client):
    client.put("k", pa.Table.from_batches(TABLE.to_batches(max_chunksize=10)))
    return client


def test_dict_manners(client):
    client["a"] = TABLE
    client[b"b\xff"] = TABLE
    client["c/\u00fc"] = TABLE
    assert list(client) == ["a", b"b\xff", "c/\u00fc"] == client.keys()
    assert len(client) == 3
    assert "a" in client and b"a" in client and b"b\xff" in client and "x" not in client
    assert 5 not in client and None not in client
    assert client["c/\u00fc"].num_rows == 100
    del client["a"]
    assert "a" not in client
    with pytest.raises(KeyError):
        del client["a"]
    with pytest.raises(KeyError):
        client["a"]
    client.delete(b"b\xff")
    client.delete("c/\u00fc")
    assert len(client) == 0 and client


@pytest.mark.parametrize("key, kind", [("", ValueError), (b"\0x", ValueError),
                                       ("x" * 4097, ValueError), (5, TypeError), (None, TypeError)])
def test_bad_keys(client, key, kind):
    for call in (lambda: client.put(key, TABLE), lambda: client.get(key), lambda: client.info(key)):
        with pytest.raises(kind):
            call()


@pytest.mark.parametrize("columns, names", [
    (["s", "a"], ["s", "a"]), ("a", ["a"]), (["b.c"], ["b.c"]), (("a",), ["a"]),
    (["p%,q"], ["p%,q"]), (None, TABLE.column_names)])
def test_columns(stored, columns, names):
    got = stored.get("k", columns=columns)
    assert got.column_names == names
    assert got.to_pyarrow().equals(TABLE.select(names))


def test_a_field_of_a_struct(stored):
    got = stored.get("k", columns=[("s", "y")], rows="5:6").to_pyarrow()
    assert got.to_pydict() == {"s": [{"y": 2}]}


def test_columns_that_cannot_be(stored):
    with pytest.raises(ValueError, match="nope"):
        stored.get("k", columns=["nope"])
    with pytest.raises(ValueError, match="no columns"):
        stored.get("k", columns=[])
    with pytest.raises(TypeError):
        stored.get("k", columns=[1])


@pytest.mark.parametrize("rows, first, last", [
    (slice(5, 25), 5, 25), (slice(None, 3), 0, 3), (slice(97, None), 97, 100),
    (slice(None), 0, 100),
    (range(5, 25), 5, 25), (range(7), 0, 7), ("5:25", 5, 25), (":3", 0, 3), ("95:", 95, 100),
    (slice(90, 1000), 90, 100), (slice(4, 4), 4, 4), (slice(1000, None), 100, 100)])
def test_rows(stored, rows, first, last):
    assert stored.get("k", rows=rows).to_pyarrow().equals(TABLE.slice(first, last - first))


@pytest.mark.parametrize("rows, kind", [
    (slice(-5, None), ValueError), (slice(0, 10, 2), ValueError), (range(10, 0, -1), ValueError),
    ("x", ValueError), ("5:2", ValueError), (5, TypeError), ((1, 2), TypeError)])
def test_rows_that_cannot_be(stored, rows, kind):
    with pytest.raises(kind):
        stored.get("k", rows=rows)


def test_several_connections(shared_server, stored):
    """Where memory is shared there is only one."""
    with shared_server.connect(transport="tcp", timeout=120) as client:
        before = stored.stats()["connections_total"]
        assert client.get("k", streams=3).to_pyarrow().equals(TABLE)
        assert stored.stats()["connections_total"] > before
        assert client.get("k", streams=2, columns="a").column_names == ["a"]
        assert client.get("k", streams=2, rows="15:45").to_pyarrow().equals(TABLE.slice(15, 30))
        with pytest.raises(ValueError, match="at least 1"):
            client.get("k", streams=0)
        with client.reader("k", streams=2) as reader:
            assert reader.read_all().num_rows == 100


def test_values_are_checked_where_asked_for(stored):
    assert stored.get("k", check=True).to_pyarrow().equals(TABLE)


def test_append(client):
    table = pa.table({"a": [1, 2]})
    assert client.put("k", table, append=True) == (2, 1, 64)
    client.put("k", table, append=True)
    assert client["k"].to_pyarrow()["a"].to_pylist() == [1, 2, 1, 2]
    with pytest.raises(flightkv.PreconditionError) as caught:
        client.put("k", pa.table({"b": [1]}), append=True)
    assert caught.value.status == flightkv.Status.FAILED_PRECONDITION
    assert client.info("k").rows == 4


def test_progress(client):
    told = []
    batches = pa.table({"a": range(30)}).to_batches(max_chunksize=10)
    table = pa.Table.from_batches(batches)
    sent = client.put("k", table, progress=told.append)
    assert [one.rows for one in told] == [10, 20, 30] and told[-1] == sent
    with pytest.raises(flightkv.CancelledError):
        client.put("c", table, progress=lambda progress: progress.batches < 2)

    def fail(progress):
        raise LookupError("not like this")

    with pytest.raises(LookupError, match="not like this"):
        client.put("f", table, progress=fail)

    def call_again(progress):
        client.exists("k")

    with pytest.raises(flightkv.PreconditionError, match="callback"):
        client.put("f", table, progress=call_again)
    assert client.keys() == ["k"]


def test_info_and_list(client):
    for key in ("b/2", "a", "b/1"):
        client[key] = pa.table({"n": range(3)})
    assert [info.key for info in client.list()] == ["a", "b/1", "b/2"]
    assert [info.key for info in client.list("b/*")] == ["b/1", "b/2"] == client.keys(b"b/?")
    assert client.list("x*") == []
    info = client.info("a")
    assert (info.key, info.rows, info.bytes) == ("a", 3, 64)
    assert info.schema.to_pyarrow() == pa.schema([("n", pa.int64())])
    assert list(client.list("a")[0].schema) == [("n", "int64")]


def test_actions(client):
    client["k"] = TABLE
    assert json.loads(client.action("flightkv.exists", {"key": "k"})[0])["exists"] is True
    assert json.loads(client.action("flightkv.ping")[0])["ok"] is True
    assert client.action("drop_dataset", "k") == []
    with pytest.raises(NotImplementedError):
        client.action("nope", b"")
    assert client.stats()["keys"] == 0


@pytest.mark.parametrize("call, kinds, status", [
    (lambda c: c.get("none"), (flightkv.NotFoundError, KeyError), "NOT_FOUND"),
    (lambda c: c.get("k", columns=["x"]), (flightkv.InvalidArgumentError, ValueError),
     "INVALID_ARGUMENT"),
    (lambda c: c.action("nope"), (flightkv.UnimplementedError, NotImplementedError),
     "UNIMPLEMENTED"),
    (lambda c: flightkv.connect("grpc+tcp://localhost:1"),
     (flightkv.UnavailableError, ConnectionError, OSError), "UNAVAILABLE"),
])
def test_errors_are_of_the_kinds_that_people_catch(stored, call, kinds, status):
    for kind in (*kinds, flightkv.Error):
        with pytest.raises(kind) as caught:
            call(stored)
        assert caught.value.status == flightkv.Status[status]
        assert str(caught.value) == caught.value.message != ""


def test_every_status_has_its_exception():
    for status in flightkv.Status:
        error = flightkv._errors.error_of(int(status), "what was wrong")
        assert error.status is status and str(error) == "what was wrong"
    assert flightkv._errors.error_of(99, "x").status is flightkv.Status.UNKNOWN


def test_timeouts(client, shared_server):
    batch = pa.record_batch({"a": range(1 << 18)})

    def slow():
        for _ in range(8): # of more than what is sent at once
            time.sleep(0.05)
            yield batch

    def put(to, **options):
        to.put("slow", pa.RecordBatchReader.from_batches(batch.schema, slow()), **options)

    for kind in (flightkv.DeadlineError, TimeoutError):
        with pytest.raises(kind):
            put(client, timeout=0.1)
    with shared_server.connect(timeout=0.1) as hasty:
        with pytest.raises(TimeoutError):
            put(hasty)
        put(hasty, timeout=60)
    for bad in (0, -1, float("nan")):
        with pytest.raises(ValueError, match="timeout"):
            client.get("slow", timeout=bad)


def test_no_room():
    with flightkv.Server(memory="8MiB") as server, server.connect() as client:
        with pytest.raises(flightkv.NoRoomError) as caught:
            client["k"] = pa.table({"a": range(4 << 20)})
        assert isinstance(caught.value, MemoryError) and "memory" in str(caught.value)


def test_a_closed_client(client, shared_server):
    other = shared_server.connect()
    other["k"] = TABLE
    got = other["k"]
    other.close()
    other.close()
    with pytest.raises(flightkv.Error, match="closed"):
        other["k"]
    assert got.to_pyarrow().equals(TABLE) # what came stays
    assert "(closed)" in repr(other) and "closed" in other._repr_html_()
    other.cancel()


def test_readers(stored):
    with stored.reader("k", columns=["a"]) as reader:
        assert reader.schema.names == ["a"]
        first = next(reader)
        assert first.to_pyarrow()["a"].to_pylist() == list(range(10))
        assert stored.exists("k") # the client is free meanwhile
        assert sum(len(batch) for batch in reader) == 90
        assert list(reader) == []
    reader = stored.reader("k")
    next(reader)
    assert pa.RecordBatchReader.from_stream(reader).read_all().num_rows == 90
    for use in (reader.read_all, lambda: pa.RecordBatchReader.from_stream(reader)):
        with pytest.raises(ValueError, match="closed"):
            use()
    assert reader.schema.to_pyarrow().names == TABLE.column_names
    with pytest.raises(KeyError):
        stored.reader("none")
    half_read = stored.reader("k")
    next(half_read)
    half_read.close()
    assert "closed" in repr(half_read)


def test_the_next_reader_has_the_connection_of_the_last(stored):
    """Whichever way that one ended."""
    def connections():
        return stored.stats()["connections_total"]

    with stored.reader("k") as reader:
        next(reader)
        with stored.reader("k") as second: # meanwhile, so that there are two
            assert second.read_all().num_rows == 100
    before = connections()
    assert stored.reader("k").read_all().num_rows == 100
    with pytest.raises(KeyError):
        stored.reader("none")
    assert pa.RecordBatchReader.from_stream(stored.reader("k")).read_all().num_rows == 100
    with stored.reader("k") as reader:
        next(reader)
    stored["again"] = stored.reader("k")
    assert stored["again"].num_rows == 100
    assert connections() == before


def test_readers_and_the_end_of_their_client(shared_server, stored):
    with shared_server.connect() as client:
        client.reader("k").read_all()
        first, second = client.reader("k"), client.reader("k")
    assert first.read_all().num_rows == second.read_all().num_rows == 100
    with pytest.raises(flightkv.PreconditionError, match="closed"):
        client.reader("k")


def test_a_reader_during_a_call(stored):
    def look(progress):
        with stored.reader("k") as reader:
            return len(next(reader)) > 0

    assert stored.put("other", TABLE, progress=look).rows == 100


def test_the_environment_names_the_server(shared_server, monkeypatch):
    monkeypatch.setenv("FLIGHTKV_SERVER", shared_server.uri)
    with flightkv.connect() as client:
        assert client.uri == shared_server.uri and client.stats()
    monkeypatch.setenv("FLIGHTKV_SERVER", "nonsense://")
    with pytest.raises(ValueError, match="FLIGHTKV_SERVER"):
        flightkv.connect()


def test_bad_addresses_and_options(shared_server):
    with pytest.raises(ValueError):
        flightkv.connect("nonsense")
    with pytest.raises(ValueError, match="TLS"):
        flightkv.connect(shared_server.uri, tls_ca="/nothing")
    with pytest.raises(flightkv.Error): # it has no users
        flightkv.connect(shared_server.uri, user="u", password="p")


# ---- servers ----

def test_transports(shared_server):
    big = pa.table({"a": pa.array(range(100_000))})
    with flightkv.connect(shared_server.uri, transport="tcp") as client:
        client["big"] = big
        assert client["big"].to_pyarrow().equals(big)
        assert client.transport == "tcp"
    with flightkv.connect(shared_server.uri, transport="shm") as client:
        table = client["big"]
        assert client.transport == "shm"
        del client["big"]
    assert table.to_pyarrow().equals(big) # the client is closed, and the key gone
    with flightkv.connect(shared_server.uri) as client:
        client["big"] = big
        assert client["big"].to_pyarrow().equals(big)
        assert client.transport == "shm"
    with pytest.raises(ValueError, match="auto, shm, unix, tcp"):
        flightkv.connect(shared_server.uri, transport="carrier pigeon")
    with pytest.raises(ValueError):
        flightkv.connect(shared_server.uri, transport="unix")


def test_servers(tmp_path):
    path = f"grpc+unix://{tmp_path}/socket"
    with flightkv.Server(["grpc+tcp://localhost:0", path], memory="16MiB", workers=1) as server:
        assert server.uris[1] == path and server.uri in repr(server)
        for uri in server.uris:
            with flightkv.connect(uri) as client:
                client["k"] = TABLE
        with pytest.raises(ConnectionError):
            flightkv.Server(server.uri)
        with server.connect() as client:
            assert client.stats()["memory_limit_bytes"] == 16 << 20
    assert "stopped" in repr(server)
    server.stop()
    with pytest.raises(ConnectionError):
        server.connect()


@pytest.mark.parametrize("options, kind", [
    ({"memory": "lots"}, ValueError), ({"nonsense": 1}, KeyError),
    ({"listen": "grpc+tcp://0.0.0.0:0"}, flightkv.PreconditionError)])
def test_server_options_that_cannot_be(options, kind):
    with pytest.raises(kind):
        flightkv.Server(**options)


def test_server_options():
    assert "insecure" in flightkv.Server.options() and "auth_file" in flightkv.Server.options()
    with flightkv.Server("grpc+tcp://127.0.0.1:0", insecure=True, warm=None, advertise=False):
        pass


def test_users(tmp_path):
    words = subprocess.run(["openssl", "passwd", "-6", "secret"], capture_output=True, text=True,
                           check=True).stdout.strip()
    users = tmp_path / "users"
    users.write_text(f"anna:{words}\n")
    with flightkv.Server(auth_file=users) as server:
        with server.connect(user="anna", password="secret") as client:
            client["k"] = TABLE
            with client.reader("k") as reader: # its own connection logs in as well
                assert reader.read_all().num_rows == 100
        for options in ({}, {"user": "anna", "password": "wrong"}):
            with pytest.raises(PermissionError) as caught, server.connect(**options) as client:
                client.keys()
            assert caught.value.status == flightkv.Status.UNAUTHENTICATED
            assert ("user=, password=" in str(caught.value)) == (not options)


def test_hints_name_what_python_has(tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", certificate,
                    "-days", "2", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=DNS:localhost"], check=True, capture_output=True)
    options = {"listen": "grpc+tls://localhost:0", "tls_cert": certificate, "tls_key": key}

    def complaint(uri, **options):
        with pytest.raises(flightkv.Error) as caught, flightkv.connect(uri, **options) as client:
            client.keys()
        return str(caught.value)

    with flightkv.Server(**options) as server:
        assert "signed by itself" in complaint(server.uri) and "tls_ca=" in complaint(server.uri)
        with server.connect(tls_ca=certificate) as client:
            assert client.keys() == []
        assert "flightkv.Server()" not in complaint(server.uri.replace("tls", "tcp"))
    with flightkv.Server(tls_client_ca=certificate, **options) as server:
        assert "tls_cert=, tls_key=" in complaint(server.uri, tls_ca=certificate)
    with flightkv.Server() as server:
        assert "flightkv.Server()" not in complaint(server.uri.replace("tcp", "tls"))
    assert "flightkv.Server()" in complaint("grpc+tcp://localhost:1")
    assert "flightkv.Server()" not in complaint("grpc+tcp://no-such-host.invalid:1")


# ---- what is shown ----

def test_html(stored):
    stored["<b>"] = pa.table({"<i>": ["<script>", None, "x" * 200]})
    shown = stored._repr_html_()
    assert "&lt;b&gt;" in shown and "<b>" not in shown and "2 tables" in shown
    shown = stored["<b>"]._repr_html_()
    assert "&lt;script&gt;" in shown and "<script>" not in shown and "null" in shown
    assert "x" * 81 not in shown
    shown = stored["k"]._repr_html_()
    assert "100 rows" in shown and "the first 5 rows" in shown and shown.count("<tr>") == 6
    stored["lines"] = pa.table({"a": ["one\ntwo\x1b"]})
    assert "one\\ntwo\\x1b" in stored["lines"]._repr_html_()
    stored["none"] = pa.table({})
    assert "0 columns" in stored["none"]._repr_html_()
    assert not any(word in stored["none"]._repr_html_() for word in ("<table", "install"))
    stored["empty"] = pa.table({"a": pa.array([], pa.int64())})
    assert "1 column<" in stored["empty"]._repr_html_()


def test_html_without_libraries(stored, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert "the first 5 rows" in stored.get("k", columns="a")._repr_html_() # by polars
    monkeypatch.setitem(sys.modules, "polars", None)
    assert "install pyarrow or polars" in stored["k"]._repr_html_()


def test_wide_tables_are_shown_in_part(client):
    client["k"] = pa.table({f"c{i}": [i] for i in range(300)})
    assert "and 280 more columns" in repr(client["k"])
    shown = client["k"]._repr_html_()
    assert "300 columns; the first 20 columns" in shown and shown.count("<th ") == 20


def test_many_keys_are_shown_in_part(client):
    for i in range(25):
        client[f"k{i}"] = pa.table({"a": [i]})
    assert "25 tables, 20 of them here" in client._repr_html_()


def test_the_package_names_its_version():
    assert flightkv.__version__.count(".") == 2
    assert flightkv.NotFoundError.__module__ == "flightkv"
    done = subprocess.run([sys.executable, "-m", "flightkv", "--version"], capture_output=True,
                          text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    assert done.returncode == 1 and "isn't in" in done.stderr or "flightkv" in done.stdout


def test_a_decimal_comma_changes_no_figures(tmp_path):
    """Of the library in a program whose locale has one."""
    code = ("import locale, flightkv\n"
            "locale.setlocale(locale.LC_ALL, '')\n"
            "assert locale.localeconv()['decimal_point'] == ','\n"
            "with flightkv.Server(memory='1.5MiB', token_lifetime='1.5h') as server:\n"
            "    with server.connect(timeout=1.5) as client:\n"
            "        assert client.stats()['memory_limit_bytes'] == 3 << 19\n")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path),
                               **comma_locale(tmp_path)})
    assert done.returncode == 0, done.stderr
