# SPDX-License-Identifier: Apache-2.0
"""The same-host path between processes: who maps tables, who doesn't, and what is left behind."""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.flight as fl
import pytest

from server_process import PROGRAM, ROOT, call_options

ROWS = 300_000
TABLE = pa.table({
    "n": pa.array(range(ROWS), pa.int64()),
    "word": pa.array([None if i % 7 == 0 else f"w{i % 1000}" for i in range(ROWS)]),
    "kind": pa.array([f"k{i % 5}" for i in range(ROWS)]).dictionary_encode(),
})
NOBODY = 65534


def put(server, table=TABLE, key="k"):
    with server.connect() as client:
        descriptor = fl.FlightDescriptor.for_command(key)
        writer, _ = client.do_put(descriptor, table.schema, call_options())
        with writer:
            writer.write_table(table)


def flightkv(server, *words, prefix=(), program=ROOT / PROGRAM, **options):
    return subprocess.run([*prefix, program, *words, "--server", server.uri], timeout=60,
                          capture_output=True, **options)


def read(result):
    assert result.returncode == 0, result.stderr
    return pa.ipc.open_stream(result.stdout).read_all()


@pytest.mark.parametrize("listen", ["grpc+tcp://localhost:0", "grpc+unix://{}/s.sock"])
def test_get_is_mapped(start_server, tmp_path, listen):
    server = start_server(listen=listen.format(tmp_path))
    put(server)
    got = flightkv(server, "get", "k", "--verbose", "--transport", "shm")
    assert got.stderr == b"flightkv: transport shm\n"
    assert read(got).equals(TABLE)
    part = flightkv(server, "get", "k", "-v", "--columns", "kind,n", "--rows", "17:200001")
    assert part.stderr == b"flightkv: transport shm\n"
    assert read(part).equals(TABLE.select(["kind", "n"]).slice(17, 199_984))
    stats = server.wait_for_stats(lambda stats: stats["shm_clients"] == 0)
    assert stats["shm_gets"] == 2
    whole = TABLE.nbytes
    assert whole < stats["shm_sent_bytes"] < 2 * whole and stats["sent_bytes"] < whole / 10
    assert stats["shm_leases"] == stats["shm_leased_bytes"] == 0


@pytest.mark.parametrize("codec", ["lz4", "zstd"])
def test_compressed_batches(start_server, codec):
    server = start_server()
    options = pa.ipc.IpcWriteOptions(compression=codec)
    with server.connect() as client:
        writer, _ = client.do_put(fl.FlightDescriptor.for_command("k"), TABLE.schema,
                                  fl.FlightCallOptions(write_options=options))
        with writer:
            writer.write_table(TABLE, max_chunksize=100_000)
    got = flightkv(server, "get", "k", "--verbose")
    assert got.stderr == b"flightkv: transport shm\n"
    assert read(got).equals(TABLE)


def test_off(start_server):
    server = start_server("--shm", "off")
    put(server)
    got = flightkv(server, "get", "k", "--verbose")
    assert got.stderr.startswith(b"flightkv: transport tcp; not shm: ")
    assert b"--shm off" in got.stderr
    assert read(got).equals(TABLE)
    stats = server.stats()
    assert stats["shm_sent_bytes"] == 0
    assert TABLE.nbytes < min(stats["received_bytes"], stats["sent_bytes"])
    assert max(stats["received_bytes"], stats["sent_bytes"]) < 1.1 * TABLE.nbytes
    refused = flightkv(server, "get", "k", "--transport", "shm")
    assert refused.returncode == 1
    assert b"transport shm, but" in refused.stderr and b"--shm off" in refused.stderr


def test_transport_must_fit_the_address(start_server):
    server = start_server()
    wrong = flightkv(server, "ls", "--transport", "unix")
    assert wrong.returncode == 2
    assert b"expected a URI that begins with grpc+unix://" in wrong.stderr
    assert flightkv(server, "ls", "--transport", "tcp").returncode == 0
    assert b"isn't one of auto, shm" in flightkv(server, "ls", "--transport", "pigeon").stderr


def test_a_limit_on_what_is_mapped(start_server):
    server = start_server("--shm-leased-bytes", "1MiB")
    put(server)
    got = flightkv(server, "get", "k", "--verbose")
    assert got.stderr.startswith(b"flightkv: transport tcp; not shm: ")
    assert read(got).equals(TABLE)
    assert server.stats()["shm_gets_refused"] == 1


def test_a_killed_client_holds_nothing(start_server):
    """A reader that is stuck in the middle of a table, which is then deleted."""
    server = start_server()
    put(server)
    reader = subprocess.Popen([ROOT / PROGRAM, "get", "k", "--server", server.uri],
                              stdout=subprocess.PIPE)
    stats = server.wait_for_stats(lambda stats: stats["shm_leases"] == 1)
    assert stats["shm_leases"] == 1 and stats["shm_leased_bytes"] > 3_000_000
    server.action("delete", key="k")
    put(server, TABLE.slice(0, 200_000).combine_chunks(), "other")
    assert server.stats()["tables"] == 2
    reader.send_signal(signal.SIGKILL)
    reader.wait()
    reader.stdout.close()
    stats = server.wait_for_stats(lambda stats: stats["tables"] == 1)
    assert stats["tables"] == 1 and stats["shm_leases"] == stats["shm_clients"] == 0


