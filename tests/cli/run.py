#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the cases: what commands print, on which stream, with which exit code.

    tests/cli/run.py                     all cases; exit 1 if one differs
    tests/cli/run.py put.case            one of them
    tests/cli/run.py --rewrite           writes what came out into the cases; look at the diff then

A case is commands with what must come of them:

    $ flightkv get nope                  a command for bash
    2| flightkv: no table ...            a line on standard error ("| " is standard output)
    ? 3                                  the exit code, where it isn't 0

A line `$$ 80 COMMAND` runs it on a terminal of 80 columns; its output, streams together, is then
`t| ` lines, escape sequences written as \\e. Comments begin with `#`, and stay. Commands run in a
folder of their own that has `data` linked into it; a case whose first line is `# with a server` has
one. Figures that differ from run to run are written as <time>, <rate>, <port>.

FLIGHTKV_PROGRAM names the program; build/release/flightkv without it.
"""

import argparse
import difflib
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path

import pyarrow as pa
import pyarrow.flight

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CASES = HERE / "cases"
TIMEOUT_S = 60

# What can't be the same twice, in the order in which it is looked for.
UNSTABLE = [
    (r"localhost:\d{4,5}\b(?<!:6666)", "localhost:<port>"),
    (r"\d[\d.]* [KMGT]?i?B/s", "<rate>"),
    (r"\b(\d+ h )?(\d+ m )?\d[\d.]* (ns|us|ms|s|m)\b", "<time>"),
    (r'"(seconds|uptime_s|created|memory_bytes)": [\d.e-]+', r'"\1": <number>'),
    (r"^(uptime_s|created|resident_bytes|memory_bytes)\t[\d.e-]+", r"\1\t<number>"),
    (r"(memory_bytes\\e\[0m +).*", r"\1<size>"),
    (r"[\d,]+ a second", "<number> a second"),
    (r"reached [\d,]+", "reached <number>"),
    (r"has [\d.]+ .iB of memory", "has <size> of memory"),
    (r"^ +\\e\[2mdone\\e.*", "<heads>"),
    (r"^(\\e\[2m(?:put|get|first batch)\\e\[0m ).*", r"\1<figures>"),
    (r"^ +\d+ +[\d.]+ \w+ +\d+ +\d+ +\d+( +[\d.]+ \w+){3} +[\d.]+$", "<load>"),
    (r"(\w+_per_s|cores)\": [\d.e-]+", r'\1": <number>'),
    (r'memory_used_bytes": \d+, "connections": \d+',
     'memory_used_bytes": <number>, "connections": <number>'),
    (r"(\\e\[2m(?:up|memory|clients|calls|traffic|cores) +\\e\[0m).*", r"\1<figures>"),
    (r"\t1\d{9}\.\d{6}$", "\t<number>"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "<date>"),
    (r"flightkv \d+\.\d+\.\d+", "flightkv <version>"),
]


def program():
    return Path(os.environ.get("FLIGHTKV_PROGRAM", ROOT / "build/release/flightkv")).resolve()


class Server:
    """`flightkv serve` on a free port; its address goes into the environment."""

    def __init__(self):
        command = [program(), "serve", "--listen", "grpc+tcp://localhost:0", "--workers", "2"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.uri = self.process.stdout.readline().split()[-1]

    def put(self, key, batches):
        with pa.flight.FlightClient(self.uri) as client:
            descriptor = pa.flight.FlightDescriptor.for_command(key.encode())
            writer, _ = client.do_put(descriptor, batches[0].schema)
            for batch in batches:
                writer.write_batch(batch)
            writer.close()

    def flightkv(self, *words):
        return subprocess.run([program(), *words], capture_output=True, timeout=TIMEOUT_S,
                              env=environment(self.uri), check=False)

    def stop(self):
        self.process.terminate()
        assert self.process.wait(TIMEOUT_S) == 0


def environment(uri):
    kept = ("HOME", "LANG", "FLIGHTKV_ARROW_DIR", "FLIGHTKV_FORMATS", "ASAN_OPTIONS")
    variables = {name: os.environ[name] for name in kept if name in os.environ}
    variables["PATH"] = f"{program().parent}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    variables["TERM"] = "xterm"
    variables["XDG_CONFIG_HOME"] = "/nowhere"  # whoever runs this may have a file of their own
    if uri:
        variables["FLIGHTKV_SERVER"] = uri
    return variables


def stable(text):
    for pattern, shown in UNSTABLE:
        text = re.sub(pattern, shown, text, flags=re.MULTILINE)
    return text


def lines_of(mark, text):
    lines = stable(text).split("\n")
    if lines[-1] == "":
        lines.pop()
    else:
        lines[-1] += "<no line feed>"
    return [f"{mark} {line}".rstrip(" ") if not line else f"{mark} {line}" for line in lines]


def run_plain(command, folder, variables):
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=TIMEOUT_S,
    )
    out, err = (bytes_.decode(errors="backslashreplace") for bytes_ in (done.stdout, done.stderr))
    return lines_of("|", out) + lines_of("2|", err), done.returncode


def run_on_terminal(width, command, folder, variables):
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    process = subprocess.Popen(
        ["bash", "-c", command],
        cwd=folder,
        env=variables,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    text = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # Linux's way to say that the other side has closed
            break
        if not piece:
            break
        text += piece
    os.close(ours)
    shown = text.decode(errors="backslashreplace").replace("\r\n", "\n").replace("\x1b", "\\e")
    shown = re.sub(r"\r\\e\[K[^\r\n]*", "", shown)  # a progress bar, which a slow machine may show
    return lines_of("t|", shown), process.wait(TIMEOUT_S)


def run_command(line, folder, variables):
    terminal = re.fullmatch(r"\$\$ (\d+) (.*)", line)
    if terminal:
        return run_on_terminal(int(terminal[1]), terminal[2], folder, variables)
    return run_plain(line[2:], folder, variables)


def run_case(path):
    """What the case would say, given what its commands do now."""
    wanted = path.read_text(encoding="utf-8").split("\n")
    server = Server() if wanted[0] == "# with a server" else None
    result = []
    try:
        with tempfile.TemporaryDirectory() as folder:
            os.symlink(HERE / "data", Path(folder) / "data")
            variables = environment(server.uri if server else None)
            for line in wanted:
                if line.startswith("$"):
                    printed, exit_code = run_command(line, folder, variables)
                    result += [line] + printed + ([f"? {exit_code}"] if exit_code else [])
                elif not re.match(r"(2|t)?\||\? ", line):
                    result.append(line)
    finally:
        if server:
            server.stop()
    return "\n".join(result)


def difference(path):
    """A unified diff; empty when the case holds."""
    wanted = path.read_text(encoding="utf-8")
    lines = difflib.unified_diff(
        wanted.split("\n"), run_case(path).split("\n"), str(path), "what came", lineterm=""
    )
    return "\n".join(lines)


def all_cases():
    return sorted(CASES.glob("*.case"))


def main():
    parser = argparse.ArgumentParser(description="Runs the program's cases.")
    parser.add_argument("cases", nargs="*", help="names in tests/cli/cases; all without")
    parser.add_argument("--rewrite", action="store_true", help="take over what came out")
    arguments = parser.parse_args()
    failed = False
    for path in [CASES / Path(name).name for name in arguments.cases] or all_cases():
        if arguments.rewrite:
            path.write_text(run_case(path), encoding="utf-8")
            continue
        diff = difference(path)
        failed = failed or bool(diff)
        print(f"{path.name}: {'FAILED' if diff else 'ok'}" + ("\n" + diff if diff else ""))
    sys.exit(failed)


if __name__ == "__main__":
    main()
