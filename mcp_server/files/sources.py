"""What a caller may name as a file: a path, folder, glob, https URL or file id. Checked before anything is sent."""

import re
from collections.abc import Sequence
from pathlib import Path

from anyio import to_thread

from mcp_server.errors import InvalidArgument
from mcp_server.files.fetch import Fetcher
from mcp_server.files.roots import Roots
from mcp_server.files.urls import is_url, shown

MAX_FILES = 100
"""Files of one question."""

_FILE_ID = re.compile(r"file-[A-Za-z0-9_-]+")


def is_file_id(source: str) -> bool:
    """True for the id of an uploaded file."""
    return _FILE_ID.fullmatch(source) is not None


async def check(sources: Sequence[str], roots: Roots, fetcher: Fetcher) -> list[str]:
    """The absolute paths of all files the sources stand for, each once; URLs and ids stay as they are.

    Raises:
        InvalidArgument: a source may not be read or matches nothing, there are more than 100 files, or a URL may not
            or cannot be fetched.
    """
    found = await to_thread.run_sync(_all, sources, roots)
    await fetcher.check(source for source in found if is_url(source))
    return found


def searchable(sources: Sequence[str], roots: Roots, indexed: Sequence[str] = ()) -> list[Path]:
    """The places to index: files and what globs match, and folders as such, so that an emptied one is noticed.

    What a source stood for when it was ``indexed`` (by real paths) and is gone since is among them, to be taken out.

    Raises:
        InvalidArgument: a source is a URL, may not be read, or matches nothing and never did.
    """
    places: dict[Path, None] = {}
    for source in sources:
        if is_url(source):
            raise InvalidArgument(f"{shown(source)} is a URL, and only local files are indexed: save it first.")
        lost = roots.lost(source, indexed)
        places |= dict.fromkeys(lost)
        try:
            places |= dict.fromkeys(roots.places(source))
        except InvalidArgument:
            if not lost:
                raise
    return list(places)


def _all(sources: Sequence[str], roots: Roots) -> list[str]:
    found: dict[str, None] = {}
    # Each glob is a walk of its own: no more of them than can be of use, and none after too many files.
    for source in _few(dict.fromkeys(sources)):
        found.update(dict.fromkeys(_stands_for(source, roots)))
        _few(found)
    return list(found)


def _few(found: dict[str, None]) -> dict[str, None]:
    if len(found) > MAX_FILES:
        raise InvalidArgument(
            f"files stands for {len(found)} files, and at most {MAX_FILES} go with one call: name fewer."
        )
    return found


def _stands_for(source: str, roots: Roots) -> list[str]:
    if is_file_id(source) or is_url(source):
        return [source]
    paths = [str(path) for path in roots.expand(source)]
    if not paths:
        raise InvalidArgument(f"{source} holds no file that can be read: name the files themselves.")
    return paths
