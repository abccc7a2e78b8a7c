"""Where the hosts keep their files, on the three platforms, and what is written there."""

import json
from pathlib import Path

import pytest
from pydantic import SecretStr

from mcp_server.errors import Conflict
from mcp_server.hosts.entry import Launch, document, entry, hidden, named
from mcp_server.hosts.install import carry_out, plan_install, plan_uninstall
from mcp_server.hosts.known import HOSTS, Platform
from mcp_server.hosts.launch import command, is_ours, launch
from mcp_server.hosts.places import place
from mcp_server.hosts.variables import ASKED
from mcp_server.settings import SECRET, load
from mcp_server.settings.given import given

LAUNCH = Launch(
    command="uvx", args=("responses-mcp",), values={"RESPONSES_MCP_MODEL": "m"}, secrets=("OPENAI_API_KEY",)
)
PLACES: dict[Platform, dict[str, str]] = {
    "linux": {
        "claude-desktop": ".config/Claude/claude_desktop_config.json",
        "claude-code": ".claude.json",
        "cursor": ".cursor/mcp.json",
        "vscode": ".config/Code/User/mcp.json",
        "codex": ".codex/config.toml",
        "gemini": ".gemini/settings.json",
        "windsurf": ".codeium/windsurf/mcp_config.json",
        "zed": ".config/zed/settings.json",
    },
    "darwin": {
        "claude-desktop": "Library/Application Support/Claude/claude_desktop_config.json",
        "vscode": "Library/Application Support/Code/User/mcp.json",
        "zed": ".config/zed/settings.json",
        "codex": ".codex/config.toml",
    },
    "win32": {
        "claude-desktop": "AppData/Roaming/Claude/claude_desktop_config.json",
        "claude-code": ".claude.json",
        "vscode": "AppData/Roaming/Code/User/mcp.json",
        "zed": "AppData/Roaming/Zed/settings.json",
        "gemini": ".gemini/settings.json",
    },
}
ALL = [(platform, host, where) for platform, places in PLACES.items() for host, where in places.items()]


def person(home: Path, platform: Platform, **more: str) -> dict[str, str]:
    """The variables of somebody whose home this is."""
    if platform != "win32":
        return {"HOME": str(home), **more}
    roaming, local = home / "AppData" / "Roaming", home / "AppData" / "Local"
    return {"USERPROFILE": str(home), "APPDATA": str(roaming), "LOCALAPPDATA": str(local), **more}


@pytest.mark.parametrize(("platform", "host", "where"), ALL)
def test_the_file_is_where_the_host_reads_it_and_there_and_back_leaves_nothing(
    tmp_path: Path, platform: Platform, host: str, where: str
) -> None:
    path = place(HOSTS[host], platform, person(tmp_path, platform))
    assert path == tmp_path / where
    carry_out(plan_install(HOSTS[host], path, LAUNCH))
    assert path.is_file()
    carry_out(plan_uninstall(HOSTS[host], path))
    assert not path.exists()


@pytest.mark.parametrize(
    ("host", "platform", "variable", "value", "where"),
    [
        ("codex", "linux", "CODEX_HOME", "/x/codex", "/x/codex/config.toml"),
        ("claude-code", "darwin", "CLAUDE_CONFIG_DIR", "/x/c/", "/x/c//.claude.json"),
        ("gemini", "win32", "GEMINI_CLI_HOME", "D:\\g", "D:/g/.gemini/settings.json"),
        ("vscode", "linux", "XDG_CONFIG_HOME", "/x", "/x/Code/User/mcp.json"),
        ("vscode", "darwin", "VSCODE_PORTABLE", "/x", "/x/user-data/User/mcp.json"),
        ("vscode", "win32", "VSCODE_APPDATA", "D:\\x", "D:/x/Code/User/mcp.json"),
        ("zed", "linux", "XDG_CONFIG_HOME", "/x", "/x/zed/settings.json"),
        ("zed", "darwin", "XDG_CONFIG_HOME", "/x", "/home/you/.config/zed/settings.json"),
        ("cursor", "linux", "XDG_CONFIG_HOME", "/x", "/home/you/.cursor/mcp.json"),
        ("codex", "linux", "CODEX_HOME", " ", "/home/you/.codex/config.toml"),
    ],
)
def test_a_host_that_was_moved_by_its_variable_is_found(
    host: str, platform: Platform, variable: str, value: str, where: str
) -> None:
    assert place(HOSTS[host], platform, person(Path("/home/you"), platform, **{variable: value})) == Path(where)


