"""Tasks (``io.modelcontextprotocol/tasks``, SEP-2663): jobs, for a host that declares the extension with its request.

A call that detaches is answered with a task instead of a handle. The task is the job under the protocol's name for it:
its id is the job's, and all that is told of it comes from the store, so that it outlives this process and is known to
every other. Pushing its status is optional, and a host that asks as often as it is told to learns the end as soon.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from mcp.server import Server, ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import MCP_NAME_HEADER, decode_header_value
from mcp.types import (
    HEADER_MISMATCH,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    ClientCapabilities,
    MissingRequiredClientCapabilityErrorData,
    RequestParams,
)
from mcp.types.version import MODERN_PROTOCOL_VERSIONS

from mcp_server.app import App
from mcp_server.errors import CallFailed, ServerError
from mcp_server.model.answer import Status
from mcp_server.model.job import Job
from mcp_server.model.value import JsonObject, Scope
from mcp_server.redaction import redact
from mcp_server.server.results import failure_result, result
from mcp_server.tools.pay import outcome
from mcp_server.tools.result import SharedResult, failure_of, poll_after, result_of
from mcp_server.tools.spec import Output

EXTENSION = "io.modelcontextprotocol/tasks"

_STATUS: dict[Status, str] = {"queued": "working", "in_progress": "working", "cancelled": "cancelled"}
"""All others are ``completed``: that a job failed is a tool's result. ``failed`` is for errors of the protocol, and a
call that got as far as a job has none."""


class TaskParams(RequestParams):
    """Which task. The answers that ``tasks/update`` may bring are to questions that no job asks."""

    task_id: str


def add_tasks(server: Server[Any], app: App, owner: str) -> None:
    """Advertise the extension and answer its requests about ``owner``'s jobs."""

    async def get(job: Job) -> JsonObject:
        told = _told(app, job)
        return {**told, "result": await _result(app, job)} if told["status"] == "completed" else told

    async def cancel(job: Job) -> JsonObject:
        await app.turns.cancel(job.scope, [job], seconds=0)
        return {}

    async def update(_job: Job) -> JsonObject:
        return {}

    server.extensions[EXTENSION] = {}
    for method, answer in (("tasks/get", get), ("tasks/cancel", cancel), ("tasks/update", update)):
        server.add_request_handler(method, TaskParams, _about_a_task(app, owner, answer))


async def as_task(ctx: ServerRequestContext, app: App, scope: Scope, output: Output) -> JsonObject | None:
    """The task that a call has become; None where the host is to get ``output`` itself."""
    detached = isinstance(output, SharedResult) and output.status in ("queued", "in_progress") and output.job_id
    if not (detached and ctx.protocol_version in MODERN_PROTOCOL_VERSIONS and _declared(ctx)):
        return None
    found = await app.store.jobs.find(scope, [detached])
    # It may have ended since: that, with what came of it, is for tasks/get to tell.
    return {**_told(app, found[0]), "status": "working", "resultType": "task"} if found else None


def _about_a_task(
    app: App, owner: str, answer: Callable[[Job], Awaitable[JsonObject]]
) -> Callable[[ServerRequestContext, TaskParams], Awaitable[JsonObject]]:
    """What finds the task of a request, refuses one that may not be made, and answers the others."""

    async def handle(ctx: ServerRequestContext, params: TaskParams) -> JsonObject:
        if ctx.protocol_version not in MODERN_PROTOCOL_VERSIONS:
            raise MCPError(code=METHOD_NOT_FOUND, message="Method not found", data=ctx.method)
        _require(ctx)
        _check_header(ctx, params.task_id)
        try:
            found = await app.store.jobs.find(app.scope(owner), [params.task_id])
            # The store knows jobs by their response ids too; a task has one name.
            if not found or found[0].id != params.task_id:
                raise MCPError(code=INVALID_PARAMS, message=f"There is no task {params.task_id!r} of yours.")
            return await answer(found[0])
        except ServerError as error:
            raise MCPError(code=INTERNAL_ERROR, message=redact(error.message)) from error

    return handle


def _declared(ctx: ServerRequestContext) -> bool:
    capabilities = ctx.session.client_capabilities
    return capabilities is not None and EXTENSION in (capabilities.extensions or {})


def _require(ctx: ServerRequestContext) -> None:
    if not _declared(ctx):
        missing = MissingRequiredClientCapabilityErrorData(
            required_capabilities=ClientCapabilities(extensions={EXTENSION: {}})
        )
        raise MCPError(
            code=MISSING_REQUIRED_CLIENT_CAPABILITY,
            message=f"Declare the extension {EXTENSION} in the request's client capabilities to ask for tasks.",
            data=missing.model_dump(mode="json", by_alias=True, exclude_none=True),
        )


def _check_header(ctx: ServerRequestContext, task_id: str) -> None:
    """Over HTTP a header repeats the task's id, so that others can route by it; the SDK checks only its own methods."""
    headers = getattr(ctx.request, "headers", None)
    if headers is not None and decode_header_value(headers.get(MCP_NAME_HEADER)) != task_id:
        raise MCPError(code=HEADER_MISMATCH, message=f"The header {MCP_NAME_HEADER} must be the taskId, {task_id!r}.")


def _told(app: App, job: Job) -> JsonObject:
    """The task without its result. It has no time to live: it is kept until it is cleaned up."""
    progress = None if job.ended else app.turns.progress(job)
    cancelled = failure_of(job) if job.status == "cancelled" else None
    message = (progress and progress.activity) or (cancelled and cancelled.message)
    return {
        "taskId": job.id,
        "status": _STATUS.get(job.status, "completed"),
        **({"statusMessage": redact(message)} if message else {}),
        "createdAt": _instant(job.created_at),
        "lastUpdatedAt": _instant(job.updated_at),
        "ttlMs": None,
        "pollIntervalMs": round(poll_after(job, app.now()) * 1000),
    }


async def _result(app: App, job: Job) -> JsonObject:
    """What the call would have been answered with, had it waited."""
    try:
        made = await result(app, job.scope, result_of(outcome(job, app.now())))
    except CallFailed as error:
        made = failure_result(error)
    return made.model_dump(mode="json", by_alias=True, exclude_none=True)


def _instant(seconds: float) -> str:
    """A time as ISO 8601 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
