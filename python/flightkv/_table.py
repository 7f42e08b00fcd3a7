# SPDX-License-Identifier: Apache-2.0
"""What a get gives: a whole table in memory, or a reader that brings it batch by batch."""

from __future__ import annotations

import sys
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Any, Iterator, List, Optional, Type

from . import _flightkv, _html
from ._libraries import COLUMNS_SHOWN, ROWS_SHOWN, need, rows_of
from ._schema import Schema

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow


_NUMBERS = ("int", "uint", "float", "halffloat", "double", "decimal")


def _counted(count: int, one: str, many: str = "") -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


class Table:
    """A table in memory. Any Arrow library takes it as it is, as often as asked, without a copy;
    what these make of it lives on when table and client are gone.

    >>> cities = client.get("cities")
    >>> cities
    flightkv.Table of 3 rows in 1 batch
      name: string
      population: int64
    >>> pa.table(cities).num_rows
    3
    >>> import polars
    >>> polars.DataFrame(cities)["population"].sum()
    1289000
    """

    def __init__(self, handle: Any) -> None:
        self._handle = handle
        self._rows, self._batches = _flightkv.table_counts(handle)
        self._schema: Optional[Schema] = None

    @property
    def schema(self) -> Schema:
        if self._schema is None:
            self._schema = Schema(self._handle)
        return self._schema

    @property
    def num_rows(self) -> int:
        return self._rows

    @property
    def num_batches(self) -> int:
        """In how many batches it came: those that it was put in."""
        return self._batches

    @property
    def num_columns(self) -> int:
        return len(self.schema)

    @property
    def column_names(self) -> List[str]:
        return self.schema.names

    def __len__(self) -> int:
        return self._rows

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return _flightkv.table_stream(self._handle, sys.maxsize)

    def __arrow_c_schema__(self) -> Any:
        return _flightkv.table_schema(self._handle)

    def to_pyarrow(self) -> pyarrow.Table:
        """Without a copy. Needs pyarrow.

        >>> client.get("cities").to_pyarrow().column("name").to_pylist()
        ['Bern', 'Oslo', 'Porto']
        """
        pa = need("pyarrow", "to_pyarrow()")
        return pa.table(self)

    def to_polars(self) -> polars.DataFrame:
        """Needs polars.

        >>> client.get("cities").to_polars().filter(polars.col("population") > 300_000).height
        2
        """
        pl = need("polars", "to_polars()")
        frame: polars.DataFrame = pl.DataFrame(self)
        return frame

    def to_pandas(self, **options: Any) -> pandas.DataFrame:
        """Needs pandas and pyarrow; `options` are those of pyarrow.Table.to_pandas.

        >>> client.get("cities").to_pandas().population.max()
        np.int64(717000)
        """
        need("pandas", "to_pandas()")
        pa = need("pyarrow", "to_pandas()")
        frame: pandas.DataFrame = pa.table(self).to_pandas(**options)
        return frame

    def __repr__(self) -> str:
        lines = [f"flightkv.Table of {self._size_text()}"]
        pairs = list(self.schema)
        lines += [f"  {name}: {text}" for name, text in pairs[:COLUMNS_SHOWN]]
        if len(pairs) > COLUMNS_SHOWN:
            lines.append(f"  ... and {len(pairs) - COLUMNS_SHOWN} more columns")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        pairs = list(self.schema)[:COLUMNS_SHOWN]
        rows = rows_of(_Head(self._handle)) if pairs and self._rows > 0 else []
        note = f"{self._size_text()}, {_counted(self.num_columns, 'column')}"
        shown = [f"the first {len(rows)} rows"] if rows and len(rows) < self._rows else []
        if len(pairs) < self.num_columns:
            shown.append(f"the first {len(pairs)} columns")
        if shown:
            note += "; " + " and ".join(shown)
        if rows is None:
            note += "; install pyarrow or polars to see the first rows here"
        return _html.table([_html.heading(name, text) for name, text in pairs], rows or [],
                           f"Table: {note}", [text.startswith(_NUMBERS) for _, text in pairs])

    def _size_text(self) -> str:
        return f"{_counted(self._rows, 'row')} in {_counted(self._batches, 'batch', 'batches')}"


class _Head:
    """The first rows, for a preview."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return _flightkv.table_stream(self._handle, ROWS_SHOWN)


class Reader:
    """A table that comes batch by batch, as it is read; once. It has a connection of its own, so
    the client may be used meanwhile, and is closed at the end of `with`.

    >>> with client.reader("cities") as reader:
    ...     for batch in reader:
    ...         print(batch.num_rows)
    3
    >>> reader = client.reader("cities")
    >>> pa.RecordBatchReader.from_stream(reader).read_all().num_columns
    2
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._schema = Schema(_flightkv.reader_next(stream, 0))
        self._lock = threading.Lock()

    @property
    def schema(self) -> Schema:
        return self._schema

    def __iter__(self) -> Iterator[Table]:
        return self

    def __next__(self) -> Table:
        with self._lock:
            if self._stream is None:
                raise StopIteration
            table = Table(_flightkv.reader_next(self._stream, 1))
            if table.num_batches == 0:
                self._stream = None
                raise StopIteration
            return table

    def read_all(self) -> Table:
        """What hasn't been read yet."""
        with self._lock:
            table = Table(_flightkv.reader_next(self._open(), sys.maxsize))
            self._stream = None
            return table

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """Hands the rest of the stream over: it can't be read here any more."""
        with self._lock:
            stream = self._open()
            self._stream = None
            return stream

    def __arrow_c_schema__(self) -> Any:
        return self.schema.__arrow_c_schema__()

    def _open(self) -> Any:
        if self._stream is None:
            raise ValueError("the reader is closed, at its end or handed over")
        return self._stream

    def close(self) -> None:
        """Ends the call, also when not all was read."""
        with self._lock:
            self._stream = None

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 traceback: Optional[TracebackType]) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<flightkv.Reader{' (closed)' if self._stream is None else ''}>"
