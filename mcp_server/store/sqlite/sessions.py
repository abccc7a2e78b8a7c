"""Conversations and their turns: a session points at its head, and each turn at the one it continued."""

import json
import math
import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence

from mcp_server.errors import Conflict, NotThere
from mcp_server.model.session import Session, Turn
from mcp_server.model.value import Scope
from mcp_server.store.sqlite.lanes import Lanes
from mcp_server.store.sqlite.rows import scope_values, session_values, to_session, to_turn

GET = "SELECT * FROM sessions WHERE owner = :owner AND backend = :backend AND name = :name"
ALL = "SELECT * FROM sessions WHERE owner = :owner AND backend = :backend ORDER BY updated_at DESC, name"
CREATE = """
INSERT INTO sessions (owner, backend, name, head, conversation, instructions, model, turns, created_at, updated_at)
VALUES (:owner, :backend, :name, :head, :conversation, :instructions, :model, :turns, :created_at, :updated_at)
ON CONFLICT (owner, backend, name) DO NOTHING
"""
# A first job that still runs will make the session of its name, so that name is taken too.
TAKEN = """
SELECT EXISTS (SELECT 1 FROM sessions WHERE owner = :owner AND backend = :backend AND name = :to)
    OR EXISTS (
        SELECT 1 FROM jobs INDEXED BY jobs_unfinished_by_session
        WHERE owner = :owner AND backend = :backend AND session = :to AND ended_at IS NULL
    )
"""
RENAME = (
    "UPDATE sessions SET name = :to WHERE owner = :owner AND backend = :backend AND name = :name",
    "UPDATE turns SET session = :to WHERE owner = :owner AND backend = :backend AND session = :name",
    "UPDATE jobs SET session = :to WHERE owner = :owner AND backend = :backend AND session = :name",
    "UPDATE spending SET session = :to WHERE owner = :owner AND backend = :backend AND session = :name",
)
DELETE = "DELETE FROM sessions WHERE owner = :owner AND backend = :backend AND name = :name"
# UNION keeps each id once, so a circle of parents ends by itself.
CHAIN = """
WITH RECURSIVE chain (id) AS (
    VALUES (:head)
    UNION
    SELECT turns.parent FROM chain CROSS JOIN turns
    WHERE turns.owner = :owner AND turns.backend = :backend AND turns.response_id = chain.id
        AND turns.parent IS NOT NULL
)
SELECT turns.* FROM chain CROSS JOIN turns
WHERE turns.owner = :owner AND turns.backend = :backend AND turns.response_id = chain.id
"""
MADE = """
SELECT * FROM turns WHERE owner = :owner AND backend = :backend AND created_at < :before ORDER BY created_at, rowid
"""
MADE_IN_SESSION = """
SELECT * FROM turns WHERE owner = :owner AND backend = :backend AND session = :session AND created_at < :before
ORDER BY created_at, rowid
"""
FORGET = """
DELETE FROM turns
WHERE owner = :owner AND backend = :backend AND response_id IN (SELECT value FROM json_each(:ids))
RETURNING session
"""
BEHEAD = """
UPDATE sessions SET head = NULL
WHERE owner = :owner AND backend = :backend AND head IN (SELECT value FROM json_each(:ids))
"""
FEWER = """
UPDATE sessions SET turns = max(turns - :gone, 0) WHERE owner = :owner AND backend = :backend AND name = :name
"""


class SqliteSessions:
    """``Sessions`` on SQLite."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes

    async def get(self, scope: Scope, name: str) -> Session | None:
        """The session, or None."""
        values = {**scope_values(scope), "name": name}

        def select(connection: sqlite3.Connection) -> Session | None:
            row = connection.execute(GET, values).fetchone()
            return None if row is None else to_session(row)

        return await self._lanes.read(select)

    async def all(self, scope: Scope) -> list[Session]:
        """All of the caller's sessions, last used first."""
        values = scope_values(scope)
        return await self._lanes.read(lambda connection: [to_session(row) for row in connection.execute(ALL, values)])

    async def create(self, session: Session) -> None:
        """Insert a new one.

        Raises:
            Conflict: the name is taken.
        """
        values = session_values(session)
        if await self._lanes.write(lambda connection: connection.execute(CREATE, values).rowcount) == 0:
            raise _taken(session.name)

    async def rename(self, scope: Scope, name: str, to: str) -> None:
        """Rename it, in its turns, its unfinished jobs and the ledger too.

        Raises:
            NotThere: no such session.
            Conflict: ``to`` is taken.
        """
        values = {**scope_values(scope), "name": name, "to": to}

        def update(connection: sqlite3.Connection) -> None:
            if connection.execute(GET, values).fetchone() is None:
                raise NotThere(f"There is no session '{name}'; the action 'list' shows the ones there are.")
            if connection.execute(TAKEN, values).fetchone()[0]:
                raise _taken(to)
            for statement in RENAME:
                connection.execute(statement, values)

        await self._lanes.write(update)

    async def delete(self, scope: Scope, name: str) -> bool:
        """Forget the session's name (its turns stay); False when there was none."""
        values = {**scope_values(scope), "name": name}
        return await self._lanes.write(lambda connection: connection.execute(DELETE, values).rowcount > 0)

    async def turns(self, scope: Scope, head: str) -> list[Turn]:
        """The chain of turns that ends at response id ``head``, oldest first; empty when ``head`` is unknown."""
        values = {**scope_values(scope), "head": head}
        return await self._lanes.read(
            lambda connection: _in_order(head, map(to_turn, connection.execute(CHAIN, values)))
        )

    async def made(self, scope: Scope, *, session: str | None = None, before: float | None = None) -> list[Turn]:
        """All turns of the caller, of one session, or created before a time, oldest first."""
        values = {**scope_values(scope), "session": session, "before": math.inf if before is None else before}
        statement = MADE if session is None else MADE_IN_SESSION
        return await self._lanes.read(
            lambda connection: [to_turn(row) for row in connection.execute(statement, values)]
        )

    async def forget(self, scope: Scope, response_ids: Sequence[str]) -> int:
        """Delete turns; a session whose head was among them has no head any more. Returns how many went."""
        values = {**scope_values(scope), "ids": json.dumps(list(response_ids))}

        def delete(connection: sqlite3.Connection) -> int:
            gone = Counter(row["session"] for row in connection.execute(FORGET, values).fetchall())
            connection.execute(BEHEAD, values)
            for name, count in gone.items():
                connection.execute(FEWER, {**values, "name": name, "gone": count})
            return gone.total()

        return await self._lanes.write(delete)


def _in_order(head: str, chain: Iterable[Turn]) -> list[Turn]:
    """The turns from the oldest to ``head``; a circle of parents is followed once."""
    left = {turn.response_id: turn for turn in chain}
    ordered: list[Turn] = []
    key: str | None = head
    while key is not None and (turn := left.pop(key, None)) is not None:
        ordered.append(turn)
        key = turn.parent
    return ordered[::-1]


def _taken(name: str) -> Conflict:
    return Conflict(f"The session name '{name}' is taken; choose another one, or rename or delete that session first.")
