"""JSON with comments, changed in one place: every other byte stays as it is.

What an edit adds, ``remove`` takes away again to the byte, unless it was put into brackets with nothing but blanks
between them: those become ``{}``. The manner is that of Microsoft's jsonc-parser (``modify``), which VS Code uses.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mcp_server.hosts.jsonc import COMMENT, Broken, Member, Node, find, parse

_SAME_LINE = re.compile(r"(?:[ \t]*(?://[^\r\n]*|/\*(?:(?!\*/)[^\r\n])*\*/))*")
_END_OF_LINE = re.compile(r"[ \t]*(?:\r?\n|$)")


@dataclass(frozen=True)
class _Style:
    """How this document is written: its line ends, what a level is indented by, or ``flat``: all on one line."""

    eol: str
    unit: str
    flat: bool

    def write(self, value: Any, indent: str = "", *, flat: bool = False) -> str:
        if flat or self.flat:
            return json.dumps(value, ensure_ascii=False)
        return json.dumps(value, ensure_ascii=False, indent=self.unit).replace("\n", self.eol + indent)


def set_value(text: str, path: tuple[str, ...], value: Any) -> str:
    """``text`` with ``value`` at ``path``; objects on the way are made.

    Raises:
        Broken: ``text`` is no JSON, or what stands on the way is no object.
    """
    root = parse(text)
    style = _style(text, root)
    if root is None:
        begun = text if text.strip("\ufeff") == "" or text.endswith("\n") else text + style.eol
        return begun + style.write(_nested(path, value)) + style.eol
    node, steps = find(text, root, path)
    if steps < len(path):
        return _insert(text, style, node, _nested(path[steps + 1 :], value), key=path[steps])
    if node.value == value:
        return text
    return text[: node.start] + style.write(value, _indent(text, node.start)) + text[node.end :]


def append(text: str, path: tuple[str, ...], value: Any) -> str:
    """``text`` with ``value`` as the last of the array at ``path``, which is made if it is not there.

    Raises:
        Broken: as in ``set_value``, or what stands at ``path`` is no array.
    """
    root = parse(text)
    node, steps = find(text, root, path) if root else (None, 0)
    if node is None or steps < len(path):
        return set_value(text, path, [value])
    if not isinstance(node.value, list):
        raise Broken(text, node.start, "a list should stand here")
    return _insert(text, _style(text, root), node, value)


def remove(text: str, path: tuple[str, ...], item: int | None = None) -> str:
    """``text`` without what stands at ``path``, or without that ``item`` of the array there.

    Raises:
        Broken: as in ``set_value``.
    """
    root = parse(text)
    if root is None:
        return text
    to = path[:-1] if item is None else path
    parent, steps = find(text, root, to)
    if steps < len(to):
        return text
    if item is None:
        node, found = find(text, parent, path[-1:])
        if not found:
            return text
        item = next(number for number, member in enumerate(parent.members) if member.node is node)
    return _without(text, parent, item)


def _without(text: str, parent: Node, number: int) -> str:
    member = parent.members[number]
    comma = member.comma if member.comma is not None or not number else parent.members[number - 1].comma
    start, end = member.lead, member.node.end
    follows = member.behind if member.comma == end else end
    if member.commented and not _END_OF_LINE.match(text, follows):
        start = member.start  # what follows would become part of the comment
    if len(parent.members) == 1 and start == parent.start + 1 and parent.solid == member.behind:
        blanks = text[member.behind : parent.end - 1]
        if blanks == _style(text, parent).eol + _indent(text, parent.start):
            end, comma = parent.end - 1, None
    cuts = [(start, end), *([(comma, comma + 1)] if comma is not None else [])]
    for begin, until in sorted(cuts, reverse=True):
        text = text[:begin] + text[until:]
    return text


def _insert(text: str, style: _Style, parent: Node, value: Any, key: str | None = None) -> str:
    name = "" if key is None else f"{json.dumps(key, ensure_ascii=False)}: "
    if parent.members:
        return _behind(text, style, parent, name, value)
    outer = _indent(text, parent.start)
    indent = outer + style.unit
    blanks = text[parent.solid : parent.end - 1]
    if parent.solid == parent.start + 1 and "\n" not in blanks:
        blanks = style.eol + outer
    if style.flat:
        return text[: parent.solid] + name + style.write(value) + text[parent.solid :]
    new = style.eol + indent + name + style.write(value, indent)
    return text[: parent.solid] + new + blanks + text[parent.end - 1 :]


def _behind(text: str, style: _Style, parent: Node, name: str, value: Any) -> str:
    """Behind the last member and what is said of it on its line; with a trailing comma where there was one."""
    last = parent.members[-1]
    rest = _SAME_LINE.match(text, last.behind)
    at = rest.end() if rest else last.behind
    said = [comment[0] for comment in COMMENT.finditer(text, last.behind, at)]
    if _own_line(text, parent.members[0]) or (said and said[-1].startswith("//")):
        indent = _indent(text, last.start)
        new = style.eol + indent + name + style.write(value, indent)
    else:
        new = f" {name}{style.write(value, flat=True)}"
    if last.comma is not None:
        return text[:at] + new + "," + text[at:]
    return text[: last.node.end] + "," + text[last.node.end : at] + new + text[at:]


def _style(text: str, root: Node | None) -> _Style:
    members = [member for parent in _containers(root) for member in parent.members]
    own = [member for member in members if _own_line(text, member)]
    unit = next((indent for member in own if (indent := _indent(text, member.start))), "  ")
    return _Style("\r\n" if "\r\n" in text else "\n", unit, flat=bool(members) and "\n" not in text.strip())


def _containers(node: Node | None) -> Iterator[Node]:
    if node:
        yield node
        for member in node.members:
            yield from _containers(member.node)


def _own_line(text: str, member: Member) -> bool:
    return "\n" in text[member.lead : member.start]


def _indent(text: str, at: int) -> str:
    """The blanks that the line begins with."""
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _nested(path: tuple[str, ...], value: Any) -> Any:
    for key in reversed(path):
        value = {key: value}
    return value
