# SPDX-License-Identifier: Apache-2.0
"""Makes the streams of tests/golden/valid: every type and every feature of the IPC format that
official writers produce, small enough to be committed. Beside each NAME.stream lies NAME.types,
pyarrow's spelling of the columns' types.

    pip install pyarrow flatbuffers arro3-core arro3-io nanoarrow
    python tests/golden/make.py

Output depends on the versions of these only.
"""

import decimal
import io
import pathlib
import struct

import arro3.io
import flatbuffers
import nanoarrow
import nanoarrow.ipc
import pyarrow as pa
from pyarrow import ipc

FOLDER = pathlib.Path(__file__).parent / "valid"


def describe(field):
    kind = field.type
    if isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    return str(kind)


def save(name, data, schema=None):
    schema = ipc.open_stream(data).schema if schema is None else schema
    (FOLDER / f"{name}.stream").write_bytes(data)
    (FOLDER / f"{name}.types").write_text(
        "".join(describe(field) + "\n" for field in schema))


def write(name, batches, schema=None, custom_metadata=None, **options):
    """One stream of `batches`, record batches of one schema."""
    schema = batches[0].schema if schema is None else schema
    sink = pa.BufferOutputStream()
    with ipc.new_stream(sink, schema, options=ipc.IpcWriteOptions(**options)) as writer:
        for batch in batches:
            writer.write_batch(batch, custom_metadata=custom_metadata)
    save(name, sink.getvalue().to_pybytes(), schema)


def write_arrays(name, arrays, **options):
    batch = pa.record_batch(list(arrays.values()), list(arrays))
    # The second batch begins at an odd row, the third has none.
    write(name, [batch, batch.slice(1), batch.slice(0, 0)], **options)


def primitives():
    values = [1, None, 3, 4, None]
    arrays = {str(t): pa.array(values, t) for t in (
        pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(),
        pa.uint64(), pa.float16(), pa.float32(), pa.float64())}
    arrays["bool"] = pa.array([True, None, False, True, True])
    arrays["no nulls"] = pa.array([1, 2, 3, 4, 5], pa.int64())
    arrays["all null"] = pa.nulls(5, pa.int32())
    arrays["null"] = pa.nulls(5)
    return arrays


def binaries():
    texts = ["a", None, "", "longer than the twelve bytes of a view", "\xe4\xf6\xfc\u20ac"]
    blobs = [b"\x00", None, b"", b"\xff" * 40, b"abc"]
    long = [("%d " % i) * 30 for i in range(5)]
    return {
        "binary": pa.array(blobs, pa.binary()), "string": pa.array(texts, pa.string()),
        "large_binary": pa.array(blobs, pa.large_binary()),
        "large_string": pa.array(texts, pa.large_string()),
        "fixed": pa.array([b"abc", None, b"def", b"ghi", None], pa.binary(3)),
        "fixed 0": pa.array([b"", None, b"", b"", b""], pa.binary(0)),
        "binary_view": pa.array(blobs, pa.binary_view()),
        "string_view": pa.array(texts, pa.string_view()),
        "string_view of long": pa.array(long, pa.string_view()),
        "string_view without data": pa.array(["a", "b", None, "", "c"], pa.string_view()),
    }


