"""Reading a file whose place was checked before: nothing that was swapped in since is read, nor more than the limit."""

import errno
import hashlib
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from mcp_server.errors import InvalidArgument
from mcp_server.files.kinds import HEAD, Kind, kind_of

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
_FILE: int = os.O_RDONLY | _NO_LINK | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_SWAPPED = (errno.ELOOP, errno.ENOTDIR, errno.EMLINK)


@dataclass(frozen=True)
class Source:
    """A file's bytes as they were at one moment; ``sha256`` is the hexadecimal hash of ``content``."""

    path: Path
    kind: Kind
    content: bytes = field(repr=False)
    sha256: str


def read(path: Path) -> Source:
    """Read a file by its real path, as ``Roots.resolve`` gave it.

    Raises:
        InvalidArgument: it is gone, not a regular file, larger than its kind may be, or a link stands where none stood.
    """
    try:
        with _stream(path) as stream:
            head = stream.read(HEAD)
            kind = kind_of(path, head)
            content = head + stream.read(LIMITS[kind] + 1 - len(head))
    except OSError as error:
        raise unreadable(str(path), error) from error
    if len(content) > LIMITS[kind]:
        limit = LIMITS[kind] // MEGABYTE
        raise InvalidArgument(f"{path} is larger than {limit} MB, the limit for this kind of file: split it.")
    return Source(path, kind, content, hashlib.sha256(content).hexdigest())


def head_of(path: Path) -> bytes | None:
    """The first bytes of a regular file; None when it cannot be read."""
    try:
        with _stream(path) as stream:
            return stream.read(HEAD)
    except (OSError, InvalidArgument):
        return None


def require_regular(mode: int, source: str) -> None:
    """Refuse what is not a regular file.

    Raises:
        InvalidArgument: it is a folder, a device, a pipe or a socket.
    """
    if stat.S_ISDIR(mode):
        raise InvalidArgument(f"{source} is a folder, but a file is needed here: name a file in it.")
    if not stat.S_ISREG(mode):
        raise InvalidArgument(f"{source} is not a regular file (a device, a pipe or a socket): it is never read.")


def unreadable(source: str, error: OSError) -> InvalidArgument:
    """The sentence for a file that the system does not let us read."""
    if isinstance(error, FileNotFoundError):
        return InvalidArgument(f"{source} does not exist: check the path.")
    if error.errno in _SWAPPED:
        return InvalidArgument(f"{source} leads through a link that was not there when it was checked: it is not read.")
    return InvalidArgument(f"{source} cannot be read ({os.strerror(error.errno or 0)}): check its permissions.")


def _stream(path: Path) -> BinaryIO:
    opened = _open(path)
    try:
        require_regular(os.fstat(opened).st_mode, str(path))
    except InvalidArgument:
        os.close(opened)
        raise
    return os.fdopen(opened, "rb")


def _open(path: Path) -> int:
    """Open a real path folder by folder, so that a link anywhere on the way is refused, not followed."""
    if os.open not in os.supports_dir_fd:
        return open_and_compare(path)
    folder = os.open(path.anchor, _FOLDER)
    for name in path.parts[1:-1]:
        folder = _enter(folder, name, _FOLDER)
    return _enter(folder, path.name, _FILE)


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
