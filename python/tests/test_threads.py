# SPDX-License-Identifier: Apache-2.0
"""Threads, signals and forks."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest

import flightkv

TABLE = pa.table({"a": range(10_000)})


def test_threads_share_a_client(client):
    def work(i):
        for j in range(20):
            client[f"k{i}"] = TABLE
            assert client[f"k{i}"].to_pyarrow().equals(TABLE)
            assert f"k{i}" in client
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))


def test_threads_share_a_table(client):
    client["k"] = pa.Table.from_batches(TABLE.to_batches(max_chunksize=100))
    table = client["k"]
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda _: pa.table(table).equals(TABLE), range(200)))


def test_threads_share_a_reader(client):
    client["k"] = pa.Table.from_batches(TABLE.to_batches(max_chunksize=10))
    with client.reader("k") as reader, ThreadPoolExecutor(8) as pool:
        parts = pool.map(lambda _: sum(len(batch) for batch in reader), range(8))
    assert sum(parts) == 10_000


def test_the_gil_is_released(client):
    """Another thread runs while a put waits for its source, and a source in Python gets the GIL."""
    go_on = threading.Event()
    schema = TABLE.schema

    def batches():
        assert go_on.wait(60)
        yield from TABLE.to_batches()

    with ThreadPoolExecutor(1) as pool:
        put = pool.submit(client.put, "k", pa.RecordBatchReader.from_batches(schema, batches()))
        go_on.set()
        assert put.result().rows == 10_000


class Stuck:
    """A server that accepts, and says nothing."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.uri = f"grpc+tcp://127.0.0.1:{self.listener.getsockname()[1]}"

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.listener.close()


def test_cancel_from_another_thread():
    with Stuck() as stuck, flightkv.connect(stuck.uri, connect_timeout=600) as client, \
            ThreadPoolExecutor(1) as pool:
        call = pool.submit(client.get, "k")
        while not call.done():
            client.cancel()
            time.sleep(0.01)
        with pytest.raises(flightkv.CancelledError):
            call.result()


INTERRUPTED = """
import sys, threading, time, os, signal
import flightkv
what, uri = sys.argv[1:]
client = flightkv.connect(uri, connect_timeout=600,
                          transport="tcp" if what == "streams" else "auto")
def interrupt():
    time.sleep(0.3)
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=interrupt).start()
try:
    if what == "get":
        client.get("k")
    elif what == "streams":
        client.get("k", streams=2)
    elif what == "put":
        client.put("k", flightkv_table)
    elif what == "reader":
        client.reader("k")
    elif what == "get_many":
        client.get_many(["k", "l"])
    elif what == "put_many":
        client.put_many({"k": flightkv_table})
except KeyboardInterrupt:
    print("interrupted")
"""


def run(code, *arguments):
    paths = os.pathsep.join([str(Path(flightkv.__file__).parents[1]), *sys.path])
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True,
                          timeout=120, env={**os.environ, "PYTHONPATH": paths})


@pytest.mark.parametrize("what", ["get", "streams", "put", "reader", "get_many", "put_many"])
def test_ctrl_c(what):
    code = INTERRUPTED.replace("flightkv_table",
                               '__import__("pyarrow").table({"a": [1]})')
    with Stuck() as stuck:
        done = run(code, what, stuck.uri)
    assert (done.returncode, done.stdout) == (0, "interrupted\n"), done.stderr


def test_a_handler_that_returns_does_not_end_the_call():
    code = """
import os, signal, sys, threading, time
import flightkv, pyarrow as pa
seen = []
signal.signal(signal.SIGUSR1, lambda *_: seen.append(1))
batch = pa.record_batch({"a": range(1 << 18)})
def slow():
    for i in range(10):
        os.kill(os.getpid(), signal.SIGUSR1)
        time.sleep(0.05)
        yield batch
with flightkv.Server() as server, server.connect() as client:
    client["k"] = pa.RecordBatchReader.from_batches(batch.schema, slow())
    print(client.info("k").rows == 10 << 18, len(seen) > 0)
"""
    done = run(code)
    assert done.stdout == "True True\n", done.stderr


def test_ctrl_c_while_another_library_reads(client, shared_server):
    """The interrupt comes, whatever that makes of the stream's end."""
    code = """
import os, signal, sys, threading, time
import flightkv, pyarrow as pa
client = flightkv.connect(sys.argv[1])
def interrupt():
    time.sleep(0.3)
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=interrupt).start()
try:
    while True:
        pa.RecordBatchReader.from_stream(client.reader("k")).read_all()
except KeyboardInterrupt:
    print("interrupted")
"""
    client["k"] = TABLE
    done = run(code, shared_server.uri)
    assert (done.returncode, done.stdout) == (0, "interrupted\n"), done.stderr


def test_forks(client, shared_server):
    """What the parent made isn't for the child, whose end doesn't harm it."""
    client["k"] = TABLE
    reader = client.reader("k")
    child = os.fork()
    if child == 0:
        status = 1
        try:
            for use in (lambda: client["k"], lambda: next(reader), shared_server.stop):
                try:
                    use()
                except flightkv.PreconditionError as error:
                    assert "fork" in str(error)
                else:
                    raise AssertionError("not told")
            with flightkv.connect(shared_server.uri) as own:
                assert own["k"].to_pyarrow().equals(TABLE)
            client.close()
            reader.close()
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert client["k"].to_pyarrow().equals(TABLE)
    assert reader.read_all().num_rows == 10_000


def test_the_end_of_python_with_everything_open():
    code = """
import flightkv, pyarrow as pa
server = flightkv.Server()
client = server.connect()
client["k"] = pa.table({"a": [1]})
table, reader = client["k"], client.reader("k")
print("done")
"""
    done = run(code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
