# SPDX-License-Identifier: Apache-2.0
"""How a server ends when nobody reads what it says any more."""
import signal
import subprocess

from server_process import CALL_TIMEOUT_S, PROGRAM, ROOT


def test_a_server_whose_reader_is_gone_stops_without_a_complaint():
    command = [ROOT / PROGRAM, "serve", "--listen", "grpc+tcp://127.0.0.1:0", "--shm", "off"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert server.stdout.readline().startswith(b"Server is running!")
    server.stdout.close()
    server.send_signal(signal.SIGTERM)
    assert server.wait(timeout=CALL_TIMEOUT_S) == 0
    assert server.stderr.read() == b""
    server.stderr.close()
