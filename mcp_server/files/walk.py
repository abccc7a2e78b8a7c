"""Finding files below a folder. Links to folders are not followed, so a walk neither leaves it nor goes in circles.

Hidden folders and files, ``node_modules`` and ``__pycache__`` are left out unless the pattern names them.
"""

import os
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path
from unicodedata import category

LEFT_OUT = frozenset({"node_modules", "__pycache__"})
EVERYTHING = ("**",)


def find(folder: Path, pattern: Sequence[str]) -> Iterator[Path]:
    """Files (links to files too) below ``folder`` whose relative path matches, in alphabetical order.

    ``pattern`` has one entry per level, with ``*``, ``?`` and ``[…]``; ``**`` stands for any number of levels. A folder
    that cannot be read is left out.
    """
    return _find(folder, pattern, _reach({0}, pattern))


def _find(folder: Path, pattern: Sequence[str], reached: set[int]) -> Iterator[Path]:
    for entry in _entries(folder):
        onward = _step(entry.name, pattern, reached)
        if entry.is_dir(follow_symlinks=False):
            if onward - {len(pattern)}:
                yield from _find(folder / entry.name, pattern, onward)
        elif len(pattern) in onward:
            yield folder / entry.name


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted((entry for entry in entries if speakable(entry.name)), key=lambda entry: entry.name)
    except OSError:
        return []


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
    return not any(category(character) in {"Cc", "Cs"} for character in name)
