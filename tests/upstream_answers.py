"""Answers of a scripted upstream, honest and broken ones: how bytes go out. ``upstream`` has the server."""

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

JsonObject = dict[str, Any]


@dataclass
class Request:
    """A request as it came. ``path`` is without the query; header names are lower-case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    content: bytes
    abandoned: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.content)


@dataclass
class Exchange:
    """A request and the connection its answer goes out on."""

    request: Request
    writer: asyncio.StreamWriter

    async def start(self, status: int, headers: Mapping[str, str]) -> None:
        """Send the status line and the headers."""
        lines = [f"HTTP/1.1 {status} Scripted", *(f"{name}: {value}" for name, value in headers.items())]
        await self.send("\r\n".join([*lines, "", ""]).encode())

    async def send(self, content: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(content)
        await self.writer.drain()

    async def chunk(self, content: bytes) -> None:
        """Send a piece of a chunked body; an empty one ends it."""
        await self.send(f"{len(content):x}\r\n".encode() + content + b"\r\n")

    def reset(self) -> None:
        """Cut the connection so that the client sees a reset."""
        connection: socket.socket = self.writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Answer = Callable[[Exchange], Awaitable[None]]


ECHOED = frozenset(
    {
        *(
            "background",
            "max_output_tokens",
            "max_tool_calls",
            "metadata",
            "parallel_tool_calls",
            "previous_response_id",
        ),
        *("temperature", "tool_choice", "top_logprobs", "top_p", "truncation"),
    }
)
"""What a response says of the request it answers, as the API does."""


def _echoing(body: Any, request: Request) -> Any:
    if not isinstance(body, dict) or body.get("object") != "response" or request.method != "POST":
        return body
    asked = request.json if request.content else {}
    return {**body, **{name: asked[name] for name in ECHOED & asked.keys()}}


def reply(body: Any, status: int = 200, headers: Mapping[str, str] | None = None, *, echoes: bool = True) -> Answer:
    """``body`` as JSON; a string or bytes as it is (name its content type in ``headers``).

    A response shows what was asked, unless it does not ``echo``.
    """

    async def answer(exchange: Exchange) -> None:
        told = _echoing(body, exchange.request) if echoes else body
        content = (
            told.encode() if isinstance(told, str) else told if isinstance(told, bytes) else json.dumps(told).encode()
        )
        fields = {"content-type": "application/json", "x-request-id": "req_scripted", **(headers or {})}
        await exchange.start(status, {**fields, "content-length": str(len(content))})
        await exchange.send(content)

    return answer


def web_page(status: int = 200) -> Answer:
    """What a proxy or a captive portal says."""
    return reply("<html><body>Sign in to the network</body></html>", status, {"content-type": "text/html"})


def error(status: int, message: str = "scripted", *, headers: Mapping[str, str] | None = None, **fields: Any) -> Answer:
    """An API error; ``fields`` are ``code``, ``param``, ``type``."""
    body = {"message": message, "type": "invalid_request_error", "param": None, "code": None, **fields}
    return reply({"error": body}, status, headers)


def stream(
    events: Iterable[JsonObject | str | asyncio.Event],
    *,
    ends: str = "end",
    headers: Mapping[str, str] | None = None,
    echoes: bool = True,
) -> Answer:
    """Server-sent events. An ``asyncio.Event`` among them is waited for; a string goes out raw.

    ``ends``: ``end`` is clean, ``done`` adds ``[DONE]``, ``reset`` cuts the connection, ``half`` closes it before the
    body is whole, ``silence`` says nothing more and keeps it open.
    """

    async def answer(exchange: Exchange) -> None:
        fields = {"content-type": "text/event-stream; charset=utf-8", "transfer-encoding": "chunked"}
        await exchange.start(200, {**fields, "x-request-id": "req_scripted", **(headers or {})})
        for event in events:
            if isinstance(event, asyncio.Event):
                await event.wait()
            elif echoes and isinstance(event, dict) and "response" in event:
                await exchange.chunk(_sse({**event, "response": _echoing(event["response"], exchange.request)}))
            else:
                await exchange.chunk(_sse(event))
        await _end(exchange, ends)

    return answer


def _sse(event: JsonObject | str) -> bytes:
    if isinstance(event, str):
        return event.encode()
    return f"event: {event.get('type')}\ndata: {json.dumps(event)}\n\n".encode()


async def _end(exchange: Exchange, ends: str) -> None:
    match ends:
        case "reset":
            exchange.reset()
        case "half":
            exchange.writer.close()
        case "silence":
            await asyncio.Event().wait()
        case _:
            if ends == "done":
                await exchange.chunk(b"data: [DONE]\n\n")
            await exchange.chunk(b"")


def reset() -> Answer:
    """The connection is cut before the first byte of an answer."""

    async def answer(exchange: Exchange) -> None:
        exchange.reset()

    return answer


def half_body(body: bytes = b'{"id": "resp_') -> Answer:
    """More bytes are promised than come."""

    async def answer(exchange: Exchange) -> None:
        await exchange.start(200, {"content-type": "application/json", "content-length": "1000"})
        await exchange.send(body)
        exchange.writer.close()

    return answer


def black_hole() -> Answer:
    """Takes the request and says nothing."""

    async def answer(exchange: Exchange) -> None:
        await asyncio.Event().wait()

    return answer


def drip(pause: float = 0.01, kind: str = "application/json") -> Answer:
    """A body that comes byte by byte and never ends."""

    async def answer(exchange: Exchange) -> None:
        await exchange.start(200, {"content-type": kind, "transfer-encoding": "chunked"})
        while True:
            await exchange.chunk(b" ")
            await asyncio.sleep(pause)

    return answer
