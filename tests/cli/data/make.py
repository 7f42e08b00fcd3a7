#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes values.arrow, a table of every type that pyarrow can build, and values.text, what each
value must look like as text. The texts are written out here by hand.

    tests/cli/data/make.py        rewrites both, beside this file
"""

import datetime
import decimal
from pathlib import Path

import pyarrow as pa

ROWS = 4
COLUMNS = []


def column(name, array, *texts):
    assert len(array) == ROWS == len(texts), name
    COLUMNS.append((name, array, texts))


def numbers():
    for bits in 8, 16, 32, 64:
        low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        column(
            f"int{bits}",
            pa.array([low, 0, None, high], f"int{bits}"),
            str(low),
            "0",
            "null",
            str(high),
        )
        top = 2**bits - 1
        column(
            f"uint{bits}", pa.array([0, 1, None, top], f"uint{bits}"), "0", "1", "null", str(top)
        )
    column(
        "half",
        pa.array([0.1, 65504.0, None, float("nan")], "float16"),
        "0.1",
        "65504.0",
        "null",
        "nan",
    )
    column(
        "half_small",
        pa.array([2**-24, -0.0, 1 / 3, 1e-4], "float16"),
        "6e-08",
        "-0.0",
        "0.3333",
        "0.0001",
    )
    column(
        "float",
        pa.array([0.1, 1e30, None, float("-inf")], "float32"),
        "0.1",
        "1e+30",
        "null",
        "-inf",
    )
    column(
        "double",
        pa.array([0.1, 1 / 3, None, 5e-324], "float64"),
        "0.1",
        "0.3333333333333333",
        "null",
        "5e-324",
    )
    column(
        "double_more", pa.array([1e300, 1.0, -0.0, float("inf")]), "1e+300", "1.0", "-0.0", "inf"
    )
    column("bool", pa.array([True, False, None, True]), "true", "false", "null", "true")
    column("null", pa.nulls(ROWS), "null", "null", "null", "null")


def decimals():
    d = decimal.Decimal
    for make, digits in (
        (pa.decimal32, 9),
        (pa.decimal64, 18),
        (pa.decimal128, 38),
        (pa.decimal256, 76),
    ):
        nines = "9" * (digits - 2) + ".99"
        with decimal.localcontext() as context:
            context.prec = 80
            values = [d(nines), -d(nines), None, d("-0.01")]
        column(
            f"decimal{digits}",
            pa.array(values, make(digits, 2)),
            nines,
            "-" + nines,
            "null",
            "-0.01",
        )
    column(
        "decimal_whole",
        pa.array([d("12300"), d(0), None, d("-100")], pa.decimal128(5, -2)),
        "12300",
        "0",
        "null",
        "-100",
    )
    column(
        "decimal_tiny",
        pa.array([d("1e-10"), d("0.5"), None, d(0)], pa.decimal128(10, 10)),
        "0.0000000001",
        "0.5000000000",
        "null",
        "0.0000000000",
    )


def times():
    day = datetime.date
    column(
        "date32",
        pa.array([day(1970, 1, 1), day(1969, 12, 31), None, day(2024, 2, 29)], pa.date32()),
        "1970-01-01",
        "1969-12-31",
        "null",
        "2024-02-29",
    )
    column(
        "date32_far",
        pa.array([2**31 - 1, -(2**31), -719528, 2932897], pa.int32()).cast(pa.date32()),
        "+5881580-07-11",
        "-5877641-06-23",
        "0000-01-01",
        "+10000-01-01",
    )
    column(
        "date64",
        pa.array([0, 86400000, None, -86400000], pa.int64()).cast(pa.date64()),
        "1970-01-01",
        "1970-01-02",
        "null",
        "1969-12-31",
    )
    column(
        "time32_s",
        pa.array([0, 86399, None, 3600], pa.time32("s")),
        "00:00:00",
        "23:59:59",
        "null",
        "01:00:00",
    )
    column(
        "time32_ms",
        pa.array([0, 86399999, None, 1], pa.time32("ms")),
        "00:00:00",
        "23:59:59.999",
        "null",
        "00:00:00.001",
    )
    column(
        "time64_us",
        pa.array([0, 1, None, 3600000000], pa.time64("us")),
        "00:00:00",
        "00:00:00.000001",
        "null",
        "01:00:00",
    )
    column(
        "time64_ns",
        pa.array([0, 1, None, 86400 * 10**9 - 1], pa.time64("ns")),
        "00:00:00",
        "00:00:00.000000001",
        "null",
        "23:59:59.999999999",
    )
    column(
        "timestamp_s",
        pa.array([0, -1, None, 1706702400], pa.timestamp("s")),
        "1970-01-01T00:00:00",
        "1969-12-31T23:59:59",
        "null",
        "2024-01-31T12:00:00",
    )
    column(
        "timestamp_ms",
        pa.array([0, -1, None, 1], pa.timestamp("ms", "UTC")),
        "1970-01-01T00:00:00Z",
        "1969-12-31T23:59:59.999Z",
        "null",
        "1970-01-01T00:00:00.001Z",
    )
    column(
        "timestamp_us",
        pa.array([0, -1, None, 1], pa.timestamp("us", "Europe/Paris")),
        "1970-01-01T00:00:00Z[Europe/Paris]",
        "1969-12-31T23:59:59.999999Z[Europe/Paris]",
        "null",
        "1970-01-01T00:00:00.000001Z[Europe/Paris]",
    )
    column(
        "timestamp_ns",
        pa.array([0, 2**63 - 1, None, -(2**63)], pa.timestamp("ns", "-03:30")),
        "1969-12-31T20:30:00-03:30",
        "2262-04-11T20:17:16.854775807-03:30",
        "null",
        "1677-09-20T20:42:43.145224192-03:30",
    )
    for unit in "s", "ms", "us", "ns":
        column(
            f"duration_{unit}",
            pa.array([0, -5, None, 2**62], pa.duration(unit)),
            f"0{unit}",
            f"-5{unit}",
            "null",
            f"{2**62}{unit}",
        )
    months = [(1, -2, 3), (0, 0, 0), None, (-12, 31, 10**18)]
    column(
        "interval",
        pa.array(months, pa.month_day_nano_interval()),
        "1mo -2d 3ns",
        "0mo 0d 0ns",
        "null",
        f"-12mo 31d {10**18}ns",
    )


def texts():
    values = ["plain", "", None, "tab\t line\n bell\x07 \u65e5\u672c e\u0301 rtl\u202e"]
    shown = ["plain", "", "null", "tab\\t line\\n bell\\x07 \u65e5\u672c e\u0301 rtl\\u{202E}"]
    for make in pa.string, pa.large_string, pa.string_view:
        column(str(make()), pa.array(values, make()), *shown)
    values = [b"\x00\xff", b"", None, b"more than twelve bytes"]
    shown = ["x'00ff'", "x''", "null", "x'" + values[3].hex() + "'"]
    for make in pa.binary, pa.large_binary, pa.binary_view:
        column(str(make()), pa.array(values, make()), *shown)
    column(
        "fixed",
        pa.array([b"ab", b"\x00\x01", None, b"zz"], pa.binary(2)),
        "x'6162'",
        "x'0001'",
        "null",
        "x'7a7a'",
    )
    long = "x" * 1000
    column(
        "long",
        pa.array([long, "\u65e5" * 400, None, ""]),
        "x" * 400 + "...",
        "\u65e5" * 133 + "...",
        "null",
        "",
    )


def nested():
    lists = [[1, None, 3], [], None, [4]]
    shown = ["[1, null, 3]", "[]", "null", "[4]"]
    for make in pa.list_, pa.large_list, pa.list_view, pa.large_list_view:
        column(str(make(pa.int32())), pa.array(lists, make(pa.int32())), *shown)
    pairs = [["a", 'q"\\'], ["b", None], None, ["", "c"]]
    column(
        "fixed_list",
        pa.array(pairs, pa.list_(pa.string(), 2)),
        '["a", "q\\"\\\\"]',
        '["b", null]',
        "null",
        '["", "c"]',
    )
    structs = [{"x": 1, "y": "a"}, {"x": None, "y": None}, None, {"x": 2, "y": ""}]
    kind = pa.struct([("x", pa.int8()), ("y", pa.string())])
    column(
        "struct",
        pa.array(structs, kind),
        '{x: 1, y: "a"}',
        "{x: null, y: null}",
        "null",
        '{x: 2, y: ""}',
    )
    maps = [[("k", 1), ("l", None)], [], None, [("", 2)]]
    column(
        "map",
        pa.array(maps, pa.map_(pa.string(), pa.int64())),
        '{"k": 1, "l": null}',
        "{}",
        "null",
        '{"": 2}',
    )
    deep = [[{"a": [b"x"]}], [None], None, [{"a": None}]]
    kind = pa.list_(pa.struct([("a", pa.list_(pa.binary()))]))
    column("deep", pa.array(deep, kind), "[{a: [x'78']}]", "[null]", "null", "[{a: null}]")
    column(
        "long_list",
        pa.array([list(range(1000)), [], None, [1]]),
        "[" + ", ".join(map(str, range(102))) + ", ...]",
        "[]",
        "null",
        "[1]",
    )


def encoded():
    words = pa.DictionaryArray.from_arrays(
        pa.array([1, 0, None, 2], "int8"), pa.array(["zero", "one", None])
    )
    column("dictionary", words, "one", "zero", "null", "null")
    wide = pa.DictionaryArray.from_arrays(
        pa.array([3, 0, None, 2], "uint64"), pa.array([10, 11, 12, 13])
    )
    column("dictionary_wide", wide, "13", "10", "null", "12")
    runs = pa.RunEndEncodedArray.from_arrays(
        pa.array([1, 3, 4], "int16"), pa.array(["a", None, "c"])
    )
    column("runs", runs, "a", "null", "null", "c")
    children = [pa.array([1, 2, 3, None]), pa.array(["a", "b", "c", "d"])]
    ids = pa.array([5, 7, 7, 5], "int8")
    sparse = pa.UnionArray.from_sparse(ids, children, ["n", "s"], [5, 7])
    column("sparse", sparse, "1", "b", "c", "null")
    offsets = pa.array([2, 0, 3, 3], "int32")
    dense = pa.UnionArray.from_dense(ids, offsets, children, ["n", "s"], [5, 7])
    column("dense", dense, "3", "a", "d", "null")
    uuids = pa.array([bytes(16), bytes(range(16)), None, b"\xff" * 16], pa.uuid())
    column(
        "uuid",
        uuids,
        f"x'{bytes(16).hex()}'",
        f"x'{bytes(range(16)).hex()}'",
        "null",
        "x'" + "ff" * 16 + "'",
    )


def main():
    for part in numbers, decimals, times, texts, nested, encoded:
        part()
    here = Path(__file__).parent
    table = pa.Table.from_arrays([c[1] for c in COLUMNS], names=[c[0] for c in COLUMNS])
    table.validate(full=True)
    # In batches of 1 and 3 rows.
    with pa.ipc.new_file(here / "values.arrow", table.schema) as writer:
        for part in table.slice(0, 1), table.slice(1):
            writer.write_batch(part.combine_chunks().to_batches()[0])
    with open(here / "values.text", "w", encoding="utf-8", newline="\n") as out:
        for name, array, shown in COLUMNS:
            out.write(f"{name}\t{array.type}\n")
            for text in shown:
                out.write(f"\t{text}\n")


main()
