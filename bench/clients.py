# SPDX-License-Identifier: Apache-2.0
"""Who puts and gets: libflightkv's client and the bare sockets in processes of their own, which
obey lines of text; pyarrow's client, files and shared memory in this one."""

import os
import resource
import subprocess
import sys
import time
from multiprocessing import shared_memory
from pathlib import Path

import numpy
import pyarrow as pa
import pyarrow.flight as flight

from cases import BATCH_ROWS, COLUMNS, SMALL_ROWS, Call, latency_call
from processes import Failed, last_line
from ways import json_tcp


def loopback_bytes():
    for line in Path("/proc/net/dev").read_text().splitlines():
        name, _, figures = line.partition(":")
        if name.strip() == "lo":
            return int(figures.split()[0])
    return None


def cpu_seconds():
    """Of this process, all of its threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class Obeyer:
    """A program that answers each line of text with one."""

    def __init__(self, *command, **options):
        self.name = Path(command[0]).name
        self.process = subprocess.Popen(list(map(str, command)), text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        start_new_session=True, **options)

    def ask(self, *words):
        try:
            self.process.stdin.write(" ".join(map(str, words)) + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            self.process.wait()
            raise Failed(f"{self.name} {words[0]}: {last_line(self.process.stderr.read())}")
        if answer.startswith("error"):
            raise Failed(f"{self.name} {words[0]}: {answer[6:].strip()}")
        return answer.split()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            try:
                pipe.close()
            except BrokenPipeError:
                pass
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Caller(Obeyer):
    """libflightkv's client (caller.c), with a connection for each name."""

    def __init__(self, program):
        super().__init__(program)
        self.uris = {}

    def open(self, name, uri, ca=None, transport="tcp", busy_poll_us=0):
        self.ask("open", name, uri, ca or "-", transport, busy_poll_us)
        self.uris[name] = uri

    def counted(self, name, *words):
        before = loopback_bytes()
        answer = self.ask(*words)
        on_wire = "unix" not in self.uris[name] and name != "shm" and before is not None
        seconds, rows, size, read, way = answer
        wire = loopback_bytes() - before if on_wire else None
        return Call(float(seconds), int(rows), int(size), wire, {"read": float(read), "way": way})

    def put(self, name, key, rows, batch_rows=BATCH_ROWS, mode="put", columns=COLUMNS):
        call = self.counted(name, mode, name, key, columns, rows, batch_rows)
        call.more.clear()
        return call

    def get(self, name, key, columns=(), rows="-", streams=1, how="batches"):
        call = self.counted(name, "get", name, key, ",".join(columns) or "-", rows, streams, how)
        if how != "read":
            del call.more["read"]
        return call

    def many(self, name, way, key, count, keys=0, threads=1, rows=SMALL_ROWS):
        """Calls of one column; `more` has the rate by the clock on the wall, too."""
        words = self.ask("many", name, way, key, keys, count, threads, rows)
        call = latency_call(words)
        call.rows, call.bytes = rows, rows * 8
        call.more["rate"] = count / float(words[7])
        return call

    def list(self, name, pattern):
        seconds, rows, size, *_ = self.ask("list", name, pattern)
        return Call(float(seconds), int(rows), int(size),
                    more={"rate": int(rows) / float(seconds)})


class PythonCaller(Obeyer):
    """The Python package's client (caller.py), of a build."""

    def __init__(self, build):
        super().__init__(sys.executable, Path(__file__).with_name("caller.py"),
                         env={**os.environ, "PYTHONPATH": str(build / "python")})

    def open(self, name, uri, transport="tcp"):
        self.ask("open", name, uri, transport)

    def put(self, name, key, rows):
        return self.call("put", name, key, COLUMNS, rows, BATCH_ROWS)

    def get(self, name, key, how="whole"):
        return self.call("get", name, key, how)

    def call(self, *words):
        seconds, rows, size, way = self.ask(*words)
        return Call(float(seconds), int(rows), int(size), more={"way": way})


