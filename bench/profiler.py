# SPDX-License-Identifier: Apache-2.0
"""Where processes spend their CPU time: how much it is by /proc, in which parts by `perf record`
where that is installed and allowed.

perf samples the clocks of all CPUs, and those samples count that hit the processes: given the
processes, it would set its timer at every switch between them, which made a ping-pong take 57 us in
place of 13. What waits isn't sampled. A sample in the kernel is told by its address."""

import contextlib
import os
import re
import signal
import subprocess
import time
from pathlib import Path

RATE_HZ = 1999
QUICK_END = ("--no-buildid", "--no-buildid-cache", "--no-bpf-event")  # saves most of a second
START_S, END_S = 10, 60
KERNEL = 1 << 63  # where its addresses begin
# Of the kernel's own functions: copies between a process and a socket, and making pages be there.
COPIES = re.compile(r"copy_(to|from)_(iter|user)|rep_movs|copy_user|copyin|copyout")
PAGES = re.compile(r"clear_|fault|folio|shmem|filemap|_pte|pte_|memcg|mem_cgroup|lruvec|frozen|"
                   r"alloc_pages|free_pages|rmqueue|unref_page|zap_|unmap|populate|follow_page|"
                   r"vm_enough|memset")
OBJECTS = {"nghttp2": "libnghttp2", "flightkv": ("libflightkv", "flightkv"),
           "Arrow, gRPC": ("libarrow", "libgrpc"), "libc": ("libc.so", "libc-"),
           "xxhash": "libxxhash"}
PARTS = ("kernel: copies", "kernel: pages", "kernel: other", *OBJECTS, "other")
LINE = re.compile(r"\s*(\d+)\s+([0-9a-f]+)\s+(.*) \((.*)\)$")


def cpu_seconds(pid):
    """In all of its threads: outside of the kernel, and inside."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    tick = os.sysconf("SC_CLK_TCK")
    return int(words[11]) / tick, int(words[12]) / tick


def children_of(pid):
    try:
        return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))
    except OSError:
        return []


def part_of(address, symbol, name):
    if address >= KERNEL:
        return "kernel: copies" if COPIES.search(symbol) else \
            "kernel: pages" if PAGES.search(symbol) else "kernel: other"
    name = name.rpartition("/")[2]
    return next((part for part, begins in OBJECTS.items() if name.startswith(begins)), "other")


def shares_of(lines):
    """By process: what part of its samples lies where."""
    counts = {}
    for line in lines:
        found = LINE.match(line)
        if found:
            pid, address, symbol, name = found.groups()
            mine = counts.setdefault(int(pid), dict.fromkeys(PARTS, 0))
            mine[part_of(int(address, 16), symbol, name)] += 1
    return {pid: {part: count / sum(mine.values()) for part, count in mine.items()}
            for pid, mine in counts.items()}


class Profiler:
    """`why_not` says what is in the way of shares, or is None."""

    def __init__(self, folder, program):
        self.path = Path(folder) / "perf.data"
        self.program = program
        self.why_not = None if program else "perf isn't here"

    @contextlib.contextmanager
    def sampling(self, pids):
        """Gives a dictionary that has the shares by process when the block has ended."""
        shares, process = {}, self.start() if self.why_not is None else None
        try:
            yield shares
        finally:
            if process:
                self.stop(process)
                found = self.read() if self.why_not is None else {}
                shares |= {pid: found[pid] for pid in pids if pid in found}

    def start(self):
        self.path.unlink(missing_ok=True)
        process = subprocess.Popen(
            [self.program, "record", "-q", *QUICK_END, "-a", "-e", "cpu-clock", "-F", str(RATE_HZ),
             "-o", self.path],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True)
        end = time.monotonic() + START_S
        while time.monotonic() < end and process.poll() is None and not self.path.exists():
            time.sleep(0.02)
        time.sleep(0.3)  # from its file to its first sample
        return process

    def stop(self, process):
        is_early = process.poll() is not None
        if not is_early:
            process.send_signal(signal.SIGINT)
        try:
            _, errors = process.communicate(timeout=END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            is_early, errors = True, "it didn't end"
        if is_early:
            lines = [line for line in errors.splitlines() if line.strip()]
            self.why_not = f"perf said: {lines[0].strip() if lines else 'nothing'}"

    def read(self):
        done = subprocess.run([self.program, "script", "-i", self.path, "-F", "pid,ip,sym,dso"],
                              capture_output=True, text=True)
        return shares_of(done.stdout.splitlines())