def test_claude_desktop_from_a_windows_package_has_its_own_place(tmp_path: Path) -> None:
    variables = person(tmp_path, "win32")
    package = tmp_path / "AppData/Local/Packages/Claude_b/LocalCache/Roaming/Claude/claude_desktop_config.json"
    (tmp_path / "AppData/Local/Packages/Other_a").mkdir(parents=True)
    assert "Roaming/Claude" in place(HOSTS["claude-desktop"], "win32", variables).as_posix()
    assert "Packages" not in place(HOSTS["claude-desktop"], "win32", variables).as_posix()
    (tmp_path / "AppData/Local/Packages/Claude_b").mkdir()
    assert place(HOSTS["claude-desktop"], "win32", variables) == package
    (tmp_path / "AppData/Local/Packages/Claude_a").mkdir()
    package.parent.mkdir(parents=True)
    package.touch()
    assert place(HOSTS["claude-desktop"], "win32", variables) == package


def test_a_relative_folder_of_configurations_is_ignored(tmp_path: Path) -> None:
    told = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": "conf"}
    assert place(HOSTS["vscode"], "linux", told) == tmp_path / ".config/Code/User/mcp.json"


def test_the_home_is_known_without_a_variable() -> None:
    assert place(HOSTS["cursor"], "linux", {}) == Path.home() / ".cursor" / "mcp.json"


def test_a_secret_is_named_or_left_out_and_its_value_is_written_only_when_it_is_pasted() -> None:
    for host in HOSTS.values():
        made = entry(host, LAUNCH)
        assert named(host, made.server) == (["OPENAI_API_KEY"] if host.reference or host.forwards else [])
        assert set(document(host, made)) == {host.path[0], *(["inputs"] if host.asks else [])}
        pasted = entry(host, LAUNCH, {"OPENAI_API_KEY": "sk-1234567"})
        assert pasted.server["env"]["OPENAI_API_KEY"] == "sk-1234567"
        assert (named(host, pasted.server), pasted.inputs) == ([], ())
        assert "sk-1234567" not in str(hidden(host, pasted.server))
        assert hidden(host, made.server) == made.server
        theirs = {"env": {"OTHER_KEY": "sk-proj-0123456789abcdefghij"}}
        assert "0123456789" not in str(hidden(host, theirs))


def test_a_value_that_a_host_would_take_for_a_reference_is_named() -> None:
    odd = Launch(command="x", values={"RESPONSES_MCP_ALLOWED_ROOTS": "/a/$b"})
    assert named(HOSTS["gemini"], entry(HOSTS["gemini"], odd).server) == ["RESPONSES_MCP_ALLOWED_ROOTS"]
    assert entry(HOSTS["zed"], odd).server["env"] == {"RESPONSES_MCP_ALLOWED_ROOTS": "/a/$b"}


