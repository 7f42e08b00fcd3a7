# SPDX-License-Identifier: Apache-2.0
"""A server with users, and stock pyarrow clients that log in in either of Flight's two ways."""

import os
import pty
import select
import subprocess

import pyarrow as pa
import pyarrow.flight as fl
import pytest

from server_process import PROGRAM, ROOT, START_TIMEOUT_S, call_options
from transfer import assert_same, command, get, put

BATCH = pa.record_batch([pa.array([1, 2, 3])], names=["a"])
# pyarrow's get_schema makes a plain error of it.
REFUSED = (fl.FlightUnauthenticatedError, OSError)
PASSWORDS = {"ann": "secret", "s\u00f6ren o.": "p\u00e4ss:word "}


def hash_line(user, password):
    made = subprocess.run([ROOT / PROGRAM, "passwd", user], input=password.encode(),
                          capture_output=True, check=True, timeout=START_TIMEOUT_S)
    return made.stdout.decode()


@pytest.fixture(scope="module")
def users_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("auth") / "users"
    path.write_text("# users\n" + "".join(hash_line(*pair) for pair in PASSWORDS.items()))
    path.chmod(0o600)
    return path


@pytest.fixture
def server(start_server, users_file):
    return start_server("--auth-file", str(users_file), "--workers", "2")


class BasicAuth(fl.ClientAuthHandler):
    """As Arrow's own integration tests have it."""

    def __init__(self, user, password):
        super().__init__()
        self.basic_auth = fl.BasicAuth(user, password)
        self.token = None

    def authenticate(self, outgoing, incoming):
        outgoing.write(self.basic_auth.serialize())
        self.token = incoming.read()

    def get_token(self):
        return self.token


@pytest.mark.parametrize("user", PASSWORDS)
def test_a_client_auth_handler(server, user):
    with server.connect() as client:
        client.authenticate(BasicAuth(user, PASSWORDS[user]), call_options())
        put(client, "k", BATCH.schema, [BATCH])
        assert_same(BATCH.schema, [BATCH], get(client, "k"))


@pytest.mark.parametrize("user", PASSWORDS)
def test_a_basic_token(server, user):
    with server.connect() as client:
        header = client.authenticate_basic_token(user, PASSWORDS[user], call_options())
        assert header[0] == b"authorization" and header[1].startswith(b"Bearer ")
        options = call_options(headers=[header])
        info = list(client.list_flights(b"", options))
        assert info == []
        writer, _ = client.do_put(command("k"), BATCH.schema, options)
        writer.write_batch(BATCH)
        writer.close()
        assert client.get_flight_info(command("k"), options).total_records == 3
        assert client.do_get(fl.Ticket(b"k"), options).read_all().num_rows == 3


@pytest.mark.parametrize("user, password", [
    ("ann", "hunter2"), ("ann", ""), ("eve", "secret"), ("", "secret"), ("ann", "secret" * 1000),
])
def test_a_wrong_password(server, user, password):
    with server.connect() as client:
        with pytest.raises(fl.FlightUnauthenticatedError, match="name or the password is wrong"):
            client.authenticate(BasicAuth(user, password), call_options())
        with pytest.raises(fl.FlightUnauthenticatedError, match="name or the password is wrong"):
            client.authenticate_basic_token(user, password, call_options())
    log = server.log_text()
    assert "event=login-failed" in log and "peer=" in log
    assert not password or password not in log


