# SPDX-License-Identifier: Apache-2.0
"""SIGHUP: the users' file and the certificates are read anew."""

import signal
import time

import pyarrow.flight as fl
import pytest

from server_process import ServerProcess, call_options
from test_auth import hash_line

TIMEOUT_S = 60


def reload(server, event):
    """Waits for the event to be in the log once more."""
    before = server.log_text().count(f"event={event}")
    server.process.send_signal(signal.SIGHUP)
    end = time.monotonic() + TIMEOUT_S
    while server.log_text().count(f"event={event}") == before:
        assert time.monotonic() < end, server.log_text()
        time.sleep(0.02)


def log_in(client, user, password):
    return call_options(headers=[client.authenticate_basic_token(user, password, call_options())])


def test_users_come_and_go(start_server, tmp_path):
    ann, bob, eve = hash_line("ann", "secret"), hash_line("bob", "other"), hash_line("eve", "third")
    users = tmp_path / "users"
    users.write_text(ann + bob)
    server = start_server("--auth-file", str(users))
    with server.connect() as client:
        anns, bobs = log_in(client, "ann", "secret"), log_in(client, "bob", "other")
        users.write_text(ann + hash_line("bob", "new") + eve)
        reload(server, "reloaded")
        assert list(client.list_flights(b"", anns)) == []
        with pytest.raises(fl.FlightUnauthenticatedError, match="holds no more"):
            list(client.list_flights(b"", bobs))
        with pytest.raises(fl.FlightUnauthenticatedError, match="password is wrong"):
            log_in(client, "bob", "other")
        for user, password in ("bob", "new"), ("eve", "third"):
            assert list(client.list_flights(b"", log_in(client, user, password))) == []

        users.write_text(ann + "bob\n")
        reload(server, "reload-failed")
        assert "line 2 has no ':'" in server.log_text()
        assert list(client.list_flights(b"", log_in(client, "eve", "third"))) == []

        users.write_text(eve)
        reload(server, "reloaded")
        with pytest.raises(fl.FlightUnauthenticatedError, match="holds no more"):
            list(client.list_flights(b"", anns))


def test_without_files_it_stops(tmp_path):
    server = ServerProcess(tmp_path / "log")
    server.process.send_signal(signal.SIGHUP)
    rest, _ = server.process.communicate(timeout=TIMEOUT_S)
    server.log.close()
    assert server.process.returncode == 0
    assert rest.decode() == "\nStopping the server...\nServer stopped...\n"
