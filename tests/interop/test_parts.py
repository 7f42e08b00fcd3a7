# SPDX-License-Identifier: Apache-2.0
"""Columns, rows and message sizes of a get: whatever is asked for must be what pyarrow's own select
and slice make of the whole table."""

import os
import random
import subprocess

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.feather as feather
import pyarrow.flight as fl
import pytest

from server_process import PROGRAM, ROOT, START_TIMEOUT_S, call_options
from tables import ARRAYS

ROWS = len(ARRAYS[0])


def put(client, key, table_or_batches, schema=None, **write_options):
    batches = table_or_batches
    if isinstance(batches, pa.Table):
        schema, batches = batches.schema, batches.to_batches()
    options = call_options(write_options=pa.ipc.IpcWriteOptions(**write_options))
    writer, _ = client.do_put(fl.FlightDescriptor.for_command(key), schema, options)
    with writer:
        for batch in batches:
            writer.write_batch(batch)


def read(client, key, **asked):
    headers = [(f"flightkv-{name.replace('_', '-')}".encode(), str(value).encode())
               for name, value in asked.items()]
    return client.do_get(fl.Ticket(key), call_options(headers=headers))


def get(client, key, **asked):
    table = read(client, key, **asked).read_all()
    table.validate(full=True)
    return table


def same(got, expected):
    assert got.schema.equals(expected.schema, check_metadata=True)
    assert got.num_rows == expected.num_rows
    for name, ours, theirs in zip(got.column_names, got.columns, expected.columns):
        assert ours.equals(theirs) or ours.to_pylist() == theirs.to_pylist(), name


def ranges(rows, chance):
    yield 0, 1
    yield rows - 1, rows
    for _ in range(6):
        yield tuple(sorted(chance.choices(range(rows + 1), k=2)))


@pytest.mark.parametrize("index", range(len(ARRAYS)), ids=lambda i: f"{i}-{ARRAYS[i].type}"[:60])
def test_every_type_is_cut_as_pyarrow_cuts_it(client, index):
    array = ARRAYS[index]
    key = f"type-{index}".encode()
    whole = pa.table({"column": array})
    put(client, key, pa.concat_tables([whole, whole.slice(2, 4), whole]))
    whole = get(client, key)
    for start in range(whole.num_rows + 1):
        for stop in range(start, whole.num_rows + 1):
            same(get(client, key, rows=f"{start}:{stop}"), whole.slice(start, stop - start))


def random_table(chance):
    """Columns of any types, in batches of any sizes, cut from arrays longer than they are."""
    columns = chance.sample(ARRAYS, chance.randint(1, 8))
    names = [f"c{i}" for i in range(len(columns))]
    schema = pa.schema([pa.field(n, c.type, metadata={"of": n}) for n, c in zip(names, columns)],
                       metadata={"who": "tests"})
    batches = []
    for _ in range(chance.randint(1, 5)):
        first = chance.randint(0, ROWS)
        batch = pa.record_batch(columns, schema=schema).slice(first, chance.randint(0, ROWS))
        batches.append(batch)
    return pa.Table.from_batches(batches, schema)


@pytest.mark.parametrize("seed", range(60))
def test_any_part_of_any_table(client, seed):
    chance = random.Random(seed)
    table = random_table(chance)
    key = f"random-{seed}".encode()
    put(client, key, table, compression=chance.choice([None, "lz4", "zstd"]))
    whole = get(client, key)
    for start, stop in ranges(max(whole.num_rows, 1), chance):
        names = chance.sample(whole.column_names, chance.randint(1, whole.num_columns))
        got = get(client, key, columns=",".join(names), rows=f"{start}:{stop}")
        same(got, whole.select(names).slice(start, stop - start))
        same(get(client, key, columns=",".join(names)), whole.select(names))


def test_row_ranges_are_clamped(client):
    table = pa.table({"x": range(10)})
    put(client, b"clamped", table)
    assert get(client, b"clamped", rows=":") == table
    assert get(client, b"clamped", rows="3:") == table.slice(3)
    assert get(client, b"clamped", rows=":3") == table.slice(0, 3)
    assert get(client, b"clamped", rows="8:1000000000000000000000") == table.slice(8)
    assert get(client, b"clamped", rows="50:60") == table.slice(10)
    for bad in ("5:4", "5", "", "a:b", "-1:3", "1:2:3", "1.5:2"):
        with pytest.raises(pa.ArrowInvalid, match="flightkv-rows"):
            get(client, b"clamped", rows=bad)
    with pytest.raises(pa.ArrowInvalid, match="flightkv-max-message-bytes"):
        get(client, b"clamped", max_message_bytes="many")


