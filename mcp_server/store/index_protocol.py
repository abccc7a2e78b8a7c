"""What a store promises of indexed files and their passages; ``protocol`` says what holds for all of its rooms."""

from collections.abc import Sequence
from typing import Protocol

from mcp_server.model.document import Chunk, IndexedFile
from mcp_server.model.value import Scope


class Index(Protocol):
    """The files of each vector store and, for the embedded index, their passages with text and vectors."""

    async def files(self, scope: Scope, store: str, file_ids: Sequence[str] | None = None) -> list[IndexedFile]:
        """The store's files by path; with ``file_ids`` those alone."""
        ...

    async def located(self, scope: Scope, file_ids: Sequence[str]) -> list[IndexedFile]:
        """The caller's indexed files with these ids, in whichever store; one may stand in several."""
        ...

    async def replace(
        self, scope: Scope, file: IndexedFile, chunks: Sequence[Chunk], vectors: Sequence[bytes] = ()
    ) -> None:
        """Put the file and its passages in place of what stood at its store and path, in one transaction.

        ``vectors`` are little-endian float32: for each chunk one vector, or several one after another, all of one
        length and one model; or none at all (a hosted store keeps its own).
        """
        ...

    async def drop(self, scope: Scope, store: str, file_ids: Sequence[str]) -> int:
        """Remove files and their passages. Returns how many files went."""
        ...

    async def remove(self, scope: Scope, store: str, path: str) -> None:
        """Remove the file at that path alone; another path with the same file id stays."""
        ...

    async def outdate(self, scope: Scope, store: str, *, vectors: bool) -> None:
        """Take every file for changed (its hash becomes empty), and with ``vectors`` forget the passages' vectors.

        Until its file is put again a passage is found as before, without a vector by its words alone.
        """
        ...

    async def match(
        self, scope: Scope, store: str, words: Sequence[str], limit: int, file_ids: Sequence[str] | None = None
    ) -> list[tuple[int, float]]:
        """Ids and scores (larger is better) of the passages that hold any of ``words``, by BM25, best first.

        Words are compared by their stem, without case and accents. ``file_ids`` limits the search to these files.
        """
        ...

    async def nearest(
        self,
        scope: Scope,
        store: str,
        vector: Sequence[float],
        limit: int,
        file_ids: Sequence[str] | None = None,
    ) -> list[tuple[int, float]]:
        """Ids and cosines of the passages nearest to ``vector`` (of length 1), best first.

        A passage with several vectors counts by its nearest. What another process has put is found at once.
        """
        ...

    async def chunks(self, scope: Scope, store: str, ids: Sequence[int]) -> list[Chunk]:
        """The passages with these ids, in the order asked for."""
        ...