def test_without_a_token_nothing_is_done(server):
    with server.connect() as known, server.connect() as stranger:
        known.authenticate(BasicAuth("ann", "secret"), call_options())
        put(known, "k", BATCH.schema, [BATCH])
        forged = call_options(headers=[(b"authorization", b"Bearer " + b"0" * 64)])
        for options in call_options(), forged:
            for call in (
                lambda: stranger.do_get(fl.Ticket(b"k"), options).read_all(),
                lambda: stranger.get_flight_info(command("k"), options),
                lambda: stranger.get_schema(command("k"), options),
                lambda: list(stranger.list_flights(b"", options)),
                lambda: list(stranger.list_actions(options)),
                lambda: list(stranger.do_action(fl.Action("drop_dataset", b"k"), options)),
            ):
                with pytest.raises(REFUSED, match="token"):
                    call()
        with pytest.raises(fl.FlightUnauthenticatedError, match="token"):
            put(stranger, "k", BATCH.schema, [BATCH, BATCH])
        assert_same(BATCH.schema, [BATCH], get(known, "k"))


def test_the_program_logs_in(server, tmp_path):
    def run(*words, **environment):
        return subprocess.run([ROOT / PROGRAM, *words], capture_output=True, text=True,
                              timeout=START_TIMEOUT_S, cwd=tmp_path,
                              env={**os.environ, "FLIGHTKV_SERVER": server.uri, **environment})

    (tmp_path / "password").write_text("secret\n")
    assert run("ping", "--user", "ann", FLIGHTKV_PASSWORD="secret").returncode == 0
    assert run("ls", "--user", "ann", "--password-file", "password").returncode == 0
    wrong = run("ping", "-u", "ann", FLIGHTKV_PASSWORD="wrong")
    assert wrong.returncode == 1 and "the password is wrong" in wrong.stderr
    without = run("ping")
    assert without.returncode == 1 and "--user NAME" in without.stderr
    no_password = run("ping", "--user", "ann")
    assert no_password.returncode == 2 and "FLIGHTKV_PASSWORD" in no_password.stderr


def read_until(fd, what):
    shown = b""
    while what not in shown:
        assert select.select([fd], [], [], START_TIMEOUT_S)[0], shown
        shown += os.read(fd, 1024)
    return shown


def test_the_program_asks_for_the_password(server):
    """On its terminal, without showing it, also where standard input is something else."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        ["setsid", "--ctty", "--wait", "sh", "-c", f"exec {ROOT / PROGRAM} ping -u ann </dev/null"],
        stdin=theirs, stdout=theirs, stderr=theirs,
        env={**os.environ, "FLIGHTKV_SERVER": server.uri})
    shown = read_until(ours, b"Password of ann: ")
    os.write(ours, b"secret\n")
    shown += read_until(ours, b" answered in ")
    assert process.wait(START_TIMEOUT_S) == 0 and b"secret" not in shown
    os.close(ours)
    os.close(theirs)


def test_many_log_in_at_once(server):
    """More than wait at a time: some are told so, and none is wrongly let in or kept out."""
    clients = [server.connect() for _ in range(3)]
    children = [subprocess.Popen([ROOT / PROGRAM, "ping", "--user", "ann"],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                 env={**os.environ, "FLIGHTKV_SERVER": server.uri,
                                      "FLIGHTKV_PASSWORD": "secret" if i % 2 else "wrong"})
                for i in range(24)]
    for client in clients:
        client.authenticate(BasicAuth("ann", "secret"), call_options())
        client.close()
    for i, child in enumerate(children):
        _, said = child.communicate(timeout=START_TIMEOUT_S)
        assert child.returncode == (0 if i % 2 else 1), said


def test_the_file_is_checked_at_the_start(tmp_path):
    path = tmp_path / "users"
    path.write_text("ann:plain\n")
    done = subprocess.run([ROOT / PROGRAM, "serve", "--listen", "grpc+tcp://localhost:0",
                           "--auth-file", path], capture_output=True, text=True,
                          timeout=START_TIMEOUT_S)
    assert done.returncode == 2 and "line 1" in done.stderr and "plain" not in done.stderr


def test_a_file_that_others_may_read_is_told(start_server, users_file, tmp_path):
    path = tmp_path / "users"
    path.write_text(users_file.read_text())
    path.chmod(0o644)
    assert "event=auth-file-exposed" in start_server("--auth-file", str(path)).log_text()
