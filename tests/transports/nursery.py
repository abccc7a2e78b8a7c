"""Many server processes for the price of one start: each is forked from a process that has imported everything.

What is forked is the real command, on pipes of its own; only its imports were done before. For tests that are about
what processes do to a store, not about how they start. Run as a script, this is the process that forks.
"""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from subprocess import Popen

import anyio
from anyio.abc import ByteReceiveStream, ByteSendStream

from tests.transports.process import Wire


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
        """The command over stdio; it is killed afterwards."""
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
            yield Wire(process)  # type: ignore[arg-type] - what a wire uses of a process
        finally:
            process.kill()
            reading.close()
            writing.close()


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
    import openai.types.responses  # noqa: F401 - only in the process that forks

    from mcp_server.backends.responses import backend  # noqa: F401 - as above
    from mcp_server.cli import main
    from mcp_server.transports import stdio  # noqa: F401 - as above

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
        os.environ.clear()
        os.environ.update(json.loads(message))
        os._exit(main([]))


if __name__ == "__main__":
    fork_on_demand(socket.socket(fileno=int(sys.argv[1])))
