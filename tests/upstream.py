"""A scripted Responses API server for tests: real sockets on loopback, every request remembered, no answer unplanned.

    async with scripted() as up:
        up.on("POST", "/v1/responses", stream(text_events("Hello")))
        ... a client on up.base_url ...
    assert len(up.posts()) == 1

Answers are used up in the order they were planned; ``always`` plans one for ever. A request that nobody planned is
answered with 500 and fails the test when the block ends. A client that hangs up in the middle of an answer sets its
request's ``abandoned``. Answers are in ``upstream_answers``, bodies for them in
``upstream_shapes``.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from typing import TypeVar
from urllib.parse import parse_qsl, urlsplit

import anyio.from_thread

from tests.upstream_answers import Answer, Exchange, Request, error


class ScriptedUpstream:
    """The server. ``requests`` holds all that came, in order."""

    def __init__(self) -> None:
        self.base_url = ""
        self.requests: list[Request] = []
        self.unplanned: list[str] = []
        self.broken: list[BaseException] = []
        self._planned: defaultdict[tuple[str, str], deque[Answer]] = defaultdict(deque)
        self._always: dict[tuple[str, str], Answer] = {}
        self._connections: set[asyncio.Task[None]] = set()
        self._came = asyncio.Condition()

    def on(self, method: str, path: str, *answers: Answer) -> None:
        """Plan answers for the next requests like this."""
        self._planned[method, path].extend(answers)

    def always(self, method: str, path: str, answer: Answer) -> None:
        """Plan an answer for every request like this that nothing else was planned for."""
        self._always[method, path] = answer

    def posts(self, path: str = "/v1/responses") -> list[Request]:
        """The POST requests to ``path``: with the default, everything that was paid for."""
        return [request for request in self.requests if (request.method, request.path) == ("POST", path)]

    async def arrived(self, number: int) -> Request:
        """Wait until so many requests have come; returns the last of them."""
        async with self._came:
            await self._came.wait_for(lambda: len(self.requests) >= number)
        return self.requests[number - 1]

    def otherwise(self, request: Request) -> Answer | None:
        """The answer to a request that nothing was planned for; None when that is a mistake."""
        return None

    def check(self) -> None:
        """Raise when something came that was not planned, or when an answer broke."""
        assert not self.unplanned, f"nobody planned an answer to {self.unplanned}"
        if self.broken:
            raise self.broken[0]

    def _answer(self, request: Request) -> Answer:
        key = request.method, request.path
        planned = self._planned[key]
        answer = planned.popleft() if planned else self._always.get(key) or self.otherwise(request)
        if answer is None:
            self.unplanned.append(" ".join(key))
            return error(500, "nobody planned an answer to this")
        return answer

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, request after request."""
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                early = b""
                while not writer.is_closing():
                    request = await _read(reader, early)
                    await self._note(request)
                    early = await self._exchange(reader, Exchange(request, writer))
        finally:
            self._connections.discard(task)
            writer.close()

    async def _note(self, request: Request) -> None:
        async with self._came:
            self.requests.append(request)
            self._came.notify_all()

    async def _exchange(self, reader: asyncio.StreamReader, exchange: Exchange) -> bytes:
        """Answer while watching whether the client stays; returns what it sent too early."""
        answering = asyncio.ensure_future(self._answer(exchange.request)(exchange))
        leaving = asyncio.ensure_future(reader.read(1))
        try:
            await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if leaving.done() and not answering.done() and (leaving.exception() or not leaving.result()):
                exchange.request.abandoned.set()
                raise ConnectionError
            await asyncio.wait({answering})
            if answering.exception() and not isinstance(answering.exception(), ConnectionError):
                self.broken.append(answering.exception() or AssertionError())
            return leaving.result() if leaving.done() else b""
        finally:
            for task in (answering, leaving):
                task.cancel()
            await asyncio.gather(answering, leaving, return_exceptions=True)

    async def hang_up(self) -> None:
        """Cut every connection."""
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)


async def _read(reader: asyncio.StreamReader, early: bytes) -> Request:
    head = (early + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    method, target, _ = first.split(" ")
    content = b"".join([part async for part in _body(reader, headers)])
    url = urlsplit(target)
    return Request(method, url.path, dict(parse_qsl(url.query)), headers, content)


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> AsyncGenerator[bytes]:
    if headers.get("transfer-encoding") == "chunked":
        while length := int(await reader.readuntil(b"\r\n"), 16):
            yield (await reader.readexactly(length + 2))[:-2]
        await reader.readexactly(2)
    else:
        yield await reader.readexactly(int(headers.get("content-length", 0)))


U = TypeVar("U", bound=ScriptedUpstream)


def scripted() -> AbstractAsyncContextManager[ScriptedUpstream]:
    """A new upstream, served in this event loop while the block runs and checked when it ends."""
    return serving(ScriptedUpstream())


@asynccontextmanager
async def serving(up: U) -> AsyncGenerator[U]:
    """Serve ``up`` while the block runs, then check it."""
    server = await asyncio.start_server(up.serve, "127.0.0.1", 0, backlog=512)
    host, port = server.sockets[0].getsockname()[:2]
    up.base_url = f"http://{host}:{port}/v1"
    try:
        yield up
    finally:
        server.close()
        await up.hang_up()
        await server.wait_closed()
    up.check()


@contextmanager
def in_thread(up: U) -> Iterator[U]:
    """Serve ``up`` from a thread of its own, for a test that does not run in an event loop."""
    with anyio.from_thread.start_blocking_portal() as portal, portal.wrap_async_context_manager(serving(up)) as served:
        yield served
