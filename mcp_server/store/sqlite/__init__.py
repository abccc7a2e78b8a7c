"""The store in one SQLite file, for one or several processes of one machine."""

from dataclasses import dataclass
from pathlib import Path

import anyio.to_thread

from mcp_server.store.protocol import Store
from mcp_server.store.sqlite.connection import open_connections
from mcp_server.store.sqlite.index import SqliteIndex
from mcp_server.store.sqlite.jobs import SqliteJobs
from mcp_server.store.sqlite.lanes import Lanes
from mcp_server.store.sqlite.objects import SqliteObjects
from mcp_server.store.sqlite.sessions import SqliteSessions
from mcp_server.store.sqlite.spendings import SqliteSpendings


@dataclass(frozen=True, slots=True)
class SqliteStore:
    """A ``Store``; used from the event loop that opened it."""

    jobs: SqliteJobs
    sessions: SqliteSessions
    objects: SqliteObjects
    index: SqliteIndex
    spendings: SqliteSpendings
    lanes: Lanes

    async def close(self) -> None:
        """Finish waiting writes and close the database."""
        await self.lanes.close()


async def open_sqlite(path: Path) -> Store:
    """Open the file, made (0600, in a folder with 0700) and migrated if need be.

    Raises:
        StoreError: the folder cannot be written, the file is damaged, busy, or made by a newer version.
    """
    writer, readers, _ = await anyio.to_thread.run_sync(open_connections, path)
    lanes = Lanes(str(path), writer, readers)
    return SqliteStore(
        SqliteJobs(lanes),
        SqliteSessions(lanes),
        SqliteObjects(lanes),
        SqliteIndex(lanes),
        SqliteSpendings(lanes),
        lanes,
    )


async def migrate_sqlite(path: Path) -> list[str]:
    """Bring the file to this version's schema; return the names of the migrations applied, none when it is there.

    Raises:
        StoreError: as ``open_sqlite``.
    """
    writer, readers, applied = await anyio.to_thread.run_sync(open_connections, path)
    for connection in (writer, *readers):
        connection.close()
    return applied
