# SPDX-License-Identifier: Apache-2.0
"""Unix sockets: the stock client, and our own by its URI."""

import os
import stat
import subprocess

import pyarrow as pa
import pyarrow.flight as fl
import pytest

from server_process import PROGRAM, ROOT, call_options

TABLE = pa.table({"n": pa.array(range(100_000), pa.int64())})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "flightkv.sock"


def test_put_and_get(start_server, path):
    server = start_server(listen=f"grpc+unix://{path}")
    assert server.uri == f"grpc+unix://{path}"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    with server.connect() as client:
        descriptor = fl.FlightDescriptor.for_command("k")
        writer, _ = client.do_put(descriptor, TABLE.schema, call_options())
        with writer:
            writer.write_table(TABLE)
        assert client.do_get(fl.Ticket("k"), call_options()).read_all().equals(TABLE)
    listed = subprocess.run([ROOT / PROGRAM, "ls", "--server", server.uri], check=True,
                            capture_output=True, text=True)
    assert listed.stdout.split("\t")[0] == "k"


def test_file_is_removed_on_stop(start_server, path):
    server = start_server("--unix-mode", "0660", listen=f"grpc+unix://{path}")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o660
    server.process.terminate()
    server.process.wait(30)
    assert not path.exists()


def test_killed_server_leaves_a_file_that_is_replaced(start_server, path):
    first = subprocess.Popen([ROOT / PROGRAM, "serve", "--listen", f"grpc+unix://{path}"],
                             stdout=subprocess.PIPE)
    first.stdout.readline()
    second = subprocess.run([ROOT / PROGRAM, "serve", "--listen", f"grpc+unix://{path}"],
                            capture_output=True, text=True, timeout=30)
    assert second.returncode == 1
    assert f"could not listen on grpc+unix://{path}: Address already in use" in second.stderr
    first.kill()
    first.wait()
    first.stdout.close()
    assert path.exists()
    server = start_server(listen=f"grpc+unix://{path}")
    assert server.action("ping")["ok"]


def test_path_too_long(tmp_path):
    uri = f"grpc+unix://{tmp_path}/{'x' * 120}"
    refused = subprocess.run([ROOT / PROGRAM, "serve", "--listen", uri], capture_output=True,
                             text=True, timeout=30)
    assert refused.returncode == 2
    assert "more than 107 bytes" in refused.stderr