def test_names(client):
    inner = pa.struct([("b", pa.int32()), ("c", pa.string()), ("d.e", pa.bool_())])
    rows = [{"b": 1, "c": "x", "d.e": True}, None, {"b": None, "c": "y", "d.e": False}]
    a = pa.array(rows, inner)
    table = pa.table([a, [1, 2, 3], [4, 5, 6], [7, 8, 9], ["p", "q", "r"]],
                     names=["a", "twice", "twice", "a.b", "\u00fc,%"])
    put(client, b"names", table)

    def names(columns):
        return get(client, b"names", columns=columns)

    assert names("twice").column_names == ["twice", "twice"]
    assert names("a%2Eb")["a.b"].to_pylist() == [7, 8, 9]
    assert names("%C3%BC%2C%25").column_names == ["\u00fc,%"]
    assert names("twice,a,twice").column_names == ["twice", "twice", "a"]
    got = names("a.d%2Ee,a.b")
    assert got.schema.field("a").type == pa.struct([("d.e", pa.bool_()), ("b", pa.int32())])
    assert got["a"].to_pylist() == [r and {k: r[k] for k in ("d.e", "b")} for r in rows]
    assert names("a.b,a").schema.field("a").type == inner
    for columns, what in (("twic", "did you mean 'twice'"), ("a.x", "no column 'a.x'"),
                          ("twice.x", "only fields of a struct"), ("a%2", "hex"), ("", "no column"),
                          ("twice,", "no column")):
        with pytest.raises(pa.ArrowInvalid, match=what):
            names(columns)
    flat = pa.table({"x.y": [1]})
    put(client, b"flat", flat)
    with pytest.raises(pa.ArrowInvalid, match="%2E"):
        get(client, b"flat", columns="x.y")


def growing(chance, replaces):
    """Batches whose dictionaries grow, and are now and then others."""
    words, batches = [], []
    schema = pa.schema([("word", pa.dictionary(pa.int16(), pa.string())), ("n", pa.int64()),
                        ("other", pa.dictionary(pa.int8(), pa.string()))])
    for number in range(12):
        if replaces and chance.random() < 0.3:
            words = []
        words = words + [f"w{number}-{i}" for i in range(chance.randint(1, 3))]
        index = pa.array(chance.choices(range(len(words)), k=5), pa.int16())
        word = pa.DictionaryArray.from_arrays(index, pa.array(words))
        other = pa.DictionaryArray.from_arrays(pa.array([0, 1, None, 1, 0], pa.int8()),
                                               pa.array(["no", "yes"]))
        batches.append(pa.record_batch([word, pa.array(range(5)), other], schema=schema))
    return schema, batches


