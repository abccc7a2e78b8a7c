"""Opens connections to one database file, all alike: WAL, a synced commit, and patience with other processes."""

import os
import sqlite3
import time
from contextlib import ExitStack
from pathlib import Path

from mcp_server.errors import StoreError
from mcp_server.store.migrate import migrate
from mcp_server.store.sqlite.failures import is_busy, translated

BUSY_SECONDS = 10.0
READERS = 2
OLDEST = (3, 35, 0)
FTS5 = "SELECT 1 FROM pragma_module_list WHERE name = 'fts5'"
# fullfsync matters on macOS alone, where a plain fsync stops at the drive's own cache.
PRAGMAS = ("synchronous = FULL", "fullfsync = ON", "checkpoint_fullfsync = ON", "foreign_keys = ON")


def open_connections(path: Path) -> tuple[sqlite3.Connection, list[sqlite3.Connection], list[str]]:
    """Create and migrate the file if need be; return a connection to write, some to read, and the files applied.

    Raises:
        StoreError: the folder cannot be written, the file is damaged, busy or newer, or SQLite is too old.
    """
    _create(path)
    with ExitStack() as opened, translated(str(path)):
        writer = _connect(path, opened)
        _require_library(writer)
        _use_wal(writer)
        applied = migrate(writer, str(path))
        readers = [_connect(path, opened) for _ in range(READERS)]
        opened.pop_all()
    return writer, readers, applied


def _connect(path: Path, opened: ExitStack) -> sqlite3.Connection:
    """One connection in autocommit mode whose rows are read by name; for use by one thread at a time."""
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    opened.callback(connection.close)
    connection.row_factory = sqlite3.Row
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _create(path: Path) -> None:
    """Make folder and file for this user alone before SQLite would make them for everybody."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise StoreError(
            f"The store {path} cannot be opened for writing ({error.strerror}); make its folder writable, "
            "or set RESPONSES_MCP_STORE to another file."
        ) from error


def _require_library(connection: sqlite3.Connection) -> None:
    if sqlite3.sqlite_version_info < OLDEST or connection.execute(FTS5).fetchone() is None:
        raise StoreError(
            f"This Python's SQLite ({sqlite3.sqlite_version}) is too old or lacks FTS5; use a Python whose SQLite "
            "is 3.35 or newer."
        )


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to WAL. SQLite does not wait for other processes here by itself, so we do."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return
