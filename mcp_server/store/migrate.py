"""Brings an SQLite database to this version's schema: numbered files, one tracking table, one lock.

Each file runs in one transaction that holds the write lock, so any number of processes may start at once.
"""

import sqlite3
import time
from collections.abc import Iterator
from importlib import resources
from typing import NamedTuple

from mcp_server.errors import StoreError

TRACKING = "CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, at REAL NOT NULL)"
TRACKED = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'migrations'"
VERSION = "SELECT coalesce(max(number), 0) FROM migrations"


class Migration(NamedTuple):
    """One numbered file."""

    number: int
    name: str
    sql: str


def migrations(dialect: str) -> list[Migration]:
    """The files of ``sql/<dialect>``, in order."""
    folder = resources.files("mcp_server.store") / "sql" / dialect
    files = [entry for entry in folder.iterdir() if entry.name.endswith(".sql")]
    return sorted(Migration(int(entry.name[:4]), entry.name, entry.read_text("utf-8")) for entry in files)


def migrate(connection: sqlite3.Connection, path: str) -> list[str]:
    """Apply what is missing and return the names of the files applied.

    Raises:
        StoreError: a newer version of this program made the database; ``path`` is named in the message.
    """
    known = migrations("sqlite")
    version = _version(connection)
    if version > known[-1].number:
        raise StoreError(
            f"The store {path} was made by a newer version of responses-mcp (schema {version}, this one knows "
            f"{known[-1].number}); upgrade, or set RESPONSES_MCP_STORE to another file."
        )
    return [migration.name for migration in known if migration.number > version and _apply(connection, migration)]


def _version(connection: sqlite3.Connection) -> int:
    if connection.execute(TRACKED).fetchone() is None:
        return 0
    return int(connection.execute(VERSION).fetchone()[0])


def _apply(connection: sqlite3.Connection, migration: Migration) -> bool:
    """Run one file; False when another process has done so while this one waited for the lock."""
    connection.execute("BEGIN IMMEDIATE")
    with connection:
        connection.execute(TRACKING)
        if _version(connection) >= migration.number:
            return False
        for statement in _statements(migration.sql):
            connection.execute(statement)
        row = (migration.number, migration.name, time.time())
        connection.execute("INSERT INTO migrations (number, name, at) VALUES (?, ?, ?)", row)
    return True


def _statements(sql: str) -> Iterator[str]:
    """The statements one by one: ``executescript`` would commit before it starts."""
    statement = ""
    for line in sql.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    yield statement
