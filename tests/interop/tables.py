# SPDX-License-Identifier: Apache-2.0
"""Arrays of every type that pyarrow can build, each with nulls where the type allows them."""

import decimal
import itertools
import uuid

import numpy as np
import pyarrow as pa

TEXTS = ["", "a", None, "twelve bytes", "more than the twelve bytes of a view", "\u00fc\u20ac", "z"]
BYTES = [t if t is None else t.encode() + b"\0\xff" for t in TEXTS]
LISTS = [[1, 2], [], None, [None, 3], [4], [5, 6, 7], [8]]


class Celsius(pa.ExtensionType):
    """An extension type of the tests' own, with a parameter in its metadata."""

    def __init__(self, precision):
        self.precision = precision
        super().__init__(pa.int32(), "flightkv.test.celsius")

    def __arrow_ext_serialize__(self):
        return str(self.precision).encode()

    @classmethod
    def __arrow_ext_deserialize__(cls, storage_type, serialized):
        return cls(int(serialized))


pa.register_extension_type(Celsius(0))


def numbers():
    for make in (pa.int8, pa.int16, pa.int32, pa.int64):
        bits = make().bit_width
        yield pa.array([0, 1, None, -1, 2 ** (bits - 1) - 1, -(2 ** (bits - 1)), 7], make())
    for make in (pa.uint8, pa.uint16, pa.uint32, pa.uint64):
        yield pa.array([0, 1, None, 2, 2 ** make().bit_width - 1, 5, 7], make())
    yield pa.array(np.array([0, 1.5, -2, 65504, np.inf, -np.inf, 7], np.float16))
    for make in (pa.float32, pa.float64):
        yield pa.array([0, -0.0, None, 1.5, float("inf"), float("-inf"), 1e-30], make())
    for make, digits in ((pa.decimal32, 9), (pa.decimal64, 18), (pa.decimal128, 38),
                         (pa.decimal256, 76)):
        most = "9" * (digits - 2) + ".99"
        values = ["1.25", "-0.01", None, most, f"-{most}", "0", "7"]
        yield pa.array([text and decimal.Decimal(text) for text in values], make(digits, 2))


def times():
    yield pa.array([0, 1, None, -1, 20000, -20000, 7], pa.date32())
    yield pa.array([0, 86400000, None, -86400000, 0, 0, 0], pa.date64())
    for make, unit in ((pa.time32, "s"), (pa.time32, "ms"), (pa.time64, "us"), (pa.time64, "ns")):
        yield pa.array([0, 1, None, 2, 86399, 3, 4], make(unit))
    for unit in ("s", "ms", "us", "ns"):
        yield pa.array([0, 1, None, -1, 10 ** 9, 3, 4], pa.duration(unit))
        for zone in (None, "UTC", "Europe/Berlin", "+07:30"):
            yield pa.array([0, 1, None, -1, 10 ** 9, 3, 4], pa.timestamp(unit, zone))
    interval = pa.MonthDayNano([1, -2, 3])
    yield pa.array([interval, None, interval, None, interval, interval, interval],
                   pa.month_day_nano_interval())


def texts():
    yield pa.nulls(7)
    yield pa.array([True, False, None, True, True, False, False])
    for make in (pa.string, pa.large_string, pa.string_view):
        yield pa.array(TEXTS, make())
    for make in (pa.binary, pa.large_binary, pa.binary_view):
        yield pa.array(BYTES, make())
    yield pa.array([b"abc", None, b"\0\0\0", b"xyz", b"123", b"...", b"   "], pa.binary(3))
    yield pa.array([b"", None, b"", b"", b"", b"", b""], pa.binary(0))


def nested():
    for make in (pa.list_, pa.large_list, pa.list_view, pa.large_list_view):
        yield pa.array(LISTS, make(pa.int32()))
        yield pa.array([["a", None], [], None, ["b"] * 3, ["c"], [""], ["\u00fc"]],
                       make(pa.field("word", pa.string_view())))
    pairs = [[1, 2], None, [3, None], [5, 6], [7, 8], [9, 0], [0, 0]]
    yield pa.array(pairs, pa.list_(pa.int16(), 2))
    yield pa.array([[], None, [], [], [], [], []], pa.list_(pa.int16(), 0))
    yield pa.array([{"a": 1, "b": "x"}, None, {"a": None, "b": "y"}] * 2 + [{}],
                   pa.struct([("a", pa.int32()), ("b", pa.large_string())]))
    yield pa.array([{}, None, {}, {}, {}, {}, {}], pa.struct([]))
    maps = [[("a", 1), ("b", None)], [], None, [("c", 3)], [("d", 4)], [("e", 5)], []]
    yield pa.array(maps, pa.map_(pa.string(), pa.int32()))
    yield pa.array(maps, pa.map_(pa.string(), pa.int32(), keys_sorted=True))
    deep = pa.int8()
    value = 1
    for _ in range(20):
        deep, value = pa.list_(deep), [value]
    yield pa.array([value, None, value, value, None, value, value], deep)


