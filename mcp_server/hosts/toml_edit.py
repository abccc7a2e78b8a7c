"""TOML, changed in one table: every other byte stays as it is.

A new table is written behind the last one, and a table of ours is changed and cut out by its lines. tomlkit alone would
move keys that stand behind dotted ones into another table; so it does the rest only, where tables are written inline,
and whatever was made is read again and compared.
"""

import re
import tomllib
from collections.abc import Iterator
from typing import Any, cast

from mcp_server.model.value import JsonObject


class Unchangeable(ValueError):
    """The document is written in a way in which this table cannot be changed alone."""


def parse(text: str) -> JsonObject:
    """The document's tables.

    Raises:
        ValueError: this is no TOML; it says where.
    """
    try:
        return tomllib.loads(text.removeprefix("\ufeff").replace("\r\n", "\n"))
    except RecursionError:
        raise Unchangeable("too many brackets or names stand within each other") from None


def set_table(text: str, path: tuple[str, ...], value: JsonObject) -> str:
    """``text`` with the keys of ``value`` in the table at ``path``; other keys that it has stay.

    Raises:
        Unchangeable: the table cannot be changed alone.
    """
    before = parse(text)
    old = at(before, path)
    wanted = _with(before, path, {**(old or {}), **value})
    if wanted == before:
        return text
    return _first_right(_set(text, path, value, new=old is None), (wanted,))


def remove_table(text: str, path: tuple[str, ...]) -> str:
    """``text`` without the table at ``path``, and without the one around it when nothing is left in that.

    Raises:
        Unchangeable: the table cannot be removed alone.
    """
    before = parse(text)
    if at(before, path) is None:
        return text
    wanted = _with(before, path, None)
    bare = wanted if at(wanted, path[:-1]) else _with(wanted, path[:-1], None)
    return _first_right(_remove(text, path), (bare, wanted))


def at(tables: JsonObject, path: tuple[str, ...]) -> JsonObject | None:
    """The table at ``path``; None when it is not there, or empty.

    Raises:
        Unchangeable: something else than a table stands on the way.
    """
    for key in path:
        found = tables.get(key, {})
        if not isinstance(found, dict):
            raise Unchangeable(f"{key!r} is no table in it")
        tables = cast("JsonObject", found)
    return tables or None


def _set(text: str, path: tuple[str, ...], value: JsonObject, *, new: bool) -> Iterator[str]:
    import tomlkit  # noqa: PLC0415 - one host of eight has TOML

    eol = "\r\n" if "\r\n" in text else "\n"
    if new:
        gap = "" if not text.strip("\ufeff") else eol if text.endswith("\n") else eol + eol
        yield text + gap + tomlkit.dumps(_nested(path, value)).replace("\n", eol)
    for start, end in _spans(text, path):
        changed = _put(text[start:end], path, value)
        yield text[:start] + changed.replace("\r\n", "\n").replace("\n", eol) + text[end:]
    yield _put(text, path, value)


def _remove(text: str, path: tuple[str, ...]) -> Iterator[str]:
    import tomlkit  # noqa: PLC0415 - one host of eight has TOML

    for start, end in _spans(text, path):
        gap = re.search(r"(?:(?<=\n)|^)[ \t]*\r?\n$", text[:start])
        yield text[: gap.start() if gap else start] + text[end:]
    document: Any = tomlkit.parse(text)
    around: Any = document
    for key in path[:-1]:
        around = around[key]
    del around[path[-1]]
    yield tomlkit.dumps(document)


def _put(text: str, path: tuple[str, ...], value: JsonObject) -> str:
    import tomlkit  # noqa: PLC0415 - one host of eight has TOML

    document: Any = tomlkit.parse(text)
    table: Any = document
    for key in path:
        table = table.setdefault(key, {})
    _fill(table, value)
    return tomlkit.dumps(document)


def _fill(table: Any, value: JsonObject) -> None:
    for key, item in value.items():
        if isinstance(item, dict) and isinstance(table.get(key), dict):
            _fill(table[key], cast("JsonObject", item))
        elif table.get(key) != item:
            table[key] = item


def _first_right(tries: Iterator[str], wanted: tuple[JsonObject, ...]) -> str:
    """The first of the texts that says what is wanted, and nothing else."""
    try:
        for text in tries:
            try:
                if parse(text) in wanted:
                    return text
            except ValueError:
                continue
    except (ValueError, LookupError, TypeError):  # what tomlkit raises where it cannot either
        pass
    raise Unchangeable("it is written in a way in which one table cannot be changed alone")


def _spans(text: str, path: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    """From the head of the table to its last line with something in it; tables below it that follow are part of it.

    What looks like its head may stand in a text of several lines, so there may be more than one.
    """
    key = r"\s*\.\s*".join(rf"(?:{re.escape(one)}|\"{re.escape(one)}\"|'{re.escape(one)}')" for one in path)
    head = re.compile(rf"[ \t]*\[\s*{key}\s*(?:\.[^\]\n]*)?\]")
    start, end, place = None, 0, 0
    for line in text.splitlines(keepends=True):
        said = line.strip()
        if head.match(line):
            start = place if start is None else start
        elif start is not None and said.startswith("["):
            yield start, end
            start = None
        place += len(line)
        if said and not said.startswith("#"):
            end = place
    if start is not None:
        yield start, end


def _with(tables: JsonObject, path: tuple[str, ...], value: JsonObject | None) -> JsonObject:
    """A copy with ``value`` at ``path``, or without that."""
    if not path:
        return value or {}
    rest = {key: item for key, item in tables.items() if key != path[0]}
    if len(path) == 1:
        return rest if value is None else {**rest, path[0]: value}
    return {**rest, path[0]: _with(tables.get(path[0], {}), path[1:], value)}


def _nested(path: tuple[str, ...], value: JsonObject) -> JsonObject:
    for key in reversed(path):
        value = {key: value}
    return value
