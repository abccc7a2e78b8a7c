"""A host's file on the disk: read whole, written whole or not at all, and kept as it was before we came."""

import os
import re
import stat
import tempfile
from pathlib import Path

from mcp_server.errors import ConfigurationError, Conflict

SUFFIX = ".before-responses-mcp"


def read(path: Path) -> bytes | None:
    """The file's content; None when it is not there.

    Raises:
        ConfigurationError: it is there, but cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read ({error.strerror}); nothing was changed.") from None


def write(path: Path, before: bytes | None, after: bytes | None, *, private: bool) -> None:
    """Put ``after`` where ``before`` is, at once; None is no file. A link stays one, and the mode what it was.

    ``private`` takes the file away from everybody but its owner; a new file is made like that anyway.

    Raises:
        Conflict: somebody else has changed the file since it was read.
        ConfigurationError: it cannot be written.
    """
    if read(path) != before:
        raise Conflict(f"{path} was changed by another program just now; run the command again.")
    target = Path(os.path.realpath(path))
    try:
        if after is None:
            target.unlink()
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        mode = 0o600 if before is None else stat.S_IMODE(target.stat().st_mode)
        _replace(target, after, mode & 0o700 if private else mode, owner=None if before is None else target)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written ({error.strerror}); it is as it was.") from None


def make_private(path: Path) -> None:
    """Take the file away from everybody but its owner.

    Raises:
        ConfigurationError: that cannot be done.
    """
    try:
        path.chmod(stat.S_IMODE(path.stat().st_mode) & 0o700)
    except OSError as error:
        raise ConfigurationError(f"{path} has a key in it, and others may read it ({error.strerror}).") from None


def back_up(path: Path, content: bytes) -> Path:
    """Keep ``content`` beside ``path``; a backup that says the same is used again, another one is never overwritten.

    Raises:
        ConfigurationError: it cannot be written; the file is as it was.
    """
    for known in backups(path):
        if read(known) == content:
            return known
    number = 1
    while (kept := _backup(path, number)).exists():
        number += 1
    try:
        _replace(kept, content, stat.S_IMODE(path.stat().st_mode), owner=path)
    except OSError as error:
        raise ConfigurationError(
            f"No backup of {path} can be written beside it ({error.strerror}); nothing was changed."
        ) from None
    return kept


def backups(path: Path) -> list[Path]:
    """The backups of ``path``, the newest first."""
    form = re.compile(re.escape(path.name + SUFFIX) + r"(?:\.(\d+))?")
    try:
        found = [(form.fullmatch(one.name), one) for one in path.parent.iterdir()]
    except OSError:
        return []
    numbered = [(int(match[1] or 1), one) for match, one in found if match]
    return [one for _, one in sorted(numbered, reverse=True) if one.is_file()]


def _backup(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}{SUFFIX}{'' if number == 1 else f'.{number}'}")


def _replace(target: Path, content: bytes, mode: int, owner: Path | None) -> None:
    """Write beside the target, then take its place: who reads meanwhile sees the old file or the new one.

    It belongs to whom ``owner`` belongs to: what ``sudo`` writes must not be taken from a person.
    """
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    written = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if owner and os.name == "posix" and os.geteuid() == 0:
            held = owner.stat()
            os.chown(written, held.st_uid, held.st_gid)
        written.chmod(mode)
        written.replace(target)
    finally:
        written.unlink(missing_ok=True)  # only there if that failed
