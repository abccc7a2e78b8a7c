"""What a search index does, hosted or embedded."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from mcp_server.model.document import Found
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


class Chunking(Frozen):
    """Tokens of a passage, and how many of them it shares with the one before.

    The API's static strategy: 100 to 4,096, and at most half of that.
    """

    tokens: int = 800
    overlap: int = 400


class Filing(Frozen):
    """How files are put into a store: ``attributes`` on the files named, none at all leaves them those they have.

    ``expires_days`` is after how many days without use the store may be forgotten; None is never, or as it was.
    ``chunking`` None is the default, or as the store was made.
    """

    attributes: dict[str, Any] = {}
    chunking: Chunking | None = None
    expires_days: int | None = None


class SearchResult(Found):
    """What was found, the upstream's id of a hosted store, and what the caller should know beside it."""

    vector_store_id: str | None = None
    warnings: list[str] = []


class SearchIndex(Protocol):
    """Files by store name, and the passages in them."""

    async def update(
        self,
        scope: Scope,
        store_name: str,
        paths: Sequence[Path],
        filing: Filing,
        progress: Progress,
    ) -> IndexReport:
        """Make the store match ``paths``: real paths of files, and of folders for all files below them.

        New and changed files are indexed. A file that is not named stays, unless it is gone from one of the folders
        named here, or from the folder of a file named here. Each file is durable by itself: after a failure the same
        call goes on where this one ended. A file that cannot be indexed is reported and hurts no other.

        Raises:
            InvalidArgument: the filing is outside the limits, or there are too many files.
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
        ranking: JsonObject | None = None,
        rewrite: bool = False,
    ) -> SearchResult:
        """The best passages for all ``queries`` together, from files whose attributes pass ``filters``.

        Scores are between 0 and 1. ``ranking`` is the API's ``ranking_options`` (``score_threshold``, ``ranker``); the
        embedded index has one ranker and honours the threshold. ``rewrite`` lets the index reword the queries; the
        embedded one searches them as they are.

        Raises:
            NotThere: the caller has no such store.
            InvalidArgument: the filters are not valid.
        """
        ...

    async def file_search(
        self,
        scope: Scope,
        store_name: str,
        *,
        filters: JsonObject | None = None,
        max_results: int = 10,
        ranking: JsonObject | None = None,
    ) -> JsonObject | None:
        """The ``file_search`` tool with which the backend itself searches this store; None where it cannot.

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
