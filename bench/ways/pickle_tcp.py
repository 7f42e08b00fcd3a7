# SPDX-License-Identifier: Apache-2.0
"""Pickle protocol 5 over a TCP socket.

The table's buffers travel out of band (PEP 574): the pickle holds schema and structure only, the
buffers are sent from where they are and received into fresh Arrow buffers of their exact size,
which the unpickled table then uses as they are. So only the kernel copies bytes.

    message: COUNT (8 bytes), COUNT lengths (8 bytes each), the pickle, the buffers
    request: "P" + message, answered by one byte; "G", answered by a message
"""

import pickle
import struct

import pyarrow as pa

from ways import harness

SEND_AT_ONCE = 512  # buffers a sendmsg, below IOV_MAX


def send_table(connection, table):
    buffers = []
    head = pickle.dumps(table, protocol=5, buffer_callback=buffers.append)
    parts = [memoryview(head), *(buffer.raw() for buffer in buffers)]
    connection.sendall(struct.pack(f"<{len(parts) + 1}Q", len(parts), *map(len, parts)))
    send_parts(connection, parts)


def send_parts(connection, parts):
    parts = [part for part in parts if len(part)]
    while parts:
        sent = connection.sendmsg(parts[:SEND_AT_ONCE])
        done = 0
        while done < len(parts) and sent >= len(parts[done]):
            sent -= len(parts[done])
            done += 1
        parts = parts[done:]
        if sent:
            parts[0] = parts[0][sent:]


def receive_table(connection):
    (count,) = struct.unpack("<Q", receive_exactly(connection, 8))
    lengths = struct.unpack(f"<{count}Q", receive_exactly(connection, 8 * count))
    head, *buffers = [receive_exactly(connection, length) for length in lengths]
    return pickle.loads(head, buffers=buffers)


def receive_exactly(connection, length):
    buffer = pa.allocate_buffer(length)
    view = memoryview(buffer)
    while len(view):
        received = connection.recv_into(view)
        if received == 0:
            raise EOFError("the peer closed the connection")
        view = view[received:]
    return buffer


def serve():
    connection = harness.listen()
    table = None
    while request := connection.recv(1):
        if request == b"P":
            table = receive_table(connection)
            connection.sendall(b"\0")
        else:
            send_table(connection, table)


def run_client(arguments):
    table = harness.load_table(arguments.table)
    connection = harness.connect(arguments.address)

    def put():
        connection.sendall(b"P")
        send_table(connection, table)
        receive_exactly(connection, 1)

    def get():
        connection.sendall(b"G")
        return receive_table(connection)

    harness.run_client(arguments, table, put, get)


if __name__ == "__main__":
    arguments = harness.parse_arguments()
    serve() if arguments.role == "server" else run_client(arguments)
