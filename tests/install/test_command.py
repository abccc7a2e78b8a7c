"""``responses-mcp install`` and ``uninstall`` on every host's file."""

import json
import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest

from mcp_server.cli import main
from mcp_server.hosts import files
from mcp_server.hosts.known import HOSTS, Host
from tests.install.person import KEY, everything, file_of, servers, whole

REFERENCES = {
    "claude-code": "${OPENAI_API_KEY:-}",
    "cursor": "${env:OPENAI_API_KEY}",
    "vscode": "${input:responses-openai-api-key}",
    "gemini": "$OPENAI_API_KEY",
    "windsurf": "${env:OPENAI_API_KEY}",
}
OTHERS = {
    "json": '// mine\n{{\n\t"{0}": {{\n\t\t"other": {{"command": "x"}}, // keep\n\t}},\n\t"theme": "dark",\n}}\n',
    "toml": '# mine\nmodel = "x" # keep\n\n[{0}.other]\ncommand = "x"\n\n[tui]\nbell = true\n',
}
BEFORE = {
    "json": [
        "",
        OTHERS["json"],
        OTHERS["json"].replace("\n", "\r\n"),
        '{{\n  "{0}": {{}}\n}}\n',
        '{{"{0}":{{"other":{{"command":"x"}}}}}}',
        "\ufeff{{ }}",
    ],
    "toml": [
        "",
        OTHERS["toml"],
        OTHERS["toml"].replace("\n", "\r\n"),
        '{0} = {{ other = {{ command = "x" }} }} # keep\n',
        '{0}.other.command = "x"\n"model" = "x"',
        "# nothing yet",
    ],
}
FOREIGN = {
    "json": '{{"{0}": {{"responses": {{"command": "npx", "args": ["something"], "cwd": "THEIRS"}}}}}}',
    "toml": '[{0}.responses]\ncommand = "npx"\nargs = ["something"]\nenv = {{ THEIRS = "1" }}\n',
}
OLD = {
    "json": """{{
  "{0}": {{
    "responses": {{
      "command": "/old/bin/responses-mcp", // moved
      "args": [],
      "env": {{"RESPONSES_MCP_DAILY_BUDGET_USD": "5"}},
      "disabled": true
    }}
  }}
}}
""",
    "toml": """[{0}.responses]
command = "/old/bin/responses-mcp" # moved
args = []
enabled = false
env_vars = ["SSH_AUTH_SOCK"]
tool_timeout_sec = 9

[{0}.responses.env]
RESPONSES_MCP_DAILY_BUDGET_USD = "5"

[tui]
bell = true
""",
}
every_host = pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS)


@every_host
def test_a_host_without_a_file_gets_one_that_names_the_key_and_loses_it_again(
    host: Host, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["install", host.name]) == 0
    path = file_of(host)
    server = servers(host, path)["responses"]
    assert Path(server["command"]).is_absolute()
    assert server["env"]["RESPONSES_MCP_BACKEND"] == "openai"
    assert server["env"].get("OPENAI_API_KEY") == REFERENCES.get(host.name)
    assert server.get("env_vars") == (["OPENAI_API_KEY"] if host.name == "codex" else None)
    inputs = whole(host, path).get("inputs", [])
    assert [one["id"] for one in inputs] == (["responses-openai-api-key"] if host.name == "vscode" else [])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    said = capsys.readouterr().out
    assert str(path) in said
    assert host.next_step in said
    assert "OPENAI_API_KEY" in said
    assert ("was not there and was made" in said) == (path.parent != home)
    assert ("--paste-keys" in said) == (host.name in ("claude-desktop", "zed"))
    assert ("hands only what it has itself on" in said) == (host.name == "zed")
    assert "Written down as it is now: RESPONSES_MCP_BACKEND." in said
    assert all(KEY.encode() not in content for content in everything(home).values())
    assert KEY not in said
    assert main(["uninstall", host.name]) == 0
    assert f"{path} was made by install and is gone" in capsys.readouterr().out
    assert everything(home) == {}


