# SPDX-License-Identifier: Apache-2.0
"""Runs a command with FLIGHTKV_SERVER naming a server that isn't one of ours.

    other_server.py http|silent COMMAND...

"http" answers as HTTP/1.1 servers do, "silent" accepts and never says a word.
"""

import os
import socket
import subprocess
import sys
import threading

kind, *command = sys.argv[1:]
listener = socket.create_server(("127.0.0.1", 0))


def answer():
    kept = []
    while True:
        connection, _ = listener.accept()
        kept.append(connection)
        if kind == "http":
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


threading.Thread(target=answer, daemon=True).start()
uri = f"grpc+tcp://localhost:{listener.getsockname()[1]}"
sys.exit(subprocess.run(command, env={**os.environ, "FLIGHTKV_SERVER": uri}).returncode)
