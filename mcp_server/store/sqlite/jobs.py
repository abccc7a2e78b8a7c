"""Jobs: every step is one statement or one transaction, so that workers of several processes never share one.

A job is unfinished as long as ``ended_at`` is NULL; workers name it by its id alone, callers within their scope.
"""

import json
import sqlite3
import time
from collections.abc import Sequence

from mcp_server.errors import Conflict, NotThere
from mcp_server.model.answer import Answer, Failure, Status
from mcp_server.model.job import Job, Progress
from mcp_server.model.request import TurnRequest
from mcp_server.model.session import Session, Turn
from mcp_server.model.spending import Spending
from mcp_server.model.value import Scope
from mcp_server.store.sqlite import job_statements as sql
from mcp_server.store.sqlite.lanes import Lanes
from mcp_server.store.sqlite.rows import (
    Values,
    dump,
    job_values,
    scope_values,
    session_values,
    spending_values,
    to_job,
    to_turn,
    turn_values,
)


class SqliteJobs:
    """``Jobs`` on SQLite."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes

    async def admit(self, job: Job, request: TurnRequest) -> Job:
        """Insert ``job`` with the next ``seq``, or return the job that already has its ``request_key``.

        Raises:
            Conflict: that key is taken by a job with another fingerprint.
        """
        values, asked = job_values(job), dump(request)

        def insert(connection: sqlite3.Connection) -> Job:
            held = connection.execute(sql.BY_KEY, values).fetchone() if values["request_key"] is not None else None
            if held is None:
                connection.execute(sql.FREE_KEY, values)
                rows = connection.execute(sql.ADMIT, values).fetchall()
                connection.execute(sql.ADMIT_REQUEST, {"id": job.id, "request": asked})
                return job.model_copy(update={"seq": rows[0]["seq"]})
            if held["fingerprint"] != job.fingerprint:
                raise Conflict(
                    f"The request_key '{job.request_key}' was used before with other arguments; "
                    "use a new key, or repeat the first call's arguments."
                )
            return to_job(held)

        return await self._lanes.write(insert)

    async def request(self, job_id: str) -> TurnRequest | None:
        """What the job is to send, under the name that its session has by now; None when there is no such job."""

        def read(connection: sqlite3.Connection) -> TurnRequest | None:
            row = connection.execute(sql.REQUEST, {"id": job_id}).fetchone()
            if row is None:
                return None
            return TurnRequest.model_validate_json(row["request"]).model_copy(update={"session": row["session"]})

        return await self._lanes.read(read)

    async def keyed(self, scope: Scope, request_key: str) -> Job | None:
        """The caller's job that was admitted with this key, or None."""
        found = await self._select(sql.BY_KEY, {**scope_values(scope), "request_key": request_key})
        return found[0] if found else None

    async def claim(self, job_id: str, worker: str, lease_until: float) -> Job | None:
        """Make a queued job ``in_progress`` under ``worker`` if it is its turn in its session; None if not."""
        values = {"id": job_id, "worker": worker, "lease_until": lease_until, "now": time.time()}

        def update(connection: sqlite3.Connection) -> Job | None:
            rows = connection.execute(sql.CLAIM, values).fetchall()
            return to_job(rows[0]) if rows else None

        return await self._lanes.write(update)

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
        """Record what is known while the job runs; None leaves a value as it is. False when it is not ``worker``'s."""
        values = {
            "id": job_id,
            "worker": worker,
            "sent": sent,
            "response_id": response_id,
            "cursor": cursor,
            "progress": dump(progress),
            "now": time.time(),
        }
        return await self._lanes.write(lambda connection: connection.execute(sql.NOTE, values).rowcount) == 1

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
        """End the job, append ``turns``, move its session's head to the last of them, and write what was ``spent``.

        A job that has already ended stays as it is, and nothing is written, unless it ended as unknown and its answer
        is here after all.

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
            row = connection.execute(sql.BY_ID, end).fetchone()
            if row is None:
                raise NotThere(f"There is no job '{job_id}' any more; its result could not be kept.")
            late = row["status"] == "unknown" and status in ("completed", "incomplete")
            if row["ended_at"] is None or late:
                row = connection.execute(sql.END, end).fetchall()[0]
                _append(connection, row, turns, end["now"], late=late)
                _spend(connection, row, spent)
            return to_job(row)

        return await self._lanes.write(write)

    async def bank(self, job_id: str, *, turns: Sequence[Turn], spent: Sequence[Spending]) -> None:
        """Keep what a job that is to send another request was answered so far."""

        def write(connection: sqlite3.Connection) -> None:
            row = connection.execute(sql.BY_ID, {"id": job_id}).fetchone()
            if row is not None and row["ended_at"] is None:
                _append(connection, row, turns, time.time())
                _spend(connection, row, spent)

        await self._lanes.write(write)

    async def banked(self, job_id: str) -> list[Turn]:
        """The turns that were kept of the job, oldest first."""
        values = {"id": job_id}
        return await self._lanes.read(
            lambda connection: [to_turn(row) for row in connection.execute(sql.BANKED, values)]
        )

    async def find(self, scope: Scope, ids: Sequence[str]) -> list[Job]:
        """The caller's jobs with these job ids or response ids; unknown ones are simply absent."""
        return await self._select(sql.FIND, {**scope_values(scope), "ids": json.dumps(list(ids))})

    async def recent(self, scope: Scope, ended_since: float) -> list[Job]:
        """The caller's jobs that are unfinished or ended at or after ``ended_since``, oldest first."""
        return await self._select(sql.RECENT, {**scope_values(scope), "since": ended_since})

    async def ask_cancel(self, scope: Scope, job_id: str) -> None:
        """Ask the job's worker, wherever it runs, to stop it."""
        values = {**scope_values(scope), "id": job_id, "now": time.time()}
        await self._lanes.write(lambda connection: connection.execute(sql.ASK_CANCEL, values).rowcount)

    async def keep(self, worker: str, job_ids: Sequence[str], lease_until: float) -> list[Job]:
        """Renew the leases of those of ``worker``'s jobs; return all of its that somebody asked to cancel."""
        values = {"worker": worker, "ids": json.dumps(list(job_ids)), "lease_until": lease_until}

        def renew(connection: sqlite3.Connection) -> list[Job]:
            connection.execute(sql.KEEP, values)
            return [to_job(row) for row in connection.execute(sql.TO_CANCEL, values)]

        return await self._lanes.write(renew)

    async def take_over(
        self, backend: str, worker: str, lease_until: float, now: float, *, again: bool = False
    ) -> list[Job]:
        """Give ``worker`` every unfinished job of ``backend`` whose lease has run out, each to exactly one caller.

        What was not sent, or with ``again`` anything, is queued again in the same step.
        """
        values = {"backend": backend, "worker": worker, "lease_until": lease_until, "now": now, "again": again}

        def update(connection: sqlite3.Connection) -> list[Job]:
            return [to_job(row) for row in connection.execute(sql.TAKE_OVER, values).fetchall()]

        return sorted(await self._lanes.write(update), key=lambda job: (job.created_at, job.seq))

    async def next_expiry(self, backend: str, worker: str) -> float | None:
        """When the first lease of another worker runs out; None when no other has an unfinished job."""
        values = {"backend": backend, "worker": worker}
        return await self._lanes.read(lambda connection: connection.execute(sql.NEXT_EXPIRY, values).fetchone()[0])

    async def release(self, worker: str, job_ids: Sequence[str], *, requeue: bool) -> None:
        """Let go of unfinished jobs; with ``requeue`` they are queued again as if never sent."""
        values = {"worker": worker, "ids": json.dumps(list(job_ids)), "now": time.time()}
        statement = sql.REQUEUE if requeue else sql.RELEASE
        await self._lanes.write(lambda connection: connection.execute(statement, values).rowcount)

    async def delete(self, scope: Scope, job_ids: Sequence[str]) -> int:
        """Forget ended jobs; unfinished ones stay. Returns how many went."""
        values = {**scope_values(scope), "ids": json.dumps(list(job_ids))}
        return await self._lanes.write(lambda connection: connection.execute(sql.DELETE, values).rowcount)

    async def _select(self, statement: str, values: Values) -> list[Job]:
        return await self._lanes.read(lambda connection: [to_job(row) for row in connection.execute(statement, values)])


