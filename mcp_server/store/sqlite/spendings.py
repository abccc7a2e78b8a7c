"""The ledger: lines come with the job that ends, and are only ever added up."""

import math
import sqlite3

from mcp_server.model.spending import DaySpent, Spent
from mcp_server.model.value import Scope
from mcp_server.store.sqlite.lanes import Lanes
from mcp_server.store.sqlite.rows import Values, scope_values, to_spent

SUMS = """
    count(*) AS requests,
    coalesce(sum(input_tokens), 0) AS input_tokens,
    coalesce(sum(cached_tokens), 0) AS cached_tokens,
    coalesce(sum(cache_write_tokens), 0) AS cache_write_tokens,
    coalesce(sum(output_tokens), 0) AS output_tokens,
    coalesce(sum(reasoning_tokens), 0) AS reasoning_tokens,
    coalesce(sum(total_tokens), 0) AS total_tokens,
    coalesce(sum(cost_usd), 0.0) AS cost_usd,
    coalesce(sum(saved_usd), 0.0) AS saved_usd,
    count(*) - count(cost_usd) AS unpriced
"""
WITHIN = "FROM spending WHERE owner = :owner AND backend = :backend AND at >= :since AND at < :until"
IN_SESSION = "AND session = :session"
# The cast cuts the fraction off: date() would round the last half millisecond of a day up into the next one.
DAY_AND_MODEL = "date(CAST(at AS INTEGER), 'unixepoch') AS day, coalesce(model, 'unknown') AS of_model,"
GROUPED = "GROUP BY day, of_model ORDER BY day, of_model"
TOTAL = " ".join(("SELECT", SUMS, WITHIN))
TOTAL_IN_SESSION = " ".join((TOTAL, IN_SESSION))
BY_DAY = " ".join(("SELECT", DAY_AND_MODEL, SUMS, WITHIN, GROUPED))
BY_DAY_IN_SESSION = " ".join(("SELECT", DAY_AND_MODEL, SUMS, WITHIN, IN_SESSION, GROUPED))
SCOPES = "SELECT DISTINCT backend FROM spending WHERE owner = :owner ORDER BY backend"


class SqliteSpendings:
    """``Spendings`` on SQLite."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes

    async def total(
        self, scope: Scope, *, since: float | None = None, until: float | None = None, session: str | None = None
    ) -> Spent:
        """The sum of the caller's lines from ``since`` on and before ``until``, of one session or of all."""
        statement = TOTAL if session is None else TOTAL_IN_SESSION
        values = _values(scope, since, until, session)
        return await self._lanes.read(lambda connection: to_spent(connection.execute(statement, values).fetchone()))

    async def by_day(self, scope: Scope, since: float | None = None, *, session: str | None = None) -> list[DaySpent]:
        """The sums per day (UTC) and model from ``since`` on, oldest first; a line without a model is ``unknown``."""
        statement = BY_DAY if session is None else BY_DAY_IN_SESSION
        values = _values(scope, since, None, session)

        def select(connection: sqlite3.Connection) -> list[DaySpent]:
            rows = connection.execute(statement, values)
            return [DaySpent(day=row["day"], model=row["of_model"], spent=to_spent(row)) for row in rows]

        return await self._lanes.read(select)

    async def scopes(self, owner: str) -> list[Scope]:
        """Where ``owner`` has lines: one scope per backend, by its name."""

        def select(connection: sqlite3.Connection) -> list[Scope]:
            return [Scope(owner=owner, backend=row["backend"]) for row in connection.execute(SCOPES, {"owner": owner})]

        return await self._lanes.read(select)


def _values(scope: Scope, since: float | None, until: float | None, session: str | None) -> Values:
    return {
        **scope_values(scope),
        "since": -math.inf if since is None else since,
        "until": math.inf if until is None else until,
        "session": session,
    }
