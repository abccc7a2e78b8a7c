"""Codex has TOML; an edit may touch nothing but its own table."""

import tomllib

import pytest

from mcp_server.hosts.toml_edit import Unchangeable, remove_table, set_table

PATH = ("mcp_servers", "responses")
ENTRY = {"command": "uvx", "args": ["responses-mcp"], "env": {"A": "1"}}
TABLE = '[mcp_servers.responses]\ncommand = "uvx"\nargs = ["responses-mcp"]\n\n[mcp_servers.responses.env]\nA = "1"\n'

DOCUMENTS = [
    "",
    "\ufeffx = 1\n",
    'model = "x" # keep\n\n[mcp_servers.a]\ncommand = "b"\n',
    '[mcp_servers.a]\ncommand="b"\n[mcp_servers.a.env]\nX="1"\n\n[profiles.z]\nq=1\n',
    'mcp_servers.a.command = "b"\nz=1\n',
    '[mcp_servers.a]\ncommand="b"\n[other]\nx=1\n[mcp_servers.c]\ncommand="d"\n',
    '[mcp_servers]\na = {command = "b"}\n# keep\n[x]\nx=1\n',
    'text = """\n[mcp_servers.responses]\n"""\n[[list]]\na = [\n  [1],\n]\n',
]


@pytest.mark.parametrize("eol", ["\n", "\r\n"])
@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_table_is_written_behind_everything_else_and_cut_out_again(document: str, eol: str) -> None:
    text = document.replace("\n", eol)
    added = set_table(text, PATH, ENTRY)
    assert added == text + (eol if document else "") + TABLE.replace("\n", eol if document else "\n")
    before = tomllib.loads(document.removeprefix("\ufeff"))
    read = tomllib.loads(added.removeprefix("\ufeff"))
    assert read.get("mcp_servers") == {**before.get("mcp_servers", {}), "responses": ENTRY}
    assert {**read, "mcp_servers": 0} == {**before, "mcp_servers": 0} | {"mcp_servers": 0}
    assert set_table(added, PATH, ENTRY) == added
    assert remove_table(added, PATH) == text


def test_a_table_written_inline_is_changed_where_it_stands() -> None:
    text = 'mcp_servers = {a = {command = "b"}} # keep\nx=1\n'
    added = set_table(text, PATH, ENTRY)
    assert tomllib.loads(added)["mcp_servers"] == {"a": {"command": "b"}, "responses": ENTRY}
    assert added.endswith(" # keep\nx=1\n")
    assert remove_table(added, PATH) == text


def test_our_table_is_changed_among_others_and_keeps_what_is_said_in_it() -> None:
    text = f"[a]\nx=1 # of a\n\n{TABLE}\n# of b\n[b]\ny=2\n".replace(
        'command = "uvx"', 'command = "old" # mine\nenabled = false'
    )
    changed = set_table(text, PATH, {**ENTRY, "env": {"A": "1", "B": "2"}})
    assert changed == text.replace('"old"', '"uvx"').replace('A = "1"\n', 'A = "1"\nB = "2"\n')
    assert remove_table(changed, PATH) == "[a]\nx=1 # of a\n\n# of b\n[b]\ny=2\n"


def test_what_cannot_be_changed_alone_is_refused() -> None:
    for text in ('mcp_servers.responses.command = "b"\nz=1\n', 'mcp_servers = "none"\n'):
        with pytest.raises(Unchangeable):
            set_table(text, PATH, ENTRY)
    assert remove_table("x = 1\n", PATH) == "x = 1\n"
