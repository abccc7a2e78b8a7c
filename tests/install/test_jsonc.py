"""Hosts keep comments and trailing commas in their files; an edit may touch nothing but its own lines."""

import json
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_server.hosts.jsonc import DEEPEST, Broken, parse
from mcp_server.hosts.jsonc_edit import append, remove, set_value

PATH = ("mcpServers", "responses")
ENTRY = {"command": "uvx", "args": ["responses-mcp"], "env": {"A": "ö"}}

SAID = ["/* , } ] */", '// "a": {\n', "// ü ] \r\n", "/* a\n * b */", "/**/", "//\n"]
BLANK = ["", "", " ", "\n", "\n    ", "\t", "\r\n  "]
PLAIN = [None, True, -1.5e3, 0, "", "ö", '"\\\n', "// no", "{"]
KEYS = ["a", "b c", "", '"', "é", "mcpservers"]


class Writer:
    """Writes documents as no program would, and knows what they mean. Of a seed, because that is quick."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def said(self) -> str:
        return "".join(self.random.choice(BLANK + SAID) for _ in range(self.random.randrange(4)))

    def value(self, depth: int) -> tuple[str, Any]:
        form = self.random.choice(["object", "array", "plain"]) if depth else "plain"
        if form == "object":
            return self.object(depth)
        if form == "array":
            return self.array(depth)
        value = self.random.choice(PLAIN)
        return json.dumps(value, ensure_ascii=self.random.random() < 0.5), value

    def array(self, depth: int) -> tuple[str, list[Any]]:
        items = [self.value(depth - 1) for _ in range(self.random.randrange(4))]
        return self.within("[]", [text for text, _ in items]), [value for _, value in items]

    def object(self, depth: int, **fixed: Any) -> tuple[str, dict[str, Any]]:
        keys = self.random.sample(KEYS, self.random.randrange(4))
        items = [*((key, self.value(depth - 1)) for key in keys), *fixed.items()]
        self.random.shuffle(items)
        members = [f"{json.dumps(key)}{self.said()}:{self.said()}{text}" for key, (text, _) in items]
        return self.within("{}", members), {key: value for key, (_, value) in items}

    def within(self, brackets: str, members: list[str]) -> str:
        """Brackets with nothing but blanks in them are not given back as they were, so there are none."""
        inner = ",".join(self.said() + member + self.said() for member in members)
        comma = self.random.choice(["", ","]) if members else ""
        inner = inner + comma + self.said()
        return brackets[0] + (inner if inner.strip() else "") + brackets[1]

    def document(self) -> tuple[str, dict[str, Any]]:
        fixed = {"mcpServers": self.object(2)} if self.random.random() < 0.5 else {}
        text, value = self.object(3, **fixed, inputs=self.array(2))
        return self.random.choice(["", chr(0xFEFF)]) + self.said() + text + self.said(), value


def read(text: str) -> Any:
    root = parse(text)
    assert root is not None
    return root.value


many = settings(max_examples=100, deadline=None)


@many
@given(st.integers(0))
def test_what_was_added_goes_without_a_trace_and_nothing_else_changes(seed: int) -> None:
    text, value = Writer(seed).document()
    assert read(text) == value
    added = set_value(text, PATH, ENTRY)
    assert read(added) == {**value, "mcpServers": {**value.get("mcpServers", {}), "responses": ENTRY}}
    assert set_value(added, PATH, ENTRY) == added
    assert remove(added, PATH if "mcpServers" in value else PATH[:1]) == text


@many
@given(st.integers(0), st.integers(0))
def test_a_member_is_replaced_or_removed_and_the_others_stay(seed: int, which: int) -> None:
    text, value = Writer(seed).document()
    key = sorted(value)[which % len(value)]
    assert read(set_value(text, (key,), ENTRY)) == {**value, key: ENTRY}
    assert read(remove(text, (key,))) == {name: one for name, one in value.items() if name != key}


@many
@given(st.integers(0), st.integers(0))
def test_an_item_is_added_to_a_list_and_taken_away_again_and_so_is_any_other(seed: int, which: int) -> None:
    text, value = Writer(seed).document()
    items = value["inputs"]
    added = append(text, ("inputs",), ENTRY)
    assert read(added)["inputs"] == [*items, ENTRY]
    assert remove(added, ("inputs",), len(items)) == text
    if items:
        which %= len(items)
        assert read(remove(text, ("inputs",), which))["inputs"] == items[:which] + items[which + 1 :]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", '{\n  "a": {\n    "b": 1\n  }\n}\n'),
        ("// mine", '// mine\n{\n  "a": {\n    "b": 1\n  }\n}\n'),
        ("{}", '{\n  "a": {\n    "b": 1\n  }\n}'),
        ('{"c":2}', '{"c":2, "a": {"b": 1}}'),
        ('{\n\t"c": 2,\n}\n', '{\n\t"c": 2,\n\t"a": {\n\t\t"b": 1\n\t},\n}\n'),
        ('{\r\n    "c": 2\r\n}', '{\r\n    "c": 2,\r\n    "a": {\r\n        "b": 1\r\n    }\r\n}'),
        ('{\n  "a": {"c": 2} // c\n}', '{\n  "a": {"c": 2, "b": 1} // c\n}'),
        ('{\n  "c": 2 // c\n  // "d": 3\n}', '{\n  "c": 2, // c\n  "a": {\n    "b": 1\n  }\n  // "d": 3\n}'),
        ('{\n  "a": {\n    // none yet\n  }\n}', '{\n  "a": {\n    // none yet\n    "b": 1\n  }\n}'),
    ],
)
def test_it_is_written_as_the_document_is_written(before: str, after: str) -> None:
    assert set_value(before, ("a", "b"), 1) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{"b": 1, "c": 2}', '{ "c": 2}'),
        ('{\n  // of b\n  "b": 1, // too\n  "c": 2\n}', '{\n  // of b\n   // too\n  "c": 2\n}'),
        ('{ // here\n  "b": 1, "c": 2 }', '{ // here\n   "c": 2 }'),
        ('{ // here\n  "b": 1 /* and\n there */,\n  "c": 2 }', '{ // here\n   /* and\n there */\n  "c": 2 }'),
        ('{\n  "c": 2,\n  "b": 1\n}', '{\n  "c": 2\n}'),
        ("{}", "{}"),
        ("", ""),
    ],
)
def test_what_is_said_beside_a_removed_member_stays(before: str, after: str) -> None:
    assert remove(before, ("b",)) == after


@pytest.mark.parametrize(
    ("text", "line", "column", "what"),
    [
        ('{\n  "a": 1\n  "b": 2\n}', 3, 3, "a comma or }"),
        ('{"a": }', 1, 7, "a value"),
        ('{"a" 1}', 1, 6, "a colon"),
        ("{a: 1}", 1, 2, "double quotes"),
        ('{"a": 01}', 1, 7, "a value"),
        ('{"a": nullx}', 1, 7, "a value"),
        ('{"a": "x\n"}', 1, 7, "a value"),
        ('{"a": 1', 1, 8, "a comma or }"),
        ('{"a": 1} x', 1, 10, "ended before this"),
        ("{} /* x", 1, 4, "does not end"),
        ("{,}", 1, 2, "double quotes"),
        ("[1,,2]", 1, 4, "a value"),
        ('{"mcpServers": []}', 1, 16, "an object with 'responses'"),
        ("[]", 1, 1, "an object with 'mcpServers'"),
        ('{"mcpServers": {}, "mcpServers": {}}', 1, 20, "for the second time"),
        ("[" * (DEEPEST + 1), 1, DEEPEST + 1, "brackets"),
    ],
)
def test_what_cannot_be_changed_is_refused_with_its_place(text: str, line: int, column: int, what: str) -> None:
    with pytest.raises(Broken, match=what) as refused:
        set_value(text, PATH, ENTRY)
    assert (refused.value.line, refused.value.column) == (line, column)


def test_a_list_is_made_where_none_is_and_nothing_else_is_taken_for_one() -> None:
    assert append("{}", ("inputs",), 1) == '{\n  "inputs": [\n    1\n  ]\n}'
    with pytest.raises(Broken, match="a list should stand here"):
        append('{"inputs": {}}', ("inputs",), 1)
    assert remove('{"a": 1}', ("b", "c")) == '{"a": 1}'
