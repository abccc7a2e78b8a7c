"""Streamable HTTP and SSE on loopback: the same tools, Host and Origin checked, drained on SIGTERM.

Any other bind is refused until callers can be told apart.
"""

import contextlib
import ipaddress
import signal
import socket
import sys
from collections.abc import AsyncGenerator, Generator
from typing import Any, Literal

import anyio
import structlog
import uvicorn
from mcp.server import Server
from mcp.server.sse import SseServerTransport
from mcp.server.streamable_http_manager import StreamableHTTPASGIApp, StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from mcp_server.app import App, open_app
from mcp_server.errors import ConfigurationError
from mcp_server.server.protocol import build_server
from mcp_server.settings import Settings
from mcp_server.transports.drain import Drain

MAX_BODY_BYTES = 32_000_000
"""Of one request. A call may hold 10 MB of text, and a client that escapes all that is not ASCII writes up to three
bytes for each of them. What is over it is answered with 413."""
GRACE_SECONDS = 5.0
"""How long calls in flight may go on after SIGTERM; together with closing, the process ends within ten seconds."""
FLUSH_SECONDS = 0.2

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")

_log: structlog.stdlib.BoundLogger = structlog.get_logger("responses_mcp.http")


def security() -> TransportSecuritySettings:
    """Only names of this machine are answered, so that a web page cannot reach us by rebinding its own name."""
    return TransportSecuritySettings(
        enable_dns_rebinding_protection=True,
        allowed_hosts=[pattern for host in _LOOPBACK for pattern in (host, f"{host}:*")],
        allowed_origins=[pattern for host in _LOOPBACK for pattern in (f"http://{host}", f"http://{host}:*")],
    )


def check_bind(host: str) -> None:
    """Refuse an address that others can reach.

    Raises:
        ConfigurationError: ``host`` is not loopback.
    """
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ConfigurationError(
            f"--host {host}: this version has no authentication, so it serves loopback only; use 127.0.0.1 or ::1."
        )


class Sse:
    """The legacy transport: a stream to listen on and a place to post to, for each connection."""

    def __init__(self, server: Server[Any]) -> None:
        self._server = server
        self._transport = SseServerTransport("/messages/", security(), max_request_body_size=MAX_BODY_BYTES)
        self._open: set[anyio.CancelScope] = set()

    def routes(self) -> list[BaseRoute]:
        """``/sse`` and ``/messages/``."""
        return [
            Route("/sse", self._listen, methods=["GET"]),
            Mount("/messages/", app=self._transport.handle_post_message),
        ]

    async def _listen(self, request: Request) -> Response:
        with anyio.CancelScope() as scope:
            self._open.add(scope)
            try:
                send = request._send  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  - the SDK's own recipe
                async with self._transport.connect_sse(request.scope, request.receive, send) as (read, write):
                    await self._server.run(read, write, self._server.create_initialization_options())
            finally:
                self._open.discard(scope)
        return Response()

    def close(self) -> None:
        """End every stream; a client cannot be asked to."""
        for scope in list(self._open):
            scope.cancel()


def build_app(app: App, server: Server[Any], sse: Sse, *, streamable: bool) -> Starlette:
    """The ASGI application."""
    manager = StreamableHTTPSessionManager(
        app=server, security_settings=security(), max_request_body_size=MAX_BODY_BYTES
    )

    async def healthz(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(_request: Request) -> Response:
        await app.store.sessions.all(app.scope("local"))
        return JSONResponse({"status": "ready", "backend": app.backend.name})

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        async with manager.run():
            yield

    mcp = [Route("/mcp", StreamableHTTPASGIApp(manager))] if streamable else []
    probes = [Route("/healthz", healthz), Route("/readyz", readyz)]
    return Starlette(routes=[*mcp, *sse.routes(), *probes], lifespan=lifespan)


class _Uvicorn(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave signals to us: uvicorn raises them again on its way out, which would skip our closing."""
        yield


async def serve_http(settings: Settings, transport: Literal["http", "sse"], host: str, port: int) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code.

    Raises:
        ConfigurationError: the bind is refused.
        StoreError: the session store cannot be opened.
    """
    check_bind(host)
    async with open_app(settings) as app:
        server, drain = build_server(app), Drain()
        server.middleware.append(drain)
        sse = Sse(server)
        asgi = build_app(app, server, sse, streamable=transport == "http")
        config = uvicorn.Config(
            asgi, log_config=None, lifespan="on", timeout_graceful_shutdown=2, backlog=2048, access_log=False
        )
        http = _Uvicorn(config)
        with _bound(host, port) as bound:
            path = "mcp" if transport == "http" else "sse"
            _log.warning("serving", url=f"http://{host}:{bound.getsockname()[1]}/{path}")
            async with anyio.create_task_group() as tasks:
                if sys.platform != "win32":
                    tasks.start_soon(_stop_on_signal, http, drain, sse)
                await http.serve(sockets=[bound])
                tasks.cancel_scope.cancel()
    return 0


def _bound(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one."""
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=2048
        )
    except OSError as error:
        raise ConfigurationError(
            f"--port {port}: {host} cannot be listened on ({error.strerror}); pick another."
        ) from error


async def _stop_on_signal(http: uvicorn.Server, drain: Drain, sse: Sse) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for number in signals:
            cancelled = await drain.drain(GRACE_SECONDS)
            _log.info("stopping", signal=int(number), cancelled=cancelled)
            # An answer that was just made still has to reach its stream.
            await anyio.sleep(FLUSH_SECONDS)
            sse.close()
            http.should_exit = True
            return
