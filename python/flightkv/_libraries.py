# SPDX-License-Identifier: Apache-2.0
"""The libraries that a table can be handed to, where they are installed."""

from __future__ import annotations

import importlib
from typing import Any, List, Optional

ROWS_SHOWN = 5
COLUMNS_SHOWN = 20


def need(name: str, who: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(f"{who} needs {name}: pip install {name}", name=name) from error


def rows_of(stream: Any) -> Optional[List[List[Any]]]:
    """The values of a short table, row by row, by whichever library is there; None if none is."""
    try:
        pa = importlib.import_module("pyarrow")
        table = pa.RecordBatchReader.from_stream(stream).read_all()
        columns = [column.to_pylist() for column in table.columns[:COLUMNS_SHOWN]]
    except Exception:
        try:
            pl = importlib.import_module("polars")
            columns = [column.to_list() for column in pl.DataFrame(stream).get_columns()]
        except Exception:
            return None
    return [list(row) for row in zip(*columns)]
