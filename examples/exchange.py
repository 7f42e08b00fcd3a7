#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Appends to a table and reads a part of it back, on one call: Flight's DoExchange.

    build/release/flightkv serve &
    .venv/bin/python examples/exchange.py

FLIGHTKV_SERVER names another server than grpc+tcp://localhost:6666. Several of these may run at the
same time: each sees all rows that were there when its own were added, and its own as the last.
"""

import os
import sys

import pyarrow as pa
import pyarrow.flight as flight

SERVER = os.environ.get("FLIGHTKV_SERVER", "grpc+tcp://localhost:6666")
KEY = "readings"


def exchange(client, table, columns, rows):
    """Appends the table; returns these columns and rows ("START:STOP") of the whole."""
    options = flight.FlightCallOptions(headers=[(b"flightkv-columns", columns.encode()),
                                                (b"flightkv-rows", rows.encode())])
    writer, reader = client.do_exchange(flight.FlightDescriptor.for_command(KEY), options)
    with writer:
        writer.begin(table.schema)
        writer.write_table(table)
        writer.done_writing()  # appends; what was asked for follows
        return reader.read_all()


def main():
    client = flight.connect(SERVER)
    for day in range(3):
        readings = pa.table({"day": [day] * 4, "hour": [0, 6, 12, 18],
                             "degrees": [3.5 + day, 2.0, 9.25, 7.0 - day]})
        so_far = exchange(client, readings, "degrees,day", "2:")
        print(f"Appended day {day}; of all rows but the first two, {so_far.num_rows} now, "
              f"columns {', '.join(so_far.column_names)}")
    client.do_action(flight.Action("drop_dataset", KEY.encode()))


if __name__ == "__main__":
    try:
        main()
    except flight.FlightUnavailableError:
        sys.exit(f"No server answers at {SERVER}; \"flightkv serve\" starts one")
