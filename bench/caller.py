# SPDX-License-Identifier: Apache-2.0
"""The Python package's client, called by lines of text and timed, for bench.py: what caller.c is to
libflightkv's.

    open NAME URI TRANSPORT                connects
    put NAME KEY COLUMNS ROWS BATCH-ROWS
    get NAME KEY whole|batches             batches: by a reader, each let go of before the next

Each line is answered by one: "SECONDS ROWS BYTES WAY", or "error WHAT".

A put's table is pyarrow's view of memory that was filled before the time begins, of the same kind
and in the same order as caller.c's; numpy's own would be of huge pages."""

import mmap
import sys
import time

import flightkv
import numpy
import pyarrow as pa


def make_table(columns, rows, batch_rows):
    memory = mmap.mmap(-1, columns * rows * 8, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    values = numpy.frombuffer(memory)
    values[:] = numpy.random.default_rng(0).random(len(values))
    names = [f"f{i}" for i in range(columns)]
    batches = []
    for start in range(0, rows, batch_rows):
        count = min(batch_rows, rows - start)
        part = values[columns * start:columns * (start + count)].reshape(columns, count)
        batches.append(pa.record_batch([pa.array(column) for column in part], names))
    return pa.Table.from_batches(batches)


class Caller:
    def __init__(self):
        self.clients = {}
        self.tables = {}

    def open(self, name, uri, transport):
        self.clients[name] = flightkv.connect(uri, transport=transport)
        return 0, 0, 0, "-"

    def put(self, name, key, *shape):
        if shape not in self.tables:
            self.tables[shape] = make_table(*map(int, shape))
        table, client = self.tables[shape], self.clients[name]
        begin = time.perf_counter()
        sent = client.put(key, table)
        return time.perf_counter() - begin, sent.rows, sent.bytes, "-"

    def get(self, name, key, how):
        client, rows = self.clients[name], 0
        begin = time.perf_counter()
        if how == "whole":
            table = client.get(key)
            seconds, rows, columns = time.perf_counter() - begin, len(table), table.num_columns
        else:
            with client.reader(key) as reader:
                columns = len(reader.schema)
                for batch in reader:
                    rows += len(batch)
                    del batch
            seconds = time.perf_counter() - begin
        return seconds, rows, rows * columns * 8, client.transport.split(";")[0]


def main():
    caller = Caller()
    for line in sys.stdin:
        word, *arguments = line.split()
        try:
            answer = getattr(caller, word)(*arguments)
        except flightkv.Error as error:
            answer = ("error", error)
        print(*answer, flush=True)


if __name__ == "__main__":
    main()
