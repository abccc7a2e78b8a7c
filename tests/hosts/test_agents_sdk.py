"""The OpenAI Agents SDK as a host: over stdio, Streamable HTTP and SSE."""

from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest

from tests.serving import openai
from tests.transports.process import COMMAND, served, variables
from tests.upstream_state import StatefulUpstream

if TYPE_CHECKING:
    from agents.mcp import MCPServerSse, MCPServerStdio, MCPServerStreamableHttp

pytestmark = pytest.mark.hosts


async def check(host: "MCPServerStdio | MCPServerStreamableHttp | MCPServerSse", text: str) -> None:
    """It lists the tools and gets an answer."""
    async with host:
        assert len(await host.list_tools()) == 9
        result = await host.call_tool("generate", {"input": "Hi", "session": "s"})
    assert result.structured_content is not None
    assert result.structured_content["text"] == text


async def test_it_lists_the_tools_and_gets_an_answer_over_stdio(tmp_path: Path, up: StatefulUpstream) -> None:
    from agents.mcp import MCPServerStdio, MCPServerStdioParams  # takes seconds

    command = MCPServerStdioParams(command=COMMAND[0], args=COMMAND[1:], env=variables(tmp_path, **openai(up.base_url)))
    with anyio.fail_after(90):
        await check(MCPServerStdio(command, client_session_timeout_seconds=60), "Turn 1: Hi")


async def test_it_lists_the_tools_and_gets_an_answer_over_http_and_sse(tmp_path: Path, up: StatefulUpstream) -> None:
    from agents.mcp import MCPServerSse, MCPServerStreamableHttp  # as above

    with anyio.fail_after(90):
        async with served(variables(tmp_path, **openai(up.base_url)), "http") as address:
            streamable = MCPServerStreamableHttp({"url": f"{address}/mcp"}, client_session_timeout_seconds=60)
            await check(streamable, "Turn 1: Hi")
            await check(MCPServerSse({"url": f"{address}/sse"}, client_session_timeout_seconds=60), "Turn 2: Hi")