def _append(
    connection: sqlite3.Connection, job: sqlite3.Row, turns: Sequence[Turn], now: float, *, late: bool = False
) -> None:
    """File ``turns`` under the job's session and move its head; ``late`` ones only where nothing came after them.

    The row's name counts, not the turns': the session may have been renamed while the job ran.
    """
    appended = 0
    for turn in turns:
        session = job["session"] or turn.session
        values = {**turn_values(turn), "owner": job["owner"], "backend": job["backend"], "session": session}
        appended += connection.execute(sql.APPEND, values).rowcount
    name = job["session"] or (turns[-1].session if turns else None)
    if not turns or name is None:
        return
    last = turns[-1]
    session = Session(
        scope=Scope(owner=job["owner"], backend=job["backend"]),
        name=name,
        head=last.response_id,
        conversation=last.conversation,
        instructions=last.instructions,
        model=last.model,
        turns=appended,
        created_at=now,
        updated_at=now,
    )
    connection.execute(sql.MOVE_HEAD, {**session_values(session), "late": late, "parent": turns[0].parent})


def _spend(connection: sqlite3.Connection, job: sqlite3.Row, spent: Sequence[Spending]) -> None:
    """Write the lines of the ledger, under the job's owner and the name that its session has by now."""
    for line in spent:
        session = job["session"] or line.session
        values = {**spending_values(line), "owner": job["owner"], "backend": job["backend"], "session": session}
        connection.execute(sql.SPEND, values)