def temporals():
    values = [0, None, 1, 2, 3]
    kinds = [pa.date32(), pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns")]
    for unit in ("s", "ms", "us", "ns"):
        kinds += [pa.timestamp(unit), pa.timestamp(unit, "UTC"), pa.duration(unit)]
    kinds += [pa.timestamp("ns", "+05:30"), pa.timestamp("ms", "America/New_York")]
    arrays = {str(t): pa.array(values, t) for t in kinds}
    arrays["date64"] = pa.array([0, None, 86400000, 0, 0], pa.int64()).cast(pa.date64())
    arrays["nano"] = pa.array([pa.MonthDayNano([1, 2, 3]), None, pa.MonthDayNano([0, 0, 0]),
                               None, pa.MonthDayNano([-1, 15, 30])])
    return arrays


def decimals():
    values = [decimal.Decimal("1.50"), None, decimal.Decimal("-2.25"), None,
              decimal.Decimal("0.00")]
    kinds = (pa.decimal32(9, 2), pa.decimal64(18, 2), pa.decimal128(38, 2), pa.decimal256(76, 2))
    arrays = {str(t): pa.array(values, t) for t in kinds}
    arrays["negative scale"] = pa.array([100, None, 200, 300, 0], pa.int64()).cast(
        pa.decimal128(21, 0)).cast(pa.decimal128(21, -2))
    return arrays


def nested():
    lists = [[1, 2], None, [], [3, None], [4]]
    pairs = [[("a", 1)], None, [], [("b", None), ("c", 3)], [("d", 4)]]
    rows = [{"x": 1, "y": ["p", None]}, None, {"x": None, "y": None}, {"x": 2, "y": []},
            {"x": 3, "y": ["q"]}]
    item = pa.int32()
    inner = pa.struct([pa.field("x", pa.int64()), pa.field("y", pa.list_(pa.string()))])
    return {
        "list": pa.array(lists, pa.list_(item)),
        "large_list": pa.array(lists, pa.large_list(item)),
        "list_view": pa.array(lists, pa.list_view(item)),
        "large_list_view": pa.array(lists, pa.large_list_view(item)),
        "fixed": pa.array([[1, 2], None, [3, None], [5, 6], [7, 8]], pa.list_(item, 2)),
        "fixed 0": pa.array([[], None, [], [], []], pa.list_(item, 0)),
        "list of list": pa.array([[[1], None], [], None, [[2, 3]], [[]]],
                                 pa.list_(pa.large_list(item))),
        "struct": pa.array(rows, inner),
        "empty struct": pa.array([{}, None, {}, {}, {}], pa.struct([])),
        "required": pa.array([{"a": 1}] * 5, pa.struct([pa.field("a", item, nullable=False)])),
        "map": pa.array(pairs, pa.map_(pa.string(), item)),
        "sorted map": pa.array(pairs, pa.map_(pa.string(), item, keys_sorted=True)),
        "named map": pa.array(pairs, pa.map_(pa.string(), pa.field("item", item))),
        "list of view": pa.array([["a", "longer than twelve bytes"], None, [], ["b"], [None]],
                                 pa.list_(pa.string_view())),
    }


def unions():
    ids = pa.array([5, 7, 5, 7, 5], pa.int8())
    ints, texts = pa.array([1, 2, 3, 4, 5], pa.int32()), pa.array(["a", "b", None, "d", "e"])
    offsets = pa.array([0, 0, 1, 1, 2], pa.int32())
    plain = pa.array([0, 1, 0, 1, 0], pa.int8())
    return {
        "sparse": pa.UnionArray.from_sparse(ids, [ints, texts], ["i", "t"], [5, 7]),
        "dense": pa.UnionArray.from_dense(ids, offsets, [ints, texts], ["i", "t"], [5, 7]),
        "sparse, usual ids": pa.UnionArray.from_sparse(plain, [ints, texts]),
        "dense in struct": pa.StructArray.from_arrays(
            [pa.UnionArray.from_dense(plain, offsets, [ints, texts])], ["u"]),
    }


def run_ends():
    values = pa.array(["a", None, "b"])
    arrays = {f"ends {t}": pa.RunEndEncodedArray.from_arrays(pa.array([2, 3, 5], t), values)
              for t in (pa.int16(), pa.int32(), pa.int64())}
    arrays["ends of struct"] = pa.RunEndEncodedArray.from_arrays(
        pa.array([5], pa.int32()), pa.array([{"a": 1}]))
    return arrays


def dictionaries():
    arrays = {}
    for t in (pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(),
              pa.uint32(), pa.uint64()):
        arrays[f"by {t}"] = pa.DictionaryArray.from_arrays(
            pa.array([0, None, 1, 1, 0], t), pa.array(["x", f"{t}"]))
    arrays["ordered"] = pa.DictionaryArray.from_arrays(
        pa.array([0, 1, 2, None, 0], pa.int8()), pa.array([1.0, 2.0, None]), ordered=True)
    arrays["of struct"] = pa.DictionaryArray.from_arrays(
        pa.array([0, 0, 0, 0, 1], pa.int8()), pa.array([{"a": 1}, {"a": None}]))
    arrays["in list"] = pa.ListArray.from_arrays(
        pa.array([0, 1, 2, 3, 4, 5], pa.int32()),
        pa.DictionaryArray.from_arrays(pa.array([0, 1, 0, 1, 0], pa.int8()),
                                       pa.array(["p", "q"])))
    inner = pa.DictionaryArray.from_arrays(pa.array([0, 1, None], pa.int8()),
                                           pa.array(["deep", "deeper"]))
    arrays["of dictionary"] = pa.DictionaryArray.from_arrays(
        pa.array([0, 1, 1, 0, None], pa.int16()),
        pa.ListArray.from_arrays(pa.array([0, 2, 3], pa.int32()), inner))
    arrays["empty"] = pa.DictionaryArray.from_arrays(
        pa.nulls(5, pa.int8()), pa.array([], pa.string()))
    arrays["of view"] = pa.DictionaryArray.from_arrays(
        pa.array([0, 1, 1, 0, None], pa.int32()),
        pa.array(["a", "longer than twelve bytes"], pa.string_view()))
    return arrays


def changing_dictionary(*lists):
    return [pa.record_batch([pa.DictionaryArray.from_arrays(
        pa.array([0, 1, None, len(values) - 1], pa.int32()), pa.array(values))], ["d"])
            for values in lists]


def extensions():
    tensors = pa.ExtensionArray.from_storage(
        pa.fixed_shape_tensor(pa.float32(), [2]),
        pa.array([[1, 2], [3, 4]], pa.list_(pa.float32(), 2)))
    return {
        "uuid": pa.ExtensionArray.from_storage(
            pa.uuid(), pa.array([b"0123456789abcdef", None], pa.binary(16))),
        "json": pa.ExtensionArray.from_storage(pa.json_(pa.string()), pa.array(["{}", None])),
        "bool8": pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1, None], pa.int8())),
        "tensor": tensors,
        "opaque": pa.ExtensionArray.from_storage(
            pa.opaque(pa.null(), "t", "v"), pa.nulls(2)),
    }