def test_what_is_set_now_goes_along_secrets_by_name_and_paths_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    told = given(
        {
            "RESPONSES_MCP_HOME": "state",
            "RESPONSES_MCP_ALLOWED_ROOTS": "docs",
            "RESPONSES_MCP_STORE": "sqlite:///here.db",
            "RESPONSES_MCP_WAIT_SECONDS": " '30' ",
            "RESPONSES_MCP_AUTH_TOKENS": "me:token",
            "OPENAI_API_KEY": " sk-1234567\n",
            "OPENAI_BASE_URL": "https://me:password@own.example/v1",
            "BEDROCK_BASE_URL": "${BEDROCK_BASE_URL}",
            "AZURE_OPENAI_API_KEY": "other",
            "AWS_REGION": "us-west-2",
        }
    )
    assert told.secrets == {
        "OPENAI_API_KEY": SecretStr("sk-1234567"),
        "OPENAI_BASE_URL": SecretStr("https://me:password@own.example/v1"),
    }
    assert told.values == {
        "RESPONSES_MCP_HOME": str(tmp_path / "state"),
        "RESPONSES_MCP_ALLOWED_ROOTS": str(tmp_path / "docs"),
        "RESPONSES_MCP_STORE": f"sqlite:///{tmp_path / 'here.db'}",
        "RESPONSES_MCP_WAIT_SECONDS": "30",
    }
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "small.gguf").touch()
    at_home = given({"RESPONSES_MCP_STORE": "sqlite:///~/a.db", "RESPONSES_MCP_LOCAL_MODEL": "small.gguf"}).values
    assert at_home == {
        "RESPONSES_MCP_STORE": f"sqlite:///{tmp_path / 'home' / 'a.db'}",
        "RESPONSES_MCP_LOCAL_MODEL": str(tmp_path / "small.gguf"),
    }
    made = launch(told, ("responses-mcp",))
    assert made.values["RESPONSES_MCP_BACKEND"] == "compatible"
    assert set(made.secrets) == {"OPENAI_API_KEY", "OPENAI_BASE_URL"}


@pytest.mark.parametrize(
    ("variables", "config", "secrets", "values"),
    [
        ({}, "", ("OPENAI_API_KEY",), {}),
        ({}, 'OPENAI_API_KEY = "sk-1"', (), {}),
        ({"RESPONSES_MCP_BACKEND": "local"}, "", (), {"RESPONSES_MCP_BACKEND": "local"}),
        ({"OPENAI_BASE_URL": "http://127.0.0.1:1/v1"}, "", (), {"OPENAI_BASE_URL": "http://127.0.0.1:1/v1"}),
        ({"OPENAI_API_KEY": "sk-1"}, "", ("OPENAI_API_KEY",), {"RESPONSES_MCP_BACKEND": "openai"}),
        (
            {"AZURE_OPENAI_ENDPOINT": "https://a.example", "AZURE_OPENAI_API_KEY": "k", "OPENAI_API_KEY": "sk-1"},
            "",
            ("AZURE_OPENAI_API_KEY",),
            {"AZURE_OPENAI_ENDPOINT": "https://a.example", "RESPONSES_MCP_BACKEND": "azure"},
        ),
    ],
)
def test_a_host_gets_what_the_chosen_backend_needs_and_no_more(
    tmp_path: Path, variables: dict[str, str], config: str, secrets: tuple[str, ...], values: dict[str, str]
) -> None:
    (tmp_path / "config.toml").write_text(config, "utf-8")
    made = launch(given({"RESPONSES_MCP_HOME": str(tmp_path), **variables}), ("x", "y"))
    assert (made.command, made.args, made.secrets) == ("x", ("y",), secrets)
    assert made.values == {"RESPONSES_MCP_HOME": str(tmp_path), **values}
    # What was written down leads to the same backend, and never to another one when the key does not arrive.
    chosen = load({"RESPONSES_MCP_HOME": str(tmp_path), **variables}).backend
    assert load(dict(made.values)).backend == chosen


def test_a_host_starts_this_installation_or_what_runs_it(tmp_path: Path) -> None:
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    assert command("linux", executable=str(python), prefix="/usr") == (str(python), "-P", "-m", "mcp_server")
    scripts: dict[Platform, str] = {"linux": "responses-mcp", "win32": "responses-mcp.exe"}
    for platform, name in scripts.items():
        (python.parent / name).touch()
        assert command(platform, executable=str(python), prefix="/usr") == (str(python.parent / name),)
    for prefix in ("/u/.local/share/pipx/venvs/responses-mcp", "/u/.local/share/uv/tools/responses-mcp"):
        assert command("linux", executable=str(python), prefix=prefix) == (str(python.parent / "responses-mcp"),)


