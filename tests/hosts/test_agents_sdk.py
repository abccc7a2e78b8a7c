"""The OpenAI Agents SDK as a host: over stdio, Streamable HTTP and SSE."""

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest

from tests.hosts.checks import checked
from tests.serving import openai
from tests.transports.process import COMMAND, served, variables
from tests.upstream_state import StatefulUpstream

if TYPE_CHECKING:
    from agents.mcp import MCPServerSse, MCPServerStdio, MCPServerStreamableHttp

pytestmark = pytest.mark.hosts


async def check(row: str, server: "MCPServerStdio | MCPServerStreamableHttp | MCPServerSse") -> None:
    from tests.hosts.agent import Agency  # takes seconds

    async with server:
        listed = [tool.name for tool in await server.list_tools()]
        agency = Agency(server)
        await checked(row, version("openai-agents"), listed, agency.call)
        assert agency.model.tools == listed


async def test_it_does_all_of_it_over_stdio(tmp_path: Path, up: StatefulUpstream) -> None:
    from agents.mcp import MCPServerStdio, MCPServerStdioParams  # as above

    command = MCPServerStdioParams(command=COMMAND[0], args=COMMAND[1:], env=variables(tmp_path, **openai(up.base_url)))
    with anyio.fail_after(90):
        await check("OpenAI Agents SDK, stdio", MCPServerStdio(command, client_session_timeout_seconds=60))


async def test_it_does_all_of_it_over_http_and_sse(tmp_path: Path, up: StatefulUpstream) -> None:
    from agents.mcp import MCPServerSse, MCPServerStreamableHttp  # as above

    with anyio.fail_after(90):
        async with served(variables(tmp_path, **openai(up.base_url)), "http") as address:
            streamable = MCPServerStreamableHttp({"url": f"{address}/mcp"}, client_session_timeout_seconds=60)
            await check("OpenAI Agents SDK, HTTP", streamable)
            sse = MCPServerSse({"url": f"{address}/sse"}, client_session_timeout_seconds=60)
            await check("OpenAI Agents SDK, SSE", sse)
