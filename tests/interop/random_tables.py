# SPDX-License-Identifier: Apache-2.0
"""Random tables of any types, nested to any depth, in batches of any layout: all from one
random.Random, so that a seed makes the same table again."""

import re

import pyarrow as pa

from tables import Celsius, numbers, texts, times

LEAVES = [(array.type, list(array))
          for array in (*numbers(), *times(), *texts())]
LEAVES_OF_VALUES = [leaf for leaf in LEAVES if leaf[0] != pa.null()]
INDEX_TYPES = (pa.int8, pa.int16, pa.int32, pa.int64, pa.uint8, pa.uint16, pa.uint32, pa.uint64)
# In paths of columns, each of these must be escaped or may not be.
NAMES = ["a", "b", "long name", "x.y", "u,v", "100%", "\u00fc", "%2E", "~"]


class Kind:
    """A type, of which it makes arrays: `build` gives exactly `rows` rows."""

    def __init__(self, chance):
        self.chance = chance

    def make(self, rows):
        """Some of them are cut from larger ones, so that they begin at an offset."""
        if self.chance.random() < 0.6:
            return self.build(rows)
        before, after = self.chance.randint(0, 9), self.chance.randint(0, 3)
        return self.build(before + rows + after).slice(before, rows)

    def mask(self, rows):
        """True where null is; None for no nulls."""
        if self.chance.random() < 0.3:
            return None
        return pa.array([self.chance.random() < 0.2 for _ in range(rows)], pa.bool_())

    def offsets(self, rows, type):
        """For lists; they begin behind 0 now and then."""
        offsets = [self.chance.choice([0, 0, 3])]
        for _ in range(rows):
            offsets.append(offsets[-1] + self.chance.choice([0, 1, 1, 2, 3]))
        return pa.array(offsets, type), offsets[-1] + self.chance.choice([0, 2])


class Leaf(Kind):
    def __init__(self, chance, nullable=True):
        super().__init__(chance)
        self.type, self.values = chance.choice(LEAVES if nullable else LEAVES_OF_VALUES)
        if not nullable:
            self.values = [value for value in self.values if value.is_valid]

    def build(self, rows):
        """Not by `take`, which views lack."""
        return pa.array(self.chance.choices(self.values, k=rows), self.type)


class List(Kind):
    def __init__(self, chance, depth):
        super().__init__(chance)
        self.item = random_kind(chance, depth - 1)
        self.is_large = chance.random() < 0.5
        make = pa.large_list if self.is_large else pa.list_
        self.type = make(pa.field(chance.choice(["item", "$data$"]), self.item.type))

    def build(self, rows):
        offsets, size = self.offsets(rows, pa.int64() if self.is_large else pa.int32())
        make = pa.LargeListArray if self.is_large else pa.ListArray
        return make.from_arrays(offsets, self.item.make(size), type=self.type,
                                mask=self.mask(rows))


class ListView(Kind):
    """Its lists lie in any order, and on one another."""

    def __init__(self, chance, depth):
        super().__init__(chance)
        self.item = random_kind(chance, depth - 1)
        self.is_large = chance.random() < 0.5
        self.type = (pa.large_list_view if self.is_large else pa.list_view)(self.item.type)

    def build(self, rows):
        size = self.chance.randint(0, 2 * rows)
        starts = [self.chance.randint(0, size) for _ in range(rows)]
        sizes = [self.chance.randint(0, min(3, size - start)) for start in starts]
        integer = pa.int64() if self.is_large else pa.int32()
        make = pa.LargeListViewArray if self.is_large else pa.ListViewArray
        return make.from_arrays(pa.array(starts, integer), pa.array(sizes, integer),
                                self.item.make(size), type=self.type, mask=self.mask(rows))


class FixedSizeList(Kind):
    def __init__(self, chance, depth):
        super().__init__(chance)
        self.item, self.size = random_kind(chance, depth - 1), chance.choice([1, 2, 3])
        self.type = pa.list_(self.item.type, self.size)

    def build(self, rows):
        return pa.FixedSizeListArray.from_arrays(self.item.make(rows * self.size), type=self.type,
                                                 mask=self.mask(rows))


class Struct(Kind):
    def __init__(self, chance, depth):
        super().__init__(chance)
        names = chance.sample(NAMES, chance.randint(0 if depth < 3 else 1, 4))
        self.kinds = [random_kind(chance, depth - 1) for _ in names]
        self.type = pa.struct([pa.field(n, k.type) for n, k in zip(names, self.kinds)])

    def build(self, rows):
        mask = self.mask(rows)
        if not self.kinds:
            nulls = [False] * rows if mask is None else mask.to_pylist()
            return pa.array([None if null else {} for null in nulls], self.type)
        return pa.StructArray.from_arrays([kind.make(rows) for kind in self.kinds],
                                          fields=list(self.type), mask=mask)


