"""Files and values that nobody expects: nothing is lost, nothing leaks, and what cannot be done is told."""

import io
import json
import os
import sys
from pathlib import Path

import pytest

from mcp_server.cli import main
from mcp_server.hosts import files
from mcp_server.hosts.known import HOSTS
from tests.install.person import KEY, everything, file_of, servers, whole

OTHER = '{{{{"{{0}}": {{{{"responses": {{{{"command": "responses-mcp"{}}}}}, "a": {{{{"command": "x"}}}}}}}}}}}}'


@pytest.mark.parametrize("env", ["null", '["A=1"]', '"A=1"'])
@pytest.mark.parametrize("key", [KEY, ""])
def test_an_entry_whose_variables_are_no_object_is_shown_and_mended(
    env: str, key: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    host = HOSTS["claude-desktop"]
    path = file_of(host, OTHER.format(f', "env": {env}'))
    assert main(["uninstall", host.name, "--json", "--print"]) == 0
    assert json.loads(capsys.readouterr().out)["entry"]["command"] == "responses-mcp"
    assert main(["install", host.name]) == 0
    assert main(["uninstall", host.name]) == 0
    assert servers(host, path) == {"a": {"command": "x"}}


@pytest.mark.parametrize(
    ("forwards", "after"),
    [
        ('["A", {{name = "OPENAI_API_KEY", source = "local"}}]', ["A", {"name": "OPENAI_API_KEY", "source": "local"}]),
        ('["A"]', ["A", "OPENAI_API_KEY"]),
        ('"ABC"', ["OPENAI_API_KEY"]),
        ("3", ["OPENAI_API_KEY"]),
    ],
)
def test_what_codex_takes_for_a_forwarded_variable_is_understood(
    forwards: str, after: object, capsys: pytest.CaptureFixture[str]
) -> None:
    host = HOSTS["codex"]
    table = f'[mcp_servers.responses]\ncommand = "responses-mcp"\nsince = 2026-01-01\nenv_vars = {forwards}\n'
    path = file_of(host, table)
    assert main(["install", host.name, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert any("OPENAI_API_KEY without the value" in note for note in told["notes"])
    assert told["entry"]["since"] == "2026-01-01"
    assert servers(host, path)["responses"]["env_vars"] == after


def test_inputs_of_others_may_have_any_form() -> None:
    host = HOSTS["vscode"]
    theirs = [{"id": [1]}, {"id": {}}, "x", None]
    path = file_of(host, f'{{{{"inputs": {json.dumps(theirs).replace("{", "{{").replace("}", "}}")}}}}}')
    assert main(["install", host.name]) == 0
    assert whole(host, path)["inputs"][:-1] == theirs
    assert main(["uninstall", host.name]) == 0
    assert whole(host, path)["inputs"] == theirs


def test_a_file_that_a_person_wrote_does_not_go_without_a_backup(capsys: pytest.CaptureFixture[str]) -> None:
    host = HOSTS["cursor"]
    mine = '{{"mcpServers": {{"responses": {{"command": "responses-mcp", "args": ["serve"], "env": {{"A": "1"}}}}}}}}'
    for commands in (["uninstall"], ["install", "uninstall"]):
        path = file_of(host, mine)
        before = path.read_bytes()
        assert [main([command, host.name]) for command in commands] == [0] * len(commands)
        assert path.exists()
        assert "made by install" not in capsys.readouterr().out
        assert before in [kept.read_bytes() for kept in files.backups(path)]
        for kept in files.backups(path):
            kept.unlink()


def test_what_is_said_among_the_servers_stays_when_ours_goes() -> None:
    host = HOSTS["zed"]
    path = file_of(host, '{{\n  "theme": "x",\n  "context_servers": {{\n    // ask Bob\n  }}\n}}\n')
    assert main(["install", host.name]) == 0
    path.write_text(path.read_text("utf-8").replace('"x"', '"y"'), "utf-8")
    assert main(["uninstall", host.name]) == 0
    assert path.read_text("utf-8") == '{\n  "theme": "y",\n  "context_servers": {\n    // ask Bob\n  }\n}\n'


def test_a_folder_by_the_name_of_a_backup_is_passed_over(home: Path) -> None:
    path = file_of(HOSTS["cursor"], "{{}}\n")
    for number in ("", ".3"):
        (path.parent / f"mcp.json{files.SUFFIX}{number}").mkdir()
    before = everything(home)
    assert main(["install", "cursor"]) == 0
    assert [kept.name for kept in files.backups(path)] == [f"mcp.json{files.SUFFIX}.2"]
    assert main(["uninstall", "cursor"]) == 0
    assert path.read_bytes() == before[path]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only the administrator gives a file away")
def test_what_the_administrator_writes_stays_the_persons() -> None:
    path = file_of(HOSTS["cursor"], "{{}}\n")
    os.chown(path, 12345, 12345)
    assert main(["install", "cursor"]) == 0
    assert {(one.stat().st_uid, one.stat().st_gid) for one in (path, *files.backups(path))} == {(12345, 12345)}


def test_a_key_is_hidden_wherever_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    host = HOSTS["cursor"]
    file_of(host, OTHER.format(f', "args": ["--key={KEY}"], "headers": {{{{"x": ["{KEY}"]}}}}'))
    for shown in ("--print", "--json"):
        assert main(["uninstall", host.name, shown]) == 0
        said = capsys.readouterr()
        assert KEY not in said.out + said.err


def test_a_pasted_key_that_a_host_would_take_for_a_reference_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "ab$HOME")
    pasted = {}
    for name in ("gemini", "claude-desktop"):
        assert main(["install", name, "--paste-keys"]) == 0
        host = HOSTS[name]
        pasted[name] = servers(host, file_of(host))["responses"]["env"]["OPENAI_API_KEY"]
    assert pasted == {"gemini": "$OPENAI_API_KEY", "claude-desktop": "ab$HOME"}


def test_what_cannot_be_written_or_is_too_deep_is_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file_of(HOSTS["cursor"], "{{}}")
    file_of(HOSTS["codex"], f"a = {'[' * 3000}{']' * 3000}\n")
    before = everything(home)
    assert main(["install", "codex"]) == 1
    assert "within each other" in capsys.readouterr().err
    monkeypatch.setenv("RESPONSES_MCP_MODEL", "caf\udce9")
    assert main(["install", "cursor"]) == 1
    assert "not UTF-8; nothing was changed" in capsys.readouterr().err
    assert everything(home) == before


def test_a_name_that_the_terminal_cannot_write_ends_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(home / "Łukasz"))
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, "cp1252", write_through=True))
    assert main(["install", "cursor"]) == 0
    assert b"\\u0141ukasz" in written.getvalue()


