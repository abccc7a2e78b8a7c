"""The bundle: what is in it, what the format's own program says of it, and the server that a host starts from it."""

import json
import os
import runpy
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters
from packaging.requirements import Requirement

from mcp_server import __version__
from mcp_server.server.prompts import PROMPTS
from mcp_server.tools import TOOLS
from scripts import bundle
from tests.hosts.node import MODULES, run
from tests.serving import openai, text_of
from tests.upstream_state import StatefulUpstream

MCPB = MODULES / "@anthropic-ai/mcpb/dist/cli/cli.js"
UV = bundle.ROOT / ".venv-real/uv" / ("Scripts/uv.exe" if sys.platform == "win32" else "bin/uv")
NEWER = "99.0.0"
MODEL = "gpt-5.6-sol"

needs_node = pytest.mark.skipif(not MCPB.is_file(), reason="not installed: run `python3 scripts/dev.py test`")


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle.archive(tmp_path_factory.mktemp("packed"))


@pytest.fixture
def home(packed: Path, tmp_path: Path) -> Path:
    """A user's home, with two folders and the unpacked bundle; that one says that it is of another version."""
    for folder in ("one", "the other"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "note.txt").write_text("a note")
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(tmp_path / "bundle")
    start = tmp_path / "bundle/mcp_server/__init__.py"
    start.write_text(start.read_text("utf-8").replace(__version__, NEWER), "utf-8")
    return tmp_path


async def launch(home: Path, up: StatefulUpstream) -> tuple[list[str], dict[str, str]]:
    """What a host starts when its user has filled in the key, the address and two folders, by the code hosts use."""
    told = openai(up.base_url)
    form: dict[str, Any] = {name.lower(): told[name] for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL")}
    form["responses_mcp_allowed_roots"] = [str(home / "one"), str(home / "the other")]
    manifest = json.loads((home / "bundle/manifest.json").read_text("utf-8"))
    asked = {"manifest": manifest, "extensionPath": str(home / "bundle"), "systemDirs": {}, "userConfig": form}
    printed, said = await run(Path(__file__).with_name("expand.mjs"), json.dumps({**asked, "pathSeparator": os.sep}))
    assert said == ""
    config = json.loads(printed)
    assert config["env"]["AWS_REGION"] == "${user_config.aws_region}"  # what was not filled in
    own = {"HOME": str(home), "USERPROFILE": str(home), "RESPONSES_MCP_HOME": str(home / "state")}
    return [config["command"], *config["args"]], {**os.environ, **own, **config["env"]}


async def check(server: StdioServerParameters, home: Path) -> None:
    """It is the bundle's, lists everything, answers, and reads in the folders that were chosen and nowhere else."""
    with anyio.fail_after(300):
        async with Client(server) as client:
            assert client.server_info is not None
            assert client.server_info.version == NEWER
            assert [one.name for one in (await client.list_tools()).tools] == [one.name for one in TOOLS]
            assert [one.name for one in (await client.list_prompts()).prompts] == list(PROMPTS)
            answered = await client.call_tool("generate", {"input": "Hi", "model": MODEL})
            assert "Turn 1: Hi" in text_of(answered)
            for place, refused in (("one", False), ("the other", False), ("bundle/mcp_server", True)):
                files = [str(home / place / ("__init__.py" if refused else "note.txt"))]
                read = await client.call_tool("file_ask", {"question": "?", "files": files, "model": MODEL})
                assert read.is_error == refused, text_of(read)
                assert ("is outside the allowed folders" in text_of(read)) == refused


def test_it_is_the_same_each_time_and_holds_the_whole_package(packed: Path, tmp_path: Path) -> None:
    assert packed.read_bytes() == bundle.archive(tmp_path).read_bytes()
    files = [path for path in (bundle.ROOT / "mcp_server").rglob("*") if path.is_file()]
    package = {path.relative_to(bundle.ROOT).as_posix() for path in files if "__pycache__" not in path.parts}
    with zipfile.ZipFile(packed) as archive:
        assert {one.date_time for one in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert set(archive.namelist()) == package | {
            *("LICENSE", "README.md", "manifest.json", "pyproject.toml", "server.py")
        }


def test_uv_installs_the_versions_of_the_lock_on_every_platform() -> None:
    made = tomllib.loads(bundle.project())
    pinned = made["tool"]["uv"]["constraint-dependencies"]
    lock = (bundle.ROOT / "requirements/dev.txt").read_text("utf-8")
    assert [line for line in pinned if f"\n{line} \\\n" not in lock] == []
    names = {Requirement(line).name for line in pinned}
    assert {Requirement(need).name for need in made["project"]["dependencies"]} <= names
    assert {"msal", "botocore", "pywin32"} <= names
    assert not names & {"pytest", "xllamacpp", "gguf"}


@pytest.mark.parametrize("chosen", [["/a", "/b c"], [], ["${user_config.responses_mcp_allowed_roots}"]], ids=str)
def test_what_was_chosen_becomes_settings_and_what_was_not_leaves_no_trace(
    chosen: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[object] = []

    def main(arguments: list[str]) -> int:
        seen.extend((arguments, Path.cwd(), "AWS_REGION" in os.environ, os.environ["RESPONSES_MCP_ALLOWED_ROOTS"]))
        return 0

    monkeypatch.setattr("mcp_server.cli.main", main)
    monkeypatch.setattr(sys, "argv", ["server.py", *chosen])
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("AWS_REGION", "${user_config.aws_region}")
    monkeypatch.setenv("RESPONSES_MCP_ALLOWED_ROOTS", "")
    monkeypatch.chdir(bundle.FOLDER)
    with pytest.raises(SystemExit, match="0"):
        runpy.run_path(str(bundle.FOLDER / "mcpb/server.py"))
    assert seen == [["serve"], tmp_path, False, os.pathsep.join(chosen) if "/a" in chosen else ""]


@pytest.mark.hosts
@needs_node
async def test_the_formats_own_program_finds_it_right(packed: Path, tmp_path: Path) -> None:
    printed, said = await run(MCPB, "unpack", str(packed), str(tmp_path / "unpacked"))
    assert (said, "unpacked successfully" in printed) == ("", True)
    printed, said = await run(MCPB, "validate", str(tmp_path / "unpacked"))
    assert (said, printed.strip()) == ("", "Manifest schema validation passes!")


@pytest.mark.hosts
@needs_node
async def test_what_a_host_starts_of_it_serves_what_its_user_chose(home: Path, up: StatefulUpstream) -> None:
    (uv, run_in, where, folder, *arguments), environment = await launch(home, up)
    assert (uv, run_in, where, folder) == ("uv", "run", "--directory", str(home / "bundle"))
    # Without uv: with the packages of the tests.
    await check(StdioServerParameters(command=sys.executable, args=arguments, env=environment, cwd=folder), home)


@pytest.mark.agents
@needs_node
@pytest.mark.skipif(not UV.is_file(), reason="not installed: run `python3 scripts/dev.py hosts`")
async def test_uv_makes_its_environment_and_starts_it(home: Path, up: StatefulUpstream) -> None:
    (_, *arguments), environment = await launch(home, up)
    # The home is empty: everything is downloaded, but for Python.
    environment |= {"UV_PYTHON": sys.executable, "UV_SYSTEM_CERTS": "1", "VIRTUAL_ENV": ""}
    await check(StdioServerParameters(command=str(UV), args=arguments, env=environment), home)
    assert (home / "bundle/.venv").is_dir()
