# SPDX-License-Identifier: Apache-2.0
"""A flightkv server as a process of its own, and what the tests ask it."""

import json
import os
import re
import select
import signal
import subprocess
import time
from pathlib import Path

import pyarrow.flight as fl

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("FLIGHTKV_PROGRAM", "build/release/flightkv")
READY = re.compile(r"Server is running! (grpc\+(?:(?:tcp|tls)://(?:localhost|127\.0\.0\.1|\[::1\])"
                   r":\d+|unix:///.+))\n")
SANITIZER_WORDS = ("Sanitizer", "runtime error:")

# A server that hangs must not hang the tests.
CALL_TIMEOUT_S = 120
START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 30


class ServerProcess:
    def __init__(self, log_path, *options, listen="grpc+tcp://localhost:0"):
        self.log_path = Path(log_path)
        self.log = open(self.log_path, "wb")
        self.process = subprocess.Popen(
            [ROOT / PROGRAM, "serve", "--listen", listen, *options],
            stdout=subprocess.PIPE, stderr=self.log, cwd=ROOT)
        self.uri = self.read_ready_line()

    def read_ready_line(self):
        output = self.process.stdout
        if not select.select([output], [], [], START_TIMEOUT_S)[0]:
            self.process.kill()
            raise AssertionError(f"no ready line: {self.log_text()}")
        line = output.readline().decode()
        ready = READY.fullmatch(line)
        assert ready, f"not a ready line: {line!r}; log: {self.log_text()}"
        return ready.group(1)

    def connect(self, **options):
        return fl.connect(self.uri, **options)

    def log_text(self):
        return self.log_path.read_text(errors="replace")

    def action(self, name, **arguments):
        """A flightkv.NAME action: JSON in, JSON out."""
        body = json.dumps(arguments).encode() if arguments else b""
        with self.connect() as client:
            results = list(client.do_action(fl.Action(f"flightkv.{name}", body), call_options()))
        assert len(results) == 1
        return json.loads(results[0].body.to_pybytes())

    def stats(self):
        return self.action("stats")

    def wait_for_stats(self, condition, timeout_s=CALL_TIMEOUT_S):
        """The first stats that meet the condition; the last ones when none did in time."""
        end = time.monotonic() + timeout_s
        while True:
            stats = self.stats()
            if condition(stats) or time.monotonic() > end:
                return stats
            time.sleep(0.05)

    def stop(self):
        """Ends it as a user would, and checks that it went well."""
        self.process.send_signal(signal.SIGTERM)
        try:
            rest, _ = self.process.communicate(timeout=STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"the server didn't stop: {self.log_text()}") from None
        finally:
            self.log.close()
        log = self.log_text()
        assert self.process.returncode == 0, f"exit {self.process.returncode}: {log}"
        assert not any(word in log for word in SANITIZER_WORDS), log
        assert rest.decode() == "\nStopping the server...\nServer stopped...\n"


def call_options(**options):
    return fl.FlightCallOptions(timeout=CALL_TIMEOUT_S, **options)
