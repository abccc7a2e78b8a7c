"""Not faster than the upstream allows: a few at once, so many a minute, and a pause where it says it is too much."""

import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias, TypeVar

import anyio

from mcp_server.errors import ServerError, UpstreamError

T = TypeVar("T")
Clock: TypeAlias = Callable[[], float]
Sleep: TypeAlias = Callable[[float], Awaitable[None]]

ATTACHES = 300
"""Files that may be attached to one store within a minute, as the API documents it."""
MINUTE = 60.0
PAUSES = 5
FIRST_PAUSE = 5.0
LONGEST_PAUSE = 120.0
AT_ONCE = 4


class Pace:
    """At most ``limit`` turns within any ``seconds``; as long as there are that many, they are given at once."""

    def __init__(
        self,
        limit: int = ATTACHES,
        seconds: float = MINUTE,
        *,
        clock: Clock = time.monotonic,
        sleep: Sleep = anyio.sleep,
    ) -> None:
        self._turns: deque[float] = deque(maxlen=limit)
        self._seconds = seconds
        self._clock = clock
        self._sleep = sleep

    async def turn(self) -> None:
        """Wait until it is one's turn."""
        now = moment = self._clock()
        if len(self._turns) == self._turns.maxlen:
            moment = max(now, self._turns[0] + self._seconds)
        self._turns.append(moment)
        if moment > now:
            await self._sleep(moment - now)


class Patience:
    """Lets all requests of one update wait when the upstream limits the rate of one, a few times, and tells so.

    What the upstream asks for is waited, up to two minutes; where it names no time, longer each time.
    """

    def __init__(
        self, tell: Callable[[str], Awaitable[None]], *, clock: Clock = time.monotonic, sleep: Sleep = anyio.sleep
    ) -> None:
        self._tell = tell
        self._clock = clock
        self._sleep = sleep
        self._until = clock()
        self._pauses = 0

    async def through(self, request: Callable[[], Awaitable[T]]) -> T:
        """The answer to ``request``, which is made again after each pause: a rate limit proves that nothing was done.

        Raises:
            UpstreamError: any other failure, or a rate limit that is beyond this patience.
        """
        while True:
            while (left := self._until - self._clock()) > 0:
                await self._sleep(left)
            began = self._clock()
            try:
                return await request()
            except UpstreamError as error:
                if error.kind != "rate_limited":
                    raise
                await self._pause(error, began)

    async def _pause(self, error: UpstreamError, began: float) -> None:
        if began < self._until:
            return  # it was under way when another one met the same limit
        seconds = error.retry_after
        if seconds is None:
            seconds = FIRST_PAUSE * 2**self._pauses
        if self._pauses == PAUSES or seconds > LONGEST_PAUSE:
            raise error
        self._pauses += 1
        self._until = self._clock() + seconds
        await self._tell(f"waiting {seconds:.0f} s for the upstream's rate limit")


async def each(items: Sequence[T], do: Callable[[T], Awaitable[None]]) -> None:
    """Do it for all, a few at once; the first failure lets those that have begun end, and is raised."""
    failures: list[ServerError] = []
    waiting = iter(items)

    async def some() -> None:
        for item in waiting:
            if failures:
                return
            try:
                await do(item)
            except ServerError as error:
                failures.append(error)

    async with anyio.create_task_group() as group:
        for _ in range(min(AT_ONCE, len(items))):
            group.start_soon(some)
    if failures:
        raise failures[0]
