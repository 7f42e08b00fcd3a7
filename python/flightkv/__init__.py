# SPDX-License-Identifier: Apache-2.0
"""flightkv: a key-value cache of Arrow tables.

    >>> with flightkv.connect(server.uri) as client:
    ...     client["cities"] = pa.table({"name": ["Bern", "Oslo"], "people": [134_000, 717_000]})
    ...     client.get("cities", columns=["name"]).to_pyarrow().to_pydict()
    {'name': ['Bern', 'Oslo']}

`connect` makes a client, `Server` a server inside this process. Tables go in from any library that
speaks the Arrow PyCapsule interface, and come out as a Table, which any such library takes.
"""

from . import _flightkv
from ._client import Client, Info, Progress, connect
from ._errors import (CancelledError, DeadlineError, Error, InvalidArgumentError, NoRoomError,
                      NotFoundError, NotPermittedError, PreconditionError, Status,
                      UnauthenticatedError, UnavailableError, UnimplementedError)
from ._schema import Schema
from ._server import Server
from ._table import Reader, Table

__version__ = _flightkv.version

__all__ = [
    "CancelledError", "Client", "DeadlineError", "Error", "Info", "InvalidArgumentError",
    "NoRoomError", "NotFoundError", "NotPermittedError", "PreconditionError", "Progress", "Reader",
    "Schema", "Server", "Status", "Table", "UnauthenticatedError", "UnavailableError",
    "UnimplementedError", "connect",
]

for _name in __all__: # as users know them, in messages and help
    if isinstance(globals()[_name], type):
        globals()[_name].__module__ = __name__
del _name
