"""The error tree. Each error is one sentence: what happened and what to do next.

    ServerError
    ├── InvalidArgument      the caller can fix it by changing an argument
    ├── NotThere             a name or id this caller does not have
    ├── Conflict             the same request_key with other arguments, a name already taken
    ├── BudgetExceeded       what was spent has reached a budget that the user set
    ├── ConfigurationError   a setting is missing or wrong: the message names it
    ├── EngineError          the embedded engine could not be fetched, started or used
    ├── UpstreamError        the backend answered with an error, or not at all
    ├── StoreError           the session store cannot be read or written
    ├── InternalError        the server made a mistake; its log says which
    └── CallFailed           a job ended without an answer: its stored failure, told again

Foreign errors become one of these at two borders only, the backends' and the store's; they become a tool result in
``server`` alone. Messages are our own words: they never hold a key, a stack trace or a raw upstream body.
"""

import sys
from typing import ClassVar

from mcp_server.model.answer import Failure, Outcome


def extra(name: str) -> str:
    """The command that adds an optional part to this very installation; another ``pip`` would put it elsewhere."""
    return f"`{sys.executable} -m pip install 'responses-mcp[{name}]'`"


class ServerError(Exception):
    """A failure with a message for the caller. ``code`` is stable and documented; ``retryable`` is about this call."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.retryable = retryable

    def failure(self) -> Failure:
        """The stored and shown form."""
        return Failure(code=self.code, message=self.message, retryable=self.retryable, outcome="not_sent")


class InvalidArgument(ServerError):
    """An argument is wrong; the message names it, says why, and what would be right."""

    code = "invalid_argument"


class NotThere(ServerError):
    """Unknown to this caller: of another owner and never existed look the same."""

    code = "not_found"


class Conflict(ServerError):
    """What was asked contradicts what is already there."""

    code = "conflict"


class BudgetExceeded(ServerError):
    """A budget is used up; nothing was sent."""

    code = "budget"


class ConfigurationError(ServerError):
    """A setting is missing or wrong."""

    code = "configuration"


class EngineError(ServerError):
    """The embedded engine failed."""

    code = "engine"


class StoreError(ServerError):
    """The store cannot be read or written; nothing was sent unless the message says so."""

    code = "store"


class UpstreamError(ServerError):
    """The backend failed.

    ``kind`` is the error's code (``rate_limited``, ``auth``, ``timeout``, …), not fixed by the class as elsewhere:
    callers treat them all alike, and only the code and the flags differ. ``retry_after`` is for how many seconds the
    upstream asks to be left alone. ``missing`` says that the upstream does not know the endpoint at all; ``corrected``
    that the backend's profile says so by now: a request that was laid out before is another one, laid out again.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: str,
        retryable: bool = False,
        http_status: int | None = None,
        request_id: str | None = None,
        outcome: Outcome = "failed",
        attempts: int = 1,
        param: str | None = None,
        retry_after: float | None = None,
        missing: bool = False,
    ) -> None:
        super().__init__(message, retryable=retryable)
        self.kind = kind
        self.http_status = http_status
        self.request_id = request_id
        self.outcome: Outcome = outcome
        self.attempts = attempts
        self.param = param
        self.retry_after = retry_after
        self.missing = missing
        self.corrected = False

    def failure(self) -> Failure:
        """The stored and shown form."""
        return Failure(
            code=self.kind,
            message=self.message,
            retryable=self.retryable,
            http_status=self.http_status,
            request_id=self.request_id,
            outcome=self.outcome,
            attempts=self.attempts,
        )


class InternalError(ServerError):
    """A bug, caught at the top of a task so that it ends one piece of work and not the others."""

    code = "internal"

    def __init__(self) -> None:
        super().__init__("The server made a mistake while it worked on this; its log says more. Please report it.")

    def failure(self) -> Failure:
        """Something may have been sent before it happened."""
        return super().failure().model_copy(update={"outcome": "unknown"})


class CallFailed(ServerError):
    """A job ended without an answer. Its ``stored`` failure is told as it was; ``job_id`` leads to it.

    ``partial`` is the text that had arrived before it failed.
    """

    def __init__(self, stored: Failure, job_id: str, partial: str | None = None) -> None:
        super().__init__(stored.message, retryable=stored.retryable)
        self.stored = stored
        self.job_id = job_id
        self.partial = partial

    def failure(self) -> Failure:
        """The job's own failure."""
        return self.stored
