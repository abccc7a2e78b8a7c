"""The ledger's sums in the form that programs get them, wherever they ask."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from mcp_server.model.spending import DaySpent, Spent
from mcp_server.model.value import JsonObject


def midnight(now: float) -> float:
    """When the day (UTC) that ``now`` is in began; both are seconds since the epoch."""
    return datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()


def summed(spent: Iterable[Spent]) -> Spent:
    """All of it together."""
    return sum(spent, Spent())


def fields(spent: Spent) -> JsonObject:
    """A sum. ``hit_rate`` is the cached share of the input; costs are null when no request has a known one."""
    usage = spent.usage
    priced = spent.unpriced < spent.requests or not spent.requests
    return {
        "requests": spent.requests,
        **usage.model_dump(exclude={"cost_usd", "saved_usd"}),
        "hit_rate": round(usage.cached_tokens / usage.input_tokens, 3) if usage.input_tokens else None,
        "cost_usd": usage.cost_usd if priced else None,
        "saved_usd": usage.saved_usd if priced else None,
        "unpriced_requests": spent.unpriced,
    }


def report(days: Sequence[DaySpent]) -> JsonObject:
    """The sum of ``days`` and its parts by model."""
    names = sorted({day.model for day in days})
    parts = {name: fields(summed(day.spent for day in days if day.model == name)) for name in names}
    return {**fields(summed(day.spent for day in days)), "models": parts}
