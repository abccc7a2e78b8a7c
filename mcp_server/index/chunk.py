"""Cutting files into overlapping passages at line ends.

Tokens are estimated as a quarter of the UTF-8 bytes: right within a third for prose and code, Asian scripts included.
"""

from collections.abc import Iterable
from typing import NamedTuple

from mcp_server.files.text import lines_of
from mcp_server.model.document import Chunk

BYTES_PER_TOKEN = 4
CHUNK_BYTES = 800 * BYTES_PER_TOKEN
OVERLAP_BYTES = 400 * BYTES_PER_TOKEN


class Line(NamedTuple):
    """A line, or a piece of one that is too long for a passage; ``size`` in bytes."""

    number: int
    text: str
    size: int


def text_chunks(file_id: str, text: str) -> list[Chunk]:
    """Passages of a text: exactly its lines ``first_line`` to ``last_line``, but for lines longer than a passage."""
    windows = (lines for lines in _windows(_lines(text)) if _joined(lines).strip())
    return [
        Chunk(
            file_id=file_id,
            ordinal=ordinal,
            text=_joined(lines),
            first_line=lines[0].number,
            last_line=lines[-1].number,
        )
        for ordinal, lines in enumerate(windows)
    ]


def page_chunks(file_id: str, pages: Iterable[str]) -> list[Chunk]:
    """Passages of a paged document; none reaches over a page."""
    found = (
        (number, text)
        for number, page in enumerate(pages, 1)
        for text in map(_joined, _windows(_lines(page)))
        if text.strip()
    )
    return [
        Chunk(file_id=file_id, ordinal=ordinal, text=text, page=number) for ordinal, (number, text) in enumerate(found)
    ]


def overlap(one: Chunk, other: Chunk) -> bool:
    """Whether two passages of one file share text."""
    if one.page is not None or other.page is not None:
        return one.page == other.page and abs(one.ordinal - other.ordinal) <= 1
    if one.first_line is None or one.last_line is None or other.first_line is None or other.last_line is None:
        return one.ordinal == other.ordinal
    return one.first_line <= other.last_line and other.first_line <= one.last_line


def _lines(text: str) -> list[Line]:
    return [
        Line(number, piece, len(piece.encode("utf-8", errors="replace")))
        for number, line in enumerate(lines_of(text), 1)
        for piece in _pieces(line)
    ]


def _pieces(line: str) -> list[str]:
    """A line in pieces that each fit into a passage; one piece where it does as a whole."""
    if len(line.encode("utf-8", errors="replace")) <= CHUNK_BYTES:
        return [line]
    length = CHUNK_BYTES // BYTES_PER_TOKEN
    return [line[start : start + length] for start in range(0, len(line), length)]


def _windows(lines: list[Line]) -> Iterable[list[Line]]:
    """As many lines as fit, then on from the first line of what is to stand in both."""
    start = 0
    while start < len(lines):
        end = start + _fitting((lines[index] for index in range(start, len(lines))), CHUNK_BYTES)
        yield lines[start:end]
        if end == len(lines):
            return
        # The first new line must fit beside what is repeated, or the next passage would say nothing new.
        room = min(OVERLAP_BYTES, CHUNK_BYTES - lines[end].size)
        start = max(start + 1, end - _fitting(reversed(lines[start:end]), room))


def _fitting(lines: Iterable[Line], size: int) -> int:
    """How many of the first lines come to no more than ``size`` bytes."""
    count = 0
    for line in lines:
        size -= line.size
        if size < 0:
            break
        count += 1
    return count


def _joined(lines: Iterable[Line]) -> str:
    return "".join(line.text for line in lines)
