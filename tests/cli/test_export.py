# SPDX-License-Identifier: Apache-2.0
"""CSV and JSON of every type, read back by pyarrow and by json."""

import base64
import decimal
import io
import json
import math

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pytest

import run
import tables


def put(server, table, max_chunksize=None):
    server.put("t", table.to_batches(max_chunksize))


def get(server, *options):
    done = server.flightkv("get", "t", *options)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def one_column(array):
    return pa.table({"row": pa.array(range(len(array))), "value": array})


def moment(value, unit, between="T"):
    text = str(np.datetime64(value, unit)).replace("T", between)
    whole, _, fraction = text.partition(".")
    return text if fraction.strip("0") else whole


def interval(value):
    months, days, ns = value
    text = (f"{months}M" if months else "") + (f"{days}D" if days or not (months or ns) else "")
    if ns:
        seconds, fraction = divmod(abs(ns), 10**9)
        text += f"T{'-' * (ns < 0)}{seconds}" + (f".{fraction:09}" if fraction else "") + "S"
    return "P" + text


def plain_time(scalar):
    kind = scalar.type
    if pa.types.is_date(kind):
        return str(np.datetime64(scalar.value, "D" if kind == pa.date32() else "ms"))[:10]
    if pa.types.is_time(kind):
        return moment(scalar.value, kind.unit)[11:]
    if pa.types.is_timestamp(kind):
        return moment(scalar.value, kind.unit) + ("Z" if kind.tz else "")
    return scalar.value if pa.types.is_duration(kind) else interval(scalar.value)


def plain(scalar):
    """What JSON is to say of a value."""
    kind = scalar.type
    if isinstance(scalar, pa.ExtensionScalar) or pa.types.is_run_end_encoded(kind):
        return plain(scalar.value) if scalar.value is not None else None
    if pa.types.is_dictionary(kind):
        return plain(scalar.value)
    if pa.types.is_union(kind):
        return plain(scalar.value) if scalar.value is not None else None
    if not scalar.is_valid:
        return None
    if pa.types.is_map(kind):
        return [{"key": plain(entry["key"]), "value": plain(entry["value"])}
                for entry in scalar.values]
    if pa.types.is_struct(kind):
        return {name: plain(scalar[name]) for name in scalar}
    if isinstance(scalar, pa.ListScalar):
        return [plain(value) for value in scalar.values]
    if pa.types.is_temporal(kind) or pa.types.is_interval(kind):
        return plain_time(scalar)
    value = scalar.as_py()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value


def same(kind, said, meant):
    """A half and a float are written in as few digits as theirs need, not a double's."""
    if isinstance(meant, float) and said is not None:
        make = {pa.float16(): np.float16, pa.float32(): np.float32}.get(kind, float)
        return make(said) == make(meant)
    return said == meant


@pytest.mark.parametrize("array", tables.ARRAYS, ids=tables.NAMES)
def test_json_of_every_type(server, array):
    put(server, one_column(array), max_chunksize=3)
    lines = get(server, "--format", "ndjson").decode().splitlines()
    rows = json.loads(get(server, "--format", "json"), parse_float=decimal.Decimal)
    assert rows == [json.loads(line, parse_float=decimal.Decimal) for line in lines]
    assert [row["row"] for row in rows] == list(range(len(array)))
    for row, scalar in zip(rows, array, strict=True):
        assert same(array.type, row["value"], plain(scalar)), (row, scalar)


@pytest.mark.parametrize("array", tables.ARRAYS, ids=tables.NAMES)
def test_csv_of_every_type(server, array):
    """Numbers and times are read back as their type; what CSV has no type for, as its text."""
    put(server, one_column(array), max_chunksize=3)
    text = get(server, "--csv")
    kind = array.type
    reads = [pa.types.is_integer, pa.types.is_float32, pa.types.is_float64, pa.types.is_boolean,
             pa.types.is_date, pa.types.is_time, pa.types.is_timestamp, pa.types.is_duration,
             pa.types.is_string, pa.types.is_large_string]
    is_readable = any(is_kind(kind) for is_kind in reads) or pa.types.is_decimal128(kind)
    options = pa.csv.ConvertOptions(
        column_types={"value": kind if is_readable else pa.string()},
        null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False)
    value = pa.csv.read_csv(io.BytesIO(text), convert_options=options,
                            parse_options=pa.csv.ParseOptions(newlines_in_values=True))["value"]
    if is_readable:
        assert value.combine_chunks() == array
        return
    for said, scalar in zip(value.to_pylist(), array, strict=True):
        meant = plain(scalar)
        if isinstance(meant, list | dict):
            said = json.loads(said, parse_float=decimal.Decimal)
        elif said is not None and not isinstance(meant, str) and meant is not None:
            said = decimal.Decimal(said)
            meant = decimal.Decimal(str(meant))
        elif isinstance(meant, str) and pa.types.is_timestamp(kind):
            meant = meant.replace("T", " ")
        elif meant is None:
            assert said in (None, "nan", "inf", "-inf")
            continue
        assert said == meant or float(said) == pytest.approx(float(meant), rel=1e-3)


