"""Jobs: every step is one statement or one transaction, so that workers of several processes never share one.

A job is unfinished as long as ``ended_at`` is NULL; workers name it by its id alone, callers within their scope.
"""

import json
import sqlite3
import time
from collections.abc import Sequence

from mcp_server.errors import Conflict, NotThere
from mcp_server.model.answer import Answer, Failure, Status
from mcp_server.model.job import Job
from mcp_server.model.session import Session, Turn
from mcp_server.model.value import Scope
from mcp_server.store.sqlite.lanes import Lanes
from mcp_server.store.sqlite.rows import Values, dump, job_values, scope_values, session_values, to_job, turn_values

BY_KEY = "SELECT * FROM jobs WHERE owner = :owner AND backend = :backend AND request_key = :request_key"
ADMIT = """
INSERT INTO jobs (
    owner, backend, id, seq, session, request_key, fingerprint, status, sent, response_id, cursor, created_at,
    updated_at, ended_at, worker, lease_until, cancel_requested, request, answer, failure
) VALUES (
    :owner, :backend, :id,
    (SELECT coalesce(max(seq), 0) + 1 FROM jobs WHERE owner = :owner AND backend = :backend),
    :session, :request_key, :fingerprint, :status, :sent, :response_id, :cursor, :created_at,
    :updated_at, :ended_at, :worker, :lease_until, :cancel_requested, :request, :answer, :failure
) RETURNING seq
"""
CLAIM = """
UPDATE jobs SET status = 'in_progress', worker = :worker, lease_until = :lease_until, updated_at = :now
WHERE id = :id AND status = 'queued' AND NOT EXISTS (
    SELECT 1 FROM jobs AS earlier
    WHERE earlier.owner = jobs.owner AND earlier.backend = jobs.backend AND earlier.session = jobs.session
        AND earlier.seq < jobs.seq AND earlier.ended_at IS NULL
) RETURNING *
"""
NOTE = """
UPDATE jobs SET sent = coalesce(:sent, sent), response_id = coalesce(:response_id, response_id),
    cursor = coalesce(:cursor, cursor), updated_at = :now
WHERE id = :id AND ended_at IS NULL
"""
BY_ID = "SELECT * FROM jobs WHERE id = :id"
END = """
UPDATE jobs SET status = :status, answer = :answer, failure = :failure, ended_at = :now, updated_at = :now,
    response_id = coalesce(:response_id, response_id)
WHERE id = :id RETURNING *
"""
APPEND = """
INSERT INTO turns (
    owner, backend, response_id, parent, session, job_id, tool, model, instructions, status, stored, created_at,
    usage, input, output
) VALUES (
    :owner, :backend, :response_id, :parent, :session, :job_id, :tool, :model, :instructions, :status, :stored,
    :created_at, :usage, :input, :output
) ON CONFLICT (owner, backend, response_id) DO NOTHING
"""
MOVE_HEAD = """
INSERT INTO sessions (owner, backend, name, head, instructions, model, turns, created_at, updated_at)
VALUES (:owner, :backend, :name, :head, :instructions, :model, :turns, :created_at, :updated_at)
ON CONFLICT (owner, backend, name) DO UPDATE SET head = excluded.head, instructions = excluded.instructions,
    model = excluded.model, turns = sessions.turns + excluded.turns, updated_at = excluded.updated_at
"""
# Two halves rather than an OR, which SQLite answers by reading all of the caller's jobs.
FIND = """
SELECT * FROM jobs WHERE rowid IN (
    SELECT rowid FROM jobs
    WHERE owner = :owner AND backend = :backend AND id IN (SELECT value FROM json_each(:ids))
    UNION
    SELECT rowid FROM jobs
    WHERE owner = :owner AND backend = :backend AND response_id IN (SELECT value FROM json_each(:ids))
) ORDER BY seq
"""
RECENT = """
SELECT * FROM jobs WHERE rowid IN (
    SELECT rowid FROM jobs WHERE owner = :owner AND backend = :backend AND ended_at IS NULL
    UNION ALL
    SELECT rowid FROM jobs WHERE owner = :owner AND backend = :backend AND ended_at >= :since
) ORDER BY seq
"""
ASK_CANCEL = """
UPDATE jobs SET cancel_requested = 1, updated_at = :now
WHERE owner = :owner AND backend = :backend AND id = :id AND ended_at IS NULL
"""
KEEP = "UPDATE jobs SET lease_until = :lease_until WHERE worker = :worker AND ended_at IS NULL"
TO_CANCEL = "SELECT * FROM jobs WHERE worker = :worker AND ended_at IS NULL AND cancel_requested = 1 ORDER BY seq"
TAKE_OVER = """
UPDATE jobs SET worker = :worker, lease_until = :lease_until, updated_at = :now
WHERE backend = :backend AND lease_until <= :now AND ended_at IS NULL RETURNING *
"""
RELEASE = """
UPDATE jobs SET worker = NULL, lease_until = 0, updated_at = :now
WHERE id IN (SELECT value FROM json_each(:ids)) AND worker = :worker AND ended_at IS NULL
"""
REQUEUE = """
UPDATE jobs SET worker = NULL, lease_until = 0, updated_at = :now,
    status = 'queued', sent = 0, response_id = NULL, cursor = NULL
WHERE id IN (SELECT value FROM json_each(:ids)) AND worker = :worker AND ended_at IS NULL
"""
# The plus keeps SQLite from going through all ended jobs by their index.
DELETE = """
DELETE FROM jobs
WHERE owner = :owner AND backend = :backend AND id IN (SELECT value FROM json_each(:ids)) AND +ended_at IS NOT NULL
"""


