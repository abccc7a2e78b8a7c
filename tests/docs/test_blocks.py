"""Every block of code on the pages is true: run where that is harmless, else read by what would run it."""

import json
import re
import shlex
import tomllib
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any

import httpx2
import pytest

from mcp_server import cli, settings
from mcp_server.hosts.entry import Launch, entry
from mcp_server.hosts.known import HOSTS, SERVER_NAME
from mcp_server.server.protocol import build_server
from mcp_server.transports.http import Sse, build_app
from scripts import dev
from tests.docs.blocks import PAGES, ROOT, Block, blocks
from tests.docs.settings_known import KNOWN
from tests.install.person import moved
from tests.serving import House, text_of

FILES = {
    "contract.md": "# Contract\n\nThe tenant pays by the third of each month.\n",
    "mails/monday.txt": "The landlord repairs the roof by 1 December.\n",
    "minutes/2026/may.md": "# May\n\nThe office moves in August, because the lease ends.\n",
    "minutes/2026/june.md": "# June\n\nThe budget is 40,000.\n",
    "offers/north.txt": "North: 12,000, in six weeks.\n",
    "offers/south.txt": "South: 11,000, in nine weeks.\n",
}
"""What the examples are about, in the folder that may be read."""

HARMLESS = {"jobs", "usage", "sessions", "tools", "cleanup", "install", "uninstall"}
"""Commands that are run: in an empty home, without a key, they send nothing and touch nothing of anybody's."""

SHOWN = [block for page in PAGES for block in blocks(page)]
CALLS = [block for block in SHOWN if block.language == "json" and "tool" in json.loads(block.text)]
PAGES_OF_CALLS = [list(calls) for _, calls in groupby(CALLS, key=lambda block: block.page)]
by_name = pytest.mark.parametrize("block", [block for block in SHOWN if block not in CALLS], ids=lambda one: one.name)


@pytest.mark.parametrize("calls", PAGES_OF_CALLS, ids=lambda calls: calls[0].page.name)
async def test_the_calls_of_a_page_succeed_in_their_order(hosted: House, tmp_path: Path, calls: list[Block]) -> None:
    for name, text in FILES.items():
        path = tmp_path / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    for block in calls:
        shown = json.loads(block.text)
        assert set(shown) == {"tool", "arguments"}, block.name
        result = await hosted.result(shown["tool"], **shown["arguments"])
        assert not result.is_error, f"{block.name}: {text_of(result)}"
    shown = await hosted.call("poll", wait_seconds=60)
    assert [job for job in shown["jobs"] if "error" in job] == []


@by_name
def test_a_block_is_true(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert block.language in RULES, f"{block.name}: say in {Path(__file__).name} how such a block is tested"
    RULES[block.language](block, tmp_path, monkeypatch)


async def test_the_addresses_on_the_page_about_http_are_there(hosted: House) -> None:
    server = build_server(hosted.app)
    asgi = build_app(hosted.app, server, Sse(server), streamable=True)
    asked = [line.split()[1] for block in SHOWN for line in _lines(block) if line.startswith("curl ")]
    assert asked
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(asgi)) as http:
        for url in asked:
            assert (await http.get(url)).status_code == 200, url


async def test_the_example_of_the_cache_warns_of_what_its_page_says(hosted: House) -> None:
    (example,) = [json.loads(block.text) for block in CALLS if block.page.name == "caching.md"]
    shown = await hosted.call(example["tool"], **example["arguments"])
    assert shown["status"] == "dry_run"
    assert ["timestamp" in one or "1024" in one for one in shown["warnings"]] == [True, True]
    assert shown["cost_usd"] > 0


def _lines(block: Block) -> list[str]:
    return [line.partition("  #")[0].strip() for line in block.text.splitlines() if line.strip()]


def _host_file(block: Block, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry as ``install`` would write it, of one of the hosts that have such a file."""
    shown: dict[str, Any] = json.loads(block.text)
    (place,) = shown
    host = next(host for host in HOSTS.values() if host.path == (place,) and host.form == "json" and not host.asks)
    (name,) = shown[place]
    given = shown[place][name]
    values = given.get("env", {})
    made = entry(host, Launch(command=given["command"], args=tuple(given.get("args", ())), values=values)).server
    assert name == SERVER_NAME
    assert {"args": [], **given} == made
    assert set(values) <= KNOWN
    _command([Path(given["command"]).name, *given.get("args", ())], home, monkeypatch)


def _shell(block: Block, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = dict(line.split("=", 1) for line in _lines(block) if re.match(r"\w+=", line))
    if given:
        told = settings.load({"RESPONSES_MCP_HOME": str(home), **given})
        assert set(given) <= KNOWN
        assert told.problem is None
        assert told.backend != "local"
    for line in _lines(block):
        if line.partition("=")[0] not in given:
            _command(shlex.split(line), home, monkeypatch)


def _command(line: list[str], home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program, *rest = line
    match program.removeprefix(".venv/bin/"), rest:
        case "responses-mcp", _:
            _ours(rest, home, monkeypatch)
        case "uvx", ["--from", str(wanted), "responses-mcp", *more]:
            _package(wanted)
            _ours(more, home, monkeypatch, run=False)
        case "uvx", [str(wanted), *more]:
            _package(wanted)
            _ours(more, home, monkeypatch, run=False)
        case "python3", ["scripts/dev.py", str(command), *_]:
            assert command in {**dev.PLAIN, **dev.WITH_ARGUMENTS}
        case "pip", ["install", *wanted]:
            _package(wanted[-1])
        case "claude", ["mcp", "add", "responses", "--", str(path), *more]:
            _command([Path(path).name, *more], home, monkeypatch)
        case "curl", [str(url)]:
            assert url.startswith("http://127.0.0.1:8000/")  # asked for in a test of its own
        case _:
            pytest.fail(f"say here how {shlex.join(line)!r} is tested")


def _ours(arguments: list[str], home: Path, monkeypatch: pytest.MonkeyPatch, *, run: bool = True) -> None:
    """Read by the real parser, and run where nothing can come of it."""
    if arguments == ["--version"]:
        with pytest.raises(SystemExit, match="0"):
            cli.main(arguments)
        return
    chosen = cli._parser().parse_args(arguments)  # wrong usage ends the test
    harmless = chosen.command in HARMLESS or getattr(chosen, "offline", False)
    if run and harmless:
        _settle_in(home, monkeypatch)
        assert cli.main(arguments) in (0, 1 if chosen.command == "sessions" else 0)


def _settle_in(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a new machine: nothing is set, and nobody's files are in reach."""
    for name in moved():
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "USERPROFILE", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(home))
    monkeypatch.setenv("RESPONSES_MCP_HOME", str(home / "state"))


def _package(wanted: str) -> None:
    """Our distribution, with extras that there are."""
    known = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    found = re.fullmatch(r"(?:responses-mcp|\.)(?:\[([\w,]+)\])?", wanted)
    assert found, wanted
    assert set((found[1] or "local").split(",")) <= set(known["optional-dependencies"])


def _settings_file(block: Block, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "config.toml").write_text(block.text, "utf-8")
    told = settings.load({"RESPONSES_MCP_HOME": str(home)})
    assert told.problem is None
    assert set(tomllib.loads(block.text)) == set(told.sources) - {"RESPONSES_MCP_HOME"}


RULES: dict[str, Callable[[Block, Path, pytest.MonkeyPatch], None]] = {
    "json": _host_file,
    "sh": _shell,
    "toml": _settings_file,
}
