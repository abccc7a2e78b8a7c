"""When a request may be sent again: only after an answer that proves that no work was done.

That is 429 and 503, OpenRouter's 402 for too much at once (none of them when the account is empty), and a connection
that never stood. After a timeout, a reset or a 500 nobody knows what was done and billed, so a request that creates
something is never repeated then; one that creates nothing is.
"""

import math
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from mcp_server.errors import UpstreamError

LONGEST_PAUSE = 8.0
LONGEST_WISH = 20.0
"""Seconds; an upstream that asks for more is told to the caller at once instead."""

SHORTEST_POLL = 0.1
LONGEST_POLL = 300.0
"""Seconds; what an upstream wishes outside of them is moved to the nearer end."""

_AT_THE_DOOR = frozenset({402, 429, 503})
"""Statuses of requests that were turned away before any work."""

_REPEATABLE = frozenset({"rate_limited", "upstream_unavailable", "connect", "connection_lost", "conflict"})


@dataclass(frozen=True)
class Retries:
    """At most ``limit`` more requests, ``first_pause`` seconds after the first failure and twice as long each time."""

    limit: int
    first_pause: float = 0.5

    def pause(self, fault: UpstreamError, headers: Mapping[str, str], *, repeatable: bool) -> float | None:
        """Seconds to wait before the next attempt; None when there must not be one."""
        may = fault.kind in _REPEATABLE if repeatable else proves_no_work(fault)
        if fault.attempts > self.limit or not fault.retryable or not may or headers.get("x-should-retry") == "false":
            return None
        wish = wished_pause(headers)
        if wish is None:
            full = min(LONGEST_PAUSE, self.first_pause * 2 ** (fault.attempts - 1))
            return full * (1 - 0.25 * random.SystemRandom().random())
        return wish if wish <= LONGEST_WISH else None


def proves_no_work(fault: UpstreamError) -> bool:
    """True when the failed request cannot have created or cost anything."""
    return fault.kind == "connect" or fault.http_status in _AT_THE_DOOR


def wished_pause(headers: Mapping[str, str]) -> float | None:
    """The seconds an upstream asks to wait, from ``retry-after-ms`` or ``retry-after`` (seconds or a date)."""
    for name, seconds in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            return max(0.0, float(headers[name]) * seconds)
        except (KeyError, ValueError):
            continue
    try:
        return max(0.0, parsedate_to_datetime(headers["retry-after"]).timestamp() - time.time())
    except (KeyError, ValueError):
        return None


def poll_after(headers: Mapping[str, str]) -> float | None:
    """The seconds to wait before a response is asked about again, from ``openai-poll-after-ms``."""
    try:
        wish = float(headers["openai-poll-after-ms"]) / 1000
    except (KeyError, ValueError):
        return None
    return min(LONGEST_POLL, max(SHORTEST_POLL, wish)) if math.isfinite(wish) else None
