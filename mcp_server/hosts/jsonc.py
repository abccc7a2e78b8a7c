"""JSON with comments and trailing commas, as VS Code, Zed and Gemini CLI have it, and where each value stands in it."""

import json
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

DEEPEST = 100
"""So many brackets within each other are read; no host's file has more than a few."""

COMMENT = re.compile(r"//[^\r\n]*|/\*.*?\*/", re.DOTALL)
_BLANK = re.compile(r"[ \t\r\n\ufeff]*")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
_ATOM = re.compile(r"(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.])")


class Broken(ValueError):
    """The document cannot be read or changed; ``line`` and ``column`` count from 1."""

    def __init__(self, text: str, at: int, what: str) -> None:
        before = text[:at].split("\n")
        self.line, self.column = len(before), len(before[-1]) + 1
        super().__init__(f"line {self.line}, column {self.column}: {what}")


@dataclass
class Node:
    """A value that stands at ``text[start:end]``, and the members of it if it is an object or array.

    ``solid`` is where the last thing before its closing bracket ends that is no blank: a bracket, comma or comment too.
    """

    start: int
    end: int
    value: Any
    members: list["Member"] = field(default_factory=list["Member"])
    solid: int = 0


@dataclass
class Member:
    """A member from ``start``, its ``key`` or in an array its value, to ``node.end``.

    ``lead`` is where the blanks before it begin, ``commented`` says whether behind a ``//`` comment; ``comma`` is where
    the comma behind it stands.
    """

    key: str | None
    lead: int
    commented: bool
    start: int
    node: Node
    comma: int | None = None

    @property
    def behind(self) -> int:
        """Behind the member and its comma."""
        return self.node.end if self.comma is None else self.comma + 1


@lru_cache(maxsize=2)  # several questions are asked of one text, and it may have megabytes
def parse(text: str) -> Node | None:
    """The document's value; None when there is none.

    Raises:
        Broken: this is no JSON, or there is more than one value.
    """
    scanner = _Scanner(text)
    if scanner.skip() == len(text):
        return None
    root = scanner.value(0)
    if scanner.skip() != len(text):
        raise Broken(text, scanner.at, "the document ended before this")
    return root


class _Scanner:
    """Reads forwards; ``at`` is where it is, ``solid`` where the last thing ended that is no blank."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = self.solid = 0
        self.commented = False

    def skip(self) -> int:
        """Go over blanks and comments; returns where."""
        while True:
            blank = _BLANK.match(self.text, self.at)
            self.at = blank.end() if blank else self.at
            if not self.text.startswith(("//", "/*"), self.at):
                return self.at
            comment = COMMENT.match(self.text, self.at)
            if not comment:
                raise Broken(self.text, self.at, "this comment does not end")
            self._take(comment.end())
            self.commented = comment[0].startswith("//")

    def value(self, depth: int) -> Node:
        """The value that begins here."""
        start = self.at
        if self.text.startswith(("{", "["), start):
            return self._container(depth)
        found = _STRING.match(self.text, start) or _ATOM.match(self.text, start)
        if not found:
            raise Broken(self.text, start, "a value should stand here")
        self._take(found.end())
        return Node(start, self.at, json.loads(found[0]))

    def _take(self, end: int) -> None:
        self.at = self.solid = end
        self.commented = False

    def _container(self, depth: int) -> Node:
        if depth == DEEPEST:
            raise Broken(self.text, self.at, f"more than {DEEPEST} brackets within each other")
        named = self.text[self.at] == "{"
        node, close = Node(self.at, self.at, {} if named else []), "}" if named else "]"
        self._take(self.at + 1)
        while not self.text.startswith(close, self.skip()):
            if node.members and node.members[-1].comma is None:
                raise Broken(self.text, self.at, f"a comma or {close} should stand here")
            member = self._member(depth, named=named)
            node.members.append(member)
            if self.text.startswith(",", self.skip()):
                member.comma = self.at
                self._take(self.at + 1)
        values = [(one.key, one.node.value) for one in node.members]
        node.value = dict(values) if named else [value for _, value in values]
        node.solid = self.solid
        self._take(self.at + 1)
        node.end = self.at
        return node

    def _member(self, depth: int, *, named: bool) -> Member:
        lead, commented, start, key = self.solid, self.commented, self.at, None
        if named:
            name = _STRING.match(self.text, start)
            if not name:
                raise Broken(self.text, start, "a name in double quotes should stand here")
            key = json.loads(name[0])
            self._take(name.end())
            if not self.text.startswith(":", self.skip()):
                raise Broken(self.text, self.at, "a colon should stand here")
            self._take(self.at + 1)
            self.skip()
        return Member(key, lead, commented, start, self.value(depth + 1))


def find(text: str, node: Node, path: tuple[str, ...]) -> tuple[Node, int]:
    """The value at ``path`` below ``node``, or the last object on the way, and how many of the keys led to it.

    Raises:
        Broken: a key of the path stands there twice, or what should have it is no object.
    """
    for steps, key in enumerate(path):
        if not isinstance(node.value, dict):
            raise Broken(text, node.start, f"an object with {key!r} in it should stand here")
        same = [member for member in node.members if member.key == key]
        if len(same) > 1:
            raise Broken(text, same[1].start, f"{key!r} stands here for the second time")
        if not same:
            return node, steps
        node = same[0].node
    return node, len(path)
