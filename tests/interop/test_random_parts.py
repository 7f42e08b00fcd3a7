# SPDX-License-Identifier: Apache-2.0
"""Any columns and rows of any table are what pyarrow's own select and slice make of the whole:
through TCP with the stock client, and through part_cat's in-memory transport, which cuts reads and
writes down to single bytes.

    FLIGHTKV_SEEDS=1000:5000 pytest tests/interop/test_random_parts.py     seeds 1000 to 4999
"""

import io
import os
import random
import subprocess
from urllib.parse import quote

import pyarrow as pa
import pyarrow.flight as fl
import pytest

from random_tables import random_batches
from server_process import CALL_TIMEOUT_S, PROGRAM, ROOT, call_options
from transfer import command

PART_CAT = (ROOT / PROGRAM).parent / "part_cat"
SEEDS = range(*map(int, os.environ.get("FLIGHTKV_SEEDS", "0:80").split(":")))
PARTS = 4


# ---- what is asked for ----

def paths_of(type, name, chance):
    """Paths that lead to the field or into it."""
    yield (name,)
    if pa.types.is_struct(type):
        for child in type:
            for path in paths_of(child.type, child.name, chance):
                yield (name, *path)


def escaped(name, chance):
    """As names stand in flightkv-columns; what needn't be escaped is, now and then."""
    if chance.random() < 0.2:
        return "".join(f"%{byte:02X}" for byte in name.encode())
    return quote(name, safe=" ~").replace(".", "%2E")


def as_tree(paths):
    """Fields by name, in the order in which they are first asked for; None: all of the field."""
    tree = {}
    for path in paths:
        node = tree
        for i, name in enumerate(path):
            if name in node and node[name] is None:
                break
            if i == len(path) - 1:
                node[name] = None
            else:
                node = node.setdefault(name, {})
    return tree


def pick_field(field, tree):
    if tree is None:
        return field
    return field.with_type(pa.struct([pick_field(field.type.field(name), inner)
                                      for name, inner in tree.items()]))


def pick_array(array, field, tree):
    """The fields that `tree` asks for, in their structs, with the nulls of these."""
    if tree is None:
        return array
    children = [pick_array(array.field(name), field.type.field(i), inner)
                for i, (name, inner) in enumerate(tree.items())]
    return pa.StructArray.from_arrays(children, fields=list(field.type), mask=array.is_null())


def pick(table, tree):
    schema = pa.schema([pick_field(table.schema.field(name), inner)
                        for name, inner in tree.items()], metadata=table.schema.metadata)
    columns = [pa.chunked_array([pick_array(chunk, field, tree[field.name])
                                 for chunk in table[field.name].chunks], field.type)
               for field in schema]
    return pa.table(columns, schema=schema)


class Part:
    """Columns, rows and message size asked for, each or none."""

    def __init__(self, schema, rows, chance):
        paths = [path for field in schema for path in paths_of(field.type, field.name, chance)]
        self.tree = self.columns = self.rows = self.max_bytes = None
        if chance.random() < 0.7:
            asked = chance.sample(paths, chance.randint(1, min(4, len(paths))))
            self.tree = as_tree(asked)
            self.columns = ",".join(".".join(escaped(name, chance) for name in path)
                                    for path in asked)
        if chance.random() < 0.7:
            ends = sorted(chance.choices(range(rows + 2), k=2))
            self.rows = tuple(chance.choice([end, end, end, None]) for end in ends)
        if chance.random() < 0.4:
            self.max_bytes = chance.choice([1500, 2500, 5000, 20000])

    def rows_text(self):
        return ":".join("" if end is None else str(end) for end in self.rows)

    def of(self, whole):
        table = whole if self.tree is None else pick(whole, self.tree)
        if self.rows is None:
            return table
        first, last = self.rows[0] or 0, self.rows[1]
        return table.slice(first) if last is None else table.slice(first, last - first)

    def headers(self):
        asked = {"columns": self.columns, "rows": self.rows and self.rows_text(),
                 "max-message-bytes": self.max_bytes}
        return [(f"flightkv-{name}".encode(), str(value).encode())
                for name, value in asked.items() if value is not None]

    def arguments(self):
        return [self.columns or "-", self.rows_text() if self.rows else "-",
                str(self.max_bytes or "-")]


def is_too_small(message):
    """A refusal that is in order: a row, or the schema, doesn't fit a message of that size."""
    return "flightkv-max-message-bytes" in message


def write_options(schema, chance):
    options = {"compression": chance.choice([None, None, "lz4", "zstd"]),
               "emit_dictionary_deltas": chance.random() < 0.5}
    # pyarrow writes neither unions nor compressed batches in V4, such that it can read them.
    if options["compression"] is None and "union" not in str(schema) and chance.random() < 0.3:
        options["metadata_version"] = pa.ipc.MetadataVersion.V4
    return pa.ipc.IpcWriteOptions(**options)


class Case:
    """All of a seed: a table, how it is written, and the parts asked for."""

    def __init__(self, seed):
        chance = random.Random(seed)
        self.schema, self.batches = random_batches(chance)
        self.options = write_options(self.schema, chance)
        stream = io.BytesIO()
        with pa.ipc.new_stream(stream, self.schema, options=self.options) as writer:
            for batch in self.batches:
                writer.write_batch(batch)
        self.stream = stream.getvalue()
        self.whole = pa.ipc.open_stream(self.stream).read_all()
        self.whole.validate(full=True)
        self.parts = [Part(self.schema, self.whole.num_rows, chance) for _ in range(PARTS)]
        self.shape = chance.choice([(1, 0, 0), (0, 1, 0), (1, 1, 0), (5, 3, 17)])


@pytest.fixture
def case(request):
    print("seed", request.param)
    return Case(request.param)


every_seed = pytest.mark.parametrize("case", SEEDS, indirect=True)


# ---- what comes ----

def assert_same(got, expected):
    got.validate(full=True)
    assert got.schema.equals(expected.schema, check_metadata=True)
    assert got.num_rows == expected.num_rows
    for name, ours, theirs in zip(got.column_names, got.columns, expected.columns):
        assert ours.to_pylist() == theirs.to_pylist(), name


@every_seed
def test_through_tcp(client, case):
    writer, _ = client.do_put(command("random"), case.schema,
                              call_options(write_options=case.options))
    with writer:
        for batch in case.batches:
            writer.write_batch(batch)
    assert_same(client.do_get(fl.Ticket("random"), call_options()).read_all(), case.whole)
    for part in case.parts:
        try:
            options = call_options(headers=part.headers())
            got = client.do_get(fl.Ticket("random"), options).read_all()
        except pa.ArrowCapacityError as error:
            assert part.max_bytes and is_too_small(str(error))
            continue
        assert_same(got, part.of(case.whole))


@every_seed
def test_through_memory_byte_by_byte(case):
    arguments = [argument for part in case.parts for argument in part.arguments()]
    done = subprocess.run([PART_CAT, *map(str, case.shape), *arguments], input=case.stream,
                          capture_output=True, timeout=CALL_TIMEOUT_S)
    assert done.returncode == 0 and not done.stderr, done.stderr.decode()
    out = io.BytesIO(done.stdout)
    for part in case.parts:
        line = out.readline().decode().strip()
        if line.isdigit():
            got = pa.ipc.open_stream(out.read(int(line))).read_all()
            assert_same(got, part.of(case.whole))
        else:
            assert part.max_bytes and is_too_small(line), line
    assert not out.read()
