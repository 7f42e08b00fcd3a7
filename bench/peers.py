# SPDX-License-Identifier: Apache-2.0
"""The servers that flightkv is held against, where they are installed, and the tools for that.
`make deps` doesn't install them: what is missing is left out of a run, which says so and how to add
it."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

from processes import Failed, Server

HERE = Path(__file__).resolve().parent
FOLDERS = "/usr/local/go/bin:/usr/local/sbin:/usr/sbin"  # where else programs may be
PACKAGES = {"redis-server": "redis-server", "memcached": "memcached", "h2load": "nghttp2-client",
            "nghttpd": "nghttp2-server", "go": "golang (1.25 or newer)", "perf": "linux-perf"}
START_S = 20
REDIS_SPLIT = 512 << 20      # its proto-max-bulk-len
MEMCACHED_SPLIT = 512 << 20  # -I is at most 1 GiB, which an item's own head is part of
HEADROOM = 64 << 20


def find(name):
    return shutil.which(name) or shutil.which(name, path=FOLDERS)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class PortServer:
    """A server that is told its port and says nothing, while the `with` block runs."""

    def __init__(self, *command, port, cwd=None):
        self.command, self.port, self.cwd = list(map(str, command)), port, cwd

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, cwd=self.cwd,
                                        stderr=subprocess.DEVNULL, start_new_session=True)
        self.pid = self.process.pid
        end = time.monotonic() + START_S
        while time.monotonic() < end and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return self
            except OSError:
                time.sleep(0.05)
        self.__exit__()
        raise Failed(f"{self.command[0]} didn't start")

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(START_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Peers:
    """What is here, by name, and why the rest isn't."""

    def __init__(self, build, left_out=()):
        self.build = build
        self.programs, self.missing = {}, {}
        for name, package in PACKAGES.items():
            path = None if name in left_out else find(name)
            if path:
                self.programs[name] = path
            else:
                self.missing[name] = f"apt-get install {package}"
        self.go_server = self.build_go() if "go" in self.programs else None

    def build_go(self):
        """The Go server, built when it isn't yet; None where that fails."""
        program = self.build.parent / "peers/go-server"
        sources = [HERE / "peers" / name for name in ("main.go", "go.mod", "go.sum")]
        newest = max(path.stat().st_mtime for path in sources)
        if program.exists() and program.stat().st_mtime > newest:
            return program
        print("Building bench/peers, the Go server", flush=True)
        done = subprocess.run([self.programs["go"], "build", "-o", program, "."],
                              cwd=HERE / "peers", capture_output=True, text=True)
        if done.returncode == 0:
            return program
        why = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        self.missing["go"] = f"bench/peers doesn't build: {why}"
        return None

    def has(self, name):
        return self.go_server is not None if name == "go" else name in self.programs

    def why_not(self, name):
        """A note for a group."""
        return f"{name} isn't here, so it is left out ({self.missing[name]})."

    def versions(self):
        """Of those that are here, as they say it themselves."""
        words = {"go": "version", "nghttpd": "--version", "h2load": "--version",
                 "redis-server": "--version", "memcached": "--version", "perf": "--version"}
        texts = {}
        for name, program in self.programs.items():
            done = subprocess.run([program, words[name]], capture_output=True, text=True)
            found = re.search(r"\d+\.\d+[.\d]*", done.stdout)
            texts[name] = found.group(0) if found else done.stdout.strip()
        if self.go_server:
            module = (HERE / "peers/go.mod").read_text()
            texts["arrow-go"] = re.search(r"arrow-go/v\d+ v(\S+)", module).group(1)
            texts["grpc-go"] = re.search(r"google.golang.org/grpc v(\S+)", module).group(1)
        return texts

    # ---- servers, each for a `with` block ----

    def pyarrow(self):
        return Server([sys.executable, "-m", "ways.flight", "server"], cwd=HERE)

    def json(self, path):
        return Server([sys.executable, "-m", "ways.json_tcp", "server", "--table", str(path)],
                      cwd=HERE)

    def go(self, size):
        """Its collector lets the heap grow to twice what is alive; so that other servers have room
        beside it, it is told to do more before three times the table."""
        limit = max(3 * size, 1 << 28)
        return Server([str(self.go_server)], env={**os.environ, "GOMEMLIMIT": str(limit)})

    def redis(self):
        port = free_port()
        return PortServer(self.programs["redis-server"], "--port", port, "--bind", "127.0.0.1",
                          "--save", "", "--appendonly", "no", port=port, cwd="/")

    def memcached(self, size):
        port, room = free_port(), (size + size // 2 + HEADROOM) >> 20
        item = min(max((MEMCACHED_SPLIT + HEADROOM) >> 20, 1), room // 2)
        return PortServer(self.programs["memcached"], "-u", "root", "-l", "127.0.0.1", "-p", port,
                          "-m", max(room, 256), "-I", f"{max(item, 1)}m", port=port)

    def nghttpd(self, folder):
        port = free_port()
        return PortServer(self.programs["nghttpd"], "--no-tls", "-n", "1", "-d", folder,
                          "-a", "127.0.0.1", port, port=port)