class Sockets(Obeyer):
    """Bare sockets (ceiling.c). For each of them the best chunk is sought once."""

    CHUNKS = [64 << 10, 256 << 10, 1 << 20, 4 << 20]

    def __init__(self, program, size, *options):
        super().__init__(program, "--size", size, "--lines", *options)
        self.best = {}

    def transfer(self, way, socket, size):
        if (way, socket) not in self.best:
            trials = {chunk: min(float(self.ask(way, socket, max(size // 8, 1), chunk)[0])
                                 for _ in range(2)) for chunk in self.CHUNKS}
            self.best[way, socket] = min(trials, key=trials.get)
        before = loopback_bytes()
        seconds = float(self.ask(way, socket, size, self.best[way, socket])[0])
        on_wire = socket == "tcp" and before is not None
        return Call(seconds, 0, size, loopback_bytes() - before if on_wire else None,
                    {"chunk": self.best[way, socket]})

    def copy(self, size):
        return Call(float(self.ask("copy", size)[0]), 0, size)

    def ping(self, socket, count, request, answer, how="block"):
        return latency_call(self.ask("ping", socket, count, request, answer, how))


class Pyarrow:
    """The stock client, in this process, whose CPU time is thus the client's."""

    def __init__(self, uri, ca=None):
        options = {"tls_root_certs": Path(ca).read_bytes()} if ca else {}
        self.client = flight.connect(uri, **options)
        self.is_counted = "unix" not in uri

    def timed(self, call):
        before, cpu, begin = loopback_bytes(), cpu_seconds(), time.perf_counter()
        result = call()
        seconds, cpu = time.perf_counter() - begin, cpu_seconds() - cpu
        on_wire = self.is_counted and before is not None
        return result, Call(seconds, wire=loopback_bytes() - before if on_wire else None,
                            more={"cpu": cpu})

    def put(self, key, table):
        def call():
            writer, _ = self.client.do_put(flight.FlightDescriptor.for_command(key), table.schema)
            writer.write_table(table)
            writer.close()
        _, done = self.timed(call)
        done.rows, done.bytes = table.num_rows, table.nbytes
        return done

    def get(self, key, columns=(), rows=None):
        headers = [(b"flightkv-columns", ",".join(columns).encode())] if columns else []
        headers += [(b"flightkv-rows", rows.encode())] if rows else []
        options = flight.FlightCallOptions(headers=headers)
        table, done = self.timed(
            lambda: self.client.do_get(flight.Ticket(key), options).read_all())
        done.rows, done.bytes = table.num_rows, table.nbytes
        return done

    def many(self, count, call):
        times = []
        for _ in range(count):
            begin = time.perf_counter()
            call()
            times.append(time.perf_counter() - begin)
        times.sort()
        return Call(times[(count - 1) // 2], more={
            "p99": times[-(-count * 99 // 100) - 1], "p999": times[-(-count * 999 // 1000) - 1],
            "most": times[-1], "rate": count / sum(times), "count": count})

    def many_gets(self, key, count):
        ticket = flight.Ticket(key)
        return self.many(count, lambda: self.client.do_get(ticket).read_all())

    def many_puts(self, key, table, count):
        return self.many(count, lambda: self.put(key, table))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.close()


class Store(Obeyer):
    """Redis or memcached (stores.c), holding the bytes of Arrow IPC."""

    def __init__(self, program, kind, port, path, split):
        super().__init__(program, kind, port, path)
        self.split = split

    def transfer(self, way, size):
        before = loopback_bytes()
        seconds = float(self.ask(way, "table", size, self.split)[0])
        return Call(seconds, 0, size, None if before is None else loopback_bytes() - before)

    def many(self, way, size, count):
        call = latency_call(self.ask("many", way, "small", size, count))
        call.bytes = size
        return call


# ---- without a server ----

def read_every_byte(table):
    """Adds all values up as integers; gives the seconds."""
    begin = time.perf_counter()
    for column in table.columns:
        for chunk in column.chunks:
            numpy.frombuffer(chunk.buffers()[1], numpy.int64).sum()
    return time.perf_counter() - begin


def mapped(open_table, reads):
    """A get that ends when the table is there to be read, and then the reading. Gives the call and
    the table, of which nothing may be left when its memory is unmapped."""
    begin = time.perf_counter()
    table = open_table()
    call = Call(time.perf_counter() - begin, table.num_rows, table.nbytes)
    if reads:
        call.more["read"] = read_every_byte(table)
    return call


class TmpfsFile:
    """An IPC file in memory: written by name and renamed, mapped by its readers."""

    def __init__(self, folder):
        self.path = Path(folder) / "table.arrow"

    def put(self, table):
        begin = time.perf_counter()
        new = self.path.with_suffix(".new")
        with pa.OSFile(str(new), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        new.rename(self.path)
        return Call(time.perf_counter() - begin, table.num_rows, table.nbytes)

    def get(self, reads=False):
        return mapped(lambda: pa.ipc.open_file(pa.memory_map(str(self.path))).read_all(), reads)


class SharedMemory:
    """As Plasma did it: an object is made in shared memory, filled, and then never changed; clients
    find it by name. Two blocks take turns, so that from the third put on the memory is warm."""

    def __init__(self, size):
        self.blocks = [shared_memory.SharedMemory(create=True, size=size) for _ in range(2)]
        self.current = 0

    def put(self, table):
        begin = time.perf_counter()
        block = self.blocks[1 - self.current]
        sink = pa.FixedSizeBufferWriter(pa.py_buffer(block.buf))
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        sink.close()
        self.current = 1 - self.current
        return Call(time.perf_counter() - begin, table.num_rows, table.nbytes)

    def get(self, reads=False):
        begin = time.perf_counter()
        block = shared_memory.SharedMemory(name=self.blocks[self.current].name)
        opened = time.perf_counter() - begin
        try:
            call = mapped(lambda: pa.ipc.open_stream(pa.py_buffer(block.buf)).read_all(), reads)
        finally:
            block.close()
        call.seconds += opened
        return call

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for block in self.blocks:
            block.close()
            block.unlink()


class Json:
    """ways/json_tcp.py with its client in this process."""

    def __init__(self, address, table):
        self.connection = json_tcp.harness.connect(address)
        self.table = table

    def put(self):
        begin = time.perf_counter()
        self.connection.sendall(b"P")
        json_tcp.send_text(self.connection, json_tcp.convert(self.table))
        json_tcp.receive_seconds(self.connection)
        return Call(time.perf_counter() - begin, self.table.num_rows, self.table.nbytes)

    def get(self):
        begin = time.perf_counter()
        self.connection.sendall(b"G")
        json_tcp.receive_seconds(self.connection)
        got = json_tcp.parse(json_tcp.receive_text(self.connection), self.table.schema)
        return Call(time.perf_counter() - begin, got.num_rows, got.nbytes)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

