"""What makes the upstream's prompt cache hit: a stable key, not too busy, kept as long as the model can keep it."""

import hashlib
import json
import re
import time
from collections import defaultdict, deque
from collections.abc import Callable

from mcp_server.errors import InvalidArgument
from mcp_server.model.request import TurnRequest
from mcp_server.model.value import JsonObject, Scope

KEY_REQUESTS_A_MINUTE = 15
"""About how many requests a minute one key may have before they spill over to machines without the prefix."""

_GPT = re.compile(r"(?:^|[./])gpt-(\d+)(?:\.(\d+))?(?![\d.])")
_RETENTION, _OPTIONS = "prompt_cache_retention", "prompt_cache_options"


def cache_key(scope: Scope, request: TurnRequest, instructions: str | None) -> str | None:
    """A stable name of the prefix that repeats: the session's, or for a one-off that of its static part.

    Only a hash of user text ever leaves; at most 64 characters are allowed.
    """
    if "prompt_cache_key" in request.params:
        return None
    static = [request.session] if request.session else [instructions, request.params.get("tools"), request.extraction]
    text = json.dumps([scope.owner, scope.backend, static], default=lambda value: value.model_dump(), sort_keys=True)
    return "rmcp-" + hashlib.sha256(text.encode()).hexdigest()[:20]


class Shards:
    """Spreads a key that is too busy over several: the first with room, so that as few as possible have to be warm."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._uses: defaultdict[str, deque[float]] = defaultdict(deque)

    def place(self, key: str) -> str:
        """The key to send now; it counts as used."""
        self._tidy()
        number = 1
        while len(self._uses[shard := key if number == 1 else f"{key}-{number}"]) >= KEY_REQUESTS_A_MINUTE:
            number += 1
        self._uses[shard].append(self._now())
        return shard

    def _tidy(self) -> None:
        minute_ago = self._now() - 60
        for key, uses in list(self._uses.items()):
            while uses and uses[0] <= minute_ago:
                uses.popleft()
            if not uses:
                del self._uses[key]


def retention(model: str | None, params: JsonObject) -> JsonObject:
    """The parameter that keeps the cache for ``model``; nothing for a model that may refuse it, or where it is set.

    gpt-5.5 knows only 24 hours; from 5.6 on there are options instead (the API's guide, facts of 2026-11).
    """
    version = _version(model)
    if version is None or _RETENTION in params or _OPTIONS in params:
        return {}
    if version >= (5, 6):
        return {_OPTIONS: {"ttl": "30m"}}
    return {_RETENTION: "24h"} if version == (5, 5) else {}


def kept_for(params: JsonObject) -> str | None:
    """How long the request asks the cache to be kept: ``24h``, ``30m``, …"""
    options: JsonObject = params.get(_OPTIONS) or {}
    return params.get(_RETENTION) or options.get("ttl")


def check_retention(model: str | None, params: JsonObject) -> None:
    """Refuse the one of the two parameters that the model is known to refuse.

    Raises:
        InvalidArgument: it names the other one.
    """
    version = _version(model)
    if version is None:
        return
    if version >= (5, 6) and _RETENTION in params:
        raise InvalidArgument(f"options: {model} does not take {_RETENTION}; use {_OPTIONS} with a ttl of 30m or 12h.")
    if version == (5, 5) and params.get(_RETENTION) == "in_memory":
        raise InvalidArgument(f'options: {model} keeps its cache for 24 hours alone; use {_RETENTION}: "24h".')
    if version < (5, 6) and _OPTIONS in params:
        raise InvalidArgument(f'options: {model} does not take {_OPTIONS}; use {_RETENTION}: "24h".')


def _version(model: str | None) -> tuple[int, int] | None:
    found = _GPT.search(model or "")
    return (int(found[1]), int(found[2] or 0)) if found else None
