# SPDX-License-Identifier: Apache-2.0
"""The demo's table: made once as a Parquet file, then held in memory for all its clients."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet

import machine

ROOT = Path(__file__).resolve().parent.parent
COLUMNS = 64
BATCH_ROWS = 131072


def shown(path):
    return os.path.relpath(path, os.getcwd())


def make_file(folder, size, program):
    """The Parquet file, made once for each size."""
    name = f"{size // machine.MIB}MiB" if size % machine.MIB == 0 else f"{size}B"
    path = folder / f"numbers-{name}.parquet"
    if path.exists():
        print(f"Using {shown(path)}.")
        return path
    free = machine.disk_free(folder)
    if free < machine.DISK_FACTOR * size:
        sys.exit(f"{shown(folder)} needs {machine.size_text(machine.DISK_FACTOR * size)} of "
                 f"disk, and {machine.size_text(free)} are free")
    print(f"Generating {shown(path)}", flush=True)
    if not program.exists():
        write_numbers(path, size)
        return path
    command = [program, "generate", "--size", str(size), "--columns", str(COLUMNS), "-o", path]
    if subprocess.run(command, cwd=ROOT).returncode != 0:
        sys.exit("The table could not be made.")
    return path


def write_numbers(path, size):
    """Where the program isn't there; in its way, whole or not at all."""
    import numpy
    temporary = path.with_suffix(".part")
    random_numbers = numpy.random.default_rng(0)
    names = [f"c{i}" for i in range(COLUMNS)]
    schema = pa.schema([(name, pa.float64()) for name in names])
    rows = size // (COLUMNS * 8)
    with parquet.ParquetWriter(temporary, schema, use_dictionary=False) as writer:
        for start in range(0, rows, BATCH_ROWS):
            count = min(BATCH_ROWS, rows - start)
            columns = [pa.array(random_numbers.standard_normal(count)) for _ in names]
            writer.write_batch(pa.record_batch(columns, schema=schema), row_group_size=BATCH_ROWS)
    temporary.rename(path)


class Table:
    """A table as an Arrow IPC file in memory, which clients open by its path and map; it is sealed,
    so that they may rely on its bytes."""

    def __init__(self, schema, batches):
        self.fd = os.memfd_create("table", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        self.path = f"/proc/self/fd/{self.fd}"
        self.rows = 0
        with pa.OSFile(self.path, "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
                self.rows += batch.num_rows
        self.bytes = self.rows * len(schema) * 8
        fcntl.fcntl(self.fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_WRITE)

    @classmethod
    def read(cls, path):
        file = parquet.ParquetFile(path)
        return cls(file.schema_arrow, file.iter_batches(batch_size=BATCH_ROWS))

    def first(self, size):
        """The first `size` bytes of values as a table of its own."""
        with pa.memory_map(self.path) as source:
            whole = pa.ipc.open_file(source).read_all()
            part = whole.slice(0, size // (COLUMNS * 8))
            return Table(part.schema, part.to_batches())
