# SPDX-License-Identifier: Apache-2.0
"""A hundred stock pyarrow clients at once, each with a connection of its own."""

import random
import threading

import pyarrow as pa
import pyarrow.flight as fl

from server_process import call_options
from transfer import command, get, put

CLIENTS = 100
TURNS = 12
SHARED = [f"shared {i}" for i in range(7)]
SCHEMA = pa.schema([("writer", pa.int32()), ("turn", pa.int32()),
                    ("word", pa.dictionary(pa.int8(), pa.string()))])


def version(writer, turn):
    """A table that tells who wrote it, and whether all of it is there."""
    rows = 5 + (writer + turn) % 11
    word = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int8()),
                                          pa.array([f"{writer}/{turn}"]))
    batch = pa.record_batch([pa.array([writer] * rows, pa.int32()),
                             pa.array([turn] * rows, pa.int32()), word], schema=SCHEMA)
    return [batch] * (1 + turn % 3)


def assert_is_a_version(schema, chunks):
    assert schema.equals(SCHEMA)
    first = chunks[0][0]
    assert [batch for batch, _ in chunks] == version(first["writer"][0].as_py(),
                                                     first["turn"][0].as_py())


def replace(client, number, turn, chance):
    put(client, chance.choice(SHARED), SCHEMA, version(number, turn))


def read(client, number, turn, chance):
    assert_is_a_version(*get(client, chance.choice(SHARED)))


def list_all(client, number, turn, chance):
    infos = list(client.list_flights(b"shared *", call_options()))
    assert {info.descriptor.command.decode() for info in infos} == set(SHARED)
    for info in infos:
        assert info.schema.equals(SCHEMA) and info.total_records >= 5


def append(client, number, turn, chance):
    """Onto the client's own table: it sees its own rows last, behind all that it appended."""
    own = version(number, turn)
    writer, reader = client.do_exchange(command(f"own {number}"), call_options())
    with writer:
        writer.begin(SCHEMA)
        for batch in own:
            writer.write_batch(batch)
        writer.done_writing()
        whole = [chunk.data for chunk in reader]
    assert whole[-len(own):] == own
    assert {batch["writer"][0].as_py() for batch in whole} == {number}


def ask(client, number, turn, chance):
    info = client.get_flight_info(command(chance.choice(SHARED)), call_options())
    assert info.total_records >= 5 and info.schema.equals(SCHEMA)


def run_clients(server, work):
    """What went wrong, client by client."""
    failures, start = [], threading.Barrier(CLIENTS)

    def run(number):
        try:
            with server.connect() as client:
                start.wait()
                work(client, number)
        except Exception as failure:
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


def test_a_hundred_clients_at_once(start_server):
    # One more asks for the stats.
    server = start_server("--workers", "2", "--connections", str(CLIENTS + 1))
    with server.connect() as client:
        for number, key in enumerate(SHARED):
            put(client, key, SCHEMA, version(number, 0))
    mix = [replace, read, read, list_all, append, ask]

    def work(client, number):
        chance = random.Random(number)
        for turn in range(TURNS):
            chance.choice(mix)(client, number, turn, chance)

    assert run_clients(server, work) == []
    stats = server.wait_for_stats(lambda stats: stats["connections"] == 1)
    assert stats["connections"] == 1 and stats["connections_refused"] == 0
    assert stats["connections_total"] > CLIENTS and stats["calls_failed"] == 0
    assert stats["puts_open"] == stats["puts_aborted"] == 0


def test_clients_beyond_the_limit_are_refused_and_the_others_served(start_server):
    server = start_server("--workers", "2", "--connections", "10")
    with server.connect() as client:
        put(client, "k", SCHEMA, version(1, 2))
    served, all_asked = [], threading.Barrier(CLIENTS)

    def work(client, number):
        try:
            assert_is_a_version(*get(client, "k"))
            served.append(number)
        finally:
            all_asked.wait()

    failures = run_clients(server, work)
    assert {type(failure) for failure in failures} == {fl.FlightUnavailableError}
    assert len(served) + len(failures) == CLIENTS and 1 <= len(served) <= 10
    stats = server.wait_for_stats(lambda stats: stats["connections"] == 1)
    assert stats["connections_refused"] >= len(failures)