def test_what_is_mapped_stays_when_it_is_replaced(start_server):
    server = start_server("--memory", "64MiB")
    put(server)
    reader = subprocess.Popen([ROOT / PROGRAM, "get", "k", "--server", server.uri],
                              stdout=subprocess.PIPE)
    server.wait_for_stats(lambda stats: stats["shm_leases"] == 1)
    other = pa.table({name: TABLE[name].take(pa.array(range(ROWS - 1, -1, -1)))
                      for name in ["n", "word", "kind"]}).combine_chunks()
    for i in range(12):
        put(server, other, f"o{i % 3}")
        put(server, other)
    data, _ = reader.communicate(timeout=60)
    assert pa.ipc.open_stream(data).read_all().equals(TABLE)


def test_a_killed_servers_socket_is_removed(start_server, tmp_path):
    folder = tmp_path / "shm"
    command = [ROOT / PROGRAM, "serve", "--listen", "grpc+tcp://localhost:0", "--shm", folder]
    first = subprocess.Popen(command, stdout=subprocess.PIPE)
    first.stdout.readline()
    left = list(folder.iterdir())
    assert len(left) == 1
    first.kill()
    first.wait()
    first.stdout.close()
    server = start_server("--shm", str(folder))
    assert len(list(folder.iterdir())) == 1 and not left[0].exists()
    put(server)
    assert flightkv(server, "get", "k", "-v").stderr == b"flightkv: transport shm\n"
    server.process.terminate()
    server.process.wait(30)
    assert not list(folder.iterdir())


def test_users_map_after_their_login(start_server, tmp_path):
    users = tmp_path / "users"
    line = subprocess.run([ROOT / PROGRAM, "passwd", "ann"], input=b"secret\n", check=True,
                          capture_output=True).stdout
    users.write_bytes(line)
    users.chmod(0o600)
    server = start_server("--auth-file", str(users))
    with server.connect() as client:
        token = client.authenticate_basic_token("ann", "secret")
        options = fl.FlightCallOptions(headers=[token], timeout=60)
        writer, _ = client.do_put(fl.FlightDescriptor.for_command("k"), TABLE.schema, options)
        with writer:
            writer.write_table(TABLE)
        with pytest.raises(fl.FlightUnauthenticatedError):
            list(client.do_action(fl.Action("flightkv.shm", b"")))
    got = flightkv(server, "get", "k", "-v", "--user", "ann",
                   env={**os.environ, "FLIGHTKV_PASSWORD": "secret"})
    assert got.stderr == b"flightkv: transport shm\n"
    assert read(got).equals(TABLE)


# ---- other users ----

@pytest.fixture
def place():
    """A folder that every user may enter, with a copy of the program."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("needs root and setpriv")
    folder = Path(tempfile.mkdtemp(prefix="flightkv-place-", dir="/tmp"))
    folder.chmod(0o755)
    build = (ROOT / PROGRAM).parent
    for name in ["flightkv", *(path.name for path in build.glob("libflightkv.so*"))]:
        shutil.copy(build / name, folder / name)
    yield folder
    shutil.rmtree(folder)


def as_nobody(place, server, *words):
    drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    return flightkv(server, *words, prefix=drop, program=place / "flightkv",
                    env={**os.environ, "LD_LIBRARY_PATH": str(place)}, cwd="/")


def test_another_user_is_not_let_in(start_server, place):
    server = start_server("--shm", str(place / "shm"))
    put(server)
    got = as_nobody(place, server, "get", "k", "--verbose")
    assert got.stderr.startswith(b"flightkv: transport tcp; not shm: "), got.stderr
    assert b"Permission denied" in got.stderr
    assert read(got).equals(TABLE)
    assert as_nobody(place, server, "get", "k", "--transport", "shm").returncode == 1
    (place / "shm").chmod(0o777)  # even where the folder lets it through
    (next((place / "shm").iterdir())).chmod(0o777)
    got = as_nobody(place, server, "get", "k", "--verbose")
    assert b"not shm: not let in" in got.stderr
    assert read(got).equals(TABLE)
    assert server.stats()["shm_gets"] == 0


def test_a_group_is_let_in(start_server, place):
    server = start_server("--shm", str(place / "shm"), "--shm-group", str(NOBODY))
    put(server)
    got = as_nobody(place, server, "get", "k", "--verbose")
    assert got.stderr == b"flightkv: transport shm\n"
    assert read(got).equals(TABLE)


def test_bad_folders_and_groups(tmp_path):
    def serve(*options):
        return subprocess.run([ROOT / PROGRAM, "serve", "--listen", "grpc+tcp://localhost:0",
                               *options], capture_output=True, timeout=30)

    open_to_all = tmp_path / "open"
    open_to_all.mkdir(mode=0o755)
    refused = serve("--shm", str(open_to_all))
    assert refused.returncode == 1 and b"mode 700" in refused.stderr
    assert serve("--shm", "maybe").returncode == 2
    assert serve("--shm-group", "no-such-group-at-all").returncode == 2
