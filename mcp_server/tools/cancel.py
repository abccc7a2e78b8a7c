"""``cancel``: stop jobs, wherever they run. Saying it twice changes nothing."""

from typing import Annotated

from pydantic import Field

from mcp_server.model.job import Job
from mcp_server.model.value import JsonObject
from mcp_server.tools.poll import find_jobs
from mcp_server.tools.result import fields
from mcp_server.tools.spec import DESTROYS, Arguments, Call, Output, Tool


class CancelArguments(Arguments):
    """Which jobs."""

    ids: Annotated[list[str], Field(min_length=1)] = Field(description="Job or response ids")


class CancelResult(Output):
    """Each job's final status and usage."""

    jobs: list[JsonObject]
    not_found: list[str] | None = None

    def render(self) -> str:
        """One line a job."""
        lines = [_line(job) for job in self.jobs]
        return "\n".join([*lines, *(f"{lost}: not found" for lost in self.not_found or ())])


async def cancel(call: Call, arguments: CancelArguments) -> CancelResult:
    """Stop each that still runs; one that has ended is reported as it ended."""
    jobs, lost = await find_jobs(call, arguments.ids)
    ended = await call.app.turns.cancel(call.scope, jobs)
    shown = [_describe(call, job) for job in ended]
    return CancelResult(jobs=shown, not_found=lost) if lost else CancelResult(jobs=shown)


def _describe(call: Call, job: Job) -> JsonObject:
    named = {"response_id": job.response_id} if job.response_id else {}
    shown: JsonObject = {"job_id": job.id, "status": job.status, **named}
    if usage := fields(job, call.app.now()).get("usage"):
        shown["usage"] = usage
    if job.failure:
        shown["error"] = job.failure.message
    if not job.ended:
        shown["stopping"] = "the upstream has not confirmed it yet; it is tried until it does, poll shows the end"
    return shown


def _line(job: JsonObject) -> str:
    told = [job["status"], job.get("error"), job.get("stopping")]
    if usage := job.get("usage"):
        told.append("{input_tokens} tokens in, {output_tokens} out".format_map(usage))
    return f"{job['job_id']}: " + " \u00b7 ".join(part for part in told if part)


TOOL = Tool(
    name="cancel",
    title="Stop jobs",
    description="Stop running jobs (cleanup deletes). Idempotent; reports each job's final status and usage.",
    annotations=DESTROYS,
    arguments=CancelArguments,
    output=CancelResult,
    handler=cancel,
)
