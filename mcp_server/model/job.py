"""A job: one paid call from the moment it is admitted. Waiting for it is optional."""

from mcp_server.model.answer import ENDED, Answer, Failure, Status
from mcp_server.model.request import TurnRequest
from mcp_server.model.value import Frozen, Scope


class Job(Frozen):
    """One row of the table that every paid call goes through. Times are seconds since the epoch.

    ``seq`` orders the jobs of a session (given by the store). ``fingerprint`` is a hash of the request, compared when a
    ``request_key`` comes again. ``sent`` is true from just before the request leaves: a job that is ``sent`` and has no
    ``response_id`` can never be sent again. ``worker`` owns the job until ``lease_until``.
    """

    id: str
    scope: Scope
    request: TurnRequest
    fingerprint: str
    created_at: float
    updated_at: float
    seq: int = 0
    status: Status = "queued"
    sent: bool = False
    response_id: str | None = None
    cursor: int | None = None
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
