"""The official client as a host: with a process on its pipes in the older era, over HTTP in the newer one."""

from importlib.metadata import version
from pathlib import Path

import anyio
import pytest
from mcp import Client, StdioServerParameters

from mcp_server.model.value import JsonObject
from tests.hosts.checks import checked
from tests.serving import Era, openai
from tests.transports.process import COMMAND, served, variables
from tests.upstream_state import StatefulUpstream

pytestmark = pytest.mark.hosts


async def check(row: str, revision: str, server: StdioServerParameters | str, era: Era) -> None:
    with anyio.fail_after(90):
        async with Client(server, mode=era) as client:
            assert client.protocol_version == revision

            async def call(tool: str, arguments: JsonObject) -> str:
                return (await client.call_tool(tool, arguments)).model_dump_json(by_alias=True)

            listed = [tool.name for tool in (await client.list_tools()).tools]
            await checked(row, version("mcp"), listed, call)


async def test_it_does_all_of_it_over_stdio_after_a_handshake(tmp_path: Path, up: StatefulUpstream) -> None:
    env = variables(tmp_path, **openai(up.base_url))
    server = StdioServerParameters(command=COMMAND[0], args=COMMAND[1:], env=env)
    await check("mcp client, handshake", "2025-11-25", server, "legacy")


async def test_it_does_all_of_it_over_http_without_one(tmp_path: Path, up: StatefulUpstream) -> None:
    async with served(variables(tmp_path, **openai(up.base_url)), "http") as address:
        await check("mcp client, 2026-07-28", "2026-07-28", f"{address}/mcp", "auto")
