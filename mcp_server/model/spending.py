"""What was used and what it cost, one line per upstream request; it outlives the turn it belongs to."""

from mcp_server.model.answer import Usage
from mcp_server.model.value import Frozen, Scope


class Spending(Frozen):
    """One line of the ledger: a request that was answered, at ``at`` (seconds since the epoch)."""

    scope: Scope
    at: float
    job_id: str
    response_id: str | None = None
    session: str | None = None
    tool: str
    model: str | None = None
    usage: Usage


class Spent(Frozen):
    """A sum of lines. ``usage.cost_usd`` is the sum of the known costs; ``unpriced`` counts the lines without one."""

    requests: int = 0
    usage: Usage = Usage(cost_usd=0.0, saved_usd=0.0)
    unpriced: int = 0

    def __add__(self, other: "Spent") -> "Spent":
        """Both together."""
        return Spent(
            requests=self.requests + other.requests,
            usage=self.usage + other.usage,
            unpriced=self.unpriced + other.unpriced,
        )


class DaySpent(Frozen):
    """The sum of one model on one day (UTC, ``YYYY-MM-DD``)."""

    day: str
    model: str
    spent: Spent
