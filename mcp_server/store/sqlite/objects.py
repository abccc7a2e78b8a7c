"""Kept objects: one row by scope, kind and key."""

import sqlite3
import time

from mcp_server.model.session import KeptObject
from mcp_server.model.value import Scope
from mcp_server.store.sqlite.lanes import Lanes
from mcp_server.store.sqlite.rows import object_values, scope_values, to_object

PUT = """
INSERT INTO objects (owner, backend, kind, key, id, data, created_at, expires_at)
VALUES (:owner, :backend, :kind, :key, :id, :data, :created_at, :expires_at)
ON CONFLICT (owner, backend, kind, key) DO UPDATE SET
    id = excluded.id, data = excluded.data, created_at = excluded.created_at, expires_at = excluded.expires_at
"""
ADD = f"{PUT} WHERE objects.expires_at <= excluded.created_at"
STANDING = "SELECT * FROM objects WHERE owner = :owner AND backend = :backend AND kind = :kind AND key = :key"
GET = """
SELECT * FROM objects WHERE owner = :owner AND backend = :backend AND kind = :kind AND key = :key
    AND (expires_at IS NULL OR expires_at > :now)
"""
ALL = "SELECT * FROM objects WHERE owner = :owner AND backend = :backend AND kind = :kind ORDER BY created_at, key"
DELETE = "DELETE FROM objects WHERE owner = :owner AND backend = :backend AND kind = :kind AND key = :key"


class SqliteObjects:
    """``Objects`` on SQLite."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes

    async def put(self, item: KeptObject) -> None:
        """Insert or replace by scope, kind and key."""
        values = object_values(item)
        await self._lanes.write(lambda connection: connection.execute(PUT, values).rowcount)

    async def add(self, item: KeptObject) -> KeptObject:
        """Insert it unless one stands there that had not expired when this was made; returns the one that stands."""
        values = object_values(item)

        def write(connection: sqlite3.Connection) -> KeptObject:
            connection.execute(ADD, values)
            return to_object(connection.execute(STANDING, values).fetchone())

        return await self._lanes.write(write)

    async def get(self, scope: Scope, kind: str, key: str) -> KeptObject | None:
        """The object, or None when it is not there or has expired."""
        values = {**scope_values(scope), "kind": kind, "key": key, "now": time.time()}

        def select(connection: sqlite3.Connection) -> KeptObject | None:
            row = connection.execute(GET, values).fetchone()
            return None if row is None else to_object(row)

        return await self._lanes.read(select)

    async def all(self, scope: Scope, kind: str) -> list[KeptObject]:
        """All of that kind, oldest first, expired ones too."""
        values = {**scope_values(scope), "kind": kind}
        return await self._lanes.read(lambda connection: [to_object(row) for row in connection.execute(ALL, values)])

    async def delete(self, scope: Scope, kind: str, key: str) -> bool:
        """Forget it; False when there was none."""
        values = {**scope_values(scope), "kind": kind, "key": key}
        return await self._lanes.write(lambda connection: connection.execute(DELETE, values).rowcount > 0)
