# SPDX-License-Identifier: Apache-2.0
"""Servers and clients, each a process of its own, and the line that says what is running.

They are in sessions of their own, so that Ctrl-C reaches this process alone, which ends them."""

import json
import shutil
import subprocess
import sys
import threading
import time

from ways.harness import memory_of


class Failed(Exception):
    pass


def last_line(text):
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


class Server:
    """A server process while the `with` block runs. Its first lines end in its addresses, one
    for each listener."""

    def __init__(self, command, listeners=1, **options):
        self.command = command
        self.listeners = listeners
        self.options = options
        self.peak = 0

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True,
                                        start_new_session=True, **self.options)
        lines = [self.process.stdout.readline().split() for _ in range(self.listeners)]
        if not all(lines):
            self.process.wait()
            raise Failed(f"{' '.join(self.command[:4])} didn't start")
        self.addresses = [words[-1] for words in lines]
        self.address = self.addresses[0]
        self.pid = self.process.pid
        return self

    def __exit__(self, *_):
        self.peak = memory_of(self.pid, "VmHWM")
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def run(command, **options):
    """Runs a process to its end and gives its last line of output, which is JSON."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               start_new_session=True, **options)
    try:
        output, errors = process.communicate()
    except BaseException:
        process.kill()
        process.wait()
        raise
    if process.returncode != 0:
        raise Failed(last_line(errors or output))
    return json.loads(last_line(output))


class Progress:
    """Says on a terminal what is running, for how long and how much is left; elsewhere nothing.
    What is left is reckoned from planned seconds, scaled by how they turned out so far."""

    def __init__(self, out=sys.stderr):
        self.out = out if out.isatty() else None
        self.started = time.monotonic()
        self.planned = 0.0
        self.done = 0.0   # of what was planned
        self.spent = 0.0  # on it

    def plan(self, seconds):
        self.planned += seconds

    def pace(self):
        """How many seconds a planned one took so far."""
        return self.spent / self.done if self.done > 0 else 1.0

    def elapsed(self):
        return time.monotonic() - self.started

    def summary(self):
        pace = self.elapsed() / self.done if self.done else 1.0
        return (f"{clock(self.elapsed())} so far, about "
                f"{clock((self.planned - self.done) * pace)} left")

    def during(self, label, seconds, function):
        """Calls the function, with the line shown meanwhile."""
        begin = time.monotonic()
        stop = threading.Event()
        watcher = threading.Thread(target=self.show, args=(label, seconds, stop), daemon=True)
        if self.out:
            watcher.start()
        try:
            return function()
        finally:
            stop.set()
            if self.out:
                watcher.join()
                self.out.write("\r\033[K")
                self.out.flush()
            self.done += seconds
            self.spent += time.monotonic() - begin if seconds else 0

    def show(self, label, seconds, stop):
        begin = time.monotonic()
        pace = self.pace()
        while not stop.wait(0.5):
            here = time.monotonic() - begin
            rest = (self.planned - self.done - seconds) * pace + max(seconds * pace - here, 1)
            text = f"{clock(self.elapsed())}, about {clock(rest)} left: {label}"
            self.out.write("\r\033[K" + text[:shutil.get_terminal_size().columns - 1])
            self.out.flush()


def clock(seconds):
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
