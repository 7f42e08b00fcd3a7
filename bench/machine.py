# SPDX-License-Identifier: Apache-2.0
"""What the machine is and has to spare, and how large a table that allows."""

import contextlib
import mmap
import os
import platform
import resource
from pathlib import Path

import numpy

GIB = 1 << 30
MIB = 1 << 20
KIB = 1 << 10
SIZES = [2 * GIB, GIB, 512 * MIB, 256 * MIB]
MEMORY_FACTOR = 8  # a server with two versions, a client with two copies, the table, Arrow's own
DISK_FACTOR = 3.5  # the dataset, a Feather and a Parquet file
JSON_FACTOR = 30  # text, lists and floats at both ends


def size_text(size):
    for unit, factor in (("GiB", GIB), ("MiB", MIB), ("KiB", 1024)):
        if size >= factor:
            return f"{size / factor:.4g} {unit}"
    return f"{size} B"


def parse_size(text):
    """"2GiB", "512 MiB", "1g", "4096"."""
    text = text.strip().lower()
    for index, unit in enumerate("kmgt", 1):
        for ending in (unit, unit + "ib"):
            if text.endswith(ending):
                return int(float(text[:-len(ending)]) * 1024**index)
    return int(text)


def read_number(path):
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def read_fields(path):
    """A file of lines "name: number kB" or "name number"."""
    fields = {}
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return fields
    for line in lines:
        name, _, value = line.replace(":", " ").partition(" ")
        number = value.split()[:1]
        if number and number[0].isdigit():
            fields[name] = int(number[0]) * (1024 if value.endswith("kB") else 1)
    return fields


def group_available(folder, limit, usage):
    """What is left of one control group's limit; pages that the kernel can drop count as free."""
    most, used = read_number(folder / limit), read_number(folder / usage)
    if most is None or used is None:
        return float("inf")
    files = read_fields(folder / "memory.stat").get("inactive_file", 0)
    return most - max(used - files, 0)


def groups_available():
    least = float("inf")
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return least
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            root, names = Path("/sys/fs/cgroup"), ("memory.max", "memory.current")
        elif "memory" in controllers.split(","):
            root = Path("/sys/fs/cgroup/memory")
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes")
        else:
            continue
        folder = root / path.lstrip("/")
        for group in (folder, *folder.parents):
            if group == root.parent:
                break
            least = min(least, group_available(group, *names))
    return least


def memory_available():
    machine = read_fields(Path("/proc/meminfo")).get("MemAvailable", 0)
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    own = float("inf") if limit == resource.RLIM_INFINITY else limit
    return int(min(machine, groups_available(), own))


def touch_memory(size):
    """Takes so many bytes, in huge pages where there are some, and gives them back: of the memory
    that the system hands out next, no host must find them first (docs/design/007-cold-memory.md).
    Memory that is shared would be of small pages, whatever is advised."""
    with mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE) as memory:
        with contextlib.suppress(OSError):  # a kernel without
            memory.madvise(mmap.MADV_HUGEPAGE)
        numpy.frombuffer(memory, numpy.uint8).fill(1)


def disk_free(folder):
    about = os.statvfs(folder)
    return about.f_bavail * about.f_frsize


def choose_size(memory, disk):
    """The largest size that fits, None when none does, and one sentence why."""
    why = f"the largest; {MEMORY_FACTOR} times as much memory is available"
    for size in SIZES:
        if MEMORY_FACTOR * size > memory:
            why = (f"for {size_text(size)} needs {size_text(MEMORY_FACTOR * size)} of memory, and "
                   f"{size_text(memory)} are available")
        elif DISK_FACTOR * size > disk:
            why = (f"for {size_text(size)} needs {size_text(DISK_FACTOR * size)} of disk, and "
                   f"{size_text(disk)} are free")
        else:
            return size, why
    return None, why


def describe():
    processor = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            processor = line.split(":", 1)[1].strip()
            break
    memory = read_fields(Path("/proc/meminfo")).get("MemTotal", 0)
    return {"processor": processor, "cores": len(os.sched_getaffinity(0)), "memory": memory,
            "kernel": platform.release(), "python": platform.python_version()}


def cpu_times():
    """Ticks of all cores since the start: all of them, and those that the hypervisor gave to
    others while we wanted them."""
    try:
        ticks = list(map(int, Path("/proc/stat").read_text().splitlines()[0].split()[1:9]))
    except (OSError, ValueError):
        ticks = []
    return sum(ticks), ticks[7] if len(ticks) > 7 else 0


def read_text(path):
    try:
        return Path(path).read_text().split("\n")[0].replace("\t", " ")
    except OSError:
        return "unknown"


def settings():
    """What the system is set to that speed depends on."""
    pages, net = "/sys/kernel/mm/transparent_hugepage/", "/proc/sys/net/"
    return {"huge_pages": f"{read_text(pages + 'enabled')}; of shared memory: "
                          f"{read_text(pages + 'shmem_enabled')}",
            "tcp": {name: read_text(net + name.replace(".", "/")) for name in
                    ("ipv4.tcp_rmem", "ipv4.tcp_wmem", "core.rmem_max", "core.wmem_max",
                     "ipv4.tcp_congestion_control")}}