def metadata():
    schema = pa.schema([
        pa.field("\xe4\xf6\xfc \N{SNOWMAN}", pa.int32(), nullable=False,
                 metadata={b"k": b"v", b"": b""}),
        pa.field("", pa.int32(), metadata={b"bytes": bytes(range(256))}),
        pa.field("twice", pa.int32()), pa.field("twice", pa.int32()),
    ], metadata={b"table": b"metadata", b"empty": b""})
    return [pa.record_batch([pa.array([1, 2], pa.int32())] * 4, schema=schema)]


def deep():
    kind = pa.int8()
    value = 1
    for level in range(62):
        kind = pa.list_(kind) if level % 2 else pa.struct([pa.field("s", kind)])
        value = [value] if level % 2 else {"s": value}
    return {"deep": pa.array([value, None, value], kind)}


def big_endian_schema():
    """A Schema message by hand, since pyarrow only writes its own machine's order:
    {i: int16, f: double, t: string}, all nullable."""
    b = flatbuffers.Builder(256)

    def table(*slots):
        b.StartObject(7)
        for add, *arguments in slots:
            add(*arguments)
        return b.EndObject()

    def field(name, type_number, type_slots):
        text = b.CreateString(name)
        kind = table(*type_slots)
        return table((b.PrependUOffsetTRelativeSlot, 0, text, 0), (b.PrependBoolSlot, 1, True, 0),
                     (b.PrependUint8Slot, 2, type_number, 0),
                     (b.PrependUOffsetTRelativeSlot, 3, kind, 0))

    fields = [field("i", 2, [(b.PrependInt32Slot, 0, 16, 0), (b.PrependBoolSlot, 1, True, 0)]),
              field("f", 3, [(b.PrependInt16Slot, 0, 2, 0)]), field("t", 5, [])]
    b.StartVector(4, len(fields), 4)
    for offset in reversed(fields):
        b.PrependUOffsetTRelative(offset)
    vector = b.EndVector()
    schema = table((b.PrependInt16Slot, 0, 1, 0), (b.PrependUOffsetTRelativeSlot, 1, vector, 0))
    b.Finish(table((b.PrependInt16Slot, 0, 4, 0), (b.PrependUint8Slot, 1, 1, 0),
                   (b.PrependUOffsetTRelativeSlot, 2, schema, 0)))
    header = bytes(b.Output())
    header += bytes(-len(header) % 8)
    return struct.pack("<II", 0xFFFFFFFF, len(header)) + header


def big_endian():
    """The same table is written with its bytes swapped, then its schema is exchanged."""
    def swapped(kind, code, values, bits):
        return pa.Array.from_buffers(kind, len(values), [
            pa.py_buffer(bits), pa.py_buffer(struct.pack(f">{len(values)}{code}", *values))])

    texts = pa.Array.from_buffers(pa.binary(), 3, [
        None, pa.py_buffer(struct.pack("<4i", 0, 1, 1, 4)), pa.py_buffer(b"abcd")])
    batch = pa.record_batch([swapped(pa.int16(), "h", [1, 0, -3], b"\x05"),
                             swapped(pa.float64(), "d", [0.5, 1.5, 0], b"\x03"), texts],
                            ["i", "f", "t"])
    data = batch.serialize().to_pybytes()
    offsets = struct.pack("<4i", 0, 1, 1, 4)
    assert data.count(offsets) == 1
    data = data.replace(offsets, struct.pack(">4i", 0, 1, 1, 4))
    stream = big_endian_schema() + data + struct.pack("<II", 0xFFFFFFFF, 0)
    table = ipc.open_stream(stream).read_all()
    assert table.to_pydict() == {"i": [1, None, -3], "f": [0.5, 1.5, None],
                                 "t": ["a", "", "bcd"]}, table.to_pydict()
    save("big_endian", stream)


