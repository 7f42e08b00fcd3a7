# SPDX-License-Identifier: Apache-2.0
"""Schemas, and their types as text, without any Arrow library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterator, List, Tuple

from . import _flightkv

if TYPE_CHECKING:
    import pyarrow

_SIMPLE = {
    "n": "null", "b": "bool", "c": "int8", "C": "uint8", "s": "int16", "S": "uint16",
    "i": "int32", "I": "uint32", "l": "int64", "L": "uint64", "e": "halffloat", "f": "float",
    "g": "double", "z": "binary", "Z": "large_binary", "vz": "binary_view", "u": "string",
    "U": "large_string", "vu": "string_view", "tdD": "date32[day]", "tdm": "date64[ms]",
    "tts": "time32[s]", "ttm": "time32[ms]", "ttu": "time64[us]", "ttn": "time64[ns]",
    "tDs": "duration[s]", "tDm": "duration[ms]", "tDu": "duration[us]", "tDn": "duration[ns]",
    "tiM": "month_interval", "tiD": "day_time_interval", "tin": "month_day_nano_interval",
}
_NESTED = {"+s": "struct", "+l": "list", "+L": "large_list", "+vl": "list_view",
           "+vL": "large_list_view", "+r": "run_end_encoded"}
_UNITS = {"s": "s", "m": "ms", "u": "us", "n": "ns"}
_IS_ORDERED, _IS_NULLABLE, _HAS_SORTED_KEYS = 1, 2, 4 # flags of ArrowSchema

# As the extension describes one: (name, format, flags, children, dictionary).
_Field = Tuple[str, str, int, Tuple[Any, ...], Any]


def _decimal_text(form: str) -> str:
    parts = form.split(",")
    return f"decimal{parts[2] if len(parts) > 2 else 128}({parts[0]}, {parts[1]})"


def _map_text(field: _Field) -> str:
    key, value = field[3][0][3]
    ending = ", keys_sorted" if field[2] & _HAS_SORTED_KEYS else ""
    return f"map<{_type_text(key)}, {_type_text(value)}{ending}>"


def _union_text(form: str, children: List[str]) -> str:
    codes = form[4:].split(",")
    kind = "dense_union" if form[2] == "d" else "sparse_union"
    return f"{kind}<{', '.join(f'{text}={code}' for text, code in zip(children, codes))}>"


def _nested_text(field: _Field) -> str:
    form = field[1]
    required = "" if form == "+r" else " not null"
    children = [f"{child[0]}: {_type_text(child)}{'' if child[2] & _IS_NULLABLE else required}"
                for child in field[3]]
    if form == "+m":
        return _map_text(field)
    if form.startswith("+u"):
        return _union_text(form, children)
    if form.startswith("+w:"):
        return f"fixed_size_list<{children[0]}>[{form[3:]}]"
    return f"{_NESTED.get(form, form)}<{', '.join(children)}>"


def _type_text(field: _Field) -> str:
    """In pyarrow's spelling, but for extension types, which are shown as their storage."""
    _, form, flags, _, dictionary = field
    if dictionary is not None:
        return (f"dictionary<values={_type_text(dictionary)}, indices={_SIMPLE.get(form, form)}, "
                f"ordered={flags & _IS_ORDERED}>")
    if form in _SIMPLE:
        return _SIMPLE[form]
    if form.startswith("w:"):
        return f"fixed_size_binary[{form[2:]}]"
    if form.startswith("d:"):
        return _decimal_text(form[2:])
    if form.startswith("ts"):
        zone = form.split(":", 1)[1]
        return f"timestamp[{_UNITS[form[2]]}{', tz=' + zone if zone else ''}]"
    return _nested_text(field)


class Schema:
    """The names and types of a table's columns.

    >>> schema = client.get("cities").schema
    >>> schema
    flightkv.Schema
      name: string
      population: int64
    >>> schema.names
    ['name', 'population']
    >>> schema.to_pyarrow().field("name").type
    DataType(string)
    """

    def __init__(self, handle: Any) -> None:
        self._handle = handle
        self._fields: Tuple[_Field, ...] = _flightkv.table_fields(handle)[3]

    @property
    def names(self) -> List[str]:
        """The columns' names, in order."""
        return [field[0] for field in self._fields]

    @property
    def types(self) -> List[str]:
        """The columns' types, as text."""
        return [_type_text(field) for field in self._fields]

    def __len__(self) -> int:
        return len(self._fields)

    def __iter__(self) -> Iterator[Tuple[str, str]]:
        """Pairs of name and type."""
        return iter(list(zip(self.names, self.types)))

    def __repr__(self) -> str:
        return "\n".join(["flightkv.Schema", *(f"  {name}: {text}" for name, text in self)])

    def __arrow_c_schema__(self) -> Any:
        return _flightkv.table_schema(self._handle)

    def to_pyarrow(self) -> pyarrow.Schema:
        """Needs pyarrow."""
        from ._libraries import need
        pa = need("pyarrow", "to_pyarrow()")
        return pa.schema(self)