@pytest.mark.parametrize("replaces", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_dictionaries_are_those_in_force(client, seed, replaces):
    chance = random.Random(seed)
    schema, batches = growing(chance, replaces)
    put(client, b"growing", batches, schema, emit_dictionary_deltas=not replaces)
    whole = pa.Table.from_batches(batches, schema)
    decoded = whole.set_column(0, "word", pc.cast(whole["word"], pa.string()))
    for start in range(0, 60, 7):
        got = get(client, b"growing", rows=f"{start}:{start + 11}", columns="n,word")
        word = pc.cast(got["word"], pa.string())
        assert word.equals(decoded["word"].slice(start, 11))
    assert get(client, b"growing", columns="n", rows="20:40")["n"] == whole["n"].slice(20, 20)


def chunks(reader):
    result = []
    while True:
        try:
            result.append(reader.read_chunk())
        except StopIteration:
            return result


@pytest.mark.parametrize("seed", range(8))
def test_messages_stay_below_their_limit(client, seed):
    chance = random.Random(seed)
    table = pa.concat_tables([random_table(chance)] * 30).combine_chunks()
    key = f"limited-{seed}".encode()
    put(client, key, table)
    whole = get(client, key)
    for limit in (6000, 50000):
        got = chunks(read(client, key, max_message_bytes=limit, columns="c0"))
        parts = pa.Table.from_batches([chunk.data for chunk in got], whole.select(["c0"]).schema)
        parts.validate(full=True)
        same(parts, whole.select(["c0"]))


def test_app_metadata_rides_on_the_first_part(client):
    batch = pa.record_batch({"x": range(10000)})
    writer, reader = client.do_put(fl.FlightDescriptor.for_command(b"noted"), batch.schema,
                                   call_options())
    with writer:
        writer.write_with_metadata(batch, b"first")
        writer.write_with_metadata(batch, b"second")
        writer.done_writing()
        reader.read(), reader.read()
    got = chunks(read(client, b"noted", max_message_bytes=30000))
    notes = [chunk.app_metadata and chunk.app_metadata.to_pybytes() for chunk in got]
    assert notes.count(b"first") == notes.count(b"second") == 1 and len(notes) > 4
    assert notes[0] == b"first"
    got = chunks(read(client, b"noted", rows="9990:10010"))
    assert [(c.data.num_rows, c.app_metadata.to_pybytes()) for c in got] == [
        (10, b"first"), (10, b"second")]


def test_a_row_that_is_too_large_is_named(client):
    table = pa.table({"x": ["a", "b" * 100000, "c"]})
    put(client, b"large-row", table)
    with pytest.raises(pa.ArrowException, match="record batch 0 .*row 1 .*") as refused:
        get(client, b"large-row", max_message_bytes=50000)
    assert "flightkv-max-message-bytes" in str(refused.value)
    assert get(client, b"large-row", max_message_bytes=0) == table


def test_views_are_compacted_to_fit(client):
    texts = [f"{i} is longer than twelve bytes" if i % 3 else None for i in range(5000)]
    table = pa.table({"v": pa.array(texts, pa.string_view())})
    put(client, b"views", table)
    got = chunks(read(client, b"views", max_message_bytes=20000))
    assert len(got) > 10
    same(pa.Table.from_batches([chunk.data for chunk in got]), table)


def test_endpoints_for_some_rows(server, client):
    """Rows are said to GetFlightInfo; the tickets then have them."""
    batches = [pa.record_batch({"a": list(range(i * 10, i * 10 + 10))}) for i in range(20)]
    put(client, "rows", batches, batches[0].schema)
    whole = pa.Table.from_batches(batches)
    for rows, start, stop, count in ("15:95", 15, 95, 4), ("33:", 33, 200, 7), (":1", 0, 1, 5), \
            ("12:18", 12, 18, 3), ("500:", 200, 200, 2):
        options = call_options(headers=[(b"flightkv-rows", rows.encode()),
                                        (b"flightkv-endpoints", str(count).encode())])
        info = client.get_flight_info(fl.FlightDescriptor.for_command("rows"), options)
        assert 1 <= len(info.endpoints) <= count and info.ordered
        assert info.total_records == stop - start
        parts = [client.do_get(endpoint.ticket, call_options()).read_all()
                 for endpoint in info.endpoints]
        assert pa.concat_tables(parts) == whole.slice(start, stop - start)
    options = call_options(headers=[(b"flightkv-rows", b"5:7")])
    [endpoint] = client.get_flight_info(fl.FlightDescriptor.for_command("rows"), options).endpoints
    assert client.do_get(endpoint.ticket, call_options()).read_all() == whole.slice(5, 2)
    with pytest.raises(pa.ArrowInvalid, match="say it to GetFlightInfo"):
        client.do_get(endpoint.ticket, options).read_all()
    renewed = [result.body.to_pybytes() for result in client.do_action(
        fl.Action("RenewFlightEndpoint", b"\x0a" + bytes([len(endpoint.serialize())])
                  + endpoint.serialize()), call_options())]
    assert renewed == [endpoint.serialize()]
    put(client, "rows", batches[:3], batches[0].schema)
    with pytest.raises(KeyError, match="call GetFlightInfo again"):
        client.do_get(endpoint.ticket, call_options()).read_all()


@pytest.mark.parametrize("where", ["tcp", "unix", "users"])
def test_streams_of_rows_and_columns(start_server, tmp_path, where):
    """The program reads a part over several connections, however it reaches the server."""
    table = pa.table({"a": list(range(1000)), "b": [str(i) for i in range(1000)]})
    feather.write_feather(table, tmp_path / "in.arrow", "uncompressed", chunksize=70)
    environment = {**os.environ, "FLIGHTKV_PASSWORD": "secret"}
    login, more, listen, transport = [], [], "grpc+tcp://localhost:0", "tcp"
    if where == "unix":
        listen, transport = f"grpc+unix://{tmp_path}/socket", "unix"
    if where == "users":
        line = subprocess.run([ROOT / PROGRAM, "passwd", "ann"], input=b"secret", check=True,
                              capture_output=True).stdout
        (tmp_path / "users").write_bytes(line)
        more, login = ["--auth-file", str(tmp_path / "users")], ["--user", "ann"]
    server = start_server(*more, listen=listen)

    def run(*words):
        subprocess.run([ROOT / PROGRAM, *words, "--server", server.uri, *login], check=True,
                       env=environment, cwd=tmp_path, timeout=START_TIMEOUT_S)

    run("put", "k", "in.arrow")
    for streams in "1", "3", "8":
        run("get", "k", "-o", "out.arrow", "--streams", streams, "--transport", transport,
            "--rows", "33:987", "--columns", "b")
        with pa.ipc.open_file(tmp_path / "out.arrow") as got:
            assert got.read_all() == table.select(["b"]).slice(33, 954)
