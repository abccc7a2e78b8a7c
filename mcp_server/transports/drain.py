"""Draining: requests in flight get a moment to finish, then they are cancelled and clean up after themselves."""

from typing import Any

import anyio
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.shared.exceptions import MCPError

SHUTTING_DOWN = -32000


class Drain:
    """Server middleware that knows every request in flight.

    ``subscriptions/listen`` never ends by itself, so it is not waited for.
    """

    def __init__(self) -> None:
        self._running: dict[anyio.CancelScope, str] = {}
        self._idle = anyio.Event()
        self._closing = False

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Run the request under a scope that ``drain`` can cancel."""
        if ctx.request_id is None:
            return await call_next(ctx)
        if self._closing and ctx.method == "tools/call":
            raise MCPError(code=SHUTTING_DOWN, message="The server is shutting down; call again in a moment.")
        with anyio.CancelScope() as scope:
            self._running[scope] = ctx.method
            try:
                return await call_next(ctx)
            finally:
                del self._running[scope]
                if not self._calls():
                    self._idle.set()
        raise MCPError(code=SHUTTING_DOWN, message="The server was stopped during this call; call again in a moment.")

    async def drain(self, seconds: float) -> int:
        """Take no new calls, wait up to ``seconds`` for those in flight, cancel the rest; returns how many."""
        self._closing = True
        if self._calls():
            self._idle = anyio.Event()
            with anyio.move_on_after(seconds):
                await self._idle.wait()
        cancelled = self._calls()
        for scope in list(self._running):
            scope.cancel()
        return len(cancelled)

    def _calls(self) -> list[anyio.CancelScope]:
        return [scope for scope, method in self._running.items() if method != "subscriptions/listen"]
