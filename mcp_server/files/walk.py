"""Finding files below a folder. Links to folders are not followed, so a walk neither leaves it nor goes in circles.

Left out unless the pattern names them: hidden folders and files, ``node_modules``, ``__pycache__``, and what is in a
``.gitignore``.
"""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple
from unicodedata import category

from mcp_server.files.ignore import GITIGNORE, Rules, rules_for, with_slash
from mcp_server.files.reading import Entry, list_folder

LEFT_OUT = frozenset({"node_modules", "__pycache__"})
EVERYTHING = ("**",)
DEEPEST = 128
"""Levels below the folder; nobody's documents lie deeper."""


class Found(NamedTuple):
    """A file, or a link to whatever."""

    path: Path
    link: bool


class _Level(NamedTuple):
    """A folder that is being gone through, and where in the pattern one may stand in it."""

    folder: Path
    prefix: str
    entries: Iterator[Entry]
    reached: set[int]
    rules: Rules


def find(folder: Path, pattern: Sequence[str]) -> Iterator[Found]:
    """What lies below ``folder`` (a real path) and has a relative path that matches, in alphabetical order.

    ``pattern`` has one entry per level, with ``*``, ``?`` and ``[…]``; ``**`` stands for any number of levels. A folder
    that cannot be read is left out.
    """
    levels = [_enter(folder, _reach({0}, pattern), rules_for(folder))]
    while levels:
        level = levels[-1]
        entry = next(level.entries, None)
        if entry is None:
            levels.pop()
            continue
        onward, ignored = _onward(level, entry, pattern)
        if entry.folder:
            if onward - {len(pattern)} and len(levels) < DEEPEST:
                # Below an ignored folder that the pattern names, what ignores it has no say.
                rules = Rules() if ignored else level.rules
                levels.append(_enter(level.folder / entry.name, onward, rules, deeper=True))
        elif len(pattern) in onward:
            yield Found(level.folder / entry.name, entry.link)


def _enter(folder: Path, reached: set[int], rules: Rules, *, deeper: bool = False) -> _Level:
    entries = [entry for entry in list_folder(folder) if speakable(entry.name)]
    if deeper and any(entry.name == GITIGNORE for entry in entries):
        rules = rules.within(folder)
    wanted = (entry for entry in entries if entry.folder or entry.file or entry.link)
    return _Level(folder, with_slash(folder), iter(sorted(wanted)), reached, rules)


def _onward(level: _Level, entry: Entry, pattern: Sequence[str]) -> tuple[set[int], bool]:
    """Where in the pattern one may stand after ``entry``, and whether it is ignored but for its being named."""
    onward = _step(entry.name, pattern, level.reached)
    matters = onward - {len(pattern)} if entry.folder else onward & {len(pattern)}
    if not matters or not level.rules.ignores(f"{level.prefix}{entry.name}{'/' if entry.folder else ''}"):
        return onward, False
    named = {position for position in level.reached - {len(pattern)} if pattern[position].strip("*?")}
    return _step(entry.name, pattern, named), True


def _step(name: str, pattern: Sequence[str], reached: set[int]) -> set[int]:
    """Where in the pattern one may stand after ``name``, standing at any of ``reached`` before it."""
    onward: set[int] = set()
    for position in reached - {len(pattern)}:
        part = pattern[position]
        if part == "**" and not _left_out(name):
            onward.add(position)
        elif part != "**" and fnmatch(name, part) and (part[0] == name[0] or not _left_out(name)):
            onward.add(position + 1)
    return _reach(onward, pattern)


def _reach(positions: set[int], pattern: Sequence[str]) -> set[int]:
    """``positions`` and those behind a ``**`` that stands for no level at all."""
    for position in range(len(pattern)):
        if position in positions and pattern[position] == "**":
            positions.add(position + 1)
    return positions


def _left_out(name: str) -> bool:
    return name.startswith(".") or name in LEFT_OUT


def speakable(name: str) -> bool:
    """True when a name can stand in JSON and in a message: no control characters, no bytes that are not text."""
    return name.isprintable() or not any(category(character) in {"Cc", "Cs"} for character in name)
