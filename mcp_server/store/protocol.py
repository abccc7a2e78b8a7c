"""What a store promises. Every implementation passes the same contract suite (``tests/store``).

A write that returned is durable: it survives ``kill -9`` and power loss. Every method is safe to call from several
tasks, processes and (where the database is shared) machines at once. Frozen types go in and come out, never rows.
``StoreError`` is raised when the database cannot be reached, read or written; a bug in a query stays a bug.
"""

from collections.abc import Sequence
from typing import Protocol

from mcp_server.model.answer import Answer, Failure, Status
from mcp_server.model.job import Job, Progress
from mcp_server.model.request import TurnRequest
from mcp_server.model.session import KeptObject, Session, Turn
from mcp_server.model.spending import DaySpent, Spending, Spent
from mcp_server.model.value import Scope
from mcp_server.store.index_protocol import Index


class Jobs(Protocol):
    """The table that every paid call goes through."""

    async def admit(self, job: Job, request: TurnRequest) -> Job:
        """Insert ``job`` with the next ``seq`` and return it, or return the job that already has its ``request_key``.

        Raises:
            Conflict: that key is taken by a job with another fingerprint. Exactly one of several racing callers
                inserts; the others get its job. A job that failed has given its key free.
        """
        ...

    async def request(self, job_id: str) -> TurnRequest | None:
        """What the job is to send, under the name that its session has by now; None when there is no such job."""
        ...

    async def keyed(self, scope: Scope, request_key: str) -> Job | None:
        """The caller's job that was admitted with this key, or None; one that failed has given it free."""
        ...

    async def claim(self, job_id: str, worker: str, lease_until: float) -> Job | None:
        """Make a queued job ``in_progress`` under ``worker`` if no earlier unfinished job of its session exists.

        Returns the claimed job, or None when it is not its turn yet or no longer queued. Exactly one of several
        racing workers gets it.
        """
        ...

    async def note(
        self,
        job_id: str,
        *,
        worker: str | None = None,
        sent: bool = False,
        response_id: str | None = None,
        cursor: int | None = None,
        progress: Progress | None = None,
    ) -> bool:
        """Record what is known while the job runs; None leaves a value as it is.

        ``sent`` counts one more request that may have left; with a ``response_id`` all of them have been ``heard``.
        Returns False, and records nothing, when it has ended or is not (any more) that of the ``worker`` named.
        """
        ...

    async def settle(
        self,
        job_id: str,
        status: Status,
        *,
        answer: Answer | None,
        failure: Failure | None,
        turns: Sequence[Turn] = (),
        spent: Sequence[Spending] = (),
    ) -> Job:
        """End the job, append ``turns``, move its session's head to the last of them, and add ``spent`` to the ledger.

        All of it is one transaction. The session is created if it is not there; its conversation, instructions and
        model become those of the last turn. A job that has already ended is returned unchanged and nothing is written,
        unless it ended as ``unknown`` and its answer is here after all: a process that was asleep may bring it late.
        """
        ...

    async def bank(self, job_id: str, *, turns: Sequence[Turn], spent: Sequence[Spending]) -> None:
        """Keep what a job that is to send another request was answered so far, as ``settle`` would.

        Nothing is written when it has ended.
        """
        ...

    async def banked(self, job_id: str) -> list[Turn]:
        """The turns that were kept of the job, oldest first."""
        ...

    async def find(self, scope: Scope, ids: Sequence[str]) -> list[Job]:
        """The caller's jobs with these job ids or response ids, in one query; unknown ones are simply absent."""
        ...

    async def recent(self, scope: Scope, ended_since: float) -> list[Job]:
        """The caller's jobs that are unfinished or ended at or after ``ended_since``, oldest first."""
        ...

    async def ask_cancel(self, scope: Scope, job_id: str) -> None:
        """Ask the job's worker, wherever it runs, to stop it."""
        ...

    async def keep(self, worker: str, job_ids: Sequence[str], lease_until: float) -> list[Job]:
        """Renew the leases of those of ``worker``'s jobs; return all of its that somebody asked to cancel.

        A job of its that it does not name was left behind by a mishap: its lease runs out, and somebody takes it over.
        """
        ...

    async def take_over(
        self, backend: str, worker: str, lease_until: float, now: float, *, again: bool = False
    ) -> list[Job]:
        """Give ``worker`` every unfinished job of ``backend`` whose lease has run out, each to exactly one caller.

        What was never sent is queued again; with ``again`` (only right where running twice costs nothing) all of it.
        Returns the jobs that are now this worker's, of all owners.
        """
        ...

    async def next_expiry(self, backend: str, worker: str) -> float | None:
        """When the first lease of another worker runs out; None when no other has an unfinished job."""
        ...

    async def release(self, worker: str, job_ids: Sequence[str], *, requeue: bool) -> None:
        """Let go of unfinished jobs so that another worker can take them over at once.

        With ``requeue`` they are queued again as if never sent (only right where running twice costs nothing).
        """
        ...

    async def delete(self, scope: Scope, job_ids: Sequence[str]) -> int:
        """Forget ended jobs; unfinished ones stay. Returns how many went."""
        ...


