"""Which files may be read: those whose real path, with every link resolved, lies in one of the allowed folders."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path, PureWindowsPath

from mcp_server.errors import InvalidArgument
from mcp_server.files import walk, windows
from mcp_server.files.kinds import kind_of, looks_binary
from mcp_server.files.reading import head_of, probe, require_regular, unreadable

NEVER = (Path("/proc"), Path("/sys"), Path("/dev"))
MAX_FOUND = 10_000
"""Files that one folder or glob may stand for: with more of them a walk outlasts the wait, and nobody meant them."""
MAX_LENGTH = 4096
"""Characters of a path; no system takes longer ones."""


@dataclass(frozen=True)
class Roots:
    """The allowed folders, by their real paths: a folder that becomes a link later allows nothing new.

    A relative path is relative to the first of them; ``~`` is the home folder.
    """

    folders: tuple[Path, ...]

    @classmethod
    def of(cls, folders: Iterable[str | Path]) -> "Roots":
        """Allow folders by any of their names."""
        return cls(tuple(dict.fromkeys(real for folder in folders if (real := _followed(Path(folder))))))

    def resolve(self, source: str) -> Path:
        """The real path of a regular file.

        Raises:
            InvalidArgument: outside the allowed folders, missing, a folder, not a regular file, or a hard link.
        """
        real, status = self._look_up(source)
        require_regular(status, source)
        return real

    def locate(self, source: str) -> Path:
        """The real path of a file or folder.

        Raises:
            InvalidArgument: outside the allowed folders, or missing.
        """
        return self._look_up(source)[0]

    def expand(self, pattern: str) -> list[Path]:
        """The real paths of a file, of the files below a folder that have text, or of the files a glob matches.

        Links that lead out of the allowed folders are left out, and so is what ``walk`` leaves out. The files are
        looked into: call it in a worker thread.

        Raises:
            InvalidArgument: what ``resolve`` and ``probe`` raise, a glob that matches nothing, or more than 10,000
                files.
        """
        places = self.places(pattern)
        if places[0].is_dir():
            places = [file for file in files_below(places[0], self.folders) if _has_text(file)]
        for place in places:
            probe(place)
        return places

    def places(self, pattern: str) -> list[Path]:
        """The real path of a file or folder, or of the files a glob matches.

        Raises:
            InvalidArgument: what ``resolve`` raises, a glob that matches nothing, or more than 10,000 files.
        """
        place = self._place(pattern)
        if is_glob(pattern) and not os.path.lexists(place):
            return self._match(place, pattern)
        real = self.locate(pattern)
        return [real] if real.is_dir() else [self.resolve(pattern)]

    def lost(self, source: str, known: Iterable[str]) -> list[Path]:
        """Those of the ``known`` real paths that are gone: of a place that is gone itself, or of a glob's folder.

        Raises:
            InvalidArgument: outside the allowed folders.
        """
        place = self._place(source)
        if os.path.lexists(place):
            return []
        real = self._admit(_before_wildcards(place), source)
        return [Path(path) for path in known if Path(path).is_relative_to(real) and not os.path.lexists(path)]

    def label(self, path: Path) -> str:
        """How a file is called towards the model: its path below the allowed folder it lies in."""
        inside = [root for root in self.folders if path.is_relative_to(root)]
        return path.relative_to(inside[0]).as_posix() if inside else path.name

    def _look_up(self, source: str) -> tuple[Path, os.stat_result]:
        real = self._admit(self._place(source), source)
        try:
            return real, real.lstat()
        except OSError as error:
            raise unreadable(source, error) from error

    def _place(self, source: str) -> Path:
        if not self.folders:
            raise InvalidArgument(
                f"{source!r} cannot be read because no folder is allowed: set RESPONSES_MCP_ALLOWED_ROOTS to the "
                "folders that file tools may read."
            )
        if not source or len(source) > MAX_LENGTH or not walk.speakable(source):
            raise InvalidArgument(
                f"{source[:100]!r} is not a path: give the name of a file, without control characters and at most "
                f"{MAX_LENGTH:,} characters long."
            )
        if os.name == "nt" and (wrong := windows.refused(source, [PureWindowsPath(root) for root in self.folders])):
            raise InvalidArgument(f"{source} {wrong}.")
        return self.folders[0] / _at_home(source)

    def _admit(self, place: Path, source: str) -> Path:
        """The real path of ``place``; whether something outside exists is not told."""
        real = _followed(place)
        if real is None:
            raise InvalidArgument(f"{source} changed while it was checked, so it is not read: call again.")
        if _within(Path(os.path.normpath(place)), NEVER) or _within(real, NEVER):
            raise InvalidArgument(f"{source} is refused: nothing under /proc, /sys or /dev is ever read.")
        if not _within(real, self.folders):
            folders = ", ".join(str(folder) for folder in self.folders)
            raise InvalidArgument(
                f"{source} is outside the allowed folders ({folders}) once its links are followed: name a file in "
                "them, or add its folder to RESPONSES_MCP_ALLOWED_ROOTS."
            )
        return real

    def _match(self, place: Path, pattern: str) -> list[Path]:
        fixed = _before_wildcards(place)
        levels = place.parts[len(fixed.parts) :]
        if ".." in levels:
            raise InvalidArgument(f"{pattern} climbs with '..' behind a wildcard: write the folder out.")
        found = _collect(self._admit(fixed, pattern), levels, self.folders)
        if not found:
            raise InvalidArgument(f"{pattern} matches no file in the allowed folders: check the pattern.")
        return found


def is_glob(source: str) -> bool:
    """True when it holds a wildcard."""
    return any(character in source for character in "*?[")


def _before_wildcards(place: Path) -> Path:
    return Path(*takewhile(lambda part: not is_glob(part), place.parts))


def files_below(folder: Path, roots: Sequence[Path]) -> list[Path]:
    """All files below ``folder``, none of them outside ``roots`` (real paths), but for what ``walk`` leaves out.

    Raises:
        InvalidArgument: more than 10,000 files.
    """
    return _collect(folder, walk.EVERYTHING, roots)


def _collect(folder: Path, pattern: Sequence[str], roots: Sequence[Path]) -> list[Path]:
    found: dict[Path, None] = {}
    for file in _inside(walk.find(folder, pattern), roots):
        found[file] = None
        if len(found) > MAX_FOUND:
            raise InvalidArgument(
                f"{folder} holds more than {MAX_FOUND:,} such files: name a smaller folder, or leave files out of it "
                "with a .gitignore."
            )
    return list(found)


def _inside(found: Iterable[walk.Found], roots: Sequence[Path]) -> Iterator[Path]:
    for path, link in found:
        real = _followed(path) if link else path
        if real and (not link or (_within(real, roots) and not _within(real, NEVER) and real.is_file())):
            yield real


def _followed(path: Path) -> Path | None:
    """The real path; None when a link was taken away while it was followed."""
    try:
        return Path(os.path.realpath(path))
    except OSError:
        return None


def _within(real: Path, folders: Sequence[Path]) -> bool:
    return any(real.is_relative_to(folder) for folder in folders)


def _at_home(source: str) -> Path:
    """The path with ``~`` written out; whether there is a user of another name is not told."""
    path = Path(source)
    if path.parts[:1] != ("~",):
        return path
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise InvalidArgument(f"{source} begins with a home folder that is not known: write it out.") from error


def _has_text(path: Path) -> bool:
    head = head_of(path)
    if head is None:
        return False
    kind = kind_of(path, head)
    return kind in ("pdf", "document") or (kind == "text" and not looks_binary(head))
