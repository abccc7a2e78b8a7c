"""``.gitignore``: the files that a repository's people do not count among its files.

Rules as git reads them: the file next to the files and those above it up to the repository's top, the deepest that says
anything about a name wins, and nothing below an ignored folder can be brought back.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from mcp_server.files.reading import head_of

if TYPE_CHECKING:
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

MAX_BYTES = 65_536
MAX_STARS = 3
"""Wildcards in one name of a pattern; trying out more of them can take longer than anybody waits."""

GITIGNORE = ".gitignore"
_FOLDER = "ps_d"
"""The group in pathspec's expressions that is the slash behind a name the pattern ends with."""


@dataclass(frozen=True)
class Rules:
    """What is ignored in one folder: each file of rules with the folder it speaks for, the outermost first.

    Paths are absolute, and written with slashes.
    """

    layers: tuple[tuple[str, list[GitIgnoreSpecPattern]], ...] = ()

    def within(self, folder: Path) -> Rules:
        """These rules and the folder's own."""
        own = _patterns(folder / GITIGNORE)
        return Rules((*self.layers, (with_slash(folder), own))) if own else self

    def ignores(self, path: str) -> bool:
        """Whether a file is left out, or a folder (with a slash at its end) with all that is in it."""
        for prefix, patterns in reversed(self.layers):
            for pattern in reversed(patterns):
                if _names(pattern, path[len(prefix) :]):
                    return bool(pattern.include)
        return False


def rules_for(folder: Path) -> Rules:
    """The rules in a folder that was named: those above it too, unless they ignore the folder itself."""
    top = next((place for place in (folder, *folder.parents) if os.path.lexists(place / ".git")), folder)
    exclude = _patterns(top / ".git" / "info" / "exclude")
    rules = Rules(((with_slash(top), exclude),) if exclude else ())
    for place in reversed([place for place in (folder, *folder.parents) if place.is_relative_to(top)]):
        if place != top and rules.ignores(with_slash(place)):
            rules = Rules()
        rules = rules.within(place)
    return rules


def _patterns(path: Path) -> list[GitIgnoreSpecPattern]:
    lines = (head_of(path, MAX_BYTES) or b"").decode("utf-8-sig", "replace").splitlines()
    return [pattern for line in lines if (pattern := _pattern(line)) and pattern.include is not None]


def _names(pattern: GitIgnoreSpecPattern, path: str) -> bool:
    """Whether it speaks of this file or folder itself, and not only of what is below another one it names.

    What is below is found by walking, so that a later rule about a folder says nothing about the names in it.
    """
    regex = cast("re.Pattern[str]", pattern.regex)  # pyright: ignore[reportUnknownMemberType] - untyped there
    if _FOLDER not in regex.groupindex:
        # ``b/**`` is about all that is in b, and not about b itself.
        found = regex.match(path)
        return bool(found) and not (path.endswith("/") and found.end() == len(path))
    return any(found.end(_FOLDER) in (-1, len(path)) for found in regex.finditer(path))


def _pattern(line: str) -> GitIgnoreSpecPattern | None:
    """A line's pattern; none when it is not one, as git passes over it."""
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern  # noqa: PLC0415 - off the start-up path

    if any(name.count("*") > MAX_STARS for name in line.split("/")):
        return None
    try:
        return GitIgnoreSpecPattern(line)
    except ValueError:
        return None


def with_slash(folder: Path) -> str:
    """A folder's path, with a slash at its end."""
    name = folder.as_posix()
    return name if name.endswith("/") else f"{name}/"
