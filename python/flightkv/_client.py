# SPDX-License-Identifier: Apache-2.0
"""The client: calls on a server, and the manners of a dict."""

from __future__ import annotations

import json
import os
import sys
import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import (Any, Callable, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional,
                    Tuple, Type, Union)

from . import _flightkv, _html
from ._arguments import (Arrow, Columns, Key, Path, Rows, columns_text, key_bytes, key_json, key_of,
                         milliseconds, path_text, rows_text, stream_of)
from ._errors import Error, PreconditionError, error_of
from ._schema import Schema
from ._table import Reader, Table

KEYS_SHOWN = 20


class Progress(NamedTuple):
    """How far a put is."""

    rows: int
    batches: int
    bytes: int


@dataclass(frozen=True)
class Info:
    """A table as the server lists it: `bytes` are those of its batches."""

    key: Key
    rows: int
    bytes: int
    schema: Schema = field(repr=False)


_TRANSPORTS = ("auto", "shm", "unix", "tcp") # by enum fkv_transport


def _info_of(found: Tuple[bytes, int, int, Any]) -> Info:
    key, rows, size, schema = found
    return Info(key_of(key), rows, size, Schema(schema))


def _open(options: Tuple[Any, ...]) -> Any:
    """Ctrl-C ends the waiting at once, though connecting may go on in a thread of its own."""
    if threading.current_thread() is not threading.main_thread():
        return _flightkv.client_open(*options)
    outcome: List[Any] = []

    def connect() -> None:
        try:
            outcome.append(_flightkv.client_open(*options))
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=connect, name="flightkv.connect", daemon=True)
    thread.start()
    thread.join()
    if isinstance(outcome[0], BaseException):
        raise outcome[0].with_traceback(None)
    return outcome[0]


class Client:
    """A connection to a server; `connect` makes one.

    It does one call at a time: a second thread waits for the first one's call. Threads that are to
    go on at once have a client each. After a fork, the child makes its own.
    """

    def __init__(self, uri: Optional[str], options: Tuple[Any, ...]) -> None:
        self._uri = uri or os.environ.get("FLIGHTKV_SERVER") or _flightkv.DEFAULT_URI
        self._options = (uri, *options)
        self._pid = os.getpid()
        self._lock = threading.RLock()
        self._is_closed = False
        self._handle = _open((*self._options, None))

    @property
    def uri(self) -> str:
        return self._uri

    @property
    def transport(self) -> str:
        """How the last table came, "shm", "unix" or "tcp". If not by shared memory although that
        was tried, the reason stands behind it: "tcp; not shm: ..."."""
        way, why = self._call(_flightkv.client_transport)
        return _TRANSPORTS[way] + (f"; not shm: {why}" if why else "")

    def _call(self, function: Callable[..., Any], *args: Any) -> Any:
        if self._pid != os.getpid(): # before the lock, which nobody here would ever give back
            raise PreconditionError("this client was made before fork(): connect in this process")
        with self._lock:
            return function(self._handle, *args)

    # ---- tables ----

    def put(self, key: Key, table: Arrow, *, append: bool = False,
            progress: Optional[Callable[[Progress], Optional[bool]]] = None,
            timeout: Optional[float] = None) -> Progress:
        """Stores the table under the key, in place of what was there: whole, or not at all.

        `table` is whatever Arrow can be read from: a table of pyarrow, polars, pandas, DuckDB,
        nanoarrow, or what `get` gave. Its buffers are sent from where they are.
        `append` puts it behind what is there, if anything is; the schemas must mean the same.
        `progress` is called after each batch, and may answer False to cancel.
        `timeout` in seconds is in place of the client's.

        >>> import polars
        >>> client.put("prices", polars.DataFrame({"day": [1, 2], "price": [9.5, 9.75]}))
        Progress(rows=2, batches=1, bytes=128)
        >>> client.put("prices", polars.DataFrame({"day": [3], "price": [9.25]}), append=True).rows
        1
        >>> client.get("prices").to_polars()["price"].to_list()
        [9.5, 9.75, 9.25]
        """
        name = key_bytes(key)
        timeout_ms = milliseconds("timeout", timeout)
        told = None
        if progress is not None:
            tell = progress

            def told(rows: int, batches: int, size: int) -> Optional[bool]:
                return tell(Progress(rows, batches, size))

        return Progress(*self._call(_flightkv.put, name, stream_of(table), append, timeout_ms,
                                    told))

    def get(self, key: Key, *, columns: Columns = None, rows: Rows = None, streams: int = 1,
            check: bool = False, timeout: Optional[float] = None) -> Table:
        """The table under the key, or the part of it that is asked for; KeyError if there is none.

        `columns` are names, in the order wanted; a tuple of names is the way to a field of structs.
        `rows` are a slice, a range or "START:STOP", and are cut to what is there.
        `streams` connections are used at once.
        `check` looks at every value on arrival, so that whoever put the table can't make a library
        here read outside its buffers.

        >>> part = client.get("cities", columns=["population"], rows=slice(1, None))
        >>> part.to_pyarrow().to_pydict()
        {'population': [717000, 438000]}
        >>> client.get("towns")
        Traceback (most recent call last):
            ...
        flightkv.NotFoundError: no table under key 'towns'
        """
        return Table(self._call(_flightkv.get, *_get_arguments(
            key, columns, rows, streams, check, timeout)))

    def reader(self, key: Key, *, columns: Columns = None, rows: Rows = None, streams: int = 1,
               check: bool = False, timeout: Optional[float] = None) -> Reader:
        """As `get`, but batch by batch: for what doesn't fit into memory, or goes elsewhere. It has
        a connection of its own, which waits for the next reader when it is done.

        >>> with client.reader("cities", columns="name") as reader:
        ...     print(sum(len(batch) for batch in reader))
        3
        """
        arguments = _get_arguments(key, columns, rows, streams, check, timeout)
        own = _flightkv.client_idle(self._handle) or _open((*self._options, self._handle))
        return Reader(_flightkv.reader(own, *arguments))

    def get_many(self, keys: Iterable[Key], *, columns: Columns = None, rows: Rows = None,
                 check: bool = False, depth: int = 16,
                 timeout: Optional[float] = None) -> Dict[Key, Table]:
        """The tables under these keys, as far as they are there, several at a time: for many small
        ones, which come several times as fast so.

        At most `depth` of them, up to 256, are on their way at once; `timeout` is that of each.
        The other arguments are those of `get`. What fails for another reason than that there is no
        such key, is raised.

        >>> client.put_many({"one": client["cities"], "two": client["cities"]})["two"].rows
        3
        >>> list(client.get_many(["one", "two", "three"]))
        ['one', 'two']
        >>> del client["one"], client["two"]
        """
        asked = list(dict.fromkeys(keys))
        found, failure = self._call(
            _flightkv.get_many, [key_bytes(key) for key in asked], columns_text(columns),
            rows_text(rows), check, milliseconds("timeout", timeout), _depth_of(depth))
        if failure is not None:
            raise _error_of_many(asked, failure)
        return {key: Table(table) for key, table in zip(asked, found) if table is not None}

    def put_many(self, tables: Union[Mapping[Key, Arrow], Iterable[Tuple[Key, Arrow]]], *,
                 append: bool = False, depth: int = 16,
                 timeout: Optional[float] = None) -> Dict[Key, Progress]:
        """Stores each table under its key, several at a time, as `put`; `tables` are a dict or
        pairs, which may be made while others are put, though not by this client.

        The first failure is raised, and ends it: its message begins with the key; each of the
        others is there whole, or not at all. A key that comes twice is a ValueError, since the
        puts don't wait for one another.

        >>> tables = ((f"day {i}", pa.table({"price": [9.5 + i]})) for i in range(2))
        >>> client.put_many(tables)["day 1"]
        Progress(rows=1, batches=1, bytes=64)
        >>> del client["day 0"], client["day 1"]
        """
        asked: Dict[bytes, Key] = {}

        def begin() -> Iterator[Tuple[bytes, Any]]:
            for key, table in tables.items() if isinstance(tables, Mapping) else tables:
                name = key_bytes(key)
                if name in asked:
                    raise ValueError(f"the key {key!r} comes twice, and neither put waits for the "
                                     "other")
                asked[name] = key
                yield name, stream_of(table)

        sent, failure = self._call(_flightkv.put_many, begin(), append,
                                   milliseconds("timeout", timeout), _depth_of(depth))
        if failure is not None:
            raise _error_of_many(list(asked.values()), failure)
        return {key: Progress(*progress) for key, progress in zip(asked.values(), sent)}

    def info(self, key: Key) -> Info:
        """Rows, bytes and schema of a table, without its data; KeyError if there is none.

        >>> client.info("cities")
        Info(key='cities', rows=3, bytes=192)
        >>> client.info("cities").schema.names
        ['name', 'population']
        """
        return _info_of(self._call(_flightkv.client_info, key_bytes(key)))

    def list(self, pattern: Key = "") -> List[Info]:
        """The tables whose keys fit the glob (`*`, `?`, `[a-z]`), sorted by key; all without one.

        >>> [info.key for info in client.list("cit*")]
        ['cities']
        """
        found = self._call(_flightkv.client_list, key_bytes(pattern), sys.maxsize)
        return [_info_of(one) for one in sorted(found, key=lambda one: one[0])]

    def keys(self, pattern: Key = "") -> List[Key]:
        """The keys alone, as `list`.

        >>> client.keys()
        ['cities']
        """
        found = self._call(_flightkv.client_list, key_bytes(pattern), sys.maxsize)
        return [key_of(key) for key in sorted(one[0] for one in found)]

    def delete(self, key: Key) -> None:
        """Removes a table; KeyError if there is none. Who is reading it reads on.

        >>> client["gone"] = client["cities"]
        >>> client.delete("gone")
        >>> client.exists("gone")
        False
        """
        self._call(_flightkv.client_delete, key_bytes(key))

    def exists(self, key: Key) -> bool:
        """
        >>> client.exists("cities")
        True
        """
        return bool(self._ask("flightkv.exists", key_json(key))["exists"])

    # ---- the server ----

    def stats(self) -> Dict[str, Any]:
        """The server's figures.

        >>> client.stats()["keys"]
        1
        """
        return self._ask("flightkv.stats")

    def action(self, name: str, body: Union[str, bytes, Dict[str, Any]] = b"") -> List[bytes]:
        """Any action of the server (docs/PROTOCOL.md); a dict goes as JSON.

        >>> client.action("flightkv.exists", {"key": "cities"})
        [b'{"key":"cities","exists":true}']
        """
        if isinstance(body, dict):
            body = json.dumps(body)
        given = body.encode() if isinstance(body, str) else bytes(body)
        results: List[bytes] = self._call(_flightkv.client_action, name, given)
        return results

    def _ask(self, name: str, body: Union[str, Dict[str, Any]] = "") -> Dict[str, Any]:
        answer: Dict[str, Any] = json.loads(self.action(name, body)[0])
        return answer

    def cancel(self) -> None:
        """Ends the call that another thread is in with this client, by CancelledError there."""
        _flightkv.client_cancel(self._handle)

    def close(self) -> None:
        """No more calls; tables that came stay. `with` does it."""
        self._is_closed = True
        if self._pid == os.getpid():
            with self._lock:
                _flightkv.client_close(self._handle)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 traceback: Optional[TracebackType]) -> None:
        self.close()

    # ---- as a dict ----

    def __getitem__(self, key: Key) -> Table:
        """
        >>> client["cities"].num_rows
        3
        """
        return self.get(key)

    def __setitem__(self, key: Key, table: Arrow) -> None:
        self.put(key, table)

    def __delitem__(self, key: Key) -> None:
        self.delete(key)

    def __contains__(self, key: object) -> bool:
        """
        >>> "cities" in client, "towns" in client
        (True, False)
        """
        return isinstance(key, (str, bytes)) and self.exists(key)

    def __iter__(self) -> Iterator[Key]:
        return iter(self.keys())

    def __len__(self) -> int:
        """
        >>> len(client)
        1
        """
        return int(self.stats()["keys"])

    def __bool__(self) -> bool:
        return True # also when nothing is stored: it is a connection

    # ---- to look at ----

    def __repr__(self) -> str:
        """Asks the server nothing.

        >>> client
        <flightkv.Client grpc+tcp://localhost:...>
        """
        return f"<flightkv.Client {self._uri}{' (closed)' if self._is_closed else ''}>"

    def _repr_html_(self) -> str:
        try:
            count = len(self)
            found = self._call(_flightkv.client_list, b"", KEYS_SHOWN)
        except Exception as error:
            return _html.table([], [], f"{self!r}: {error}")
        rows = [[info.key, f"{info.rows:,}", len(info.schema), f"{info.bytes:,}"]
                for info in map(_info_of, sorted(found, key=lambda one: one[0]))]
        more = f", {len(rows)} of them here" if len(rows) < count else ""
        tables = "table" if count == 1 else "tables"
        return _html.table(["key", "rows", "columns", "bytes"] if rows else [], rows,
                           f"flightkv server {self._uri}: {count:,} {tables}{more}",
                           [False, True, True, True])


def _get_arguments(key: Key, columns: Columns, rows: Rows, streams: int, check: bool,
                   timeout: Optional[float]) -> Tuple[Any, ...]:
    if streams < 1:
        raise ValueError(f"streams is a number of connections, at least 1, not {streams}")
    return (key_bytes(key), columns_text(columns), rows_text(rows), streams, 0, check,
            milliseconds("timeout", timeout))


def _depth_of(depth: int) -> int:
    if not 1 <= depth <= 256:
        raise ValueError(f"depth is a number of calls at a time, from 1 to 256, not {depth}")
    return depth


def _error_of_many(keys: List[Key], failure: Tuple[int, int, str, int]) -> Error:
    index, status, message, hint = failure
    return error_of(status, f"{keys[index]!r}: {message}", hint)


def _transport_of(name: str) -> int:
    if name not in _TRANSPORTS:
        raise ValueError(f"transport is one of {', '.join(_TRANSPORTS)}, not {name!r}")
    return _TRANSPORTS.index(name)


def connect(uri: Optional[str] = None, *, user: Optional[str] = None,
            password: Optional[str] = None, timeout: Optional[float] = None,
            connect_timeout: Optional[float] = None, tls_ca: Path = None, tls_cert: Path = None,
            tls_key: Path = None, tls_insecure: bool = False, transport: str = "auto") -> Client:
    """A client of the server at `uri`: grpc+tcp://HOST:PORT, grpc+tls://HOST:PORT or
    grpc+unix:///PATH. Without one, that of the environment's FLIGHTKV_SERVER, else
    grpc+tcp://localhost:6666.

    `timeout` is how many seconds a call may take (None: any), `connect_timeout` how many connecting
    may take (None: 10). `user` and `password` log in, where the server has users.
    For grpc+tls, `tls_ca` is the file (PEM) of who may have signed the server's certificate (None:
    the system's), `tls_cert` and `tls_key` are the client's own, and `tls_insecure` doesn't check
    who the server is.
    `transport` says how tables come: "shm" maps them from the memory of a server on this host,
    which moves no byte; "unix" and "tcp" are the connection of such a `uri`; "auto" is "shm" where
    that can be.

    >>> with flightkv.connect(server.uri) as client:
    ...     client["greeting"] = pa.table({"text": ["hello"]})
    ...     client["greeting"].to_pyarrow()["text"][0].as_py()
    'hello'
    """
    return Client(uri, (milliseconds("connect_timeout", connect_timeout),
                        milliseconds("timeout", timeout), path_text(tls_ca), path_text(tls_cert),
                        path_text(tls_key), tls_insecure, user, password,
                        _transport_of(transport)))
