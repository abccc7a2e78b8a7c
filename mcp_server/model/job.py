"""A job: one paid call from the moment it is admitted. Waiting for it is optional."""

from mcp_server.model.answer import ENDED, Answer, Failure, Status
from mcp_server.model.value import Frozen, Scope


class Progress(Frozen):
    """How far a running job is. ``events`` counts what the backend has told so far, ``steps`` says what was done."""

    events: int = 0
    text_so_far: str = ""
    reasoning_summary: str = ""
    activity: str | None = None
    steps: list[str] = []


class Job(Frozen):
    """One row of the table that every paid call goes through. Times are seconds since the epoch.

    Its ``TurnRequest`` may be megabytes and stands apart, so that the row can change often and be listed by thousands.

    ``seq`` orders the jobs of a session (given by the store). ``fingerprint`` is a hash of the request, compared when a
    ``request_key`` comes again. ``sent`` counts the requests that may have left, from just before they do; ``heard``
    those that the upstream has given an id, the last of them ``response_id``. What was sent is never sent again.
    ``cursor`` is how far the stream of the last was read, and ``progress`` what had been told there. ``worker`` owns
    the job until ``lease_until``.
    """

    id: str
    scope: Scope
    tool: str
    fingerprint: str
    created_at: float
    updated_at: float
    session: str | None = None
    background: bool = False
    request_key: str | None = None
    seq: int = 0
    status: Status = "queued"
    sent: int = 0
    heard: int = 0
    response_id: str | None = None
    cursor: int | None = None
    progress: Progress | None = None
    ended_at: float | None = None
    answer: Answer | None = None
    failure: Failure | None = None
    worker: str | None = None
    lease_until: float = 0.0
    cancel_requested: bool = False

    @property
    def ended(self) -> bool:
        """True when the status will not change any more."""
        return self.status in ENDED
