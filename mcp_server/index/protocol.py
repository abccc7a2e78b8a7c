"""What a search index does, hosted or embedded."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from mcp_server.model.document import Passage
from mcp_server.model.value import Frozen, JsonObject, Scope

Progress: TypeAlias = Callable[[int, int, str], Awaitable[None]]
"""Told after each file: how many are done, of how many, and what was done last."""


class FailedFile(Frozen):
    """A file that could not be indexed; ``reason`` is a sentence for the caller."""

    path: str
    reason: str


class IndexReport(Frozen):
    """What an update did: numbers of files, and those that failed."""

    added: int = 0
    updated: int = 0
    removed: int = 0
    unchanged: int = 0
    failed: list[FailedFile] = []


class SearchResult(Frozen):
    """Passages, best first, and the queries that were really searched."""

    passages: list[Passage]
    queries: list[str]


class SearchIndex(Protocol):
    """Files by store name, and the passages in them."""

    async def update(
        self,
        scope: Scope,
        store_name: str,
        paths: Sequence[Path],
        attributes: Mapping[str, Any],
        progress: Progress,
    ) -> IndexReport:
        """Make the store match ``paths``: real paths of files, and of folders for the text and PDF files below them.

        New and changed files are indexed. A file that is not named stays, unless it is gone from one of the folders
        named here, or from the folder of a file named here. Each file is durable by itself: after a failure the same
        call goes on where this one ended. ``attributes`` are put on the files named; none at all leaves them those
        they have.

        Raises:
            InvalidArgument: the attributes are outside the limits, or there are too many files.
            UpstreamError, EngineError, StoreError: files already indexed stay so.
        """
        ...

    async def search(
        self,
        scope: Scope,
        store_name: str,
        queries: Sequence[str],
        *,
        filters: JsonObject | None = None,
        max_results: int = 10,
        score_threshold: float | None = None,
        rewrite: bool = False,
    ) -> SearchResult:
        """The best passages for all ``queries`` together, from files whose attributes pass ``filters``.

        Scores are between 0 and 1. ``rewrite`` lets the index reword the queries; the embedded one searches them as
        they are.

        Raises:
            NotThere: the caller has no such store.
            InvalidArgument: the filters are not valid.
        """
        ...

    async def delete(self, scope: Scope, store_name: str) -> bool:
        """Forget the store with all it holds, and delete what was made for it; False when it was not there.

        Raises:
            UpstreamError: the rest can be deleted by calling again.
        """
        ...
