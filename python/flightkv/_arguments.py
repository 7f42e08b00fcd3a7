# SPDX-License-Identifier: Apache-2.0
"""Arguments as people write them, turned into what the library takes."""

from __future__ import annotations

import base64
import os
from typing import Any, Dict, List, Optional, Protocol, Sequence, Tuple, Union

from . import _flightkv

Key = Union[str, bytes]
Rows = Union[slice, range, str, None]
Columns = Union[str, Sequence[Union[str, Sequence[str]]], None]
Path = Union[str, "os.PathLike[str]", None]


class ArrowStreamable(Protocol):
    """A table of pyarrow, polars, pandas, DuckDB, nanoarrow ..."""

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any: ...


class ArrowArrayable(Protocol):
    """A record batch of any of these."""

    def __arrow_c_array__(self, requested_schema: Any = None) -> Any: ...


Arrow = Union[ArrowStreamable, ArrowArrayable]


def key_bytes(key: Key) -> bytes:
    if isinstance(key, str):
        return key.encode()
    if isinstance(key, (bytes, bytearray, memoryview)):
        return bytes(key)
    raise TypeError(f"a key is str or bytes, not {type(key).__name__}")


def key_of(key: bytes) -> Key:
    """As text where it is text."""
    try:
        return key.decode()
    except UnicodeDecodeError:
        return key


def key_json(key: Key) -> Dict[str, str]:
    """As the server's actions take it."""
    found = key_of(key_bytes(key))
    if isinstance(found, str):
        return {"key": found}
    return {"key_b64": base64.b64encode(found).decode()}


def rows_text(rows: Rows) -> Optional[str]:
    """slice(2, 5), range(2, 5) and "2:5" are the same rows."""
    if rows is None or isinstance(rows, str):
        return rows
    if not isinstance(rows, (slice, range)):
        raise TypeError(f"rows are a slice, a range or \"START:STOP\", not {type(rows).__name__}")
    if rows.step not in (None, 1):
        raise ValueError(f"rows come one by one: a step of {rows.step} isn't possible")
    ends = ["" if end is None else str(int(end)) for end in (rows.start, rows.stop)]
    if any(end.startswith("-") for end in ends):
        raise ValueError(f"rows are counted from the first one, not from the end: {rows}")
    return ":".join(ends)


def _escape(name: str) -> str:
    if not isinstance(name, str):
        raise TypeError(f"a column's name is str, not {type(name).__name__}")
    return name.replace("%", "%25").replace(",", "%2C").replace(".", "%2E")


def columns_text(columns: Columns) -> Optional[str]:
    """A str is a column's name, as it is; a tuple of them is the way to a field of structs."""
    if columns is None:
        return None
    if isinstance(columns, str):
        return _escape(columns)
    paths = [[path] if isinstance(path, str) else path for path in columns]
    if not paths:
        raise ValueError("no columns asked for; leave `columns` out to get all")
    return ",".join(".".join(_escape(name) for name in path) for path in paths)


def milliseconds(name: str, seconds: Optional[float]) -> int:
    """0 stands for none."""
    if seconds is None:
        return 0
    if not 0 < seconds < 1e12:
        raise ValueError(f"{name} is a number of seconds greater than 0, or None, not {seconds!r}")
    return max(1, round(seconds * 1000))


def path_text(path: Path) -> Optional[str]:
    return None if path is None else os.fspath(path)


def stream_of(table: Arrow) -> Any:
    """A capsule with an ArrowArrayStream of the table."""
    if hasattr(table, "__arrow_c_stream__"):
        return table.__arrow_c_stream__()
    if hasattr(table, "__arrow_c_array__"):
        return _flightkv.stream_of_array(*table.__arrow_c_array__())
    raise TypeError(
        "expected a table of pyarrow, polars, pandas 2.2 or newer, DuckDB or anything else with "
        f"__arrow_c_stream__ or __arrow_c_array__, not {type(table).__name__}")


def server_options(options: Dict[str, Any]) -> List[Tuple[str, Optional[str]]]:
    """memory="2GiB", insecure=True, listen=[...]: as the program's --memory 2GiB --insecure ..."""
    pairs: List[Tuple[str, Optional[str]]] = []
    for name, value in options.items():
        for one in value if isinstance(value, (list, tuple)) else [value]:
            if one is not None and one is not False:
                pairs.append((name.replace("_", "-"), None if one is True else str(one)))
    return pairs
