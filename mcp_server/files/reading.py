"""Reading a file whose place was checked before: nothing that was swapped in since is read, nor more than the limit.

What is refused is refused by its size and its first bytes, before the rest is read.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple

from mcp_server.errors import InvalidArgument
from mcp_server.files.kinds import Kind, kind_of, looks_binary
from mcp_server.files.text import HEAD

MEGABYTE = 1_000_000
LIMITS: dict[Kind, int] = {
    "text": 10 * MEGABYTE,
    "image": 20 * MEGABYTE,
    "pdf": 50 * MEGABYTE,
    "document": 50 * MEGABYTE,
}

# None of the flags but O_RDONLY is there on every platform.
_NO_LINK: int = getattr(os, "O_NOFOLLOW", 0)
_FOLDER: int = getattr(os, "O_PATH", os.O_RDONLY) | getattr(os, "O_DIRECTORY", 0) | _NO_LINK
_LISTED: int = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _NO_LINK
_FILE: int = os.O_RDONLY | _NO_LINK | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_JUNCTION = 0xA0000003
"""IO_REPARSE_TAG_MOUNT_POINT."""
_SWAPPED = (errno.ELOOP, errno.ENOTDIR, errno.EMLINK)


@dataclass(frozen=True)
class Source:
    """A file's bytes as they were at one moment; ``sha256`` is the hexadecimal hash of ``content``."""

    path: Path
    kind: Kind
    content: bytes = field(repr=False)
    sha256: str


class Entry(NamedTuple):
    """What a folder holds under a name. A link is neither file nor folder, whatever it leads to."""

    name: str
    folder: bool
    file: bool
    link: bool


def read(path: Path, *, searchable: bool = False) -> Source:
    """Read a file by its real path, as ``Roots.resolve`` gave it; ``searchable`` refuses what holds no text at all.

    Raises:
        InvalidArgument: what ``probe`` raises.
    """
    try:
        with _stream(path) as stream:
            head, kind = _begin(path, stream, searchable=searchable)
            content = head + stream.read(LIMITS[kind] + 1 - len(head))
    except OSError as error:
        raise unreadable(str(path), error) from error
    if len(content) > LIMITS[kind]:  # it grew while it was read
        raise _too_large(path, kind)
    return Source(path, kind, content, hashlib.sha256(content).hexdigest())


def probe(path: Path) -> None:
    """Raise what ``read`` would raise, without reading more than the first bytes.

    Raises:
        InvalidArgument: it is gone, not a regular file, binary, larger than its kind may be, another name of a file
            elsewhere, or a link stands where none stood.
    """
    try:
        with _stream(path) as stream:
            _begin(path, stream)
    except OSError as error:
        raise unreadable(str(path), error) from error


def head_of(path: Path, size: int = HEAD) -> bytes | None:
    """The first ``size`` bytes of a regular file; None when it cannot be read."""
    try:
        with _stream(path) as stream:
            return stream.read(size)
    except (OSError, InvalidArgument):
        return None


def require_regular(status: os.stat_result, source: str) -> None:
    """Refuse what is not a regular file of one name.

    Raises:
        InvalidArgument: it is a folder, a device, a pipe or a socket, or it has hard links.
    """
    if stat.S_ISDIR(status.st_mode):
        raise InvalidArgument(f"{source} is a folder, but a file is needed here: name a file in it.")
    if not stat.S_ISREG(status.st_mode):
        raise InvalidArgument(f"{source} is not a regular file (a device, a pipe or a socket): it is never read.")
    if status.st_nlink > 1:
        raise InvalidArgument(
            f"{source} is a hard link, one of several names of a file that may belong elsewhere: name a copy of it."
        )


def unreadable(source: str, error: OSError) -> InvalidArgument:
    """The sentence for a file that the system does not let us read."""
    if isinstance(error, FileNotFoundError):
        return InvalidArgument(f"{source} does not exist: check the path.")
    if error.errno in _SWAPPED:
        return InvalidArgument(f"{source} leads through a link that was not there when it was checked: it is not read.")
    return InvalidArgument(f"{source} cannot be read ({os.strerror(error.errno or 0)}): check its permissions.")


def list_folder(path: Path) -> list[Entry]:
    """What is in a folder, by its real path; nothing when it cannot be read, or when a link stands on the way to it."""
    try:
        with _listed(path) as entries:
            return [
                Entry(
                    entry.name,
                    entry.is_dir(follow_symlinks=False) and not _is_junction(entry),
                    entry.is_file(follow_symlinks=False),
                    entry.is_symlink(),
                )
                for entry in entries
            ]
    except OSError:
        return []


@contextmanager
def _listed(path: Path) -> Generator[Iterator[os.DirEntry[str]]]:
    if os.open not in os.supports_dir_fd:
        if os.path.realpath(path) != str(path):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        with os.scandir(path) as entries:
            yield entries
        return
    opened = _open(path, _LISTED)
    try:
        with os.scandir(opened) as entries:
            yield entries
    finally:
        os.close(opened)


def _is_junction(entry: os.DirEntry[str]) -> bool:
    """True for Windows' other kind of link to a folder, which says that it is none."""
    return getattr(entry.stat(follow_symlinks=False), "st_reparse_tag", 0) == _JUNCTION if os.name == "nt" else False


def _begin(path: Path, stream: BinaryIO, *, searchable: bool = False) -> tuple[bytes, Kind]:
    """The first bytes, and the kind that they and the name tell."""
    head = stream.read(HEAD)
    kind = kind_of(path, head)
    if searchable and kind == "image":
        raise InvalidArgument(f"{path} is an image: it holds no text to search.")
    if os.fstat(stream.fileno()).st_size > LIMITS[kind]:
        raise _too_large(path, kind)
    if kind == "text" and looks_binary(head):
        raise InvalidArgument(f"{path} looks binary: only text, documents and images can be read.")
    return head, kind


def _too_large(path: Path, kind: Kind) -> InvalidArgument:
    limit = LIMITS[kind] // MEGABYTE
    return InvalidArgument(f"{path} is larger than {limit} MB, the limit for this kind of file: split it.")


def _stream(path: Path) -> BinaryIO:
    opened = _open(path)
    try:
        require_regular(os.fstat(opened), str(path))
    except InvalidArgument:
        os.close(opened)
        raise
    return os.fdopen(opened, "rb")


def _open(path: Path, flags: int = _FILE) -> int:
    """Open a real path folder by folder, so that a link anywhere on the way is refused, not followed."""
    if os.open not in os.supports_dir_fd:
        return open_and_compare(path)
    folder = os.open(path.anchor, _FOLDER)
    for name in path.parts[1:-1]:
        folder = _enter(folder, name, _FOLDER)
    return _enter(folder, path.name or ".", flags)


def _enter(folder: int, name: str, flags: int) -> int:
    try:
        return os.open(name, flags, dir_fd=folder)
    finally:
        os.close(folder)


def open_and_compare(path: Path) -> int:
    """Where files cannot be opened relative to a folder (Windows): open, then look whether it is the right one."""
    opened = os.open(path, _FILE)
    if os.path.realpath(path) == str(path) and os.path.samestat(os.fstat(opened), path.lstat()):
        return opened
    os.close(opened)
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
