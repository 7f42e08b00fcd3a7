# SPDX-License-Identifier: Apache-2.0
"""One run of bench.py: its size, its programs, the servers and clients that groups ask for."""

import contextlib
import os
import random
import select
import socket
import subprocess
import tempfile
import threading
from pathlib import Path

from cases import BATCH_ROWS, COLUMNS, ROW_BYTES, SMALL_ROWS
from clients import Caller, Sockets
from peers import Peers
from placement import apart, placements
from processes import Failed, Progress, Server
from source import Source

TRANSPORTS = ("TCP", "Unix", "TLS")


def make_certificate(folder):
    """For localhost, signed by itself."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", certificate,
                    "-days", "2", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=DNS:localhost"], check=True, capture_output=True)
    return str(key), str(certificate)


class Sitting:
    def __init__(self, arguments, size, stack):
        self.arguments = arguments
        self.size = size
        self.rows = size // ROW_BYTES
        self.build = arguments.build
        # Of small calls at a time, by a client in C and by pyarrow's, which is slower.
        self.own_count = max(arguments.calls // 6, 10)
        self.stock_count = max(arguments.calls // 60, 10)
        self.peers = Peers(arguments.build, arguments.without)
        self.cores = len(os.sched_getaffinity(0))
        self.apart, self.placements = apart(), placements()
        self.progress = Progress()
        self.order = random.Random(arguments.seed)
        self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        self.tmpfs = Path(stack.enter_context(tempfile.TemporaryDirectory(dir="/dev/shm")))
        self.key, self.certificate = make_certificate(self.folder)
        self.sources = {}
        stack.callback(self.close)

    def close(self):
        while self.sources:
            self.sources.popitem()[1].close()

    def program(self, name):
        return self.build / "bench" / name

    def source(self, rows=None, columns=COLUMNS, batch_rows=BATCH_ROWS):
        """A table of pyarrow's, made once."""
        name = (columns, rows or self.rows, batch_rows)
        if name not in self.sources:
            self.sources[name] = self.progress.during("Making a table", 0,
                                                      lambda: Source(*name))
        return self.sources[name]

    def small(self):
        return self.source(SMALL_ROWS, 1, SMALL_ROWS)

    def drop_sources(self):
        """Gives their memory back; those that are asked for again are made again."""
        self.close()

    # ---- flightkv ----

    @contextlib.contextmanager
    def flightkv(self, memory, *options):
        """A server with a listener for each transport; `uris` has them by name."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            command = [self.build / "flightkv", "serve", "--memory", memory + (1 << 28),
                       "--log-level", "warn",
                       "--listen", "grpc+tcp://localhost:0",
                       "--listen", f"grpc+unix://{folder}/socket",
                       "--listen", "grpc+tls://localhost:0",
                       "--tls-cert", self.certificate, "--tls-key", self.key, *options]
            with Server(list(map(str, command)), listeners=3) as server:
                server.uris = dict(zip(TRANSPORTS, server.addresses))
                yield server

    @contextlib.contextmanager
    def caller(self, server=None, names=TRANSPORTS):
        """libflightkv's client with a connection over each transport. `shm_refusal` says why there
        is none over shared memory, if there is none."""
        with Caller(self.program("caller")) as caller:
            for name in names if server else ():
                caller.open(name, server.uris[name], self.certificate if name == "TLS" else None,
                            "unix" if name == "Unix" else "tcp")
            caller.shm_refusal = open_shm(caller, server) if server else None
            yield caller

    def serve_knows(self, option):
        done = subprocess.run([self.build / "flightkv", "serve", "--help"], capture_output=True,
                              text=True)
        return option in done.stdout

    def sockets(self, size, placement=None):
        """Where it is given, their server's end is put there; the client's is the starter's."""
        cores = ("--child-core", placement.server) if placement else ()
        return Sockets(self.program("ceiling"), max(size, 1 << 20), *cores)

    # ---- many peers at once ----

    def wanted(self, group_notes, *names):
        """Those of the peers that are here; the notes say of the others why not."""
        here = [name for name in names if self.peers.has(name)]
        group_notes += [self.peers.why_not(name) for name in names if name not in here]
        return here


def open_shm(caller, server):
    """Over shared memory; what is in the way of that, or None."""
    try:
        caller.open("shm", server.uris["Unix"], transport="shm")
        return None
    except Failed as failure:
        return f"Shared memory is left out: {failure}."


# ---- how many bytes a call takes ----

class CountingProxy:
    """Hands bytes on between one client at a time and a server, and counts them."""

    def __init__(self, uri):
        host, _, port = uri.removeprefix("grpc+tcp://").rpartition(":")
        self.target = (host, int(port))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.uri = f"grpc+tcp://127.0.0.1:{self.listener.getsockname()[1]}"
        self.sent = self.received = 0  # by the client
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        client, _ = self.listener.accept()
        with client, socket.create_connection(self.target) as server:
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while True:
                for end in select.select([client, server], [], [])[0]:
                    data = end.recv(1 << 16)
                    if not data:
                        return
                    (server if end is client else client).sendall(data)
                    if end is client:
                        self.sent += len(data)
                    else:
                        self.received += len(data)


def bytes_of_calls(sitting, server, way, count=200):
    """What a client sends and receives for one call of a 1 KiB table, once it is warm."""
    proxy = CountingProxy(server.uris["TCP"])
    with Caller(sitting.program("caller")) as caller:
        caller.open("proxy", proxy.uri)
        caller.many("proxy", way, "small", 50)
        sent, received = proxy.sent, proxy.received
        caller.many("proxy", way, "small", count)
        request, answer = (proxy.sent - sent) / count, (proxy.received - received) / count
    proxy.thread.join()
    proxy.listener.close()
    return max(round(request), 1), max(round(answer), 1)
