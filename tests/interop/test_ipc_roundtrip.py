# SPDX-License-Identifier: Apache-2.0
"""IPC through our reader and writer, judged by pyarrow.

tests/interop/ipc_cat.c reads a stream or file from stdin and writes it again; what pyarrow reads
from its output must equal what pyarrow wrote. The program is named by FKV_IPC_CAT.
"""

import datetime
import decimal
import io
import os
import subprocess
import tempfile
import uuid

import pytest

pa = pytest.importorskip("pyarrow")

CAT = os.environ.get("FKV_IPC_CAT", "")
pytestmark = pytest.mark.skipif(not CAT, reason="FKV_IPC_CAT doesn't name the program")

ROWS = 61


def cat(data, *options, fails=False):
    """The bytes that ipc_cat makes of `data`, given by a pipe; its error text if it `fails`."""
    done = subprocess.run([CAT, *options], input=data, capture_output=True, timeout=120)
    if fails:
        assert done.returncode == 1, done.stderr
        return done.stderr.decode()
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def cat_file(data, *options):
    """The same, given as a regular file, which is read by its footer."""
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        done = subprocess.run([CAT, *options], stdin=file, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def write(batches, schema=None, to_file=False, **options):
    sink = io.BytesIO()
    new = pa.ipc.new_file if to_file else pa.ipc.new_stream
    schema = schema or batches[0].schema
    with new(sink, schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return sink.getvalue()


def read(data):
    if data[:6] == b"ARROW1":
        reader = pa.ipc.open_file(data)
        return reader.schema, [reader.get_batch(i) for i in range(reader.num_record_batches)]
    reader = pa.ipc.open_stream(data)
    return reader.schema, list(reader)


def check(data, batches):
    schema, found = read(data)
    assert schema.equals(batches[0].schema, check_metadata=True)
    assert len(found) == len(batches)
    for got, expected in zip(found, batches):
        got.validate(full=True)
        for name, left, right in zip(schema.names, got.columns, expected.columns):
            assert left.equals(right), f"{name}: {left} is not {right}"


def every_third_null(values, type=None):
    values = list(values)
    nulled = [None if i % 3 == 1 else v for i, v in enumerate(values)]
    return pa.array(nulled, type=type)


def words(n):
    begin = ["", "\u00e4", "a longer text than twelve bytes, in its own buffer"][n % 3]
    return begin + "x" * (n % 17)


def moments():
    yield "date32", pa.array([datetime.date(2020, 1, 1 + i % 28) for i in range(ROWS)], pa.date32())
    yield "date64", every_third_null([datetime.date(2020, 1, 1 + i % 28) for i in range(ROWS)],
                                     pa.date64())
    for unit in ("s", "ms"):
        yield f"time32_{unit}", every_third_null(range(ROWS), pa.time32(unit))
    for unit in ("us", "ns"):
        yield f"time64_{unit}", every_third_null(range(ROWS), pa.time64(unit))
    for unit in ("s", "ms", "us", "ns"):
        yield f"timestamp_{unit}", every_third_null(range(ROWS), pa.timestamp(unit))
        yield f"zoned_{unit}", every_third_null(range(ROWS), pa.timestamp(unit, "Europe/Zurich"))
        yield f"duration_{unit}", every_third_null(range(ROWS), pa.duration(unit))
    yield "interval", every_third_null([pa.MonthDayNano([i, -i, i]) for i in range(ROWS)],
                                       pa.month_day_nano_interval())


def numbers():
    for type in (pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(),
                 pa.uint32(), pa.uint64(), pa.float16(), pa.float32(), pa.float64()):
        yield str(type), pa.array(range(ROWS)).cast(type)
        yield f"{type}_nulls", every_third_null(range(ROWS)).cast(type)
    for type in (pa.decimal32(7, 2), pa.decimal64(15, -3), pa.decimal128(30, 2),
                 pa.decimal256(70, 5)):
        values = [decimal.Decimal(i) * 1000 for i in range(ROWS)]
        yield f"decimal_{type.bit_width}", every_third_null(values, type)
    yield "null", pa.nulls(ROWS)
    yield "bool", every_third_null(i % 5 == 0 for i in range(ROWS))
    yield "bool_full", pa.array([i % 5 == 0 for i in range(ROWS)])


def texts():
    strings = [words(i) for i in range(ROWS)]
    for type in (pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(),
                 pa.binary_view()):
        yield str(type), pa.array(strings).cast(pa.binary()).cast(type)
        yield f"{type}_nulls", every_third_null(strings).cast(type)
    yield "fixed_size_binary", every_third_null([b"%05d" % i for i in range(ROWS)], pa.binary(5))
    yield "fixed_size_binary_0", pa.array([b""] * ROWS, pa.binary(0))


def lists():
    rows = [[j if j % 4 else None for j in range(i % 7)] for i in range(ROWS)]
    for type in (pa.list_(pa.int32()), pa.large_list(pa.int32()), pa.list_view(pa.int32()),
                 pa.large_list_view(pa.int32())):
        yield str(type), every_third_null(rows, type)
    yield "list_list", every_third_null([[r, None, r] for r in rows],
                                        pa.list_(pa.list_(pa.int16())))
    yield "list_text", every_third_null([[words(j) for j in range(i % 4)] for i in range(ROWS)])
    yield "fixed_size_list", every_third_null([[i, None, -i] for i in range(ROWS)],
                                              pa.list_(pa.int32(), 3))
    yield "fixed_size_list_text", every_third_null([[words(i), None] for i in range(ROWS)],
                                                   pa.list_(pa.string(), 2))
    yield "map", every_third_null([[(words(j), j) for j in range(i % 3)] for i in range(ROWS)],
                                  pa.map_(pa.string(), pa.int64()))
    yield "map_sorted", pa.array([[(j, None) for j in range(i % 3)] for i in range(ROWS)],
                                 pa.map_(pa.int64(), pa.bool_(), keys_sorted=True))
    reversed_views = pa.ListViewArray.from_arrays(
        pa.array([(ROWS - i) * 2 for i in range(ROWS)], pa.int32()),
        pa.array([i % 3 for i in range(ROWS)], pa.int32()), pa.array(range(3 * ROWS)))
    yield "list_view_backwards", reversed_views


def structs():
    rows = [{"a": i, "b": {"c": words(i), "d": None if i % 2 else [i]}} for i in range(ROWS)]
    yield "struct", every_third_null(rows)
    yield "struct_empty", every_third_null([{}] * ROWS, pa.struct([]))
    ids = pa.array([5 if i % 3 else 9 for i in range(ROWS)], pa.int8())
    places = pa.array([i - i // 3 - 1 if i % 3 else i // 3 for i in range(ROWS)], pa.int32())
    children = [every_third_null(range(ROWS)), pa.array([words(i) for i in range(ROWS)])]
    yield "dense_union", pa.UnionArray.from_dense(ids, places, children, ["x", "y"], [5, 9])
    yield "sparse_union", pa.UnionArray.from_sparse(ids, children, ["x", "y"], [5, 9])
    for type in (pa.int16(), pa.int32(), pa.int64()):
        ends = pa.array([*range(4, ROWS, 4), ROWS], type)
        values = every_third_null(words(i) for i in range(len(ends)))
        yield f"ree_{type}", pa.RunEndEncodedArray.from_arrays(ends, values)
    nested = pa.RunEndEncodedArray.from_arrays(
        pa.array([10, ROWS], pa.int32()), pa.array([[1, 2], None], pa.list_(pa.int8())))
    yield "ree_list", nested


def dictionaries():
    indices = every_third_null((i * 7) % 5 for i in range(ROWS))
    values = pa.array(["one", "two", None, words(2), "five"])
    for type in (pa.int8(), pa.uint8(), pa.int16(), pa.uint16(), pa.int32(), pa.uint32(),
                 pa.int64(), pa.uint64()):
        yield f"dictionary_{type}", pa.DictionaryArray.from_arrays(indices.cast(type), values)
    yield "dictionary_ordered", pa.DictionaryArray.from_arrays(
        indices, pa.array(range(5)), ordered=True)
    inner = pa.DictionaryArray.from_arrays(
        pa.array([0, 1, None, 1, 0], pa.int8()), pa.array(["in", "ner"]))
    yield "dictionary_nested", pa.DictionaryArray.from_arrays(
        indices, pa.StructArray.from_arrays([inner, pa.array(range(5))], ["i", "n"]))
    offsets = pa.array(range(0, 2 * ROWS + 1, 2), pa.int32())
    deep = pa.DictionaryArray.from_arrays(pa.array([i % 3 for i in range(2 * ROWS)], pa.int8()),
                                          pa.array([b"a", b"b", b"c"]))
    yield "list_dictionary", pa.ListArray.from_arrays(offsets, deep)
    yield "dictionary_view", pa.DictionaryArray.from_arrays(indices, values.cast(pa.string_view()))
    yield "dictionary_list", pa.DictionaryArray.from_arrays(
        indices, pa.array([[1], [], None, [2, 3], [None]]))


def extensions():
    yield "uuid", pa.array([uuid.UUID(int=i).bytes for i in range(ROWS)], pa.uuid())
    yield "json", pa.ExtensionArray.from_storage(pa.json_(), pa.array(["{}"] * ROWS))
    yield "bool8", pa.ExtensionArray.from_storage(pa.bool8(), every_third_null(range(ROWS)).cast(
        pa.int8()))
    tensor = pa.fixed_shape_tensor(pa.int32(), [2, 2])
    yield "tensor", pa.ExtensionArray.from_storage(
        tensor, pa.array([[i, 1, 2, 3] for i in range(ROWS)], pa.list_(pa.int32(), 4)))


# What may be a dictionary's values.
PLAIN = [name for source in (moments, numbers, texts, lists, structs) for name, _ in source()]
COLUMNS = {name: column for source in (moments, numbers, texts, lists, structs, dictionaries,
                                       extensions) for name, column in source()}


def whole_batch():
    fields = [pa.field(name, column.type, metadata={"of": name}) if i % 5 == 0 else
              pa.field(name, column.type, nullable=column.null_count > 0 or i % 2 == 0)
              for i, (name, column) in enumerate(COLUMNS.items())]
    schema = pa.schema(fields, metadata={"table": "\u00e4", "": "empty key"})
    return pa.RecordBatch.from_arrays(list(COLUMNS.values()), schema=schema)


@pytest.fixture(scope="module")
def batch():
    return whole_batch()


@pytest.mark.parametrize("options", [
    [], ["--align", "8"], ["--compress", "lz4"], ["--compress", "zstd"], ["--file"],
    ["--file", "--compress", "zstd"]], ids=" ".join)
@pytest.mark.parametrize("source", ["stream", "file", "file by pipe"])
def test_every_type(batch, options, source):
    data = write([batch, batch.slice(0, 0), batch], to_file=source != "stream")
    out = cat_file(data, *options) if source == "file" else cat(data, *options)
    check(out, [batch, batch.slice(0, 0), batch])


@pytest.mark.parametrize("first,last", [(0, 0), (0, 13), (1, 2), (3, 40), (8, 61), (17, 61),
                                        (31, 32), (61, 61)])
def test_slices(batch, first, last):
    check(cat(write([batch]), "--slice", f"{first}:{last}"), [batch.slice(first, last - first)])


def test_slices_shrink():
    """Only what the rows need travels."""
    rows = 100_000
    text = pa.array([f"{i:020}" for i in range(rows)])
    numbers = pa.array(range(rows))
    whole = pa.RecordBatch.from_arrays(
        [text, numbers, pa.array([[i, i] for i in range(rows)]),
         pa.StructArray.from_arrays([text, numbers], ["t", "n"])], names=list("abcd"))
    data = write([whole])
    assert len(cat(data, "--slice", "50003:50013")) < 4000 < len(data)


@pytest.mark.parametrize("codec", ["lz4", "zstd"])
def test_reads_compressed(batch, codec):
    check(cat(write([batch], compression=codec)), [batch])
    check(cat_file(write([batch], compression=codec, to_file=True), "--file"), [batch])


@pytest.mark.parametrize("options", [{"use_legacy_format": True},
                                     {"metadata_version": pa.ipc.MetadataVersion.V4},
                                     {"use_legacy_format": True,
                                      "metadata_version": pa.ipc.MetadataVersion.V4}])
def test_reads_old_streams(batch, options):
    # Of unions and run ends, pyarrow lists a validity bitmap in V4.
    check(cat(write([batch], **options)), [batch])


def growing(count, value=lambda i: f"word {i}"):
    """Batches whose dictionary grows, starts anew in the middle and grows again."""
    for i in range(count):
        everything = pa.array([value(j) for j in range(2 * count)])
        values = pa.array(everything[:2 * (i % (count // 2)) + 1].to_pylist(), everything.type)
        yield pa.RecordBatch.from_arrays([pa.DictionaryArray.from_arrays(
            pa.array([0, len(values) - 1, None], pa.int16()), values)], names=["d"])


VALUES = {
    "text": lambda i: f"word {i}",
    "long text": lambda i: None if i % 4 == 1 else "word " * i,
    "numbers": lambda i: None if i % 4 == 3 else i,
    "bools": lambda i: None if i % 4 == 3 else i % 2 == 0,
    "lists": lambda i: None if i % 4 == 3 else ["x"] * i,
    "structs": lambda i: {"a": i, "b": [str(i)], "c": {"d": i % 3 == 0}},
}


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("from_deltas", [False, True])
@pytest.mark.parametrize("to_deltas", [False, True])
def test_dictionaries_that_change(value, from_deltas, to_deltas):
    batches = list(growing(8, VALUES[value]))
    data = write(batches, emit_dictionary_deltas=from_deltas)
    out = cat(data, *(["--deltas"] if to_deltas else []))
    check(out, batches)
    reader = pa.ipc.open_stream(out)
    list(reader)
    assert reader.stats.num_dictionary_deltas == (6 if to_deltas else 0)
    assert reader.stats.num_replaced_dictionaries == (1 if to_deltas else 7)


@pytest.mark.parametrize("name", PLAIN)
def test_deltas_of_every_type(name):
    """What deltas make of a dictionary equals the dictionary sent whole."""
    values = COLUMNS[name]
    batches = [pa.RecordBatch.from_arrays([pa.DictionaryArray.from_arrays(
        pa.array(range(0, size, 2), pa.int16()), values.slice(0, size))], names=["d"])
        for size in (5, 24, 24, ROWS)]
    data = write(batches, emit_dictionary_deltas=True)
    check(cat(data), batches)


def test_dictionary_is_sent_once():
    batches = [next(growing(2))] * 5
    reader = pa.ipc.open_stream(cat(write(batches)))
    assert len(list(reader)) == 5
    assert reader.stats.num_dictionary_batches == 1


def test_file_with_growing_dictionary():
    batches = list(growing(8))[:4]
    out = cat(write(batches), "--file", "--deltas")
    _, found = read(out)
    assert [b.column(0).to_pylist() for b in found] == [b.column(0).to_pylist() for b in batches]
    _, found = read(cat_file(out))
    assert [b.column(0).to_pylist() for b in found] == [b.column(0).to_pylist() for b in batches]


def test_file_refuses_changed_dictionary():
    assert "write a stream instead" in cat(write(list(growing(4))), "--file", fails=True)


def test_no_batches(batch):
    plain = pa.schema([pa.field("a", pa.int32()), pa.field("b", pa.string())])
    for data in (cat(write([], plain)), cat(write([], plain), "--file")):
        schema, found = read(data)
        assert schema.equals(plain) and found == []
    schema, found = read(cat(write([], batch.schema)))
    assert schema.equals(batch.schema, check_metadata=True) and found == []


def test_no_columns():
    whole = pa.RecordBatch.from_struct_array(pa.array([{}] * 7, pa.struct([])))
    _, found = read(cat(write([whole])))
    assert [b.num_rows for b in found] == [7]


@pytest.mark.parametrize("size", [0, 3, 7, 8, 100, 600, 5000])
def test_cut_off(batch, size):
    data = write([batch])
    error = cat(data[:size], fails=True)
    assert "end" in error or "empty" in error, error


def test_not_arrow():
    assert cat(b"PAR1" + b"x" * 100, fails=True)
    assert cat(b"ARROW1\0\0" + b"x" * 100, fails=True)
