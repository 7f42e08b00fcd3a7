#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes this folder's streams with pyarrow.

every_type.stream   every column of tests/interop/test_ipc_roundtrip.py, and a dictionary of each
                    type whose values grow by a delta
replaced.stream     dictionaries that grow and are then replaced, a nested one among them
"""

import sys
from pathlib import Path

import pyarrow as pa

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "interop"))

import test_ipc_roundtrip as source  # noqa: E402

ROWS = 6


def grown(values, size):
    indices = pa.array([0, None, size - 1, 1, 2, 0], pa.int8())
    return pa.DictionaryArray.from_arrays(indices, values.slice(0, size))


def batch(index, start):
    columns = {name: column.slice(start, ROWS) for name, column in source.COLUMNS.items()}
    for name, column in source.COLUMNS.items():
        if name in source.PLAIN and "nulls" not in name:
            size = (3, 7, 4)[index]
            columns[f"grows_{name}"] = grown(column.slice(10) if index == 2 else column, size)
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def write(name, batches):
    schema = batches[0].schema.with_metadata({"table": name})
    options = pa.ipc.IpcWriteOptions(emit_dictionary_deltas=True)
    with pa.ipc.new_stream(str(HERE / name), schema, options=options) as writer:
        for each in batches:
            writer.write_batch(each.replace_schema_metadata(schema.metadata))
    print(name, writer.stats)


every = [batch(index, start) for index, start in enumerate((0, 13, 40))]
write("every_type.stream", every[:2])
write("replaced.stream", [each.select(["grows_string", "grows_list_text", "grows_string_view",
                                       "grows_struct", "dictionary_nested"]) for each in every])
