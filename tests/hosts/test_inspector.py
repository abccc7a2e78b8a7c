"""The MCP Inspector's command line, as its users run it, in both eras: a process for each request."""

import json
from pathlib import Path
from typing import Any

import anyio
import pytest

from mcp_server.model.value import JsonObject
from tests.conftest import OURS
from tests.hosts.checks import ANSWER, checked
from tests.hosts.node import MODULES, run, version_of
from tests.serving import openai
from tests.transports.process import COMMAND, served, variables
from tests.upstream_state import StatefulUpstream

PACKAGE = "@modelcontextprotocol/inspector"
LAUNCHER = MODULES / PACKAGE / "clients/launcher/build/index.js"

pytestmark = [
    pytest.mark.hosts,
    pytest.mark.skipif(not LAUNCHER.is_file(), reason="not installed: run `python3 scripts/dev.py test`"),
]


async def inspect(*arguments: str) -> tuple[dict[str, Any], str]:
    """What it prints as JSON, and what it says beside that."""
    shown, told = await run(LAUNCHER, "--cli", "--format", "json", *arguments)
    return json.loads(shown or told), told


async def test_it_does_all_of_it_in_both_eras(tmp_path: Path, up: StatefulUpstream) -> None:
    async def check(address: str, era: str) -> None:
        reached = ("--protocol-era", era, "--server-url", f"{address}/mcp")

        async def call(tool: str, arguments: JsonObject) -> str:
            given = ("--tool-name", tool, "--tool-args-json", json.dumps(arguments))
            shown, _ = await inspect(*reached, "--method", "tools/call", *given)
            return json.dumps(shown, ensure_ascii=False)

        listed, told = await inspect(*reached, "--method", "tools/list", "--strict")
        assert "Warning" not in told
        assert "Error" not in told
        tools = [tool["name"] for tool in listed["result"]["tools"]]
        await checked(f"MCP Inspector, {era}", version_of(PACKAGE), tools, call)

    given = variables(tmp_path, **openai(up.base_url))
    async with served(given, "http") as address, anyio.create_task_group() as tasks:
        for era in ("legacy", "modern"):
            tasks.start_soon(check, address, era)


async def test_it_gets_an_answer_over_stdio(tmp_path: Path, up: StatefulUpstream) -> None:
    # It hands a server only the variables it is told to.
    variables_of = variables(tmp_path, **openai(up.base_url)).items()
    given = [word for name, value in variables_of if name.startswith(OURS) for word in ("-e", f"{name}={value}")]
    asked = ("--method", "tools/call", "--tool-name", "generate", "--tool-arg", "input=Hi")
    called, _ = await inspect("--protocol-era", "modern", *COMMAND, *given, *asked)
    assert called["result"]["structuredContent"]["text"] == ANSWER.format("Hi")
