"""What ``install`` does with files that are not as plain as one wishes."""

import json
from pathlib import Path

import pytest

from mcp_server.cli import main
from mcp_server.hosts import files
from mcp_server.hosts.known import HOSTS
from tests.install.person import everything, file_of, servers, whole


def test_a_link_stays_one_and_its_target_is_written(home: Path) -> None:
    host = HOSTS["cursor"]
    kept = home / "dotfiles" / "cursor.json"
    kept.parent.mkdir()
    kept.write_text("{}\n", "utf-8")
    path = file_of(host)
    path.parent.mkdir()
    path.symlink_to(kept)
    assert main(["install", "cursor"]) == 0
    assert path.is_symlink()
    assert "responses" in kept.read_text("utf-8")
    assert main(["uninstall", "cursor"]) == 0
    assert (path.is_symlink(), kept.read_text("utf-8")) == (True, "{}\n")


def test_a_backup_that_says_something_else_is_not_overwritten(home: Path) -> None:
    path = file_of(HOSTS["cursor"], "{{}}\n")
    (path.parent / "mcp.json.before-responses-mcp").write_text("older", "utf-8")
    assert main(["install", "cursor"]) == 0
    assert (path.parent / "mcp.json.before-responses-mcp").read_text("utf-8") == "older"
    assert (path.parent / "mcp.json.before-responses-mcp.2").read_text("utf-8") == "{}\n"
    assert main(["uninstall", "cursor"]) == 0
    assert path.read_text("utf-8") == "{}\n"


def test_a_file_that_cannot_be_read_or_written_is_told(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file_of(HOSTS["cursor"]).mkdir(parents=True)
    (home / ".codex").write_text("a file where the folder should be", "utf-8")
    assert [main(["install", name]) for name in ("cursor", "codex")] == [1, 1]
    said = capsys.readouterr().err
    assert "mcp.json cannot be read (Is a directory)" in said
    assert "config.toml cannot be read (Not a directory)" in said
    path = file_of(HOSTS["gemini"], "{{}}")
    before = everything(home)

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refuse)
    assert main(["install", "gemini", "--json"]) == 1
    said = capsys.readouterr()
    assert f"No backup of {path} can be written beside it (Permission denied)" in json.loads(said.out)["error"]
    assert main(["install", "windsurf"]) == 1
    assert "cannot be written (Permission denied)" in capsys.readouterr().err
    assert everything(home) == before


def test_a_file_that_another_program_changes_meanwhile_is_left_to_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = file_of(HOSTS["claude-code"], "{{}}")
    back_up = files.back_up

    def meanwhile(kept: Path, content: bytes) -> Path:
        path.write_text('{"projects": {}}', "utf-8")
        return back_up(kept, content)

    monkeypatch.setattr(files, "back_up", meanwhile)
    assert main(["install", "claude-code"]) == 1
    assert "run the command again" in capsys.readouterr().err
    assert path.read_text("utf-8") == '{"projects": {}}'


def test_an_input_that_others_use_stays_when_the_server_goes() -> None:
    host = HOSTS["vscode"]
    assert main(["install", "vscode"]) == 0
    path = file_of(host)
    mine = '{"env": {"K": "${input:responses-openai-api-key}"}, "command": "x"}'
    path.write_text(path.read_text("utf-8").replace('"servers": {', f'"servers": {{"mine": {mine},'), "utf-8")
    assert main(["uninstall", "vscode"]) == 0
    assert set(servers(host, path)) == {"mine"}
    assert [one["id"] for one in whole(host, path)["inputs"]] == ["responses-openai-api-key"]


def test_a_key_that_is_not_set_is_named_where_it_can_be_and_told_where_not(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    assert [main(["install", name]) for name in ("cursor", "claude-desktop")] == [0, 0]
    said = capsys.readouterr().out
    assert servers(HOSTS["cursor"], file_of(HOSTS["cursor"]))["responses"]["env"] == {
        "OPENAI_API_KEY": "${env:OPENAI_API_KEY}"
    }
    assert "env" not in servers(HOSTS["claude-desktop"], file_of(HOSTS["claude-desktop"]))["responses"]
    assert f"No key is set: for a backend other than the embedded one, put its key into {home}" in said


def test_a_key_that_stands_in_the_state_folder_too_is_not_asked_for_again(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = home / "data" / "responses-mcp" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('OPENAI_API_KEY = "sk-1"\n', "utf-8")
    assert main(["install", "claude-desktop"]) == 0
    assert "--paste-keys" not in capsys.readouterr().out


def test_a_wrong_setting_is_told_and_a_wrong_host_is_wrong_usage(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESPONSES_MCP_WAIT_SECONDS", "soon")
    assert main(["install", "cursor", "--json"]) == 0
    said = capsys.readouterr()
    assert "RESPONSES_MCP_WAIT_SECONDS" in said.err
    assert json.loads(said.out)["changed"] is True
    with pytest.raises(SystemExit) as ended:
        main(["install", "emacs"])
    assert ended.value.code == 2
    assert "claude-desktop" in capsys.readouterr().err