def unions():
    codes = pa.array([0, 1, 0, 1, 1, 0, 0], pa.int8())
    numbers_of = pa.array([1, 2, None, 4, 5, 6, 7], pa.int32())
    texts_of = pa.array(TEXTS)
    yield pa.UnionArray.from_sparse(codes, [numbers_of, texts_of])
    yield pa.UnionArray.from_sparse(pa.array([5, 9, 5, 9, 9, 5, 5], pa.int8()),
                                    [numbers_of, texts_of], ["n", "t"], [5, 9])
    offsets = pa.array([0, 0, 1, 1, 2, 2, 3], pa.int32())
    yield pa.UnionArray.from_dense(codes, offsets, [numbers_of.slice(0, 4), texts_of.slice(0, 3)])


def dictionaries():
    words = pa.array(["x", "y", "a longer word", "\u00fc"])
    index_types = (pa.int8, pa.int16, pa.int32, pa.int64, pa.uint8, pa.uint16, pa.uint32, pa.uint64)
    for make in index_types:
        yield pa.DictionaryArray.from_arrays(pa.array([0, 1, None, 3, 2, 1, 0], make()), words)
    index = pa.array([0, 1, None, 2, 2, 1, 0], pa.int16())
    yield pa.DictionaryArray.from_arrays(index, words, ordered=True)
    for values in (pa.array([1.5, None, 3.0]), pa.array([[1], [], [2, 3]]),
                   words.cast("string_view"), pa.array([{"a": 1}, {"a": 2}, None]),
                   pa.array([b"ab", b"cd", b"ef"], pa.binary(2))):
        yield pa.DictionaryArray.from_arrays(index, values)
    inner = pa.DictionaryArray.from_arrays(pa.array([0, 1, 0], pa.int8()), pa.array(["in", "out"]))
    yield pa.DictionaryArray.from_arrays(index, pa.StructArray.from_arrays([inner], ["word"]))
    offsets = pa.array([0, 1, 1, 2, 2, 3, 3, 3], pa.int32())
    yield pa.ListArray.from_arrays(offsets, inner)
    sevenfold = pa.DictionaryArray.from_arrays(index, words)
    yield pa.StructArray.from_arrays([sevenfold, sevenfold], ["one", "two"])


def run_ends():
    for make in (pa.int16, pa.int32, pa.int64):
        ends = pa.array([2, 3, 7], make())
        yield pa.RunEndEncodedArray.from_arrays(ends, pa.array([1, None, 3]))
    yield pa.RunEndEncodedArray.from_arrays(ends, pa.array(["a", "b", None]))
    runs = pa.RunEndEncodedArray.from_arrays(ends, pa.array([[1], None, [2, 3]]))
    yield runs
    yield pa.StructArray.from_arrays([runs, pa.array(LISTS)], ["runs", "lists"])


def extensions():
    yield pa.ExtensionArray.from_storage(Celsius(3), pa.array([1, 2, None, 4, 5, 6, 7], pa.int32()))
    ids = [uuid.UUID(int=i).bytes for i in range(6)]
    yield pa.ExtensionArray.from_storage(pa.uuid(), pa.array(ids + [None], pa.binary(16)))
    documents = pa.array(["{}", "1", None, "[]", "2", "3", "4"])
    yield pa.ExtensionArray.from_storage(pa.json_(), documents)
    yield pa.ExtensionArray.from_storage(pa.bool8(), pa.array([0, 1, None, 1, 0, 5, -1], pa.int8()))
    tensor = pa.fixed_shape_tensor(pa.float32(), [2, 2])
    storage = pa.array([[1, 2, 3, 4]] * 7, pa.list_(pa.float32(), 4))
    yield pa.ExtensionArray.from_storage(tensor, storage)
    opaque = pa.opaque(pa.binary(), "geometry", "somebody")
    yield pa.ExtensionArray.from_storage(opaque, pa.array(BYTES, pa.binary()))


FAMILIES = (numbers, times, texts, nested, unions, dictionaries, run_ends, extensions)
ARRAYS = list(itertools.chain.from_iterable(family() for family in FAMILIES))
NAMES = [f"{i}-{str(array.type)[:60]}" for i, array in enumerate(ARRAYS)]
