"""stdio: what a host launches. Nothing but protocol goes to stdout; EOF, SIGTERM and SIGINT end cleanly."""

import os
import signal
import sys
from typing import NoReturn

import anyio
import structlog
from mcp.server.stdio import stdio_server

from mcp_server.app import open_app
from mcp_server.errors import ServerError
from mcp_server.server.protocol import build_server
from mcp_server.settings import Settings

_log: structlog.stdlib.BoundLogger = structlog.get_logger("responses_mcp.stdio")


async def serve_stdio(settings: Settings) -> int:
    """Serve one connection on the process's stdin and stdout until it ends; returns the exit code.

    Calls in flight are cancelled, and their upstream work with them; detached and background jobs are let go of and
    go on with the next start.

    Raises:
        StoreError: the session store cannot be opened.
    """
    async with stdio_server() as (read, write):
        stopped = False
        try:
            async with open_app(settings) as app, anyio.create_task_group() as tasks:

                async def watch() -> None:
                    nonlocal stopped
                    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
                        async for number in signals:
                            stopped = True
                            _log.info("stopping", signal=int(number))
                            tasks.cancel_scope.cancel()

                if sys.platform != "win32":  # asyncio has no signal handlers there; Ctrl-C ends the process
                    tasks.start_soon(watch)
                server = build_server(app, local=True)
                await server.run(read, write, server.create_initialization_options())
                tasks.cancel_scope.cancel()
        except ServerError as error:
            _log.error("cannot_start", reason=error.message)
            _leave(1)
        if stopped:
            _leave(0)
    return 0


def _leave(code: int) -> NoReturn:
    """End now: everything is closed, but a thread of the SDK sits in a read of stdin that nothing can interrupt."""
    sys.stderr.flush()
    os._exit(code)
