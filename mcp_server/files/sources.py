"""What a caller may name as a file: a path, folder, glob or file id. Checked before anything is sent."""

import re
from collections.abc import Sequence
from pathlib import Path

from mcp_server.errors import InvalidArgument, NotYet
from mcp_server.files.roots import Roots

MAX_FILES = 100
"""Files of one question."""

_FILE_ID = re.compile(r"file-[A-Za-z0-9_-]+")
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")


def is_file_id(source: str) -> bool:
    """True for the id of an uploaded file."""
    return _FILE_ID.fullmatch(source) is not None


def check(sources: Sequence[str], roots: Roots) -> list[str]:
    """The absolute paths of all files the sources stand for, each once; ids stay as they are.

    Looks into folders: call it in a worker thread.

    Raises:
        InvalidArgument: a source may not be read or matches nothing, or there are more than 100 files.
        NotYet: a URL.
    """
    found: dict[str, None] = {}
    for source in sources:
        found.update(dict.fromkeys(_stands_for(source, roots)))
    if len(found) > MAX_FILES:
        raise InvalidArgument(
            f"files stands for {len(found)} files, and at most {MAX_FILES} go with one call: name fewer."
        )
    return list(found)


def searchable(sources: Sequence[str], roots: Roots) -> list[Path]:
    """The places to index: files and what globs match, and folders as such, so that an emptied one is noticed.

    Raises:
        InvalidArgument: a source may not be read or matches nothing.
        NotYet: a URL.
    """
    places: dict[Path, None] = {}
    for source in sources:
        _refuse_url(source)
        for path in roots.places(source):
            places[path] = None
    return list(places)


def _stands_for(source: str, roots: Roots) -> list[str]:
    if is_file_id(source):
        return [source]
    _refuse_url(source)
    paths = [str(path) for path in roots.expand(source)]
    if not paths:
        raise InvalidArgument(f"{source} holds no text or PDF file: name the files themselves.")
    return paths


def _refuse_url(source: str) -> None:
    url = _URL.match(source)
    if url is None:
        return
    if url[1].lower() in ("http", "https"):
        raise NotYet(f"{source} is a URL, and file URLs are not supported yet: save the file and give its path.")
    raise InvalidArgument(f"{source} is not a path: give a path, a folder, a glob or the id of an uploaded file.")
