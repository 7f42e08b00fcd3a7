# SPDX-License-Identifier: Apache-2.0
"""A put is whole or nothing: replaced under readers, broken off, too large; and never held up."""

import signal
import subprocess
import sys
import threading

import numpy as np
import pyarrow as pa
import pyarrow.flight as fl
import pytest

from server_process import CALL_TIMEOUT_S, call_options
from transfer import assert_same, command, get, put

MIB = 1 << 20
# What a broken upload must leave as it was.
HELD = ("keys", "tables", "table_bytes", "memory_used_bytes", "puts_open")


def float_batch(mib, value=0.0):
    return pa.record_batch([pa.array(np.full(mib * MIB // 8, value))], names=["a"])


def held(stats):
    return {name: stats[name] for name in HELD}


def test_put_results_that_nobody_reads_hold_nobody_up(client):
    """More of them than any window or buffer takes: 128 MiB, all echoed, none read."""
    batch = pa.record_batch([pa.array([1])], names=["a"])
    writer, _ = client.do_put(command("unread"), batch.schema, call_options())
    for _ in range(2048):
        writer.write_with_metadata(batch, b"m" * 65536)
    writer.close()
    _, chunks = get(client, "unread")
    assert len(chunks) == 2048 and all(metadata == b"m" * 65536 for _, metadata in chunks)


def test_readers_see_the_old_table_or_the_new_one(server):
    """Two clients replace one key while ten read it: no mixture, no gap, no short table."""
    stop = threading.Event()
    failures = []
    seen = set()

    def table(version):
        batch = pa.record_batch([pa.array(np.full(4000, version))], names=["version"])
        return [batch] * (20 + version % 7)

    def run(work, *arguments):
        try:
            with server.connect() as client:
                work(client, *arguments)
        except Exception as failure:
            failures.append(repr(failure))
            stop.set()

    def write(client, versions):
        for version in versions:
            batches = table(version)
            put(client, "replaced", batches[0].schema, batches)
            if stop.is_set():
                return

    def read(client):
        while not stop.is_set():
            column = client.do_get(fl.Ticket("replaced"), call_options()).read_all()["version"]
            versions = set(np.unique(column.to_numpy()))
            assert len(versions) == 1, f"a mixture of {versions}"
            version = versions.pop()
            assert len(column) == 4000 * (20 + version % 7)
            seen.add(version)

    with server.connect() as client:
        write(client, [0])
    readers = [threading.Thread(target=run, args=(read,)) for _ in range(10)]
    writers = [threading.Thread(target=run, args=(write, range(first, 120, 2))) for first in (1, 2)]
    for thread in readers + writers:
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    for thread in readers:
        thread.join()
    assert failures == []
    assert len(seen) > 2, "the readers never saw a change"


UPLOAD_AND_WAIT = """
import sys, time
import numpy as np, pyarrow as pa, pyarrow.flight as fl
batch = pa.record_batch([pa.array(np.zeros((1 << 20) // 8))], names=["a"])
descriptor = fl.FlightDescriptor.for_command(sys.argv[2])
writer, _ = fl.connect(sys.argv[1]).do_put(descriptor, batch.schema)
for _ in range(int(sys.argv[3])):
    writer.write_batch(batch)
print("sent", flush=True)
time.sleep(600)
"""


def kill_in_mid_put(server, key, mib):
    """A process sends `mib` batches of 1 MiB, and is killed once the server has them in a put."""
    command = [sys.executable, "-c", UPLOAD_AND_WAIT, server.uri, key, str(mib)]
    client = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert client.stdout.readline() == b"sent\n"
        assert server.wait_for_stats(lambda stats: stats["puts_open"] == 1)["puts_open"] == 1
    finally:
        client.send_signal(signal.SIGKILL)
        client.communicate()


def test_a_client_killed_in_mid_put_leaves_nothing(start_server):
    server = start_server("--warm-idle", "100ms")
    with server.connect() as client:
        old = float_batch(2, 1.0)
        put(client, "killed", old.schema, [old])
        before = held(server.stats())
        kill_in_mid_put(server, "killed", 40)
        kill_in_mid_put(server, "never there", 40)
        after = server.wait_for_stats(lambda stats: held(stats) == before)
        assert held(after) == before
        assert_same(old.schema, [old], get(client, "killed"))
        with pytest.raises(pa.ArrowKeyError):
            get(client, "never there")


@pytest.mark.slow
def test_memory_of_a_broken_upload_goes_back(start_server):
    """Resident memory is back within 64 MiB, once the warm pages have been idle."""
    server = start_server("--warm-idle", "500ms")
    before = server.stats()["resident_bytes"]
    kill_in_mid_put(server, "large", 600)
    after = server.wait_for_stats(lambda stats: stats["resident_bytes"] < before + 64 * MIB)
    assert after["resident_bytes"] < before + 64 * MIB
    assert after["memory_used_bytes"] == 0 and after["puts_open"] == 0


def test_a_reserve_is_there_before_the_first_put(start_server):
    server = start_server("--memory", "64MiB", "--warm", "24MiB")

    def warm_bytes(wanted):
        return server.wait_for_stats(lambda stats: stats["memory_warm_bytes"] == wanted)[
            "memory_warm_bytes"]

    assert warm_bytes(24 * MIB) == 24 * MIB
    with server.connect() as client:
        table = float_batch(48, 1.0)
        put(client, "large", table.schema, [table])  # more than is left beside the reserve
        assert_same(table.schema, [table], get(client, "large"))
        stats = server.stats()
        assert stats["memory_used_bytes"] + stats["memory_warm_bytes"] <= 64 * MIB
        list(client.do_action(fl.Action("drop_dataset", b"large"), call_options()))
    assert warm_bytes(24 * MIB) == 24 * MIB


@pytest.mark.parametrize("batches", [[100], [30] * 4], ids=["one large batch", "four of 30 MiB"])
def test_what_does_not_fit_is_refused_with_the_numbers(start_server, batches):
    server = start_server("--memory", "64MiB")
    with server.connect() as client:
        kept = float_batch(8, 1.0)
        put(client, "kept", kept.schema, [kept])
        before = held(server.stats())
        with pytest.raises(pa.ArrowCapacityError, match=r"too large.*\d+.*\d+|\d+.*\d+") as caught:
            put(client, "too large", kept.schema, [float_batch(mib) for mib in batches])
        assert "too large" in str(caught.value) and "64" in str(caught.value)
        assert held(server.wait_for_stats(lambda stats: held(stats) == before)) == before
        assert_same(kept.schema, [kept], get(client, "kept"))
        put(client, "fits", kept.schema, [kept])


def test_replacing_needs_room_for_both(start_server):
    server = start_server("--memory", "64MiB")
    with server.connect() as client:
        large = float_batch(40, 1.0)
        put(client, "large", large.schema, [large])
        with pytest.raises(pa.ArrowCapacityError, match=r"stored 40\.0 MiB, uploads .*64\.0 MiB"):
            put(client, "large", large.schema, [large])
        assert_same(large.schema, [large], get(client, "large"))


def test_a_failed_put_leaves_its_connection_usable(client):
    batch = float_batch(1)
    for _ in range(3):
        with pytest.raises(pa.ArrowInvalid):
            put(client, b"\0", batch.schema, [batch] * 20)
        put(client, "after a failure", batch.schema, [batch])


def test_a_put_that_stalls_is_ended(start_server):
    server = start_server("--upload-timeout", "300ms")
    batch = float_batch(1)
    with server.connect() as client:
        writer, _ = client.do_put(command("stalled"), batch.schema, call_options())
        writer.write_batch(batch)
        stats = server.wait_for_stats(lambda stats: stats["puts_aborted"] == 1, CALL_TIMEOUT_S / 4)
        assert stats["puts_aborted"] == 1 and stats["puts_open"] == 0, "long before its deadline"
        with pytest.raises((pa.ArrowException, fl.FlightError), match=r"300\S* ms .upload-timeout"):
            writer.close()
        assert server.stats()["keys"] == 0


@pytest.mark.slow
def test_a_table_of_2_gib_in_many_columns(start_server):
    """The memory that one put into a fresh server takes: the stored bytes and 5 %."""
    server = start_server("--memory", "3GiB")
    columns = [pa.array(np.full(131_072, float(i))) for i in range(64)]
    batch = pa.record_batch(columns, names=[f"f{i}" for i in range(64)])
    with server.connect() as client:
        before = server.stats()["resident_bytes"]
        put(client, "wide", batch.schema, [batch] * 16)
        stats = server.stats()
        assert stats["table_bytes"] >= 16 * batch.nbytes
        assert stats["resident_bytes"] - before <= 1.05 * stats["table_bytes"] + 16 * MIB
        _, chunks = get(client, "wide")
        assert len(chunks) == 16 and all(chunk.equals(batch) for chunk, _ in chunks)
