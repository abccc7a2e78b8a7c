"""How the end of a request is learned that this process did not hear to its end: asked upstream, or told as unknown."""

import anyio
import structlog

from mcp_server.errors import UpstreamError
from mcp_server.model.answer import ENDED, Answer
from mcp_server.model.events import Activity
from mcp_server.turns.ground import Ground
from mcp_server.turns.live import Live

_log: structlog.stdlib.BoundLogger = structlog.get_logger("responses_mcp.turns")

PATIENCE_SECONDS = 86_400.0
"""How long after its start a background response is asked about before it is called unknown."""
LONGEST_PAUSE = 15.0
LONGEST_WISH = 300.0
USAGE_SECONDS = 3.0
"""How long a cancelled response is asked for what it has cost."""


class TakenOver(Exception):
    """This process was silent for so long that another one makes the job now."""


def interrupted(what: str) -> UpstreamError:
    """Nobody can know how it ended; the caller must decide whether to pay again."""
    return UpstreamError(
        f"{what}, so its end is unknown and it was not sent again; send it as a new call if you still need it.",
        kind="interrupted",
        outcome="unknown",
    )


def _never(response_id: str, error: UpstreamError) -> UpstreamError | None:
    """What to say when asking again would not help: the upstream does not have it, or does not tell."""
    if error.kind == "not_found" and not error.missing:
        kind, what = "expired", f"The upstream does not have the response {response_id} (any more)"
    elif error.kind == "invalid_request" or (error.missing and error.http_status):
        kind, what = "interrupted", f"The upstream does not tell how the response {response_id} ended"
    else:
        return None
    told = interrupted(what)
    return UpstreamError(
        told.message, kind=kind, outcome="unknown", http_status=error.http_status, request_id=error.request_id
    )


class Pauses:
    """The pauses between two questions: longer each time, unless the upstream says how long."""

    def __init__(self, ground: Ground, until: float) -> None:
        self._ground = ground
        self._until = until
        self._pause = ground.first_pause

    @property
    def over(self) -> bool:
        """True when the time for asking is over."""
        return self._ground.now() >= self._until

    def after(self, error: UpstreamError) -> float:
        """The pause after a failure: the upstream may wish for a longer one, not for none."""
        return max(self._pause, error.retry_after or 0.0)

    async def next(self, wished_seconds: float | None = None) -> None:
        """Wait before the next question."""
        await anyio.sleep(self._pause if wished_seconds is None else min(wished_seconds, LONGEST_WISH))
        self._pause = min(self._pause * 1.5, LONGEST_PAUSE)


async def ask_upstream(
    ground: Ground, live: Live, response_id: str, *, until: float, first_pause: float | None = 0.0
) -> Answer:
    """Ask about a stored response until it has ended; what keeps us from asking for now changes nothing of it.

    ``first_pause`` (seconds) comes before the first question, the usual one when None.

    Raises:
        UpstreamError: the backend cannot be asked about it (any more), or it had not ended at ``until``.
    """
    pauses, wish = Pauses(ground, until), first_pause
    while True:
        await pauses.next(wish)
        wish = None
        try:
            answer = await ground.backend.retrieve(response_id)
        except UpstreamError as error:
            if never := _never(response_id, error):
                raise never from error
            _not_asked(live, response_id, error)
            wish = pauses.after(error)
        else:
            if answer.status in ENDED:
                return answer
            live.look(answer)
            wish = answer.poll_after_seconds
        if pauses.over:
            raise interrupted(f"The response {response_id} had not ended when the time for it was over")


async def stop_upstream(ground: Ground, live: Live, response_id: str, *, until: float) -> Answer:
    """Cancel a background response; returns it as it ended, which may have been before we were heard.

    Its usage may settle a moment later, and is waited for that long.

    Raises:
        UpstreamError: the backend does not have it (any more), or could not be told until ``until``.
    """
    pauses = Pauses(ground, until)
    while True:
        try:
            answer = await ground.backend.cancel(response_id)
            break
        except UpstreamError as error:
            if never := _never(response_id, error):
                if never.kind == "expired":
                    raise never from error
                live.tell(Activity(message="the upstream refuses to stop it; it goes on to its end"))
                return await ask_upstream(ground, live, response_id, until=until)
            _not_asked(live, response_id, error)
            if pauses.over:
                raise
            await pauses.next(pauses.after(error))
    pauses = Pauses(ground, until)
    with anyio.move_on_after(USAGE_SECONDS):
        while answer.status not in ENDED or answer.usage is None:
            await pauses.next()
            try:
                answer = await ground.backend.retrieve(response_id)
            except UpstreamError as error:
                _log.info("usage_not_learned", response=response_id, code=error.kind)
                break
    return answer if answer.status in ENDED else await ask_upstream(ground, live, response_id, until=until)


def _not_asked(live: Live, response_id: str, error: UpstreamError) -> None:
    _log.info("not_asked", response=response_id, code=error.kind)
    live.tell(Activity(message=f"the upstream cannot be asked for now ({error.kind}); trying again"))
