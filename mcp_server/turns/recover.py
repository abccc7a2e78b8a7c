"""How the end of a request is learned that this process did not hear to its end: asked upstream, or told as unknown."""

import anyio
import structlog

from mcp_server.errors import UpstreamError
from mcp_server.model.answer import ENDED, Answer
from mcp_server.turns.ground import Ground

_log: structlog.stdlib.BoundLogger = structlog.get_logger("responses_mcp.turns")

PATIENCE_SECONDS = 86_400.0
"""How long a background response is asked about before it is called unknown."""


class TakenOver(Exception):
    """This process was silent for so long that another one makes the job now."""


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
    # A background response goes on without us: a moment in which the upstream cannot be asked changes nothing.
    deadline = ground.now() + (PATIENCE_SECONDS if patient else ground.timeout_seconds)
    pause = ground.first_pause
    while True:
        try:
            answer = await ground.backend.retrieve(response_id)
        except UpstreamError as error:
            if not (patient and error.retryable):
                raise
            _log.info("not_asked", response=response_id, code=error.kind)
        else:
            if answer.status in ENDED:
                return answer
        if ground.now() >= deadline:
            raise interrupted(f"The response {response_id} had not ended when the time for it was over")
        await anyio.sleep(pause)
        pause = min(pause * 1.5, 15.0)
