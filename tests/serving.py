"""The product as its caller sees it: a real MCP client, the real server, settings as a user would give them."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import anyio
import pytest
from mcp import Client
from mcp.types import CallToolResult, TextContent

from mcp_server import settings
from mcp_server.app import App, open_app
from mcp_server.server.protocol import build_server

Era = Literal["auto", "legacy"]
"""``auto`` speaks the stateless 2026-07-28 revision, ``legacy`` the handshake ones."""

both_eras = pytest.mark.parametrize("era", ["auto", "legacy"], ids=["2026-07-28", "handshake"])
"""For tests of what the boundary does; what lies below it knows nothing of the protocol."""

PATIENCE_SECONDS = 120.0
"""No call in a test takes longer; the embedded engine on a busy machine comes nearest."""


@dataclass
class House:
    """A client, and the app behind it for what only the store can tell."""

    client: Client
    app: App
    progress: list[str]

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool that must succeed; returns its fields."""
        result = await self.result(tool, **arguments)
        assert not result.is_error, text_of(result)
        assert result.structured_content is not None
        return result.structured_content

    async def collect(self, job_id: str) -> dict[str, Any]:
        """Poll until the job has ended."""
        with anyio.fail_after(PATIENCE_SECONDS):
            while True:
                (job,) = (await self.call("poll", ids=[job_id], wait_seconds=20))["jobs"]
                if job["status"] not in ("queued", "in_progress"):
                    return job

    async def refused(self, tool: str, **arguments: Any) -> tuple[str, dict[str, Any]]:
        """Call a tool that must fail; returns its sentence and what ``_meta`` says."""
        result = await self.result(tool, **arguments)
        assert result.is_error, result.structured_content
        assert result.structured_content is None
        assert result.meta is not None
        return text_of(result), result.meta["responses-mcp/error"]

    async def result(self, tool: str, **arguments: Any) -> CallToolResult:
        """Call a tool."""

        async def note(progress: float, total: float | None, message: str | None) -> None:
            self.progress.append(message or "")

        with anyio.fail_after(PATIENCE_SECONDS):
            return await self.client.call_tool(tool, arguments, progress_callback=note)


def text_of(result: CallToolResult) -> str:
    """What a host that shows only text shows."""
    return "\n".join(block.text for block in result.content if isinstance(block, TextContent))


def told(home: Path, **variables: str) -> settings.Settings:
    """The settings of a user with these variables and an own state folder; ``home/files`` may be read."""
    (home / "files").mkdir(exist_ok=True)
    defaults = {"RESPONSES_MCP_HOME": str(home), "RESPONSES_MCP_ALLOWED_ROOTS": str(home / "files")}
    return settings.load({**defaults, **variables})


def openai(base_url: str, **variables: str) -> dict[str, str]:
    """The variables of a user of OpenAI whose address is ``base_url``."""
    return {
        "RESPONSES_MCP_BACKEND": "openai",
        "OPENAI_API_KEY": "sk-test-0123456789abcdef",
        "OPENAI_BASE_URL": base_url,
        "RESPONSES_MCP_MODEL": "gpt-5.6-sol",
        **variables,
    }


@asynccontextmanager
async def house(given: settings.Settings, era: Era = "auto") -> AsyncGenerator[House]:
    """The server on these settings with a client in front of it."""
    async with open_app(given) as app, Client(build_server(app), mode=era) as client:
        yield House(client, app, [])