FOLDER = {"url": "file:///src/responses-mcp", "dir_info": {}}
REPOSITORY = {"url": "https://git.example/r.git", "vcs_info": {"vcs": "git", "commit_id": "c0ffee"}}


@pytest.mark.parametrize(
    ("extras", "source", "requirement"),
    [
        ([], None, ()),
        (["documents", "local"], None, ("responses-mcp[documents,local]",)),
        ([], FOLDER, ("responses-mcp @ file:///src/responses-mcp",)),
        (["local"], REPOSITORY, ("responses-mcp[local] @ git+https://git.example/r.git@c0ffee",)),
    ],
)
def test_what_a_runner_fetched_the_host_has_it_fetch_again(
    extras: list[str], source: dict[str, object] | None, requirement: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Installed:
        def read_text(self, name: str) -> str | None:
            return json.dumps(source) if source and name == "direct_url.json" else None

    monkeypatch.setattr("mcp_server.hosts.launch.distribution", lambda name: Installed())
    monkeypatch.setattr("mcp_server.hosts.launch.installed_extras", lambda: extras)
    for prefix in (
        "/c/uv/archive-v0/5mledyZnvLs75x",
        "C:\\Local\\uv\\cache\\archive-v0\\5mledyZ",
        "/c/environments-v2/r",
    ):
        told = ("--from", *requirement) if requirement else ()
        runner, *rest = command("linux", executable="/p/python", prefix=prefix)
        assert (Path(runner).name, *rest) == ("uvx", *told, "responses-mcp")
        assert is_ours({"command": runner, "args": [*rest[:-1]]}) is bool(requirement)
    for prefix in ("/u/.cache/pipx/0123456789abcde", "/u/.local/pipx/.cache/0123456789abcde"):
        told = ("--spec", *requirement) if requirement else ()
        runner, *rest = command("linux", executable="/p/python", prefix=prefix)
        assert (Path(runner).name, *rest) == ("pipx", "run", *told, "responses-mcp")


@pytest.mark.parametrize(
    ("server", "ours"),
    [
        ({"command": "responses-mcp"}, True),
        ({"command": "C:\\x\\Scripts\\responses-mcp.exe", "args": []}, True),
        ({"command": "uvx", "args": ["--from", "responses-mcp[local]", "responses-mcp"]}, True),
        ({"command": "uvx", "args": ["responses-mcp@latest"]}, True),
        ({"command": "/usr/bin/python3", "args": ["-P", "-m", "mcp_server"]}, True),
        ({"command": "npx", "args": ["openai-responses-mcp"]}, False),
        ({"command": "uvx", "args": "responses-mcp"}, False),
        ({"url": "https://x.example"}, False),
    ],
)
def test_an_entry_is_known_by_what_it_starts(server: dict[str, object], ours: bool) -> None:
    assert is_ours(server) is ours


def test_what_is_asked_at_installation_is_a_setting_and_the_secrets_are_marked(tmp_path: Path) -> None:
    config = "".join(f'{one.name} = ""\n' for one in ASKED)
    (tmp_path / "config.toml").write_text(config, "utf-8")
    assert load({"RESPONSES_MCP_HOME": str(tmp_path)}).problem is None
    assert {one.name for one in ASKED if one.secret} == SECRET - {"RESPONSES_MCP_AUTH_TOKENS"}


def test_something_else_under_our_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[mcp_servers.responses]\nurl = "https://x.example"\n', "utf-8")
    with pytest.raises(Conflict):
        plan_install(HOSTS["codex"], path, LAUNCH)
