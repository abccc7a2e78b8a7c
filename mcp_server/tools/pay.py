"""Runs one paid request for a tool, up to its wait, and says meanwhile how it goes."""

from collections.abc import Awaitable, Callable

from mcp_server.errors import CallFailed
from mcp_server.files.urls import linked
from mcp_server.model.job import Job, Progress
from mcp_server.model.request import TurnRequest
from mcp_server.model.value import JsonObject
from mcp_server.tools.result import failure_of, fields, partial_text, without_absent
from mcp_server.tools.shared import TurnArguments
from mcp_server.tools.spec import Call

SHOWN_CHARACTERS = 50
"""Of a text that is being written, a host shows its end: one line beside everything else."""


async def pay(
    call: Call, arguments: TurnArguments, request: TurnRequest, wait_seconds: float | None = None
) -> JsonObject:
    """Run one paid request up to the wait; returns the fields of its result, or of its handle when it detached.

    A dry run sends nothing and returns the request. ``wait_seconds`` is the tool's own default for the argument.

    Raises:
        CallFailed: it ended without an answer.
        ServerError: it could not be started.
    """
    call.app.check()
    drawing = [tool for tool in request.params.get("tools") or () if tool.get("type") == "image_generation"]
    await call.app.fetcher.check(linked([request.tool_outputs, request.params.get("prompt"), drawing]))
    if arguments.dry_run:
        seen = await call.app.turns.preview(call.scope, request)
        return without_absent({"status": "dry_run", **seen.model_dump()})

    default = call.app.settings.wait_seconds if wait_seconds is None else wait_seconds
    wait = default if arguments.wait_seconds is None else arguments.wait_seconds
    job = await call.app.turns.run(call.scope, request, wait, watcher(call))
    return outcome(job, call.app.now())


def outcome(job: Job, now: float) -> JsonObject:
    """The fields of a job's result, or of its handle while it runs.

    Raises:
        CallFailed: it ended without an answer.
    """
    if failure := failure_of(job):
        raise CallFailed(failure, job.id, partial_text(job))
    shown = fields(job, now)
    return {**shown, "requests_sent": job.answer.attempts} if job.answer and job.answer.attempts > 1 else shown


def watcher(call: Call) -> Callable[[Progress], Awaitable[None]]:
    """Tells the caller how a job goes."""

    async def watch(progress: Progress) -> None:
        doing = progress.activity or (progress.steps[-1] if progress.steps else "waiting for the model")
        if written := progress.text_so_far:
            doing += f", {len(written):,} characters: {_end(written)}"
        await call.report(doing)

    return watch


def _end(written: str) -> str:
    """The last words, in one line that no terminal takes for a command."""
    near = "".join(one if one.isprintable() else " " for one in written[-2 * SHOWN_CHARACTERS :])
    words = " ".join(near.split())
    if len(words) <= SHOWN_CHARACTERS:
        return words
    end = words[-SHOWN_CHARACTERS:]
    return f"\u2026{end.partition(' ')[2] or end}"
