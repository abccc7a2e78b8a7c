"""What the server says of its jobs in the end, held against what the upstream did."""

import sqlite3
from pathlib import Path

from mcp_server.model.value import Scope
from mcp_server.store.sqlite import open_sqlite
from tests.crash.paced import RIGHT, WRONG, PacedUpstream
from tests.crash.work import Caller, Shown
from tests.upstream_answers import JsonObject


def check_each(up: PacedUpstream, caller: Caller, jobs: list[Shown]) -> dict[str, list[Shown]]:
    """Each job ended, and as it truly did; nothing was paid for twice. Returns the jobs by their status."""
    assert set(up.paid.values()) <= {1}, "a request was sent twice"
    assert all(question.known for question in caller.questions if question.key)
    assert len({job["job_id"] for job in jobs}) == len(jobs) <= len(caller.questions)
    by_status: dict[str, list[Shown]] = {"completed": [], "unknown": []}
    for job in jobs:
        by_status[job["status"]].append(job)
    answered = [_check_answer(up, job["result"]) for job in by_status["completed"]]
    assert len(set(answered)) == len(answered)
    for job in by_status["unknown"]:
        assert "not sent again" in job["error"]["message"]
        assert job["error"]["outcome"] == "unknown"
    return by_status


def _check_answer(up: PacedUpstream, result: JsonObject) -> int:
    """The result is what the upstream said and counted; returns the question's number."""
    (number, before), final = up.answers[result["response_id"]]
    said = final["output"][-1]["content"][0]["text"]
    if "outcome" in result:
        assert said == (RIGHT if before else WRONG)
        assert result["outcome"] == ("ok" if before else "invalid")
        # Without a repair only where a server was killed over it.
        assert before or "stopped while" in result["warnings"][-1]
    else:
        assert result["text"] == said
    costs = [whole["usage"] for paid, whole in up.answers.values() if paid[0] == number and paid[1] <= before]
    total = sum(cost["total_tokens"] for cost in costs)
    assert result["usage"]["total_tokens"] == total, f"{result}: it cost {costs}"
    return number


async def check_store(home: Path, backend: str, by_status: dict[str, list[Shown]], *, asked: bool) -> None:
    """The database is whole, sessions hold their jobs in the order of admission, nobody who could be asked was not."""
    scope = Scope(owner="local", backend=backend)
    store = await open_sqlite(home / "store.db")
    try:
        jobs = await store.jobs.recent(scope, 0)
        unknown = {job["job_id"] for job in by_status["unknown"]}
        assert not asked or not [job for job in jobs if job.id in unknown and job.response_id]
        for name in ("one", "two"):
            session = await store.sessions.get(scope, name)
            # A session begins with its first answer, and on a slow machine every one of its jobs may be killed.
            head = session and session.head
            kept = await store.sessions.turns(scope, head) if head else []
            turns = list(dict.fromkeys([turn.job_id for turn in kept]))
            # An answer that was with the model for repair is a turn too.
            assert turns == [job.id for job in jobs if job.id in turns]
            assert {job.id for job in jobs if job.session == name and job.status == "completed"} <= set(turns)
    finally:
        await store.close()
    connection = sqlite3.connect(home / "store.db")
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