def intervals():
    """Two types that pyarrow reads but can't make."""
    bits, numbers = b"\x1d", struct.pack("<10i", *range(10))
    columns = [nanoarrow.c_array_from_buffers(kind, 5, [bits, numbers])
               for kind in (nanoarrow.interval_months(), nanoarrow.interval_day_time())]
    kind = nanoarrow.struct({"months": nanoarrow.interval_months(),
                             "days": nanoarrow.interval_day_time()})
    batch = nanoarrow.c_array_from_buffers(kind, 5, [None], children=columns)
    sink = io.BytesIO()
    with nanoarrow.ipc.StreamWriter.from_writable(sink) as writer:
        writer.write_array(batch)
    save("interval", sink.getvalue())


def other_writers():
    """arrow-rs and nanoarrow, each given the columns that it can write and pyarrow reads back;
    nanoarrow knows no slices."""
    arrays = primitives() | binaries() | temporals() | decimals() | nested() | unions()
    arrays |= run_ends() | dictionaries()
    del arrays["named map"]  # read back, it isn't spelled as it was
    for name, write_stream, is_sliced in (("rust", rust_stream, True),
                                          ("nanoarrow", nanoarrow_stream, False)):
        def stream(columns):
            batch = pa.record_batch(list(columns.values()), list(columns))
            return write_stream([batch, batch.slice(1)] if is_sliced else [batch])

        kept = {}
        for column, array in arrays.items():
            try:
                ipc.open_stream(stream({column: array})).read_all().validate(full=True)
                kept[column] = array
            except Exception as error:
                print(f"{name} can't write {column}: {str(error)[:80]}")
        save(name, stream(kept))


def rust_stream(batches):
    path = "/tmp/golden-rust.stream"
    arro3.io.write_ipc_stream(pa.RecordBatchReader.from_batches(batches[0].schema, batches), path,
                              compression=None)
    return pathlib.Path(path).read_bytes()


def nanoarrow_stream(batches):
    sink = io.BytesIO()
    with nanoarrow.ipc.StreamWriter.from_writable(sink) as writer:
        writer.write_stream(pa.RecordBatchReader.from_batches(batches[0].schema, batches))
    return sink.getvalue()


def main():
    FOLDER.mkdir(exist_ok=True)
    for name, arrays in (("primitive", primitives()), ("binary", binaries()),
                         ("temporal", temporals()), ("decimal", decimals()), ("nested", nested()),
                         ("union", unions()), ("run_end", run_ends()),
                         ("dictionary", dictionaries()), ("extension", extensions()),
                         ("deep", deep())):
        write_arrays(name, arrays)
    everything = {}
    for arrays in (primitives(), binaries(), decimals(), nested(), unions(), dictionaries()):
        everything |= arrays
    for codec in ("lz4", "zstd"):
        write_arrays(codec, everything, compression=codec)
    v4 = ipc.MetadataVersion.V4
    write_arrays("v4", primitives() | nested() | run_ends() | dictionaries(), metadata_version=v4)
    write_arrays("v4_union", unions(), metadata_version=v4)
    write("metadata", metadata(), custom_metadata={b"batch": b"\xff", b"": b""})
    write("dictionary_delta", changing_dictionary(["a", "b"], ["a", "b", "c"],
                                                  ["a", "b", "c", "d", "e"]),
          emit_dictionary_deltas=True)
    write("dictionary_replaced", changing_dictionary(["a", "b"], ["c", "d", "e"], ["c", "f"]))
    batch = pa.record_batch(list(everything.values()), list(everything))
    write("no_batches", [], schema=batch.schema)
    write("no_rows", [batch.slice(0, 0)])
    write("no_columns", [pa.RecordBatch.from_struct_array(pa.array([{}, {}], pa.struct([])))])
    write("no_schema_fields", [], schema=pa.schema([]))
    big_endian()
    intervals()
    other_writers()
    print(sum(f.stat().st_size for f in FOLDER.iterdir()), "bytes")


if __name__ == "__main__":
    main()
