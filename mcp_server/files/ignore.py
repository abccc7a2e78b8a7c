"""``.gitignore``: the files that a repository's people do not count among its files.

Rules as git reads them: the file next to the files and those above it up to the repository's top, the deepest that says
anything about a name wins, and nothing below an ignored folder can be brought back.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, cast

from mcp_server.files.reading import head_of

MAX_BYTES = 65_536
MAX_STARS = 3
"""Wildcards in one name of a pattern; trying out more of them can take longer than anybody waits."""

MAX_RULES = 2000
"""Rules in force for one folder; each is tried on each name, and a folder of thousands of both would take minutes."""

GITIGNORE = ".gitignore"
_START = "^"
_LEVELS = "(?:/.+)?/"
"""What pathspec writes for ``/**/``; ``[^/]*`` is a star, and ``[^/]`` a question mark."""
_STARS = re.compile(r"\[\^/\]\*((?:\[\^/\](?!\*)|\\.|\[(?!\^/\])(?:\\.|[^\]\\])+\]|[^/\[\\(])*)(?=\[\^/\]\*)")
"""A star, and what stands between it and the next one in the same name."""
_FOLDER = "ps_d"
"""The group in pathspec's expressions that is the slash behind a name the pattern ends with."""


class _Rule(NamedTuple):
    """What a line says: the names it speaks of, and whether they are left out."""

    regex: re.Pattern[str]
    include: bool


@dataclass(frozen=True)
class Rules:
    """What is ignored in one folder: each file of rules with the folder it speaks for, the outermost first.

    Paths are absolute, and written with slashes.
    """

    layers: tuple[tuple[str, list[_Rule]], ...] = ()

    def within(self, folder: Path) -> Rules:
        """These rules and the folder's own."""
        own = _rules(folder / GITIGNORE)[: MAX_RULES - sum(len(rules) for _, rules in self.layers)]
        return Rules((*self.layers, (with_slash(folder), own))) if own else self

    def ignores(self, path: str) -> bool:
        """Whether a file is left out, or a folder (with a slash at its end) with all that is in it."""
        for prefix, rules in reversed(self.layers):
            below = path[len(prefix) :]
            for rule in reversed(rules):
                if _names(rule.regex, below):
                    return rule.include
        return False


def rules_for(folder: Path) -> Rules:
    """The rules in a folder that was named: those above it too, unless they ignore the folder itself."""
    top = next((place for place in (folder, *folder.parents) if os.path.lexists(place / ".git")), folder)
    exclude = _rules(top / ".git" / "info" / "exclude")
    rules = Rules(((with_slash(top), exclude),) if exclude else ())
    for place in reversed([place for place in (folder, *folder.parents) if place.is_relative_to(top)]):
        if place != top and rules.ignores(with_slash(place)):
            rules = Rules()
        rules = rules.within(place)
    return rules


def _rules(path: Path) -> list[_Rule]:
    lines = (head_of(path, MAX_BYTES) or b"").decode("utf-8-sig", "replace").splitlines()
    return [rule for line in lines if (rule := _rule(line))][:MAX_RULES]


def _names(regex: re.Pattern[str], path: str) -> bool:
    """Whether it speaks of this file or folder itself, and not only of what is below another one it names.

    What is below is found by walking, so that a later rule about a folder says nothing about the names in it.
    """
    if _FOLDER not in regex.groupindex:
        # ``b/**`` is about all that is in b, and not about b itself.
        found = regex.match(path)
        return bool(found) and not (path.endswith("/") and found.end() == len(path))
    # To search for what can only stand at the beginning would try every place of the path.
    matches = filter(None, [regex.match(path)]) if regex.pattern.startswith(_START) else regex.finditer(path)
    return any(found.end(_FOLDER) in (-1, len(path)) for found in matches)


def _rule(line: str) -> _Rule | None:
    """A line's rule; none when it is not one, as git passes over it."""
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern  # noqa: PLC0415 - off the start-up path

    if any(name.count("*") > MAX_STARS for name in line.split("/")):
        return None
    try:
        pattern = GitIgnoreSpecPattern(line)
    except (ValueError, re.error):
        return None
    regex = cast("re.Pattern[str] | None", pattern.regex)  # pyright: ignore[reportUnknownMemberType] - untyped there
    return None if regex is None else _Rule(_steady(regex.pattern), bool(pattern.include))


def _steady(regex: str) -> re.Pattern[str]:
    """The same expression for a rule, but one that never tries out how its stars could share a name or a path.

    Each star but the last takes the least it can, for good: more of it would help nothing that comes behind it.
    """
    *before, last = _STARS.sub(r"(?>[^/]*?\1)", regex).split(_LEVELS)
    if not before:
        return re.compile(last)
    first, *others = before
    parts = [
        first.removeprefix(_START).replace("(?:.+/)?", "(?:.+?/)??", 1),
        *(f"(?:/.+?)??/{part}" for part in others),
    ]
    return re.compile(_START + "".join(f"(?>{part}(?=/))" for part in parts) + _LEVELS + last)


def with_slash(folder: Path) -> str:
    """A folder's path, with a slash at its end."""
    name = folder.as_posix()
    return name if name.endswith("/") else f"{name}/"
