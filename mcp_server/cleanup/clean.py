"""Deletes what a caller chose, or says what would go."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mcp_server.backends.protocol import Backend
from mcp_server.cleanup.choice import Choice, reason_to_stay
from mcp_server.cleanup.removal import Removal
from mcp_server.cleanup.report import Desk, Errand, Outcome, Tell
from mcp_server.cleanup.stock import KINDS, Item, Stock, take_stock
from mcp_server.index.protocol import SearchIndex
from mcp_server.model.value import Scope
from mcp_server.store.protocol import Store

UPSTREAM = KINDS[:3]
"""What goes first: files may be held by stores, and jobs know responses."""
GONE = frozenset({"would_delete", "deleted", "already_gone"})


@dataclass(frozen=True, kw_only=True)
class Rooms:
    """Where one caller's things are."""

    store: Store
    backend: Backend
    index: SearchIndex
    scope: Scope


async def clean(
    rooms: Rooms, choice: Choice, *, now: float, dry_run: bool, tell: Tell, seconds: float | None = None
) -> list[Outcome]:
    """What became of each thing chosen, in the order of ``KINDS``, and of each id that meant nothing.

    One failure does not stop the others. After ``seconds`` the rest is skipped.

    Raises:
        StoreError: it cannot be said what there is.
        ConfigurationError: the backend cannot be used with these settings.
    """
    await rooms.backend.acquaint()
    stock = await take_stock(rooms.store, rooms.scope, stored=rooms.backend.profile.delete)
    cleaning = _Cleaning(
        stock, choice, now, None if dry_run else Removal(rooms.store, rooms.backend, rooms.index, rooms.scope)
    )
    meant = [item for item in stock.items if choice.of_kind(item) and choice.takes(item, now)]
    desk = Desk(len(meant), tell, seconds)
    first = await desk.carry_out(cleaning.errands(item for item in meant if item.kind in UPSTREAM))
    cleaning.note(first)
    rest = await desk.carry_out(cleaning.errands(item for item in meant if item.kind not in UPSTREAM))
    lost = [Outcome(one, "unknown", "skipped", why) for one, why in choice.lost(stock)]
    return [*first, *rest, *lost]


class _Cleaning:
    """One cleanup; without a ``removal`` it only says what would go."""

    def __init__(self, stock: Stock, choice: Choice, now: float, removal: Removal | None) -> None:
        self._stock = stock
        self._choice = choice
        self._removal = removal
        self._leaving = choice.leaving(stock, now)
        self._gone_stores: set[str] = set()

    def errands(self, items: Iterable[Item]) -> list[Errand]:
        """What is to be done for each."""
        return [self._errand(item) for item in items]

    def note(self, outcomes: Sequence[Outcome]) -> None:
        """Remember which stores hold nothing any more."""
        self._gone_stores = {one.id for one in outcomes if one.kind == "vector_stores" and one.status in GONE}

    def _errand(self, item: Item) -> Errand:
        async def run() -> Outcome:
            holders = self._stock.held.get(item.id, set()) if item.kind == "files" else set[str]()
            if left := sorted(holders - self._gone_stores):
                return Outcome(item.id, item.kind, "skipped", f"the store {left[0]!r} holds it; delete that first")
            if why := reason_to_stay(item, self._stock, self._choice, self._leaving):
                return Outcome(item.id, item.kind, "skipped", why)
            if self._removal is None:
                return Outcome(item.id, item.kind, "would_delete")
            return await self._removal.remove(item, with_store=bool(holders))

        return Errand(item.id, item.kind, run)
