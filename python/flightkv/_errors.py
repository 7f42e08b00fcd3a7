# SPDX-License-Identifier: Apache-2.0
"""The exceptions: one for each status that a person would tell apart, each also of the built-in
kind that Python code would catch there."""

from __future__ import annotations

import enum
from typing import Dict, Type


class Status(enum.IntEnum):
    """What went wrong, by the codes of gRPC."""

    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


class Error(Exception):
    """What all exceptions of this package are; `status` says which kind it is."""

    status: Status = Status.UNKNOWN

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return self.message  # KeyError would show it in quotes


class NotFoundError(Error, KeyError):
    """No such key."""

    status = Status.NOT_FOUND


class InvalidArgumentError(Error, ValueError):
    """A key, column, range of rows or table that can't be."""

    status = Status.INVALID_ARGUMENT


class PreconditionError(Error):
    """Not as things are: another schema to append to, a client that is closed."""

    status = Status.FAILED_PRECONDITION


class DeadlineError(Error, TimeoutError):
    """It took longer than `timeout`."""

    status = Status.DEADLINE_EXCEEDED


class CancelledError(Error):
    """The call was cancelled, by `progress` or `cancel()`."""

    status = Status.CANCELLED


class UnavailableError(Error, ConnectionError):
    """No server there, or it went away."""

    status = Status.UNAVAILABLE


class UnauthenticatedError(Error, PermissionError):
    """No user given, a wrong name or password, or a certificate that is refused."""

    status = Status.UNAUTHENTICATED


class NotPermittedError(Error, PermissionError):
    """The user may not do that."""

    status = Status.PERMISSION_DENIED


class NoRoomError(Error, MemoryError):
    """No room for the table, in the server or here; the message has the numbers."""

    status = Status.RESOURCE_EXHAUSTED


class UnimplementedError(Error, NotImplementedError):
    """The server doesn't know such a call, action or option."""

    status = Status.UNIMPLEMENTED


_CLASSES: Dict[Status, Type[Error]] = {
    error.status: error
    for error in (NotFoundError, InvalidArgumentError, PreconditionError, DeadlineError,
                  CancelledError, UnavailableError, UnauthenticatedError, NotPermittedError,
                  NoRoomError, UnimplementedError)
}


_HINTS = ( # by enum fkv_hint
    "",
    "start a server with `flightkv serve` or flightkv.Server(), or name another by its URI or "
    "FLIGHTKV_SERVER",
    "name a file with its authority's certificate by connect(..., tls_ca=)",
    "name one by connect(..., tls_cert=, tls_key=)",
    "where the server has users, log in by connect(..., user=, password=)",
)


def error_of(code: int, message: str, hint: int = 0) -> Error:
    """The exception for a status code of the library, which calls this."""
    if hint:
        message += "; " + _HINTS[hint]
    status = Status(code) if code in Status.__members__.values() else Status.UNKNOWN
    error = _CLASSES.get(status, Error)(message)
    error.status = status
    return error
