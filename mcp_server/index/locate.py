"""Where in a local file a passage or a quotation stands.

An upstream's passages are pieces of a file's text with other whitespace, sometimes below a heading that the file does
not have, and its reader of PDF files is another one than ours. So words are compared, without case and punctuation:
first all of them, then runs of a few.
"""

import re
from array import array
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from anyio import to_thread

from mcp_server.errors import ServerError
from mcp_server.files.extract import Reading, extract
from mcp_server.files.reading import read
from mcp_server.files.text import lines_of

REMEMBERED = 2_000_000
"""Words that stay in memory, some 30 MB: the passages of one search come from a few files."""
RUN = 6
"""Words in a row that are no coincidence."""
RUNS = 40
"""How many runs of a passage are looked for."""

# Chinese, Japanese and Korean are written without spaces: each character counts as a word.
_DENSE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
_WORD = re.compile(rf"[{_DENSE}]|[^\W{_DENSE}]+")
_MARK = re.compile(r"^\[(?:page|slide|sheet) \d+\]$", re.MULTILINE)


class Place(NamedTuple):
    """Lines such as "12-30" (from 1), or the number of a page, slide or sheet (from 1); one of the two is there."""

    lines: str | None = None
    page: int | None = None


class _Words(NamedTuple):
    """The words of a file, and of each the line or the page it stands on. ``text`` has a space around every word."""

    text: str
    starts: "array[int]"
    places: "array[int]"
    paged: bool


_words_of: OrderedDict[str, _Words] = OrderedDict()


async def located(path: Path, sha256: str, text: str) -> Place | None:
    """Where ``text`` stands in the file that had the hash ``sha256`` when it was indexed.

    None when the file has changed since, is gone or cannot be read, or the text is not found in it.
    """
    try:
        source = await to_thread.run_sync(read, path)
        if source.sha256 != sha256:
            return None
        words = _words_of.pop(sha256, None)
        if words is None:
            reading = await extract(source)
            words = await to_thread.run_sync(_split, reading)
    except ServerError:
        return None
    _words_of[sha256] = words
    while len(_words_of) > 1 and sum(len(one.starts) for one in _words_of.values()) > REMEMBERED:
        _words_of.popitem(last=False)
    return await to_thread.run_sync(_found, words, text)


def _split(reading: Reading) -> _Words:
    parts = reading.pages if reading.pages is not None else lines_of(reading.text)
    text, starts, places = [" "], array("I"), array("I")
    at = 1
    for number, part in enumerate(parts, 1):
        for word in _plain(part):
            starts.append(at)
            places.append(number)
            text.append(f"{word} ")
            at += len(word) + 1
    return _Words("".join(text), starts, places, reading.pages is not None)


def _found(words: _Words, passage: str) -> Place | None:
    for candidate in _candidates(_MARK.sub("", passage)):
        span = _whole(words, candidate)
        if span:
            return _place(words, *span)
    span = _by_runs(words, list(_plain(passage)))
    return span and _place(words, *span)


def _candidates(passage: str) -> Iterator[list[str]]:
    """The passage, and the passage below what may be a heading."""
    yield list(_plain(passage))
    _, _, below = passage.strip().partition("\n")
    if below:
        yield list(_plain(below))


def _whole(words: _Words, wanted: list[str]) -> tuple[int, int] | None:
    first = words.text.find(f" {' '.join(wanted)} ") if wanted else -1
    if first < 0:
        return None
    index = _index(words, first + 1)
    return index, index + len(wanted) - 1


def _by_runs(words: _Words, wanted: list[str]) -> tuple[int, int] | None:
    """From the first run of words that the file has to the last one, not further apart than in the passage.

    At least half of the passage must lie between them: less would be another place.
    """
    step = 1 + len(wanted) // RUNS
    begins = range(0, len(wanted) - RUN + 1, step)
    runs = [(at, words.text.find(f" {' '.join(wanted[at : at + RUN])} ")) for at in begins]
    found = [(at, _index(words, position + 1)) for at, position in runs if position >= 0]
    best: tuple[int, int] | None = None
    for first_at, first in found:
        close = [one for at, one in found if 0 <= one - first <= 2 * (at - first_at)]
        last = max(close) + RUN - 1
        if best is None or last - first > best[1] - best[0]:
            best = first, last
    return best if best and 2 * (best[1] - best[0] + 1) >= len(wanted) else None


def _place(words: _Words, first: int, last: int) -> Place:
    if words.paged:
        return Place(page=words.places[first])
    start, end = words.places[first], words.places[last]
    return Place(lines=str(start) if start == end else f"{start}-{end}")


def _index(words: _Words, position: int) -> int:
    return bisect_left(words.starts, position)


def _plain(text: str) -> Iterator[str]:
    return (match.group() for match in _WORD.finditer(text.casefold()))
