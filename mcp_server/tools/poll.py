"""``poll``: how far jobs are, and their results when they have ended. Lost ids are no loss."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from mcp_server.model.job import Job, Progress
from mcp_server.model.value import JsonObject
from mcp_server.tools.pay import watcher
from mcp_server.tools.result import failure_of, fields, partial_text, poll_after, result_of
from mcp_server.tools.shared import WaitSeconds
from mcp_server.tools.spec import READS, Arguments, Call, Link, Output, Tool

DAY_SECONDS = 86_400.0
ROOM = 100_000
"""Characters of results and progress in one poll, the newest first: the rest is there for a poll of its own."""
SO_FAR = 4_000
"""Characters of a text that is still being written: its end, which is what has changed since the last poll."""
LEFT_OUT = "too much for one poll; poll this id alone"


class PollArguments(Arguments):
    """Which jobs, and how long to wait for an end."""

    ids: Annotated[list[str], Field(min_length=1)] | None = Field(
        default=None, description="Job or response ids; absent: all of the last day"
    )
    wait_seconds: WaitSeconds = Field(default=0, description="Wait up to this long for one to end")


class PollResult(Output):
    """The jobs as they are."""

    jobs: list[JsonObject] = Field(
        description="job_id, status, elapsed_seconds, progress, poll_after_seconds, result when ended, error"
    )
    not_found: list[str] | None = None

    def render(self) -> str:
        """One line a job, and the results that are there."""
        lines = [_line(job) for job in self.jobs]
        lines += [f"{lost}: not found" for lost in self.not_found or ()]
        return "\n\n".join(lines) or "No jobs."

    def resources(self) -> Sequence[Link]:
        """What the results offer."""
        return [link for job in self.jobs if "result" in job for link in result_of(job["result"]).resources()]


async def poll(call: Call, arguments: PollArguments) -> PollResult:
    """Look, or wait for an end and look then."""
    jobs, lost = await find_jobs(call, arguments.ids)
    if arguments.wait_seconds:
        jobs = await call.app.turns.wait_any(jobs, arguments.wait_seconds, watcher(call))
    shown: list[JsonObject] = []
    room = ROOM
    for job in reversed(jobs):
        one = describe(call, job)
        size = sum(len(str(one.get(name, ""))) for name in ("result", "progress"))
        # A single one is always shown: its texts are cut by themselves.
        shown.append(_in_short(one) if shown and size > room else one)
        room -= size
    shown.reverse()
    return PollResult(jobs=shown, not_found=lost) if lost else PollResult(jobs=shown)


async def find_jobs(call: Call, ids: Sequence[str] | None) -> tuple[list[Job], list[str]]:
    """The caller's jobs with these ids, or all unfinished and recent ones; and the ids that are nobody's."""
    if ids is None:
        return await call.app.store.jobs.recent(call.scope, call.app.now() - DAY_SECONDS), []
    jobs = await call.app.store.jobs.find(call.scope, ids)
    known = {job.id for job in jobs} | {job.response_id for job in jobs}
    return jobs, [name for name in dict.fromkeys(ids) if name not in known]


def describe(call: Call, job: Job) -> JsonObject:
    """One job for a caller."""
    end = job.ended_at or call.app.now()
    shown: JsonObject = {
        "job_id": job.id,
        "status": job.status,
        "tool": job.tool,
        "created_at": round(job.created_at, 3),
        "elapsed_seconds": round(max(0.0, end - job.created_at), 1),
    }
    named = {"response_id": job.response_id} if job.response_id else {}
    if not job.ended:
        shown |= named
        if progress := call.app.turns.progress(job):
            shown["progress"] = _progress(progress, job)
        return {**shown, "poll_after_seconds": poll_after(job, call.app.now())}
    if failure := failure_of(job):
        shown["error"] = failure.model_dump(exclude_none=True)
        if not partial_text(job):
            return shown | named
    return {**shown, "result": fields(job, call.app.now())}


def _progress(progress: Progress, job: Job) -> JsonObject:
    told = {
        **progress.model_dump(exclude_none=True),
        "text_so_far": _end(progress.text_so_far),
        "reasoning_summary": _end(progress.reasoning_summary),
        "activity": "stopping" if job.cancel_requested else progress.activity,
    }
    return {name: value for name, value in told.items() if value or name in ("events", "text_so_far")}


def _end(text: str) -> str:
    return text if len(text) <= SO_FAR else f"\u2026{text[-SO_FAR:]}"


def _in_short(job: JsonObject) -> JsonObject:
    large = "result" if "result" in job else "progress"
    return {**{name: value for name, value in job.items() if name != large}, f"{large}_omitted": LEFT_OUT}


def _line(job: JsonObject) -> str:
    head = f"{job['job_id']}: {job['status']} after {job['elapsed_seconds']} s"
    result = job.get("result")
    if error := job.get("error"):
        arrived = f"\nWhat had arrived before that:\n\n{result_of(result).body()}" if result else ""
        return f"{head}: {error['message']}{arrived}"
    if result:
        return f"{head}\n{result_of(result).render()}"
    if omitted := job.get("result_omitted"):
        return f"{head}; its result is {omitted}"
    progress = job.get("progress", {})
    lines = [f"{head}; poll again in {job['poll_after_seconds']:g} s, or with wait_seconds"]
    lines += [progress.get("activity") or job.get("progress_omitted")]
    lines += [f"- {step}" for step in progress.get("steps", ())]
    lines += [progress.get("reasoning_summary"), progress.get("text_so_far")]
    return "\n".join(text for text in lines if text)


TOOL = Tool(
    name="poll",
    title="Collect results",
    description=(
        "Check the status of a job and wait for its result: detached calls and background work, also after a restart. "
        "Without ids: all unfinished and recent ones. wait_seconds saves polls."
    ),
    annotations=READS,
    arguments=PollArguments,
    output=PollResult,
    handler=poll,
)
