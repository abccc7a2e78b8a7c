"""A server process as a host sees it: lines of JSON on its pipes, signals, an exit code."""

import json
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

COMMAND = [sys.executable, "-m", "mcp_server"]
MEASURED = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE")}
"""Makes a process measure its coverage, and start and run half as fast: for the tests of what runs nowhere else."""


def variables(home: Path, **more: str) -> dict[str, str]:
    """The environment of a server with its own state folder."""
    return {**os.environ, "RESPONSES_MCP_HOME": str(home), "RESPONSES_MCP_LOG_FORMAT": "json", **more}


@dataclass
class Wire:
    """Requests in the handshake era, and every line that came back."""

    process: Process
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        assert self.process.stdout is not None
        self._received = BufferedByteReceiveStream(self.process.stdout)

    async def send(self, method: str, params: dict[str, Any] | None = None, *, number: int | None = None) -> None:
        message = {"jsonrpc": "2.0", "method": method, "params": params or {}}
        await self.write(json.dumps(message if number is None else {**message, "id": number}))

    async def write(self, line: str) -> None:
        assert self.process.stdin is not None
        await self.process.stdin.send(line.encode() + b"\n")

    async def answer(self, number: int) -> dict[str, Any]:
        """The answer to request ``number``; what comes before it is kept in ``lines`` too."""
        with anyio.fail_after(60):
            while True:
                message = await self.line()
                if message.get("id") == number and "method" not in message:
                    return message

    async def line(self) -> dict[str, Any]:
        """The next line, which must be a JSON-RPC message."""
        text = (await self._received.receive_until(b"\n", 10_000_000)).decode()
        self.lines.append(text)
        message = json.loads(text)
        assert message["jsonrpc"] == "2.0"
        return message

    async def hello(self, version: str = "2025-06-18") -> dict[str, Any]:
        """The handshake, in the revision that is asked for."""
        who = {"name": "test", "version": "1"}
        await self.send("initialize", {"protocolVersion": version, "capabilities": {}, "clientInfo": who}, number=0)
        hello = await self.answer(0)
        assert hello["result"]["protocolVersion"] == version
        await self.send("notifications/initialized")
        return hello

    async def call(self, number: int, tool: str, **arguments: Any) -> None:
        """Begin a tool call."""
        await self.send("tools/call", {"name": tool, "arguments": arguments}, number=number)

    async def end(self) -> int:
        """Close stdin as a host does when it quits; returns the exit code."""
        assert self.process.stdin is not None
        await self.process.stdin.aclose()
        return await self.gone()

    async def gone(self) -> int:
        """Wait for the process to end by itself, and check that the rest of its output is protocol too."""
        with anyio.fail_after(20):
            code = await self.process.wait()
            while True:
                try:
                    await self.line()
                except (anyio.EndOfStream, anyio.IncompleteRead):
                    return code


@asynccontextmanager
async def launched(environment: dict[str, str], *arguments: str) -> AsyncGenerator[Wire]:
    """The command, running; it is killed if it is still there afterwards."""
    async with await anyio.open_process([*COMMAND, *arguments], env=environment, stderr=None) as process:
        try:
            yield Wire(process)
        finally:
            if process.returncode is None:
                process.kill()


@asynccontextmanager
async def served(environment: dict[str, str], transport: str) -> AsyncGenerator[str]:
    """``serve --transport …`` on a free port; yields its address, and stops it as an operator would."""
    command = [*COMMAND, "serve", "--transport", transport, "--port", "0"]
    async with await anyio.open_process(command, env=environment, stdin=None, stdout=None) as process:
        try:
            assert process.stderr is not None
            told = BufferedByteReceiveStream(process.stderr)
            with anyio.fail_after(60):
                url = ""
                while not url:
                    url = json.loads(await told.receive_until(b"\n", 100_000)).get("url", "")
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_drain, told)
                yield url.rpartition("/")[0]
                process.terminate()
                with anyio.fail_after(20):
                    assert await process.wait() == 0
                tasks.cancel_scope.cancel()
        finally:
            if process.returncode is None:
                process.kill()


async def _drain(stream: BufferedByteReceiveStream) -> None:
    """A full pipe would stop the server."""
    try:
        while True:
            await stream.receive()
    except anyio.EndOfStream:
        pass
