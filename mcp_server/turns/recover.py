"""What becomes of a job that this process cannot simply finish: asked about upstream, let go of, or told as unknown.

A request that may have been sent is never sent again, unless running it twice costs nothing (profile ``free``).
"""

import anyio
import structlog

from mcp_server.errors import ServerError, UpstreamError
from mcp_server.model.answer import ENDED, Answer, Failure
from mcp_server.model.job import Job
from mcp_server.turns.ground import Ground
from mcp_server.turns.live import Live

_log: structlog.stdlib.BoundLogger = structlog.get_logger("responses_mcp.turns")

PATIENCE_SECONDS = 86_400.0
"""How long a background response is asked about before it is called unknown."""


def interrupted(what: str) -> UpstreamError:
    """Nobody can know how it ended; the caller must decide whether to pay again."""
    return UpstreamError(
        f"{what}, so its end is unknown and it was not sent again; send it as a new call if you still need it.",
        kind="interrupted",
        outcome="unknown",
    )


async def ask_upstream(ground: Ground, response_id: str, *, patient: bool) -> Answer:
    """Ask about a stored response until it has ended.

    Raises:
        UpstreamError: the backend does not know it (any more), or it has not ended within the patience.
    """
    deadline = ground.now() + (PATIENCE_SECONDS if patient else ground.timeout_seconds)
    pause = ground.first_pause
    while True:
        answer = await ground.backend.retrieve(response_id)
        if answer.status in ENDED:
            return answer
        if ground.now() >= deadline:
            raise interrupted(f"The response {response_id} had not ended when the time for it was over")
        await anyio.sleep(pause)
        pause = min(pause * 1.5, 15.0)


async def stop(ground: Ground, job: Job, live: Live) -> None:
    """The job's task was cancelled: by a caller (``live.stopped``) or because the server is shutting down."""
    now = (await ground.store.jobs.find(job.scope, [job.id])) or [job]
    job = now[0]
    if live.stopped:
        answer = await _cancel_upstream(ground, job)
        await ground.store.jobs.settle(job.id, "cancelled", answer=answer, failure=None)
    elif ground.backend.profile.free or not job.sent:
        await ground.store.jobs.release(ground.worker, [job.id], requeue=True)
    elif job.response_id and ground.backend.profile.stored:
        await ground.store.jobs.release(ground.worker, [job.id], requeue=False)
    else:
        failure: Failure = interrupted("The server was stopped while this request was under way").failure()
        await ground.store.jobs.settle(job.id, "unknown", answer=None, failure=failure)


async def _cancel_upstream(ground: Ground, job: Job) -> Answer | None:
    """Cancel a background response, with its final usage; a foreground one has stopped when its stream was closed."""
    if not (job.request.background and job.response_id and ground.backend.profile.background):
        return None
    try:
        return (await ground.backend.cancel(job.response_id)).model_copy(update={"status": "cancelled"})
    except ServerError as error:
        _log.warning("cancel_failed", job=job.id, code=error.failure().code)
        return None
