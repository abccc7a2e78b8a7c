"""The OpenAI Agents SDK as a host: over stdio, Streamable HTTP and SSE."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from agents.mcp import MCPServer, MCPServerSse, MCPServerStdio, MCPServerStdioParams, MCPServerStreamableHttp

from tests.serving import openai
from tests.transports.process import COMMAND, served, variables
from tests.upstream_state import stateful

pytestmark = pytest.mark.hosts


@asynccontextmanager
async def connected(transport: str, environment: dict[str, str]) -> AsyncGenerator[MCPServer]:
    """The server behind the SDK's client for this transport."""
    if transport == "stdio":
        command = MCPServerStdioParams(command=COMMAND[0], args=COMMAND[1:], env=environment)
        async with MCPServerStdio(command, client_session_timeout_seconds=60) as server:
            yield server
        return
    async with served(environment, transport) as address:
        if transport == "http":
            async with MCPServerStreamableHttp({"url": f"{address}/mcp"}, client_session_timeout_seconds=60) as server:
                yield server
        else:
            async with MCPServerSse({"url": f"{address}/sse"}, client_session_timeout_seconds=60) as server:
                yield server


@pytest.mark.parametrize("transport", ["stdio", "http", "sse"])
async def test_it_lists_the_tools_and_gets_an_answer(tmp_path: Path, transport: str) -> None:
    async with stateful() as up:
        with anyio.fail_after(90):
            async with connected(transport, variables(tmp_path, **openai(up.base_url))) as server:
                assert len(await server.list_tools()) == 9
                result = await server.call_tool("generate", {"input": "Hi"})
    assert result.structured_content is not None
    assert result.structured_content["text"] == "Turn 1: Hi"
