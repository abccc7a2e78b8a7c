"""Many server processes for the price of one start: each is forked from a process that has imported everything.

What is forked is the real command, on pipes of its own; only its imports were done before. For tests that are about
what processes do to a store, not about how they start. Run as a script, this is the process that forks.
"""

import asyncio
import json
import math
import os
import signal
import socket
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from subprocess import Popen
from typing import Any

import anyio
from anyio.abc import ByteReceiveStream, ByteSendStream
from anyio.streams.buffered import BufferedByteReceiveStream
from mcp import Client
from mcp.shared.message import SessionMessage
from mcp.types import jsonrpc_message_adapter

from tests.serving import Era
from tests.transports.process import Wire

LEASE = "TESTED_LEASE_SECONDS"
"""The one variable that is the nursery's and not the server's."""


class Into(ByteSendStream):
    """The end of a pipe that is written to."""

    def __init__(self, transport: asyncio.WriteTransport) -> None:
        self._transport = transport

    async def send(self, item: bytes) -> None:
        self._transport.write(item)

    async def aclose(self) -> None:
        self._transport.close()


class Out(ByteReceiveStream):
    """The end of a pipe that is read from."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    async def receive(self, max_bytes: int = 65536) -> bytes:
        if not (content := await self._reader.read(max_bytes)):
            raise anyio.EndOfStream
        return content

    async def aclose(self) -> None:
        pass


@dataclass
class Forked:
    """A server process that somebody else waits for."""

    pid: int
    stdin: Into
    stdout: Out
    killed: bool = False

    def kill(self) -> None:
        """SIGKILL, once: afterwards the number may be another process's."""
        if not self.killed:
            self.killed = True
            os.kill(self.pid, signal.SIGKILL)


@dataclass
class Nursery:
    """The process that forks, at the other end of ``control``."""

    control: socket.socket
    one_at_a_time: anyio.Lock = field(default_factory=anyio.Lock)

    @asynccontextmanager
    async def launched(self, environment: dict[str, str]) -> AsyncGenerator[Wire]:
        """The command over stdio, line by line."""
        async with self.forked(environment) as process:
            yield Wire(process)  # type: ignore[arg-type] - what a wire uses of a process

    @asynccontextmanager
    async def forked(self, environment: dict[str, str]) -> AsyncGenerator[Forked]:
        """The command on pipes; it is killed afterwards. ``LEASE`` in the environment shortens its leases."""
        loop = asyncio.get_running_loop()
        (theirs_in, ours_in), (ours_out, theirs_out) = os.pipe(), os.pipe()
        async with self.one_at_a_time:
            socket.send_fds(self.control, [json.dumps(environment).encode()], [theirs_in, theirs_out])
            pid = int(await anyio.to_thread.run_sync(self.control.recv, 32))
        os.close(theirs_in)
        os.close(theirs_out)
        reader = asyncio.StreamReader()
        reading, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(ours_out, "rb", 0)
        )
        writing, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, os.fdopen(ours_in, "wb", 0))
        process = Forked(pid, Into(writing), Out(reader))
        try:
            yield process
        finally:
            process.kill()
            reading.close()
            writing.close()


def spoken(process: Forked, era: Era = "auto", **more: Any) -> Client:
    """The official client in front of a process. Its calls raise ``MCPError`` once the process is gone."""
    return Client(_piped(process), mode=era, **more)


@asynccontextmanager
async def _piped(process: Forked) -> AsyncGenerator[Any]:
    """The process's pipes as the transport of a client."""
    heard, read = anyio.create_memory_object_stream[SessionMessage | Exception](math.inf)
    write, said = anyio.create_memory_object_stream[SessionMessage](math.inf)

    async def hear() -> None:
        lines = BufferedByteReceiveStream(process.stdout)
        async with heard:
            with suppress(anyio.EndOfStream, anyio.IncompleteRead, anyio.BrokenResourceError):
                while True:
                    line = await lines.receive_until(b"\n", 10_000_000)
                    await heard.send(SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False)))

    async def say() -> None:
        async for message in said:
            line = message.message.model_dump_json(by_alias=True, exclude_unset=True)
            await process.stdin.send(line.encode() + b"\n")

    async with read, write, said, anyio.create_task_group() as tasks:
        tasks.start_soon(hear)
        tasks.start_soon(say)
        yield read, write
        tasks.cancel_scope.cancel()


@contextmanager
def nursery() -> Generator[Nursery]:
    """The process that forks, with everything imported."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        command = [sys.executable, "-m", "tests.transports.nursery", str(theirs.fileno())]
        with Popen(command, pass_fds=[theirs.fileno()]) as process:
            theirs.close()
            try:
                yield Nursery(ours)
            finally:
                process.kill()


def fork_on_demand(control: socket.socket) -> None:
    """Fork a server for each message, until the other end is closed."""
    import httpcore2
    import httpx2
    import openai.types.responses  # noqa: F401 - only in the process that forks

    from mcp_server.backends.responses import backend  # noqa: F401 - as above
    from mcp_server.cli import main
    from mcp_server.transports import stdio  # noqa: F401 - as above

    # Reading the machine's certificates takes as long as a short life.
    httpcore2.default_ssl_context = cache(httpcore2.default_ssl_context)
    httpx2.AsyncClient()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how they ended
    while True:
        message, pipes, _, _ = socket.recv_fds(control, 1_000_000, 2)
        if not message:
            return
        if pid := os.fork():
            control.send(str(pid).encode())
            for pipe in pipes:
                os.close(pipe)
            continue
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        control.close()
        for number, pipe in enumerate(pipes):
            os.dup2(pipe, number)
            os.close(pipe)
        environment = json.loads(message)
        shorten_leases(environment.pop(LEASE, None))
        os.environ.clear()
        os.environ.update(environment)
        os._exit(main([]))


def shorten_leases(seconds: str | None) -> None:
    """In this process: a test that kills a hundred times cannot wait for the real lease to run out each time."""
    if seconds is None:
        return
    for name, module in list(sys.modules.items()):
        if name.startswith("mcp_server.") and "LEASE_SECONDS" in vars(module):
            vars(module)["LEASE_SECONDS"] = float(seconds)


if __name__ == "__main__":
    fork_on_demand(socket.socket(fileno=int(sys.argv[1])))