@pytest.mark.parametrize(
    ("host", "content"), [(host, content) for host in HOSTS.values() for content in BEFORE[host.form]]
)
def test_everything_else_in_a_file_stays_and_uninstall_gives_the_file_back_to_the_byte(
    host: Host, content: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = file_of(host, content)
    path.chmod(0o640)
    before = path.read_bytes()
    assert main(["install", host.name]) == 0
    after = path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    then = {line.rstrip(b",") for line in after.splitlines()}
    assert len(before.splitlines()) < 4 or [line for line in before.splitlines() if line.rstrip(b",") not in then] == []
    others = {name: one for name, one in servers(host, path).items() if name != "responses"}
    assert others == ({"other": {"command": "x"}} if "other" in content else {})
    assert ("\r\n" in content) == (b"\r\n" in after)
    assert "\r\n" not in content or b"\n" not in after.replace(b"\r\n", b"")
    backup = path.with_name(f"{path.name}.before-responses-mcp")
    assert backup.read_bytes() == before
    assert stat.S_IMODE(backup.stat().st_mode) == 0o640
    assert str(backup) in capsys.readouterr().out
    files_then = everything(home)
    assert main(["install", host.name]) == 0
    assert "already" in capsys.readouterr().out
    assert everything(home) == files_then
    assert main(["uninstall", host.name]) == 0
    assert everything(home) == {path: before, backup: before}
    assert main(["uninstall", host.name]) == 0
    assert "no server" in capsys.readouterr().out
    assert main(["install", host.name]) == 0
    assert everything(home) == files_then


@every_host
def test_what_was_changed_after_the_installation_stays_when_the_server_goes(host: Host) -> None:
    path = file_of(host, OTHERS[host.form])
    before = path.read_bytes()
    assert main(["install", host.name]) == 0
    path.write_bytes(path.read_bytes().replace(b"keep", b"kept"))
    assert main(["uninstall", host.name]) == 0
    assert path.read_bytes() == before.replace(b"keep", b"kept")


@every_host
def test_an_entry_of_ours_is_brought_up_to_date_and_keeps_what_a_person_wrote_into_it(host: Host, home: Path) -> None:
    path = file_of(host, OLD[host.form])
    assert main(["install", host.name]) == 0
    server = servers(host, path)["responses"]
    assert "old" not in server["command"]
    assert server["env"]["RESPONSES_MCP_DAILY_BUDGET_USD"] == "5"
    assert (server.get("disabled"), server.get("enabled")) == ((True, None) if host.form == "json" else (None, False))
    assert server.get("tool_timeout_sec") == (9 if host.form == "toml" else None)
    assert server.get("env_vars") == (["SSH_AUTH_SOCK", "OPENAI_API_KEY"] if host.form == "toml" else None)
    assert b"moved" in path.read_bytes()
    then = everything(home)
    assert main(["install", host.name]) == 0
    assert everything(home) == then


@every_host
@pytest.mark.parametrize("there", [True, False])
def test_installing_again_for_other_settings_keeps_the_first_backup_and_no_other(
    host: Host, there: bool, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = file_of(host, OTHERS[host.form] if there else None)
    before = everything(home)
    assert main(["install", host.name]) == 0
    monkeypatch.setenv("RESPONSES_MCP_MODEL", "another")
    assert main(["install", host.name]) == 0
    assert servers(host, path)["responses"]["env"]["RESPONSES_MCP_MODEL"] == "another"
    assert [kept.read_bytes() for kept in files.backups(path)] == list(before.values())
    assert main(["uninstall", host.name]) == 0
    assert everything(home) == ({path: before[path], files.backups(path)[0]: before[path]} if there else {})


@every_host
def test_an_entry_that_a_person_wrote_is_kept_in_a_backup_when_it_goes(
    host: Host, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = file_of(host, OLD[host.form].replace("\n}}\n", '\n  ,"theme": 1\n}}\n'))
    before = path.read_bytes()
    assert main(["uninstall", host.name]) == 0
    assert [kept.read_bytes() for kept in files.backups(path)] == [before]
    assert str(files.backups(path)[0]) in capsys.readouterr().out
    assert whole(host, path) == ({"theme": 1} if host.form == "json" else {"tui": {"bell": True}})


@every_host
def test_an_entry_that_a_person_wrote_does_not_come_back_with_the_backup(host: Host) -> None:
    path = file_of(host, OLD[host.form].replace("\n}}\n", '\n  ,"theme": 1\n}}\n'))
    assert main(["install", host.name]) == 0
    assert len(files.backups(path)) == 1
    assert main(["uninstall", host.name]) == 0
    assert whole(host, path) == ({"theme": 1} if host.form == "json" else {"tui": {"bell": True}})


@every_host
def test_another_server_of_our_name_is_not_touched_unless_it_is_asked_for(
    host: Host, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = file_of(host, FOREIGN[host.form])
    before = everything(home)
    assert main(["install", host.name]) == 1
    assert "--force" in capsys.readouterr().err
    assert main(["uninstall", host.name]) == 1
    assert "another server" in capsys.readouterr().err
    assert everything(home) == before
    assert main(["install", host.name, "--force"]) == 0
    assert servers(host, path)["responses"]["args"] != ["something"]
    assert b"THEIRS" not in path.read_bytes()
    assert before[path] in [backup.read_bytes() for backup in files.backups(path)]


@every_host
def test_a_broken_file_is_told_with_its_place_and_left_alone(
    host: Host, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = file_of(host, '{{\n  "{0}": [}}' if host.form == "json" else "model = \n[x")
    before = everything(home)
    for command in ("install", "uninstall"):
        assert main([command, host.name]) == 1
        said = capsys.readouterr().err
        assert str(path) in said
        assert ("line 2, column" if host.form == "json" else "line 1, column") in said
        assert "nothing was changed" in said
    path.write_bytes(b"\xff\xfe{\0}\0")
    assert main(["install", host.name]) == 1
    assert "UTF-8" in capsys.readouterr().err
    path.write_bytes(before[path])
    assert everything(home) == before


@every_host
def test_print_shows_what_to_paste_and_writes_nothing(
    host: Host, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in ([], ["--paste-keys"]):
        assert main(["install", host.name, "--print", *arguments]) == 0
        shown = capsys.readouterr()
        assert str(file_of(host)) in shown.err
        read = tomllib.loads(shown.out) if host.form == "toml" else json.loads(shown.out)
        assert read[host.path[0]]["responses"]["env"]["RESPONSES_MCP_BACKEND"] == "openai"
        assert KEY not in shown.out + shown.err
    assert everything(home) == {}
    assert main(["install", host.name]) == 0
    assert whole(host, file_of(host))[host.path[0]] == (
        _printed(host, capsys, "install") or _printed(host, capsys, "uninstall")
    )


def _printed(host: Host, capsys: pytest.CaptureFixture[str], command: str) -> Any:
    capsys.readouterr()
    assert main([command, host.name, "--print"]) == 0
    shown = capsys.readouterr().out
    return (tomllib.loads(shown) if host.form == "toml" else json.loads(shown))[host.path[0]]


@every_host
def test_a_key_stands_in_the_file_when_that_is_asked_for_and_is_shown_to_nobody(
    host: Host, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = file_of(host, OTHERS[host.form])
    path.chmod(0o644)
    assert main(["install", host.name]) == 0
    assert main(["install", host.name, "--paste-keys"]) == 0
    assert "The value of OPENAI_API_KEY stands in this file" in capsys.readouterr().out
    assert servers(host, path)["responses"]["env"]["OPENAI_API_KEY"] == KEY
    assert "inputs" not in whole(host, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for arguments in (["install"], ["uninstall"]):
        for more in ([], ["--json"]):
            assert main([*arguments, host.name, "--print", *more]) == 0
    assert main(["install", host.name, "--paste-keys", "--json"]) == 0
    said = capsys.readouterr()
    assert KEY not in said.out + said.err
    assert main(["uninstall", host.name]) == 0
    assert all(KEY.encode() not in content for content in everything(home).values())


def test_without_a_key_it_says_who_answers_instead_of_asking_for_one(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    assert main(["install", "cursor"]) == 0
    said = capsys.readouterr().out
    assert "No key is set, so the embedded engine answers; OpenAI does once Cursor starts with OPENAI_API_KEY." in said
    assert "must have it" not in said
    assert str(home) in said
