# SPDX-License-Identifier: Apache-2.0
"""A file written by one process and read by another: Feather (Arrow IPC, uncompressed, the fastest)
or Parquet (snappy; no dictionaries, for the values don't repeat), by the file's extension. Nothing
is flushed to the disk, so this is the page cache's speed; reading gives a table in memory, not a
map of the file."""

import time

import pyarrow.feather as feather
import pyarrow.parquet as parquet

from ways import harness


def write(table, path):
    if path.endswith(".parquet"):
        parquet.write_table(table, path, compression="snappy", use_dictionary=False)
    else:
        feather.write_feather(table, path, compression="uncompressed")


def read(path):
    if path.endswith(".parquet"):
        return parquet.read_table(path)
    return feather.read_table(path, memory_map=False)


def run_writer(arguments):
    table = harness.load_table(arguments.table)

    def put():
        write(table, arguments.file)

    first = harness.time_call(put)
    loops = harness.time_loops(put, first, arguments, arguments.put_limit)
    harness.print_result(put={"first": first, "loops": loops})


def run_reader(arguments):
    start = time.perf_counter()
    got = read(arguments.file)
    first = time.perf_counter() - start
    harness.check_equal(got, harness.load_table(arguments.table))
    del got
    loops = harness.time_loops(lambda: read(arguments.file), first, arguments, arguments.get_limit)
    harness.print_result(get={"first": first, "loops": loops})


if __name__ == "__main__":
    arguments = harness.parse_arguments()
    run_writer(arguments) if arguments.role == "writer" else run_reader(arguments)
