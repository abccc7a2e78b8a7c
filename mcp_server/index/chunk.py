"""Cutting files into overlapping passages at line ends, and into the smaller pieces that are embedded.

Tokens are estimated as a quarter of the UTF-8 bytes: right within a third for prose and code, Asian scripts included.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from mcp_server.files.text import lines_of
from mcp_server.index.protocol import Chunking
from mcp_server.model.document import Chunk

BYTES_PER_TOKEN = 4
PIECE_BYTES = 125 * BYTES_PER_TOKEN
"""What one vector stands for: the vector of a long text says little of each of its parts."""
DEFAULT = Chunking()


Span = tuple[int, int]
"""From the first line's index to the one after the last's."""


class Line(NamedTuple):
    """A line, or a piece of one that is too long for a passage; ``size`` in bytes."""

    number: int
    text: str
    size: int


class Cut(NamedTuple):
    """A file's passages, its pieces, and for each passage which of the pieces (by index) are in it.

    Pieces do not overlap as passages do, so that nothing is embedded twice.
    """

    chunks: list[Chunk]
    pieces: list[str]
    places: list[list[int]]


def text_chunks(file_id: str, text: str, chunking: Chunking = DEFAULT) -> Cut:
    """Passages of a text: exactly its lines ``first_line`` to ``last_line``, but for lines longer than a passage."""
    return _cut(file_id, [(None, text)], chunking)


def page_chunks(file_id: str, pages: Iterable[str], chunking: Chunking = DEFAULT) -> Cut:
    """Passages of a paged document; none reaches over a page."""
    return _cut(file_id, enumerate(pages, 1), chunking)


def overlap(one: Chunk, other: Chunk) -> bool:
    """Whether two passages of one file share text."""
    if one.page is not None or other.page is not None:
        return one.page == other.page and abs(one.ordinal - other.ordinal) <= 1
    if one.first_line is None or one.last_line is None or other.first_line is None or other.last_line is None:
        return one.ordinal == other.ordinal
    return one.first_line <= other.last_line and other.first_line <= one.last_line


def _cut(file_id: str, parts: Iterable[tuple[int | None, str]], chunking: Chunking) -> Cut:
    size, shared = chunking.tokens * BYTES_PER_TOKEN, chunking.overlap * BYTES_PER_TOKEN
    cut = Cut([], [], [])
    for page, text in parts:
        lines = _lines(text, size)
        windows = _telling(lines, _windows(lines, size, shared))
        pieces = _telling(lines, _windows(lines, min(PIECE_BYTES, size), 0))
        for start, end in windows:
            span = {"page": page} if page else {"first_line": lines[start].number, "last_line": lines[end - 1].number}
            cut.places.append([len(cut.pieces) + place for place in _within((start, end), pieces)])
            cut.chunks.append(Chunk(file_id=file_id, ordinal=len(cut.chunks), text=_text(lines[start:end]), **span))
        cut.pieces.extend(_text(lines[start:end]) for start, end in pieces)
    return cut


def _within(window: Span, pieces: Sequence[Span]) -> list[int]:
    """The pieces that begin in a passage; where none does, those that reach into it."""
    start, end = window
    found = [index for index, piece in enumerate(pieces) if start <= piece[0] < end]
    return found or [index for index, piece in enumerate(pieces) if piece[0] < end and piece[1] > start]


def _lines(text: str, most: int) -> list[Line]:
    return [
        Line(number, piece, len(piece.encode("utf-8", errors="replace")))
        for number, line in enumerate(lines_of(text), 1)
        for piece in _pieces(line, most)
    ]


def _pieces(line: str, most: int) -> list[str]:
    """A line in pieces that each fit into a passage; one piece where it does as a whole."""
    if len(line.encode("utf-8", errors="replace")) <= most:
        return [line]
    length = most // BYTES_PER_TOKEN
    return [line[start : start + length] for start in range(0, len(line), length)]


def _windows(lines: Sequence[Line], size: int, shared: int) -> Iterable[Span]:
    """As many lines as fit, then on from the first line of what is to stand in both; a line alone may be longer."""
    start = 0
    while start < len(lines):
        end = start + max(1, _fitting((lines[index] for index in range(start, len(lines))), size))
        yield start, end
        if end == len(lines):
            return
        # The first new line must fit beside what is repeated, or the next passage would say nothing new.
        room = min(shared, size - lines[end].size)
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


def _telling(lines: Sequence[Line], spans: Iterable[Span]) -> list[Span]:
    """Those that are not blank."""
    return [(start, end) for start, end in spans if _text(lines[start:end]).strip()]


def _text(lines: Iterable[Line]) -> str:
    return "".join(line.text for line in lines)
