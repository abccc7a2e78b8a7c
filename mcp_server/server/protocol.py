"""Builds the MCP server from the tools. Everything that is on the wire was put there here."""

import time
from collections.abc import Awaitable, Callable

import structlog
from mcp.server import CacheHint, Server, ServerRequestContext
from mcp.server.caching import CacheableMethod
from mcp.server.context import HandlerResult
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    ListToolsResult,
    PaginatedRequestParams,
)

from mcp_server import __version__
from mcp_server.app import App
from mcp_server.errors import InternalError, InvalidArgument, ServerError
from mcp_server.model.value import JsonObject
from mcp_server.server import prompts, resources
from mcp_server.server.completions import completer
from mcp_server.server.results import failure_result, result
from mcp_server.server.roots import RootsWanted, finder
from mcp_server.server.tasks import add_tasks, as_task
from mcp_server.tools import TOOLS, definitions
from mcp_server.tools.spec import MAX_ARGUMENT_BYTES, Call, Tool, size_of

_log: structlog.stdlib.BoundLogger = structlog.get_logger("responses_mcp.server")

LOCAL_OWNER = "local"

INSTRUCTIONS = (
    "Another model (OpenAI, GPT or whichever is set up) through the OpenAI Responses API: a second opinion, a draft or "
    "a web search (generate), strict JSON out of text or files (structured_extract), answers about PDFs, Office "
    "documents and images (file_ask), search over documents (vector_search), deep research and other long work in the "
    "background (start_background). Long calls return a job_id: collect them with poll. Pass session to continue a "
    "conversation."
)
"""Some hosts show their model only this and the tools' names, and let it search for the rest."""

_STATIC = CacheHint(ttl_ms=3_600_000, scope="public")
_CACHE: dict[CacheableMethod, CacheHint] = {"tools/list": _STATIC, "prompts/list": _STATIC}


def build_server(app: App, *, local: bool = False) -> Server[dict[str, object]]:
    """The server over ``app``; it can be run on any number of connections.

    ``local`` says that the host runs on this machine for the same person: without a setting it may say which folders
    are read.
    """
    tools = {tool.name: tool for tool in TOOLS}

    async def list_tools(_ctx: ServerRequestContext, _params: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=definitions())

    async def call_tool(ctx: ServerRequestContext, params: CallToolRequestParams) -> HandlerResult:
        tool = tools.get(params.name)
        if tool is None:
            raise MCPError(code=INVALID_PARAMS, message=f"Unknown tool: {params.name}; known are {', '.join(tools)}.")
        started = time.monotonic()
        find_roots = finder(app, ctx, params, local=local)
        call = Call(app=app, scope=app.scope(LOCAL_OWNER), report=_reporter(ctx), find_roots=find_roots)
        code = "ok"
        try:
            return await _answer(ctx, call, tool, params.arguments or {})
        except RootsWanted as wanted:
            code = "input_required"
            return wanted.question
        except ServerError as error:
            code = error.failure().code
            return failure_result(error)
        except MCPError:
            raise
        except Exception:  # noqa: BLE001 - the boundary: a bug's own words would reach the caller in the older era
            _log.exception("tool_crashed", tool=tool.name)
            code = InternalError.code
            return failure_result(InternalError())
        finally:
            _log.info("tool_call", tool=tool.name, code=code, seconds=round(time.monotonic() - started, 3))

    server = Server[dict[str, object]](
        "responses-mcp",
        version=__version__,
        title="Responses",
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_list_resources=resources.lister(),
        on_list_resource_templates=resources.templates(),
        on_read_resource=resources.reader(app, LOCAL_OWNER),
        on_list_prompts=prompts.lister(),
        on_get_prompt=prompts.writer(app),
        on_completion=completer(app, LOCAL_OWNER),
        cache_hints=_CACHE,
    )
    # Not as ``on_call_tool``: its type knows of no task.
    server.add_request_handler("tools/call", CallToolRequestParams, call_tool)
    add_tasks(server, app, LOCAL_OWNER)
    return server


async def _answer(ctx: ServerRequestContext, call: Call, tool: Tool, arguments: JsonObject) -> HandlerResult:
    if size_of(arguments) > MAX_ARGUMENT_BYTES:
        raise InvalidArgument(f"{tool.name}: its text is over the limit of {MAX_ARGUMENT_BYTES:,} bytes; pass less.")
    if not tool.annotations.read_only_hint:
        await call.app.backend.acquaint()
    output = await tool.call(call, arguments)
    return await as_task(ctx, call.app, call.scope, output) or await result(call.app, call.scope, output)


def _reporter(ctx: ServerRequestContext) -> Callable[[str], Awaitable[None]]:
    """Progress that only ever grows, as the protocol wants it, and that says something new each time.

    Nothing is sent when the caller asked for none.
    """
    told, last = 0, ""

    async def report(message: str) -> None:
        nonlocal told, last
        if message != last:
            told, last = told + 1, message
            await ctx.session.report_progress(told, None, message)

    return report
