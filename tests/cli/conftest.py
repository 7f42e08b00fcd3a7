# SPDX-License-Identifier: Apache-2.0
"""A server for each file of tests."""

import pytest

import run


@pytest.fixture(scope="module")
def server():
    server = run.Server()
    yield server
    server.stop()