class SqliteJobs:
    """``Jobs`` on SQLite."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes

    async def admit(self, job: Job) -> Job:
        """Insert ``job`` with the next ``seq``, or return the job that already has its ``request_key``.

        Raises:
            Conflict: that key is taken by a job with another fingerprint.
        """
        values = job_values(job)

        def insert(connection: sqlite3.Connection) -> Job:
            held = connection.execute(BY_KEY, values).fetchone() if values["request_key"] is not None else None
            if held is None:
                rows = connection.execute(ADMIT, values).fetchall()
                return job.model_copy(update={"seq": rows[0]["seq"]})
            if held["fingerprint"] != job.fingerprint:
                raise Conflict(
                    f"The request_key '{job.request.request_key}' was used before with other arguments; "
                    "use a new key, or repeat the first call's arguments."
                )
            return to_job(held)

        return await self._lanes.write(insert)

    async def claim(self, job_id: str, worker: str, lease_until: float) -> Job | None:
        """Make a queued job ``in_progress`` under ``worker`` if it is its turn in its session; None if not."""
        values = {"id": job_id, "worker": worker, "lease_until": lease_until, "now": time.time()}

        def update(connection: sqlite3.Connection) -> Job | None:
            rows = connection.execute(CLAIM, values).fetchall()
            return to_job(rows[0]) if rows else None

        return await self._lanes.write(update)

    async def note(
        self, job_id: str, *, sent: bool | None = None, response_id: str | None = None, cursor: int | None = None
    ) -> None:
        """Record what is known while the job runs; None leaves a value as it is."""
        values = {"id": job_id, "sent": sent, "response_id": response_id, "cursor": cursor, "now": time.time()}
        await self._lanes.write(lambda connection: connection.execute(NOTE, values).rowcount)

    async def settle(
        self, job_id: str, status: Status, *, answer: Answer | None, failure: Failure | None, turns: Sequence[Turn] = ()
    ) -> Job:
        """End the job, append ``turns`` and move its session's head to the last of them; an ended job stays as it is.

        Raises:
            NotThere: no such job.
        """
        end: Values = {
            "id": job_id,
            "status": status,
            "answer": dump(answer),
            "failure": dump(failure),
            "response_id": None if answer is None else answer.response_id,
            "now": time.time(),
        }

        def write(connection: sqlite3.Connection) -> Job:
            row = connection.execute(BY_ID, end).fetchone()
            if row is None:
                raise NotThere(f"There is no job '{job_id}' any more; its result could not be kept.")
            if row["ended_at"] is None:
                row = connection.execute(END, end).fetchall()[0]
                _append(connection, row, turns, end["now"])
            return to_job(row)

        return await self._lanes.write(write)

    async def find(self, scope: Scope, ids: Sequence[str]) -> list[Job]:
        """The caller's jobs with these job ids or response ids; unknown ones are simply absent."""
        return await self._select(FIND, {**scope_values(scope), "ids": json.dumps(list(ids))})

    async def recent(self, scope: Scope, ended_since: float) -> list[Job]:
        """The caller's jobs that are unfinished or ended at or after ``ended_since``, oldest first."""
        return await self._select(RECENT, {**scope_values(scope), "since": ended_since})

    async def ask_cancel(self, scope: Scope, job_id: str) -> None:
        """Ask the job's worker, wherever it runs, to stop it."""
        values = {**scope_values(scope), "id": job_id, "now": time.time()}
        await self._lanes.write(lambda connection: connection.execute(ASK_CANCEL, values).rowcount)

    async def keep(self, worker: str, lease_until: float, now: float) -> list[Job]:  # noqa: ARG002 - the Protocol's
        """Renew the leases of ``worker``; return its unfinished jobs that somebody asked to cancel."""
        values = {"worker": worker, "lease_until": lease_until}

        def renew(connection: sqlite3.Connection) -> list[Job]:
            connection.execute(KEEP, values)
            return [to_job(row) for row in connection.execute(TO_CANCEL, values)]

        return await self._lanes.write(renew)

    async def take_over(self, backend: str, worker: str, lease_until: float, now: float) -> list[Job]:
        """Give ``worker`` every unfinished job of ``backend`` whose lease has run out, each to exactly one caller."""
        values = {"backend": backend, "worker": worker, "lease_until": lease_until, "now": now}

        def update(connection: sqlite3.Connection) -> list[Job]:
            return [to_job(row) for row in connection.execute(TAKE_OVER, values).fetchall()]

        return sorted(await self._lanes.write(update), key=lambda job: (job.created_at, job.seq))

    async def release(self, worker: str, job_ids: Sequence[str], *, requeue: bool) -> None:
        """Let go of unfinished jobs; with ``requeue`` they are queued again as if never sent."""
        values = {"worker": worker, "ids": json.dumps(list(job_ids)), "now": time.time()}
        statement = REQUEUE if requeue else RELEASE
        await self._lanes.write(lambda connection: connection.execute(statement, values).rowcount)

    async def delete(self, scope: Scope, job_ids: Sequence[str]) -> int:
        """Forget ended jobs; unfinished ones stay. Returns how many went."""
        values = {**scope_values(scope), "ids": json.dumps(list(job_ids))}
        return await self._lanes.write(lambda connection: connection.execute(DELETE, values).rowcount)

    async def _select(self, statement: str, values: Values) -> list[Job]:
        return await self._lanes.read(lambda connection: [to_job(row) for row in connection.execute(statement, values)])


def _append(connection: sqlite3.Connection, job: sqlite3.Row, turns: Sequence[Turn], now: float) -> None:
    """File ``turns`` under the job's session and move its head.

    The row's name counts, not the turns': the session may have been renamed while the job ran.
    """
    appended = 0
    for turn in turns:
        session = job["session"] or turn.session
        values = {**turn_values(turn), "owner": job["owner"], "backend": job["backend"], "session": session}
        appended += connection.execute(APPEND, values).rowcount
    name = job["session"] or (turns[-1].session if turns else None)
    if not turns or name is None:
        return
    last = turns[-1]
    session = Session(
        scope=Scope(owner=job["owner"], backend=job["backend"]),
        name=name,
        head=last.response_id,
        instructions=last.instructions,
        model=last.model,
        turns=appended,
        created_at=now,
        updated_at=now,
    )
    connection.execute(MOVE_HEAD, session_values(session))
