"""``responses-mcp`` and ``responses-mcp serve``."""

import sys
from argparse import Namespace

import anyio

from mcp_server import log, settings


def run(chosen: Namespace) -> int:
    """Serve until the connection ends or a signal comes; returns the exit code."""
    told = settings.load()
    log.configure(told.log_level, told.log_format)
    if chosen.transport == "stdio":
        if sys.stdin.isatty():
            print("Waiting for a host on stdin (Ctrl-C ends it); `responses-mcp --help` says more.", file=sys.stderr)
        from mcp_server.transports.stdio import serve_stdio  # noqa: PLC0415 - HTTP is not loaded for stdio

        return anyio.run(serve_stdio, told)
    from mcp_server.errors import ServerError  # noqa: PLC0415 - as above
    from mcp_server.transports.http import serve_http  # noqa: PLC0415 - as above

    try:
        return anyio.run(serve_http, told, chosen.transport, chosen.host, chosen.port)
    except ServerError as error:
        print(error.message, file=sys.stderr)
        return 1
