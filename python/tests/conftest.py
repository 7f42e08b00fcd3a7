# SPDX-License-Identifier: Apache-2.0
"""The package under test is that of a build: build/release/python, or the `python` beside the
program that FLIGHTKV_PROGRAM names."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / os.environ.get("FLIGHTKV_PROGRAM", "build/release/flightkv")
PACKAGE = PROGRAM.parent / "python"

sys.path[:0] = [str(PACKAGE), str(ROOT / "tests/interop")]

import own_settings  # noqa: E402: found by the path above

own_settings.leave_out()


def pytest_configure(config):
    if not (PACKAGE / "flightkv/_flightkv.abi3.so").exists():
        raise pytest.UsageError(f"{PACKAGE} isn't built; `make` builds it where Python's headers "
                                "are (Debian: python3-dev)")


@pytest.fixture(scope="session")
def shared_server():
    import flightkv
    with flightkv.Server(memory="512MiB", workers=1) as server:
        yield server


@pytest.fixture
def client(shared_server):
    """A client of an empty server."""
    with shared_server.connect(timeout=120) as client:
        for key in client.keys():
            client.delete(key)
        yield client
