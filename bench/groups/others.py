# SPDX-License-Identifier: Apache-2.0
"""Other places to keep a table: stores of bytes, files, shared memory, and text."""

import contextlib

import peers
from cases import Call, Case, Group
from clients import Json, SharedMemory, Store, TmpfsFile
from machine import MIB, size_text

JSON_BYTES = 8 * MIB


@contextlib.contextmanager
def stores(sitting):
    size, source, notes, cases = sitting.size, sitting.source(), [], []
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(sitting.flightkv(2 * size))
        caller = stack.enter_context(sitting.caller(server))
        caller.put("TCP", "table", sitting.rows)
        names = sitting.wanted(notes, "redis-server", "memcached")
        clients = {}
        for name in names:
            kind, split = (("redis", peers.REDIS_SPLIT) if name == "redis-server" else
                           ("memcached", peers.MEMCACHED_SPLIT))
            started = stack.enter_context(sitting.peers.redis() if kind == "redis" else
                                          sitting.peers.memcached(source.size))
            clients[kind] = stack.enter_context(Store(sitting.program("stores"), kind,
                                                      started.port, source.path, split))
            clients[kind].transfer("put", source.size)
        text = sitting.source(JSON_BYTES // 512) if size > JSON_BYTES else source
        file = TmpfsFile(sitting.tmpfs)
        file.put(text.table)  # where the server has its schema from
        json = stack.enter_context(Json(stack.enter_context(
            sitting.peers.json(file.path)).address, text.table))
        json.put()
        scale = size / text.table.nbytes
        for way in ("put", "get"):
            base = f"{way}: flightkv, libflightkv over TCP"
            cases.append(Case(base, run=lambda way=way: caller.put("TCP", "table", sitting.rows)
                              if way == "put" else caller.get("TCP", "table", how="whole")))
            for kind, client in clients.items():
                cases.append(Case(f"{way}: {kind}", base=base,
                                  batch=f"{size_text(client.split)} values",
                                  run=lambda way=way, client=client:
                                  client.transfer(way, source.size)))
            cases.append(Case(f"{way}: JSON over TCP, of {size_text(text.table.nbytes)}", base=base,
                              batch="one text",
                              run=lambda way=way: scaled(getattr(json, way)(), scale)))
        yield [Group("stores", "Other stores", "Redis and memcached hold the table as the bytes of "
                     "an Arrow IPC stream, cut into values no longer than they take; a client in C "
                     "(bench/stores.c) sends them from where they are and receives them behind one "
                     "another into memory that it touched before. JSON is Python's json, lists and "
                     "floats at both ends, of a smaller table; its times are scaled up to the "
                     "whole one.", cases, notes=notes)]


def scaled(call, factor):
    """As if it had been the whole table; what was measured is there, too."""
    return Call(call.seconds * factor, round(call.rows * factor), round(call.bytes * factor),
                more={"measured": call.seconds, "scale": factor})


# ---- on the same host ----

def p99_of(get, count):
    """The first of them reads every byte; the rest end when the table can be read."""
    call = get(True)
    times = sorted(get(False).seconds for _ in range(count))
    call.seconds = times[(count - 1) // 2]
    call.more |= {"p99": times[-(-count * 99 // 100) - 1], "count": count}
    return call


@contextlib.contextmanager
def host(sitting):
    table, count = sitting.source().table, max(sitting.arguments.calls // 200, 2)
    with (sitting.flightkv(2 * sitting.size) as server, sitting.caller(server) as caller,
          SharedMemory(sitting.source().size + MIB) as blocks):
        file = TmpfsFile(sitting.tmpfs)
        file.put(table)
        blocks.put(table)
        caller.put("Unix", "table", sitting.rows)
        notes = [caller.shm_refusal] if caller.shm_refusal else []
        cases = [Case("put: flightkv, libflightkv over Unix",
                      run=lambda: caller.put("Unix", "table", sitting.rows))]
        base = cases[0].name
        cases += [Case("put: IPC file on tmpfs", base=base,
                       run=lambda: file.put(table)),
                  Case("put: multiprocessing.shared_memory", base=base,
                       run=lambda: blocks.put(table))]

        def own(name):
            return lambda: p99_of(lambda reads: caller.get(
                name, "table", how="read" if reads else "whole"), count)
        base = "get: IPC file on tmpfs, mapped"
        if not caller.shm_refusal:
            cases.append(Case("get: flightkv, libflightkv over shared memory", base=base,
                              run=own("shm")))
        cases += [Case("get: flightkv, libflightkv over Unix", base=base,
                       run=lambda: caller.get("Unix", "table", how="read")),
                  Case(base, run=lambda: p99_of(file.get, count)),
                  Case("get: multiprocessing.shared_memory", base=base,
                       run=lambda: p99_of(blocks.get, count))]
        yield [Group("host", "On the same host", "A get ends when the table is mapped, that is, "
                     "when its arrays can be read; \"every byte read once\" is what adding up all "
                     "values takes from then on (in C for libflightkv, by numpy for the others), "
                     f"first touch of the map and all. Gets that only map are made {count} "
                     "times a call: their median, and p99. Blocks of shared memory are filled and "
                     "never changed, as Plasma's objects; two take turns.", cases, notes=notes)]