def test_csv_of_text_that_csv_means_something_by(server):
    texts = ["", None, ",", '"', '""', "a\nb", "\r", " a", "a ", "null", "1", "\u00e9\u65e5", "\t"]
    put(server, one_column(pa.array(texts)))
    options = pa.csv.ConvertOptions(column_types={"value": pa.string()}, null_values=[""],
                                    strings_can_be_null=True, quoted_strings_can_be_null=False)
    read = pa.csv.read_csv(io.BytesIO(get(server, "--csv")), convert_options=options,
                           parse_options=pa.csv.ParseOptions(newlines_in_values=True))
    assert read["value"].to_pylist() == texts


def test_json_of_text_that_json_means_something_by(server):
    texts = ["".join(map(chr, range(0x20))), '"\\/', "\x7f\u2028\U0001f600", ""]
    put(server, pa.table({'a"\\\n': texts}))
    assert [json.loads(line) for line in get(server, "-f", "ndjson").splitlines()] == [
        {'a"\\\n': text} for text in texts]


def test_json_is_read_by_pyarrow(server):
    table = pa.table({"i": [1, None, 2**53 + 1], "x": [0.1, None, 1e300], "s": ["a", None, ""],
                      "l": [[1], None, []], "t": [{"a": 1}, {"a": None}, {"a": 3}]})
    put(server, table)
    read = pa.json.read_json(io.BytesIO(get(server, "--format", "ndjson")))
    assert read.to_pydict() == table.to_pydict()


@pytest.mark.parametrize("kind", [pa.float32(), pa.float64()], ids=str)
def test_floats_are_short_and_exact(server, kind):
    chance = np.random.default_rng(4)
    bits = chance.integers(0, 2**63, 20000, dtype=np.uint64)
    values = bits.view(np.float64) if kind == pa.float64() else bits.view(np.float32)
    values = values[np.isfinite(values)]
    prices = np.round(chance.random(20000) * 1000, 2).astype(values.dtype)
    values = np.concatenate([values, prices, [0, -0.0, 5e-324, 2.0**-1074 * 3, 1e22, 1e23]]).astype(
        values.dtype)
    put(server, pa.table({"x": pa.array(values, kind)}))
    texts = get(server, "--csv").decode().split()[1:]
    read = np.array([values.dtype.type(text) for text in texts])
    assert (read.view(np.uint8) == values.view(np.uint8)).all()
    digits = [len(text.partition("e")[0].replace(".", "").strip("-0")) for text in texts]
    fewest = [len(np.format_float_scientific(v, trim="-").partition("e")[0].replace(".", "")
                  .strip("-0")) for v in values]
    assert digits == fewest


@pytest.mark.parametrize("text, rows", [("--limit 3", (0, 3)), ("--limit 100", (0, 20)),
                                        ("--rows 5: -n 2", (5, 7)), ("--rows 5:6 -n 2", (5, 6)),
                                        ("--rows :4 --limit 9", (0, 4)), ("-n 0", (0, 0)),
                                        ("--rows 30: -n 2", (20, 20))])
def test_limit(server, text, rows):
    put(server, pa.table({"n": pa.array(range(20))}), max_chunksize=3)
    read = pa.ipc.open_stream(get(server, *text.split())).read_all()
    assert read["n"].to_pylist() == list(range(*rows))


needs_module = pytest.mark.skipif(
    not (run.program().parent / "flightkv_formats.so").exists(),
    reason="the module for Parquet, CSV and JSON isn't built")


@needs_module
@pytest.mark.parametrize("ending", ["csv", "json", "ndjson"])
def test_text_of_several_blocks_comes_back(server, tmp_path, ending):
    rows = 240_000
    texts = [f'{{"[{i}],\\\n' + "x" * (i % 90) for i in range(rows)]
    table = pa.table({"n": pa.array(range(rows)), "t": texts, "x": np.arange(rows) / 7})
    put(server, table)
    path = tmp_path / f"t.{ending}"
    get(server, "-o", path)
    assert path.stat().st_size > 2 * (8 << 20)
    assert server.flightkv("put", "t", path).returncode == 0
    assert pa.ipc.open_stream(get(server)).read_all() == table


@needs_module
def test_parquet_into_a_pipe(server):
    import pyarrow.parquet

    table = pa.table({"n": pa.array(range(1000))})
    put(server, table)
    assert pa.parquet.read_table(io.BytesIO(get(server, "--format", "parquet"))) == table


def test_a_value_that_no_text_can_hold(server):
    late = pa.Array.from_buffers(pa.time32("s"), 1, [None, pa.py_buffer(np.array([86400], "i4"))])
    put(server, pa.table({"late": pa.chunked_array([late])}))
    for name in "csv", "json", "ndjson":
        done = server.flightkv("get", "t", "--format", name)
        assert done.returncode == 1
        assert b"row 0, column 'late'" in done.stderr
