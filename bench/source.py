# SPDX-License-Identifier: Apache-2.0
"""The table that pyarrow's client and the peers put: made once, in memory, as an Arrow IPC stream
that everybody maps."""

import mmap
import os
import struct

import numpy
import pyarrow as pa


class Source:
    """Random float64 columns; `table` and the bytes at `path` are the same memory."""

    def __init__(self, columns, rows, batch_rows):
        numbers = numpy.random.default_rng(0)
        schema = pa.schema([(f"f{i}", pa.float64()) for i in range(columns)])
        self.fd = os.memfd_create("table", os.MFD_CLOEXEC)
        self.path = f"/proc/{os.getpid()}/fd/{self.fd}"
        with pa.OSFile(self.path, "wb") as sink, pa.ipc.new_stream(sink, schema) as writer:
            for start in range(0, rows, batch_rows):
                count = min(batch_rows, rows - start)
                values = numbers.random((columns, count))
                writer.write_batch(pa.record_batch([pa.array(column) for column in values],
                                                   schema=schema))
        self.size = os.fstat(self.fd).st_size
        # Its pages are there before anybody's time begins.
        self.map = mmap.mmap(self.fd, self.size, mmap.MAP_SHARED | mmap.MAP_POPULATE,
                             mmap.PROT_READ)
        self.stream = pa.py_buffer(self.map)
        self.table = pa.ipc.open_stream(self.stream).read_all()

    def write_index(self, path):
        """The stream's messages as FlightData for responder.c."""
        with open(path, "wb") as file:
            for message in pa.ipc.MessageReader.open_stream(self.stream):
                header, body = message.metadata.to_pybytes(), message.body
                size = body.size if body is not None else 0
                offset = body.address - self.stream.address if size else 0
                head = b"\x12" + varint(len(header)) + header
                head += b"\xc2\x3e" + varint(size) if size else b""
                head = b"\0" + struct.pack(">I", len(head) + size) + head
                file.write(struct.pack("=IQQ", len(head), offset, size) + head)

    def close(self):
        """Frees it, if nobody holds on to its table."""
        self.table = self.stream = self.map = None
        os.close(self.fd)


def varint(number):
    groups = []
    while True:
        groups.append(number & 127)
        number >>= 7
        if number == 0:
            return bytes([group | 128 for group in groups[:-1]] + groups[-1:])
