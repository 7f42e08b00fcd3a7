# SPDX-License-Identifier: Apache-2.0
"""JSON over a TCP socket, as services without Arrow do it: the table's columns become Python lists,
these become text, which is sent behind a length of 32 bytes and parsed at the other end, back to a
table. Python's json writes floats so that they come back exactly.

The three stages are timed apart: convert (table to text), send, and parse (text to table). Both
processes read one clock, so `send` is what is left of a call after the sender's and the receiver's
own stages.

    message: LENGTH (32 bytes, big-endian), JSON text
    request: "P" + message, answered by the seconds of its parse; "G", answered by the seconds of
    its convert and a message
"""

import json
import struct
import time

import pyarrow as pa

from ways import harness

LENGTH_SIZE = 32


def convert(table):
    return json.dumps(table.to_pydict()).encode()


def parse(text, schema):
    return pa.table(json.loads(text), schema=schema)


def timed(function, *arguments):
    start = time.monotonic()
    result = function(*arguments)
    return result, time.monotonic() - start


def send_text(connection, text):
    connection.sendall(len(text).to_bytes(LENGTH_SIZE, "big"))
    connection.sendall(text)


def receive_text(connection):
    length = int.from_bytes(receive_exactly(connection, LENGTH_SIZE), "big")
    return receive_exactly(connection, length)


def receive_exactly(connection, length):
    data = bytearray(length)
    view = memoryview(data)
    while len(view):
        received = connection.recv_into(view)
        if received == 0:
            raise EOFError("the peer closed the connection")
        view = view[received:]
    return data


def send_seconds(connection, seconds):
    connection.sendall(struct.pack("<d", seconds))


def receive_seconds(connection):
    return struct.unpack("<d", receive_exactly(connection, 8))[0]


def serve(arguments):
    schema = harness.load_table(arguments.table).schema
    connection = harness.listen()
    table = None
    while request := connection.recv(1):
        if request == b"P":
            table, seconds = timed(parse, receive_text(connection), schema)
            send_seconds(connection, seconds)
        else:
            text, seconds = timed(convert, table)
            send_seconds(connection, seconds)
            send_text(connection, text)


def run_client(arguments):
    table = harness.load_table(arguments.table)
    connection = harness.connect(arguments.address)
    stages = {"put": [], "get": []}

    def note(way, start, convert_s, parse_s):
        rest = time.monotonic() - start - convert_s - parse_s
        stages[way].append({"convert": convert_s, "send": rest, "parse": parse_s})

    def put():
        start = time.monotonic()
        text, convert_s = timed(convert, table)
        connection.sendall(b"P")
        send_text(connection, text)
        note("put", start, convert_s, receive_seconds(connection))

    def get():
        start = time.monotonic()
        connection.sendall(b"G")
        convert_s = receive_seconds(connection)
        got, parse_s = timed(parse, receive_text(connection), table.schema)
        note("get", start, convert_s, parse_s)
        return got

    harness.run_client(arguments, table, put, get, {"stages": stages})


if __name__ == "__main__":
    arguments = harness.parse_arguments()
    serve(arguments) if arguments.role == "server" else run_client(arguments)