def test_a_key_that_a_host_wrote_down_does_not_outlive_our_entry(home: Path) -> None:
    """`gemini mcp add` writes down the values of all that the file only names."""
    host = HOSTS["gemini"]
    assert main(["install", host.name]) == 0
    path = file_of(host)
    expanded = json.loads(path.read_text().replace("$OPENAI_API_KEY", KEY))
    expanded["mcpServers"]["third"] = {"command": "echo"}
    path.write_text(json.dumps(expanded))
    assert main(["install", host.name]) == 0
    assert KEY.encode() not in path.read_bytes()
    assert main(["uninstall", host.name]) == 0
    assert servers(host, path) == {"third": {"command": "echo"}}
    assert not [name for name, content in everything(home).items() if KEY.encode() in content]


def test_a_pasted_key_does_not_outlive_our_entry(home: Path) -> None:
    host = HOSTS["claude-desktop"]
    assert main(["install", host.name, "--paste-keys"]) == 0
    path = file_of(host)
    path.write_text(json.dumps({**json.loads(path.read_text()), "theme": "dark"}))
    assert main(["uninstall", host.name]) == 0
    assert json.loads(path.read_text()) == {"theme": "dark"}
    assert not [name for name, content in everything(home).items() if KEY.encode() in content]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_a_key_that_is_pasted_where_it_stands_already_is_taken_away_from_others_all_the_same() -> None:
    host = HOSTS["cursor"]
    assert main(["install", host.name, "--paste-keys"]) == 0
    path = file_of(host)
    path.chmod(0o644)
    assert main(["install", host.name, "--paste-keys"]) == 0
    assert path.stat().st_mode & 0o777 == 0o600
