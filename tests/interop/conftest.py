# SPDX-License-Identifier: Apache-2.0
"""Servers for the tests. FLIGHTKV_PROGRAM names the program; build/release/flightkv without it."""

import pytest

from server_process import PROGRAM, ROOT, ServerProcess


def pytest_addoption(parser):
    parser.addoption("--write-conformance", action="store_true",
                     help="write what test_conformance.py finds into docs/PROTOCOL.md")


def pytest_configure(config):
    if not (ROOT / PROGRAM).exists():
        raise pytest.UsageError(f"{PROGRAM} isn't built; `make` builds it")


@pytest.fixture
def start_server(tmp_path):
    """Starts servers with options of the test's own; they are stopped, and checked, at its end."""
    servers = []

    def start(*options, **more):
        servers.append(ServerProcess(tmp_path / f"server-{len(servers)}.log", *options, **more))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One server with default options for a whole file of tests; each uses keys of its own."""
    server = ServerProcess(tmp_path_factory.mktemp("server") / "server.log", "--workers", "2")
    yield server
    server.stop()


@pytest.fixture
def client(server):
    with server.connect() as client:
        yield client
