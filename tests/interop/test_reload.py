# SPDX-License-Identifier: Apache-2.0
"""SIGHUP: the users' file and the certificates are read anew."""

import signal
import socket
import ssl
import time

import pyarrow.flight as fl
import pytest

from server_process import call_options
from test_auth import hash_line
from test_tls import LISTEN, TABLE, Authority, identity, put_and_get

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


def serial_of(server):
    """Of the certificate that a new connection is shown."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    port = int(server.uri.rsplit(":", 1)[1])
    with socket.create_connection(("localhost", port), TIMEOUT_S) as raw:
        with context.wrap_socket(raw) as tls:
            return tls.getpeercert(binary_form=True)


def test_new_connections_get_the_new_certificate(start_server, tmp_path):
    """Also by another authority. Those that are there go on; their client knows the old one only.
    """
    old, new = Authority(tmp_path / "old"), Authority(tmp_path / "new")
    pem, key = tmp_path / "server.pem", tmp_path / "server.key"

    def install(pair):
        for source, target in zip(pair, (pem, key)):
            target.write_bytes(source.read_bytes())

    install(old.sign("server"))
    server = start_server(*identity((pem, key)), listen=LISTEN)
    first = serial_of(server)
    with server.connect(tls_root_certs=old.pem.read_bytes()) as client:
        writer, _ = client.do_put(fl.FlightDescriptor.for_command("k"), TABLE.schema,
                                  call_options())
        with writer:
            writer.write_table(TABLE, max_chunksize=100_000)
        reader = client.do_get(fl.Ticket("k"), call_options())
        assert reader.read_chunk().data.num_rows == 100_000
        install(new.sign("server"))
        assert serial_of(server) == first  # nobody asked for it yet
        reload(server, "reloaded")
        assert serial_of(server) not in (first, None)
        assert sum(chunk.data.num_rows for chunk in reader) == 900_000
        put_and_get(client)
        with server.connect(tls_root_certs=new.pem.read_bytes()) as other:
            put_and_get(other)
        with server.connect(tls_root_certs=old.pem.read_bytes(),
                            generic_options=[("grpc.use_local_subchannel_pool", 1)]) as stranger:
            with pytest.raises(fl.FlightUnavailableError):
                list(stranger.list_flights(b"", call_options()))

        second = serial_of(server)
        install((pem, old.sign("other")[1]))  # a key that doesn't fit
        reload(server, "reload-failed")
        assert serial_of(server) == second
        put_and_get(client)


def test_without_files_it_goes_on(start_server):
    server = start_server()
    for _ in range(2):
        reload(server, "nothing-reloaded")
    assert "nothing to read anew" in server.log_text()
    assert "uptime_s" in server.action("ping")
