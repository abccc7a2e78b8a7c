"""Which folders a call may read: those of the settings, else those the host announces, else the one we started in.

The host is asked anew by each call that names files, so that nothing is kept that has changed since. In the handshake
revisions that is a request of ours; since 2026-07-28 the call ends with a question and comes again with the answer.
"""

import os
import re
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from urllib.parse import unquote, urlsplit

import anyio
from mcp.server import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp.types import CallToolRequestParams, InputRequiredResult, ListRootsRequest, ListRootsResult
from mcp.types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from mcp_server.app import App
from mcp_server.files.roots import Roots
from mcp_server.settings import working_folder

PATIENCE_SECONDS = 2.0
"""How long a host may take to say which folders are open; it knows without asking anybody."""

_KEY = "roots"
_DRIVE = re.compile(r"/[A-Za-z]:")


class RootsWanted(Exception):
    """The call cannot go on before the host has said which folders are open."""

    question = InputRequiredResult(input_requests={_KEY: ListRootsRequest()})


def finder(
    app: App, ctx: ServerRequestContext, params: CallToolRequestParams, *, local: bool
) -> Callable[[], Awaitable[Roots]]:
    """What finds the folders of this call. Where the host is not ``local``, only the settings can allow any.

    It raises ``RootsWanted`` where the host has to be asked by ending the call; nothing may be done before it.
    """

    async def find() -> Roots:
        if app.settings.allowed_roots is not None or not local:
            return app.roots
        capabilities = ctx.session.client_capabilities
        announced = await _announced(ctx, params) if capabilities and capabilities.roots else None
        folders = _folders(str(root.uri) for root in announced.roots) if announced else []
        return Roots.of(folders or working_folder())

    return find


async def _announced(ctx: ServerRequestContext, params: CallToolRequestParams) -> ListRootsResult | None:
    if ctx.protocol_version in MODERN_PROTOCOL_VERSIONS:
        if params.input_responses is None:
            raise RootsWanted
        answer = params.input_responses.get(_KEY)
        return answer if isinstance(answer, ListRootsResult) else None
    try:
        with anyio.fail_after(PATIENCE_SECONDS):
            return await ctx.session.send_request(ListRootsRequest(), ListRootsResult)
    except (MCPError, ValidationError, TimeoutError):
        return None


def _folders(uris: Iterable[str]) -> list[Path]:
    """The folders that are there among the addresses."""
    paths = [Path(path) for uri in uris if (path := path_of(uri, windows=os.name == "nt"))]
    return [path for path in paths if path.is_dir()]


def path_of(uri: str, *, windows: bool) -> str | None:
    """The absolute path that a ``file:`` address stands for; None for any other address, or another machine's file."""
    parts = urlsplit(uri)
    path = unquote(parts.path)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        return None
    if windows:
        return path[1:] if _DRIVE.match(path) else None
    return path if path.startswith("/") else None
