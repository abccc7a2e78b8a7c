"""Indexed files and the passages a search finds in them."""

from typing import Any

from mcp_server.model.value import Frozen


class IndexedFile(Frozen):
    """A file of a vector store. ``path`` is the local file it was made from, ``sha256`` that file's content."""

    store: str
    file_id: str
    path: str
    sha256: str
    bytes: int
    attributes: dict[str, Any] = {}
    indexed_at: float


class Chunk(Frozen):
    """A passage: lines ``first_line`` to ``last_line`` (from 1) of its file, or page ``page`` of a paged one."""

    id: int = 0
    file_id: str
    ordinal: int
    text: str
    first_line: int | None = None
    last_line: int | None = None
    page: int | None = None


class Passage(Frozen):
    """A search result, best first; ``score`` is between 0 and 1 and compares only within one search."""

    file_id: str
    filename: str
    path: str | None = None
    score: float
    text: str
    attributes: dict[str, Any] = {}
    lines: str | None = None
    page: int | None = None


class Found(Frozen):
    """What a search gave: passages, best first, and the queries that were really searched."""

    passages: list[Passage]
    queries: list[str]
