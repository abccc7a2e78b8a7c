"""Which files may be read: those whose real path, with every link resolved, lies in one of the allowed folders."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mcp_server.errors import InvalidArgument
from mcp_server.files import walk
from mcp_server.files.kinds import kind_of, looks_binary
from mcp_server.files.reading import head_of, require_regular, unreadable

NEVER = (Path("/proc"), Path("/sys"), Path("/dev"))
MAX_FOUND = 10_000
"""Files that one folder or glob may stand for."""


@dataclass(frozen=True)
class Roots:
    """The allowed folders. A relative path is relative to the first of them; ``~`` is the home folder."""

    folders: tuple[Path, ...]

    def resolve(self, source: str) -> Path:
        """The real path of a regular file.

        Raises:
            InvalidArgument: outside the allowed folders, missing, a folder, or not a regular file.
        """
        real = self.locate(source)
        require_regular(real.lstat().st_mode, source)
        return real

    def locate(self, source: str) -> Path:
        """The real path of a file or folder.

        Raises:
            InvalidArgument: outside the allowed folders, or missing.
        """
        real = self._admit(self._place(source), source)
        try:
            real.lstat()
        except OSError as error:
            raise unreadable(source, error) from error
        return real

    def expand(self, pattern: str) -> list[Path]:
        """The real paths of a file, of the text and PDF files below a folder, or of the files a glob matches.

        Links that lead out of the allowed folders are left out, and so is what ``walk`` leaves out. A folder's files
        are looked into: call it in a worker thread.

        Raises:
            InvalidArgument: what ``resolve`` raises, a glob that matches nothing, or more than 10,000 files.
        """
        places = self.places(pattern)
        return readable_below(places[0], self._real()) if places[0].is_dir() else places

    def places(self, pattern: str) -> list[Path]:
        """As ``expand``, but a folder stays a folder.

        Raises:
            InvalidArgument: what ``resolve`` raises, a glob that matches nothing, or more than 10,000 files.
        """
        place = self._place(pattern)
        if is_glob(pattern) and not os.path.lexists(place):
            return self._match(place, pattern)
        real = self.locate(pattern)
        return [real] if real.is_dir() else [self.resolve(pattern)]

    def label(self, path: Path) -> str:
        """How a file is called towards the model: its path below the allowed folder it lies in."""
        inside = [root for root in self._real() if path.is_relative_to(root)]
        return path.relative_to(inside[0]).as_posix() if inside else path.name

    def _real(self) -> list[Path]:
        return [Path(os.path.realpath(folder)) for folder in self.folders]

    def _place(self, source: str) -> Path:
        if not self.folders:
            raise InvalidArgument(
                f"{source!r} cannot be read because no folder is allowed: set RESPONSES_MCP_ALLOWED_ROOTS to the "
                "folders that file tools may read."
            )
        if not source or not walk.speakable(source):
            raise InvalidArgument(f"{source!r} is not a path: give the name of a file, without control characters.")
        try:
            return self.folders[0] / Path(source).expanduser()
        except RuntimeError as error:
            raise InvalidArgument(f"{source} begins with a home folder that is not known: write it out.") from error

    def _admit(self, place: Path, source: str) -> Path:
        """The real path of ``place``; whether something outside exists is not told."""
        real = Path(os.path.realpath(place))
        if _within(real, NEVER):
            raise InvalidArgument(f"{source} is refused: nothing under /proc, /sys or /dev is ever read.")
        if not _within(real, self._real()):
            folders = ", ".join(str(folder) for folder in self.folders)
            raise InvalidArgument(
                f"{source} is outside the allowed folders ({folders}) once its links are followed: name a file in "
                "them, or add its folder to RESPONSES_MCP_ALLOWED_ROOTS."
            )
        return real

    def _match(self, place: Path, pattern: str) -> list[Path]:
        wild = next(index for index, part in enumerate(place.parts) if is_glob(part))
        fixed, levels = Path(*place.parts[:wild]), place.parts[wild:]
        if ".." in levels:
            raise InvalidArgument(f"{pattern} climbs with '..' behind a wildcard: write the folder out.")
        found = _collect(self._admit(fixed, pattern), levels, self._real(), Path.is_file)
        if not found:
            raise InvalidArgument(f"{pattern} matches no file in the allowed folders: check the pattern.")
        return found


def is_glob(source: str) -> bool:
    """True when it holds a wildcard."""
    return any(character in source for character in "*?[")


def readable_below(folder: Path, roots: Sequence[Path]) -> list[Path]:
    """The text and PDF files below ``folder``, none of them outside ``roots`` (real paths).

    Raises:
        InvalidArgument: more than 10,000 files.
    """
    return _collect(folder, walk.EVERYTHING, roots, _readable)


def _collect(folder: Path, pattern: Sequence[str], roots: Sequence[Path], wanted: Callable[[Path], bool]) -> list[Path]:
    found: dict[Path, None] = {}
    for real in _inside(walk.find(folder, pattern), roots):
        if real not in found and wanted(real):
            found[real] = None
        if len(found) > MAX_FOUND:
            raise InvalidArgument(f"{folder} holds more than {MAX_FOUND:,} such files: name a smaller folder.")
    return list(found)


def _inside(paths: Iterable[Path], roots: Sequence[Path]) -> Iterable[Path]:
    reals = (Path(os.path.realpath(path)) for path in paths)
    return (real for real in reals if _within(real, roots) and not _within(real, NEVER))


def _within(real: Path, folders: Sequence[Path]) -> bool:
    return any(real.is_relative_to(folder) for folder in folders)


def _readable(path: Path) -> bool:
    head = head_of(path)
    if head is None:
        return False
    kind = kind_of(path, head)
    return kind == "pdf" or (kind == "text" and not looks_binary(head))
