#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A key-value cache of tables, as a plain pyarrow client sees it: put, list, get, drop.

    build/release/flightkv serve &
    .venv/bin/python examples/speed_of_flight.py [FILE.parquet]

FLIGHTKV_SERVER names another server than grpc+tcp://localhost:6666. Without a file, a small table
is made up. Nothing here is special to flightkv: any Flight client can do it.
"""

import os
import sys
import timeit

import pyarrow as pa
import pyarrow.flight as flight
import pyarrow.parquet as parquet

SERVER = os.environ.get("FLIGHTKV_SERVER", "grpc+tcp://localhost:6666")


class CacheClient:
    def __init__(self, uri):
        self.client = flight.connect(uri)

    def cache_table(self, name, table):
        """Stores the table under its name, in place of what was there."""
        writer, _ = self.client.do_put(flight.FlightDescriptor.for_command(name), table.schema)
        with writer:
            writer.write_table(table)

    def get_table(self, name):
        """A ticket is simply the name."""
        return self.client.do_get(flight.Ticket(name)).read_all()

    def list_tables(self):
        return {info.descriptor.command.decode(): info for info in self.client.list_flights()}

    def drop_table(self, name):
        list(self.client.do_action(flight.Action("drop_dataset", name.encode())))


def time_call(title, call, loops=5, calls=3):
    timings = [seconds / calls for seconds in timeit.repeat(call, repeat=loops, number=calls)]
    print(f"{title}: best of {loops} loops {min(timings):.4g}s")


def make_table(rows=100_000):
    return pa.table({"id": range(rows), "square": pa.array([i * i for i in range(rows)]),
                     "name": [f"row {i}" for i in range(rows)]})


def main():
    table = parquet.read_table(sys.argv[1]) if len(sys.argv) > 1 else make_table()
    print(f"Size of the table: {table.nbytes / 2**20:.1f} MiB, {table.num_rows:,} rows")
    cache = CacheClient(SERVER)
    time_call("Caching the table", lambda: cache.cache_table("my_table", table))
    for name, info in cache.list_tables().items():
        print(f"In the cache: {name}, {info.total_records:,} rows of {len(info.schema)} columns")
    time_call("Retrieving the table", lambda: cache.get_table("my_table"))
    print("Equal:", cache.get_table("my_table").equals(table))
    cache.drop_table("my_table")
    print("Dropped; left in the cache:", sorted(cache.list_tables()) or "nothing")


if __name__ == "__main__":
    try:
        main()
    except flight.FlightUnavailableError:
        sys.exit(f"No server answers at {SERVER}; \"flightkv serve\" starts one")
