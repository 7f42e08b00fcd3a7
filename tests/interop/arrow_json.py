# SPDX-License-Identifier: Apache-2.0
"""Small tables as Arrow integration JSON, and beside it as an IPC stream.

The format: https://arrow.apache.org/docs/format/Integration.html. pyarrow has no writer of it; this
one knows the types that TABLES uses, no others."""

import decimal
import json

import pyarrow as pa


def json_type(kind):
    if pa.types.is_integer(kind):
        signed = not pa.types.is_unsigned_integer(kind)
        return {"name": "int", "bitWidth": kind.bit_width, "isSigned": signed}
    if pa.types.is_floating(kind):
        return {"name": "floatingpoint", "precision": {32: "SINGLE", 64: "DOUBLE"}[kind.bit_width]}
    if pa.types.is_decimal(kind):
        return {"name": "decimal", "precision": kind.precision, "scale": kind.scale,
                "bitWidth": kind.bit_width}
    simple = {pa.bool_(): "bool", pa.utf8(): "utf8", pa.binary(): "binary", pa.null(): "null"}
    if kind in simple:
        return {"name": simple[kind]}
    if pa.types.is_list(kind):
        return {"name": "list"}
    assert pa.types.is_struct(kind), kind
    return {"name": "struct"}


def children_of(kind):
    if pa.types.is_list(kind):
        return [kind.value_field]
    return [kind.field(i) for i in range(kind.num_fields)] if pa.types.is_struct(kind) else []


def json_field(field):
    return {"name": field.name, "nullable": field.nullable, "type": json_type(field.type),
            "children": [json_field(child) for child in children_of(field.type)]}


def json_values(array):
    """DATA: what lies under a null is a zero of the type."""
    kind = array.type
    if pa.types.is_integer(kind):
        values = [value or 0 for value in array.to_pylist()]
        return [str(value) for value in values] if kind.bit_width == 64 else values
    if pa.types.is_decimal(kind):
        return [str(int((value or 0) * 10 ** kind.scale)) for value in array.to_pylist()]
    if pa.types.is_binary(kind):
        return [(value or b"").hex().upper() for value in array.to_pylist()]
    zero = "" if pa.types.is_string(kind) else False if pa.types.is_boolean(kind) else 0.0
    return [zero if value is None else value for value in array.to_pylist()]


def offsets_of(lengths):
    offsets = [0]
    for length in lengths:
        offsets.append(offsets[-1] + length)
    return offsets


def json_column(field, array):
    kind = array.type
    column = {"name": field.name, "count": len(array)}
    if pa.types.is_null(kind):
        return column
    column["VALIDITY"] = [int(value.is_valid) for value in array]
    if pa.types.is_list(kind):
        column["OFFSET"] = offsets_of(len(value.as_py() or []) for value in array)
        column["children"] = [json_column(kind.value_field, array.flatten())]
    elif pa.types.is_struct(kind):
        column["children"] = [json_column(kind.field(i), array.field(i))
                              for i in range(kind.num_fields)]
    else:
        if pa.types.is_string(kind) or pa.types.is_binary(kind):
            sizes = (len(v.as_buffer()) if v.is_valid else 0 for v in array)
            column["OFFSET"] = offsets_of(sizes)
        column["DATA"] = json_values(array)
    return column


def write(table, path):
    """PATH (.json), and the same table as PATH with .stream."""
    schema, batches = table.schema, table.to_batches()
    columns = [[json_column(field, column) for field, column in zip(schema, batch.columns)]
               for batch in batches]
    path.write_text(json.dumps({
        "schema": {"fields": [json_field(field) for field in schema]},
        "batches": [{"count": batch.num_rows, "columns": one}
                    for batch, one in zip(batches, columns)]}))
    with pa.ipc.new_stream(path.with_suffix(".stream"), schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


def numbers(first):
    return pa.table({
        "tiny": pa.array([first, None, 3], pa.int8()),
        "wide": pa.array([2**62, None, -first], pa.int64()),
        "unsigned": pa.array([None, 2**32 - 1, first], pa.uint32()),
        "real": pa.array([0.5, None, float(first)], pa.float64()),
        "truth": pa.array([True, None, False])})


def decimals(make):
    values = [decimal.Decimal("1.25"), None, decimal.Decimal("-9999999.99")]
    return pa.table({"decimal": pa.array(values, make(9, 2))})


TABLES = {
    "numbers": pa.concat_tables([numbers(1), numbers(7)]),
    "no_batches": numbers(1).schema.empty_table(),
    "texts": pa.table({
        "text": pa.array(["", None, "\u3065"]),
        "bytes": pa.array([b"\0\xff", b"", None]),
        "nothing": pa.nulls(3)}),
    "decimal32": decimals(pa.decimal32),
    "decimal64": decimals(pa.decimal64),
    "nested": pa.table({
        "list": pa.array([[1, None], None, []], pa.list_(pa.int32())),
        "struct": pa.array([{"a": 1, "b": "x"}, {"a": None, "b": None}, {"a": 3, "b": "z"}],
                           pa.struct([("a", pa.int32()), ("b", pa.utf8())]))}),
}
