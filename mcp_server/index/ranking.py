"""Ranking passages for queries: each query gives one ranking by words and one by meaning; they are fused."""

import re
from collections.abc import Sequence

import anyio

from mcp_server.backends.protocol import Embedder
from mcp_server.index.fuse import fuse
from mcp_server.model.value import Scope
from mcp_server.store.index_protocol import Index

MAX_WORDS = 64

_WORD = re.compile(r"[^\W_]+")
_STOP_WORDS = """
a about an and are as at be been but by can could did do does for from had has have how i if in into is it its me my no
not of on or our she so than that the their them then there these they this to was we were what when where which who
why will with would you your
"""
_SAYS_NOTHING = frozenset(_STOP_WORDS.split())


async def best(
    index: Index,
    embedder: Embedder | None,
    scope: Scope,
    store_name: str,
    queries: Sequence[str],
    limit: int,
    file_ids: Sequence[str] | None = None,
) -> list[tuple[int, float]]:
    """Passages with scores between 0 and 1, best first, of all files or of those with ``file_ids`` alone.

    ``limit`` is how many each ranking gives. Without an ``embedder`` words alone count.
    """
    rankings: list[list[tuple[int, float]]] = [[] for _ in queries]

    async def by_words(place: int, query: str) -> None:
        rankings[place] = await index.match(scope, store_name, words_of(query), limit, file_ids)

    async def by_meaning(place: int, vector: Sequence[float]) -> None:
        rankings[place] = await index.nearest(scope, store_name, vector, limit, file_ids)

    try:
        async with anyio.create_task_group() as side_by_side:
            for place, query in enumerate(queries):
                side_by_side.start_soon(by_words, place, query)
            if embedder:
                rankings += [[] for _ in queries]
                for place, vector in enumerate(await embedder.embed(queries), len(queries)):
                    side_by_side.start_soon(by_meaning, place, vector)
    except ExceptionGroup as group:
        # Callers know our errors, not groups of them; the first one says enough.
        raise group.exceptions[0] from None
    return fuse([[found for found, _ in ranking] for ranking in rankings])


def words_of(query: str) -> list[str]:
    """The words to look for, each once; stop words only if there is nothing else."""
    words = list(dict.fromkeys(_WORD.findall(query)))
    telling = [word for word in words if word.casefold() not in _SAYS_NOTHING]
    return (telling or words)[:MAX_WORDS]
