"""The border where SQLite's errors become ours. An error in our SQL stays what it is: a bug."""

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager

from mcp_server.errors import StoreError

BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL})

_READ_ONLY = "cannot be written; make the file and its folder writable, or set RESPONSES_MCP_STORE to another file"
_DAMAGED = "is damaged or is not an SQLite database; move the file away or restore a copy of it"
_ADVICE = {
    sqlite3.SQLITE_BUSY: "is busy: another process holds its lock for too long; try again",
    sqlite3.SQLITE_LOCKED: "is busy: another process holds its lock for too long; try again",
    sqlite3.SQLITE_PROTOCOL: "is busy: another process holds its lock for too long; try again",
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_PERM: _READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: "cannot be opened; check that its folder exists and may be written by this user",
    sqlite3.SQLITE_FULL: "cannot grow because the disk is full; free some space",
    sqlite3.SQLITE_IOERR: "cannot be read or written because the disk reports an error; check the disk",
    sqlite3.SQLITE_NOMEM: "cannot be used because memory is exhausted; free some memory and try again",
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
}


def is_busy(error: sqlite3.Error) -> bool:
    """True when another connection's lock was in the way."""
    return _code(error) in BUSY


def translate(error: BaseException, path: str) -> BaseException:
    """The ``StoreError`` for what the database or its disk did; every other error as it is."""
    advice = _ADVICE.get(_code(error)) if isinstance(error, sqlite3.Error) else None
    if advice is None:
        return error
    failure = StoreError(f"The store {path} {advice}.", retryable=_code(error) in BUSY)
    failure.__cause__ = error
    return failure


@contextmanager
def translated(path: str) -> Generator[None]:
    """Raise what the database did in here as a ``StoreError``."""
    try:
        yield
    except sqlite3.Error as error:
        raise translate(error, path) from error.__cause__


def _code(error: BaseException) -> int:
    """The primary result code; errors that Python's module raises by itself have none."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
