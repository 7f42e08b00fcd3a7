# SPDX-License-Identifier: Apache-2.0
"""`flightkv diff` over every type: the first row that differs, however the table is laid out."""

import json

import pyarrow as pa
import pytest

import tables


def diff(server):
    done = server.flightkv("diff", "a", "b", "--json")
    assert done.stdout, done.stderr.decode()
    outcome = json.loads(done.stdout)
    assert done.returncode == (0 if outcome["equal"] else 1)
    return outcome


def batch_of(array):
    """A column of its own before it, and slices that don't begin at a byte of a bitmap."""
    numbers = pa.array(range(len(array)))
    return pa.record_batch([numbers, array], ["n", "value"])


def value_of(scalar):
    if isinstance(scalar, pa.ExtensionScalar) and scalar.value is not None:
        return value_of(scalar.value)
    is_precise = pa.types.is_timestamp(scalar.type) or pa.types.is_time(scalar.type)
    return repr(scalar.value if is_precise else scalar.as_py())


def first_difference(left, right):
    pairs = zip(left, right, strict=True)
    rows = (i for i, (a, b) in enumerate(pairs) if value_of(a) != value_of(b))
    return next(rows, None)


@pytest.mark.parametrize("array", tables.ARRAYS, ids=tables.NAMES)
def test_every_type(server, array):
    batch = batch_of(array)
    server.put("a", [batch])
    server.put("b", [batch.slice(0, 3), batch.slice(3, 0), batch.slice(3)])
    assert diff(server) == {"equal": True, "rows": len(array)}
    for order in ([0, 1, 2, 3, 5, 4, 6], [6, 1, 2, 3, 4, 5, 0], [0, 1, 2, 3, 4, 5, 0]):
        try:
            other = array.take(pa.array(order))
        except pa.ArrowNotImplementedError:
            other = pa.concat_arrays([array.slice(i, 1) for i in order])
        server.put("b", [batch_of(other).slice(0, 2), batch_of(other).slice(2)])
        outcome, row = diff(server), first_difference(array, other)
        if row is None:
            assert outcome == {"equal": True, "rows": len(array)}
        else:
            assert (outcome["difference"], outcome["row"]) == ("value", row)
            assert outcome["column"].startswith("value")


@pytest.mark.parametrize("left, right, column, texts", [
    ({"l": [[1], [2, 1]]}, {"l": [[1], [2, 3]]}, "d.l[1][1]", ("1", "3")),
    ({"l": [[1], [2, 1]]}, {"l": [[1], [2]]}, "d.l[1]", ("[2, 1]", "[2]")),
    ({"l": None}, {"l": []}, "d.l", ("null", "[]")),
    (None, {"l": []}, "d", ("null", "{l: []}")),
])
def test_where_in_a_nested_value(server, left, right, column, texts):
    kind = pa.struct({"l": pa.list_(pa.list_(pa.int8()))})
    for key, value in (("a", left), ("b", right)):
        server.put(key, [pa.record_batch([pa.array([None, value], kind)], ["d"])])
    outcome = diff(server)
    assert (outcome["column"], outcome["left"], outcome["right"]) == (column, *texts)


def test_a_map_names_key_or_value(server):
    kind = pa.map_("string", "int8")
    for key, value in (("a", [("x", 1), ("y", 2)]), ("b", [("x", 1), ("y", 3)])):
        server.put(key, [pa.record_batch([pa.array([value], kind)], ["m"])])
    assert diff(server)["column"] == "m[1].value"


def test_long_texts_that_differ_at_their_end(server):
    for key in ("a", "b"):
        server.put(key, [pa.record_batch([pa.array(["x" * 1000 + key])], ["t"])])
    done = server.flightkv("diff", "a", "b")
    assert done.returncode == 1
    assert done.stdout.endswith(b"they differ behind what is shown\n")


def test_nan_and_zeros(server):
    nans = [float("nan"), 0.0]
    server.put("a", [pa.record_batch([pa.array(nans)], ["x"])])
    server.put("b", [pa.record_batch([pa.array([-nans[0], 0.0])], ["x"])])
    assert diff(server)["equal"]
    server.put("b", [pa.record_batch([pa.array([nans[0], -0.0])], ["x"])])
    assert diff(server)["row"] == 1


def test_no_rows(server):
    empty = pa.record_batch([pa.array([], "int8")], ["x"])
    server.put("a", [empty])
    server.put("b", [empty, empty])
    assert diff(server) == {"equal": True, "rows": 0}