class Sessions(Protocol):
    """Conversations and their turns."""

    async def get(self, scope: Scope, name: str) -> Session | None:
        """The session, or None."""
        ...

    async def all(self, scope: Scope) -> list[Session]:
        """All of the caller's sessions, last used first."""
        ...

    async def create(self, session: Session) -> None:
        """Insert a new one (a fork points at another's head).

        Raises:
            Conflict: the name is taken.
        """
        ...

    async def rename(self, scope: Scope, name: str, to: str) -> None:
        """Rename it, in its turns, its jobs and the ledger too.

        Raises:
            NotThere: no such session.
            Conflict: ``to`` is taken.
        """
        ...

    async def delete(self, scope: Scope, name: str) -> bool:
        """Forget the session's name (its turns stay); False when there was none."""
        ...

    async def turns(self, scope: Scope, head: str) -> list[Turn]:
        """The chain of turns that ends at response id ``head``, oldest first; empty when ``head`` is unknown."""
        ...

    async def made(self, scope: Scope, *, session: str | None = None, before: float | None = None) -> list[Turn]:
        """All turns of the caller, of one session, or created before a time, oldest first."""
        ...

    async def forget(self, scope: Scope, response_ids: Sequence[str]) -> int:
        """Delete turns; a session whose head was among them has no head any more. Returns how many went."""
        ...


class Spendings(Protocol):
    """The ledger that ``Jobs.settle`` writes. Nothing takes a line out of it again.

    A session's name counts as it was used: what an earlier session of that name has spent is in its sum.
    """

    async def total(
        self, scope: Scope, *, since: float | None = None, until: float | None = None, session: str | None = None
    ) -> Spent:
        """The sum of the caller's lines from ``since`` on and before ``until``, of one session or of all."""
        ...

    async def by_day(self, scope: Scope, since: float | None = None, *, session: str | None = None) -> list[DaySpent]:
        """The sums per day (UTC) and model from ``since`` on, oldest first; a line without a model is ``unknown``."""
        ...

    async def scopes(self, owner: str) -> list[Scope]:
        """Where ``owner`` has lines: one scope per backend, by its name."""
        ...


class Objects(Protocol):
    """What this server made or keeps for a caller, by kind and key."""

    async def put(self, item: KeptObject) -> None:
        """Insert or replace by scope, kind and key."""
        ...

    async def add(self, item: KeptObject) -> KeptObject:
        """Insert it unless one stands there that had not expired when this was made; returns the one that stands.

        Exactly one of several racing callers inserts; the others get its object.
        """
        ...

    async def get(self, scope: Scope, kind: str, key: str) -> KeptObject | None:
        """The object, or None when it is not there or has expired."""
        ...

    async def all(self, scope: Scope, kind: str) -> list[KeptObject]:
        """All of that kind, oldest first, expired ones too."""
        ...

    async def delete(self, scope: Scope, kind: str, key: str) -> bool:
        """Forget it; False when there was none."""
        ...


class Store(Protocol):
    """The five rooms of one database."""

    @property
    def jobs(self) -> Jobs:
        """Paid calls."""
        ...

    @property
    def sessions(self) -> Sessions:
        """Conversations."""
        ...

    @property
    def spendings(self) -> Spendings:
        """What was used and what it cost."""
        ...

    @property
    def objects(self) -> Objects:
        """Kept objects."""
        ...

    @property
    def index(self) -> Index:
        """Indexed files and passages."""
        ...

    async def close(self) -> None:
        """Finish waiting writes and close the database. Nothing may be called afterwards."""
        ...
