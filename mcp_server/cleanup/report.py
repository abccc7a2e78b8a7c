"""Deletions carried out a few at a time, each reported, whatever becomes of the others."""

import math
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, NamedTuple, TypeAlias

import anyio

from mcp_server.errors import ServerError
from mcp_server.model.value import JsonObject

Status = Literal["would_delete", "deleted", "already_gone", "skipped", "failed"]

AT_ONCE = 8
NO_TIME = "there was no time left for it; the same cleanup again goes on"


class Outcome(NamedTuple):
    """What became of one thing; ``error`` is a sentence for the caller."""

    id: str
    kind: str
    status: Status
    error: str | None = None


def counted(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """How many things went which way."""
    return dict(Counter(one.status for one in outcomes))


def shown(outcome: Outcome) -> JsonObject:
    """The outcome for programs; without an error it has none."""
    return {name: value for name, value in outcome._asdict().items() if value is not None}


class Errand(NamedTuple):
    """A deletion to be done: ``run`` returns what became of the thing, None when there was nothing to do after all."""

    id: str
    kind: str
    run: Callable[[], Awaitable[Outcome | None]]


Tell: TypeAlias = Callable[[int, int], Awaitable[None]]
"""Told after each deletion: how many are done, of how many."""


class Desk:
    """Where the deletions of one cleanup are carried out: ``total`` of them, within ``seconds`` (None: however long).

    What is cut off then can be done again: things upstream go before the rows that know them.
    """

    def __init__(self, total: int, tell: Tell, seconds: float | None = None) -> None:
        self._total = total
        self._tell = tell
        self._deadline = math.inf if seconds is None else anyio.current_time() + seconds
        self._done = 0

    async def carry_out(self, errands: Sequence[Errand]) -> list[Outcome]:
        """Do them all; the outcomes come in the order of the errands."""
        outcomes: list[Outcome | None] = [Outcome(one.id, one.kind, "skipped", NO_TIME) for one in errands]
        limit = anyio.CapacityLimiter(AT_ONCE)

        async def one(place: int, errand: Errand) -> None:
            async with limit:
                try:
                    outcomes[place] = await errand.run()
                except ServerError as error:
                    outcomes[place] = Outcome(errand.id, errand.kind, "failed", error.message)
                self._done += 1
                await self._tell(self._done, self._total)

        with anyio.CancelScope(deadline=self._deadline):
            async with anyio.create_task_group() as tasks:
                for place, errand in enumerate(errands):
                    tasks.start_soon(one, place, errand)
        return [outcome for outcome in outcomes if outcome]
