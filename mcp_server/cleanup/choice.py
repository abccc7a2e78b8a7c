"""What of the stock a caller means, and why some of it must stay."""

import re
from dataclasses import dataclass

from mcp_server.cleanup.stock import Item, Kind, Stock
from mcp_server.model.job import Job

AGE = r"(\d{1,5})([smhdw])"
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}

RUNNING = "still running; cancel it first"


def seconds_of(age: str) -> float:
    """``30d`` in seconds.

    Raises:
        ValueError: it is no age.
    """
    found = re.fullmatch(AGE, age)
    if found is None:
        raise ValueError(f'{age!r} is no age; write one such as "30d" (s, m, h, d or w).')
    return float(int(found[1]) * SECONDS[found[2]])


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One of a session, ids, an age in seconds, or everything; narrowed by ``kinds`` (none: all kinds)."""

    session: str | None = None
    ids: tuple[str, ...] = ()
    older_than: float | None = None
    everything: bool = False
    kinds: frozenset[Kind] = frozenset()

    def takes(self, item: Item, now: float) -> bool:
        """Whether the item is meant, whatever its kind."""
        if self.session is not None:
            return item.session == self.session
        if self.ids:
            return any(name in self.ids for name in (item.id, *item.names))
        if self.older_than is not None:
            return item.at < now - self.older_than
        return self.everything

    def of_kind(self, item: Item) -> bool:
        """Whether the item's kind is meant."""
        return not self.kinds or item.kind in self.kinds

    def lost(self, stock: Stock) -> list[tuple[str, str]]:
        """The ids that meant nothing, each with the reason."""
        known = {name: item for item in stock.items for name in (item.id, *item.names)}
        taken = {name for item in stock.items if self.of_kind(item) for name in (item.id, *item.names)}
        return [
            (one, f"{known[one].kind} are not among the kinds" if one in known else "not yours, or already forgotten")
            for one in dict.fromkeys(self.ids)
            if one not in taken
        ]

    def leaving(self, stock: Stock, now: float) -> frozenset[str]:
        """The sessions that are meant, as a whole or with their content, and can go: none of their jobs runs."""
        meant = {item.id for item in stock.items if item.kind == "sessions" and self.takes(item, now)}
        return frozenset(meant) - stock.busy


def reason_to_stay(item: Item, stock: Stock, choice: Choice, leaving: frozenset[str]) -> str | None:
    """Why an item that is meant must not go now; None when it may.

    What is named by its id may go although a session goes on from it.
    """
    if item.kind == "jobs":
        return RUNNING if isinstance(item.row, Job) and not item.row.ended else None
    if item.session in stock.busy:
        return f"a job of session {item.session!r} is {RUNNING}"
    others = sorted(stock.followed.get(item.id, set()) - leaving)
    return f"session {others[0]!r} goes on from it" if others and not choice.ids else None
