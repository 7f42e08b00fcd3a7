# SPDX-License-Identifier: Apache-2.0
"""What every measured process shares: its arguments, the table, the loops, the result."""

import argparse
import json
import socket
import time

import pyarrow as pa

KEY = "speed-of-flight"


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=["server", "client", "writer", "reader"])
    parser.add_argument("--address", help="of the server: a URI, or HOST:PORT")
    parser.add_argument("--server-pid", type=int,
                        help="whose memory to look at after the first put")
    parser.add_argument("--table", help="Arrow IPC file, mapped into memory")
    parser.add_argument("--file", help="to write or to read, for the ways that are files")
    parser.add_argument("--loops", type=int, default=1)
    parser.add_argument("--calls", type=int, default=1)
    parser.add_argument("--put-limit", type=float, default=float("inf"),
                        help="seconds; no loop of puts begins that would end much later")
    parser.add_argument("--get-limit", type=float, default=float("inf"))
    return parser.parse_args()


def load_table(path):
    """The table as every client sees it: the same bytes in the same batches."""
    with pa.memory_map(path) as source:
        return pa.ipc.open_file(source).read_all()


def time_call(call):
    """What the call gives is dropped inside its time, as timeit does."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def time_loops(call, first, arguments, limit):
    """`loops` lists of the seconds of `calls` calls each; fewer where the next one would pass the
    limit. Where a loop is a single call, the first one counts as such: what takes that long warms
    nothing up."""
    loops = [[first]] if arguments.calls == 1 else []
    spent = sum(map(sum, loops))
    while len(loops) < arguments.loops:
        if loops and spent + spent / len(loops) > limit:
            break
        loops.append([time_call(call) for _ in range(arguments.calls)])
        spent += sum(loops[-1])
    return loops


def check_equal(got, table):
    if not got.equals(table):
        raise SystemExit("what came back differs from what went in")


def memory_of(pid, field="VmRSS"):
    """Bytes of a process: VmRSS now, VmHWM at most."""
    with open(f"/proc/{pid}/status") as status:
        for line in status:
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    return 0


def run_client(arguments, table, put, get, more=None):
    """A client's turn: put the table, get it back, compare; then the loops. The first call of each
    finds cold memory and is kept apart. Prints the result as JSON."""
    pid = arguments.server_pid
    memory = {"before": memory_of(pid)}
    first_put = time_call(put)
    memory["after_put"] = memory_of(pid)
    puts = time_loops(put, first_put, arguments, arguments.put_limit)

    start = time.perf_counter()
    got = get()
    first_get = time.perf_counter() - start
    check_equal(got, table)
    del got
    gets = time_loops(get, first_get, arguments, arguments.get_limit)
    print_result(put={"first": first_put, "loops": puts}, get={"first": first_get, "loops": gets},
                 server_memory=memory, **(more or {}))


def print_result(**result):
    result["client_peak"] = memory_of("self", "VmHWM")
    print(json.dumps(result), flush=True)


# ---- a request and its answer over a plain socket ----

def listen():
    """Listens on any port of the loopback address; says on stdout which one."""
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"127.0.0.1:{listener.getsockname()[1]}", flush=True)
    connection, _ = listener.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def connect(address):
    host, port = address.split(":")
    connection = socket.create_connection((host, int(port)))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection
