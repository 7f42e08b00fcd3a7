# SPDX-License-Identifier: Apache-2.0
"""A server inside this process, for notebooks and tests."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Dict, List, Optional, Sequence, Type, Union

from . import _flightkv
from ._arguments import server_options
from ._client import Client, connect


class Server:
    """Serves as `flightkv serve` does, in threads of its own, until `stop()` or the end of `with`.

    Options are the program's, with `_` for `-`: memory="2GiB", workers=1, auth_file=path,
    insecure=True; `Server.options()` lists them. Without `listen` it takes a free port of this
    machine, and it logs from warnings on.

    >>> with flightkv.Server(memory="64MiB") as server:
    ...     with server.connect() as client:
    ...         client["numbers"] = pa.table({"n": [1, 2, 3]})
    ...         client["numbers"].num_rows
    3
    """

    def __init__(self, listen: Union[str, Sequence[str]] = "grpc+tcp://localhost:0",
                 **options: Any) -> None:
        options.setdefault("log_level", "warn")
        self._handle = _flightkv.server_start(server_options({"listen": listen, **options}))
        self._uris: List[str] = _flightkv.server_uris(self._handle)
        self._is_stopped = False

    @property
    def uri(self) -> str:
        """The first address that it listens on, with its real port."""
        return self._uris[0]

    @property
    def uris(self) -> List[str]:
        return list(self._uris)

    def connect(self, **options: Any) -> Client:
        """A client of this server; `options` are those of `flightkv.connect`."""
        return connect(self.uri, **options)

    def stop(self) -> None:
        """Ends calls in flight, then the server; its tables are gone."""
        self._is_stopped = True
        _flightkv.server_stop(self._handle)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 traceback: Optional[TracebackType]) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<flightkv.Server {self.uri}{' (stopped)' if self._is_stopped else ''}>"

    @staticmethod
    def options() -> Dict[str, str]:
        """What may be given by keyword, and what it does.

        >>> flightkv.Server.options()["connections"]
        'Refuse connections beyond N (default: 10000)'
        """
        texts = {}
        for name, argument, default, text, _ in _flightkv.server_options():
            words = f": {argument}" if argument and "|" in argument else ""
            shown = f" (default: {default})" if argument and default else ""
            texts[name.replace("-", "_")] = f"{text}{words}{shown}"
        return texts