class Map(Kind):
    def __init__(self, chance, depth):
        super().__init__(chance)
        self.key, self.item = Leaf(chance, nullable=False), random_kind(chance, depth - 1)
        self.type = pa.map_(self.key.type, self.item.type)

    def build(self, rows):
        offsets, size = self.offsets(rows, pa.int32())
        return pa.MapArray.from_arrays(offsets, self.key.make(size), self.item.make(size),
                                       type=self.type, mask=self.mask(rows))


class Union(Kind):
    def __init__(self, chance, depth):
        super().__init__(chance)
        self.kinds = [random_kind(chance, depth - 1) for _ in range(chance.randint(1, 4))]
        self.codes = chance.sample(range(128), len(self.kinds))
        fields = [pa.field(f"{code}", kind.type) for code, kind in zip(self.codes, self.kinds)]
        self.is_dense = chance.random() < 0.5
        self.type = (pa.dense_union if self.is_dense else pa.sparse_union)(fields, self.codes)

    def build(self, rows):
        names = [field.name for field in self.type]
        which = self.chance.choices(range(len(self.kinds)), k=rows)
        codes = pa.array([self.codes[i] for i in which], pa.int8())
        if not self.is_dense:
            return pa.UnionArray.from_sparse(codes, [kind.make(rows) for kind in self.kinds],
                                             names, self.codes)
        used, offsets = [0] * len(self.kinds), []
        for i in which:
            offsets.append(used[i])
            used[i] += 1
        # One value more in each child: none needs to be used.
        children = [kind.make(size + 1) for kind, size in zip(self.kinds, used)]
        return pa.UnionArray.from_dense(codes, pa.array(offsets, pa.int32()), children, names,
                                        self.codes)


class RunEndEncoded(Kind):
    def __init__(self, chance, depth):
        super().__init__(chance)
        self.value = random_kind(chance, depth - 1)
        self.ends = chance.choice([pa.int16, pa.int32, pa.int64])()
        self.type = pa.run_end_encoded(self.ends, self.value.type)

    def build(self, rows):
        ends = []
        while (ends[-1] if ends else 0) < rows:
            ends.append(min(rows, (ends[-1] if ends else 0) + self.chance.randint(1, 5)))
        return pa.RunEndEncodedArray.from_arrays(pa.array(ends, self.ends),
                                                 self.value.make(len(ends)), type=self.type)


class Dictionary(Kind):
    """From array to array the dictionary stays, grows or is another one."""

    def __init__(self, chance, depth):
        super().__init__(chance)
        self.value = random_kind(chance, depth - 1, but=(Dictionary, Extension))
        self.index = chance.choice(INDEX_TYPES)()
        self.type = pa.dictionary(self.index, self.value.type, chance.random() < 0.3)
        self.values = None
        # What pyarrow concatenates, wherever it stands.
        self.can_grow = not re.search("dictionary|extension", str(self.value.type))

    def build(self, rows):
        turn = self.chance.random()
        if self.values is None or turn < 0.3:
            self.values = self.value.make(self.chance.randint(1, 9))
        elif turn < 0.7 and len(self.values) < 90 and self.can_grow:
            self.values = pa.concat_arrays([self.values, self.value.make(2)])
        index = pa.array([self.chance.choice([None, *range(len(self.values))])
                          for _ in range(rows)], self.index)
        return pa.DictionaryArray.from_arrays(index, self.values, ordered=self.type.ordered)


class Extension(Kind):
    def __init__(self, chance, depth):
        super().__init__(chance)
        self.storage = random_kind(chance, depth - 1, but=(Extension,))
        self.type = pa.opaque(self.storage.type, "random", "tests")
        if self.storage.type == pa.int32():
            self.type = Celsius(chance.randint(0, 9))

    def build(self, rows):
        return pa.ExtensionArray.from_storage(self.type, self.storage.make(rows))


NESTED = [List, ListView, FixedSizeList, Struct, Struct, Struct, Map, Union, RunEndEncoded,
          Dictionary, Dictionary, Extension]


def random_kind(chance, depth, but=()):
    """`but`: what a field of IPC can't say inside the kind that asks."""
    if depth == 0 or chance.random() < 0.35:
        return Leaf(chance)
    return chance.choice([kind for kind in NESTED if kind not in but])(chance, depth)


def random_batches(chance, depth=3):
    """A schema, and batches of it: some without rows, some cut from larger ones."""
    names = chance.sample(NAMES, chance.randint(1, 6))
    kinds = [random_kind(chance, depth) for _ in names]
    schema = pa.schema([pa.field(name, kind.type, metadata={"of": name} if name < "m" else None)
                        for name, kind in zip(names, kinds)],
                       metadata=chance.choice([None, {"who": "tests"}]))
    batches = []
    for _ in range(chance.choice([0, 1, 2, 3, 5])):
        rows = chance.choice([0, 1, 7, 8, 30, chance.randint(0, 90), chance.randint(0, 300)])
        batch = pa.record_batch([kind.make(rows) for kind in kinds], schema=schema)
        if chance.random() < 0.3:
            batch = batch.slice(chance.randint(0, rows), chance.randint(0, rows))
        batches.append(batch)
    return schema, batches
