"""No question that grows with the store reads a whole table."""

import asyncio
import sqlite3
from collections.abc import Generator
from pathlib import Path

import pytest

from mcp_server.store.sqlite import index, memory, migrate_sqlite, objects, sessions, spendings
from mcp_server.store.sqlite import job_statements as jobs

NAMES = (
    "owner backend id ids session request_key response_id cursor sent since now worker lease_until name to head before"
    " first gone kind key store path query limit status answer failure until again progress request"
)
VALUES: dict[str, None] = dict.fromkeys(NAMES.split())
SESSION, TURN, OBJECT, FILE = (
    f"sqlite_autoindex_{table}_1" for table in ("sessions", "turns", "objects", "index_files")
)
PLANS = [
    (jobs.BY_KEY, ["jobs_by_request_key (owner=? AND backend=? AND request_key=?)"]),
    (jobs.BY_ID, ["jobs_by_id (id=?)"]),
    (jobs.CLAIM, ["jobs_by_id (id=?)", "jobs_unfinished_by_session (owner=? AND backend=? AND session=? AND seq<?)"]),
    (jobs.NOTE, ["jobs_by_id (id=?)"]),
    (jobs.BANKED, ["turns_by_job (job_id=?)"]),
    (jobs.REQUEST, ["sqlite_autoindex_job_requests_1 (job_id=?)", "jobs_by_id (id=?)"]),
    (jobs.END, ["jobs_by_id (id=?)"]),
    (jobs.FIND, ["(owner=? AND backend=? AND id=?)", "jobs_by_response (owner=? AND backend=? AND response_id=?)"]),
    (
        jobs.RECENT,
        ["jobs_by_end (owner=? AND backend=? AND ended_at=?)", "jobs_by_end (owner=? AND backend=? AND ended_at>?)"],
    ),
    (jobs.ASK_CANCEL, ["jobs_by_id (id=?)"]),
    (jobs.KEEP, ["jobs_unfinished_by_worker (worker=?)"]),
    (jobs.TO_CANCEL, ["jobs_unfinished_by_worker (worker=?)"]),
    (jobs.TAKE_OVER, ["jobs_unfinished_by_lease (backend=? AND lease_until<?)"]),
    (jobs.NEXT_EXPIRY, ["jobs_unfinished_by_lease (backend=?)"]),
    (jobs.RELEASE, ["jobs_unfinished_by_worker (worker=?)"]),
    (jobs.REQUEUE, ["jobs_unfinished_by_worker (worker=?)"]),
    (jobs.DELETE, ["id=?)"]),
    (sessions.GET, [SESSION]),
    (sessions.ALL, [SESSION]),
    (sessions.TAKEN, [SESSION, "jobs_unfinished_by_session (owner=? AND backend=? AND session=?)"]),
    (sessions.RENAME[0], [SESSION]),
    (sessions.RENAME[1], ["turns_by_session (owner=? AND backend=? AND session=?)"]),
    (sessions.RENAME[2], ["jobs_by_session (owner=? AND backend=? AND session=?)"]),
    (sessions.RENAME[3], ["spending_by_session (owner=? AND backend=? AND session=?)"]),
    (sessions.DELETE, [SESSION]),
    (sessions.CHAIN, [f"{TURN} (owner=? AND backend=? AND response_id=?)"]),
    (sessions.MADE, ["turns_by_time (owner=? AND backend=? AND created_at<?)"]),
    (sessions.MADE_IN_SESSION, ["turns_by_session (owner=? AND backend=? AND session=? AND created_at<?)"]),
    (sessions.FORGET, [f"{TURN} (owner=? AND backend=? AND response_id=?)"]),
    (sessions.BEHEAD, ["sessions_by_head (owner=? AND backend=? AND head=?)"]),
    (sessions.FEWER, [SESSION]),
    (spendings.TOTAL, ["spending_by_time (owner=? AND backend=? AND at>? AND at<?)"]),
    (spendings.TOTAL_IN_SESSION, ["spending_by_session (owner=? AND backend=? AND session=? AND at>? AND at<?)"]),
    (spendings.BY_DAY, ["spending_by_time (owner=? AND backend=? AND at>? AND at<?)"]),
    (spendings.BY_DAY_IN_SESSION, ["spending_by_session (owner=? AND backend=? AND session=? AND at>? AND at<?)"]),
    (spendings.SCOPES, ["COVERING INDEX spending_by_time (owner=?)"]),
    (objects.GET, [OBJECT]),
    (objects.ALL, [OBJECT]),
    (objects.DELETE, [OBJECT]),
    (index.FILES, [FILE]),
    (index.REMOVE, [FILE]),
    (index.LOCATED, ["index_files_by_file (owner=? AND backend=? AND file_id=?)"]),
    (index.DROP, ["index_files_by_file (owner=? AND backend=? AND file_id=? AND store=?)"]),
    (index.SOME_FILES, ["index_files_by_file (owner=? AND backend=? AND file_id=? AND store=?)"]),
    (index.TOUCH, []),
    (index.LAST_ID, ["chunks USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"]),
    (index.OUTDATE, [FILE]),
    (index.FORGET_VECTORS, ["chunks_by_store (owner=? AND backend=? AND store=?)"]),
    (memory.VERSION, ["sqlite_autoindex_index_stores_1 (owner=? AND backend=? AND store=?)"]),
    (memory.VECTORS, ["chunks_by_store (owner=? AND backend=? AND store=?)"]),
    (index.CHUNKS, ["rowid=?)"]),
    (index.MATCH, ["sqlite_autoindex_index_stores_1 (owner=? AND backend=? AND store=?)"]),
    (index.MATCH_FILES, ["chunks USING INTEGER PRIMARY KEY (rowid=?)"]),
]
READ_WHOLE = ("SCAN json_each", "SCAN own", "SCAN chain", "SCAN CONSTANT ROW", "SCAN passages VIRTUAL TABLE")


@pytest.fixture
def connection(tmp_path: Path) -> Generator[sqlite3.Connection]:
    asyncio.run(migrate_sqlite(tmp_path / "store.db"))
    plain = sqlite3.connect(tmp_path / "store.db")
    yield plain
    plain.close()


@pytest.mark.parametrize(("statement", "indexes"), PLANS)
def test_a_statement_uses_its_index(connection: sqlite3.Connection, statement: str, indexes: list[str]) -> None:
    steps = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", VALUES)]
    whole = [step for step in steps if step.startswith("SCAN") and not step.startswith(READ_WHOLE)]
    assert whole == []
    assert [name for name in indexes if not any(name in step for step in steps)] == []


@pytest.mark.parametrize("statement", [jobs.CLAIM, sessions.MADE, sessions.MADE_IN_SESSION, memory.VECTORS])
def test_ordered_by_the_index_itself(connection: sqlite3.Connection, statement: str) -> None:
    steps = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", VALUES)]
    assert [step for step in steps if "TEMP B-TREE" in step] == []


def test_the_next_seq_is_read_from_the_end_of_an_index(connection: sqlite3.Connection) -> None:
    more: tuple[str, ...] = ("fingerprint", "created_at", "updated_at", "ended_at", "cancel_requested")
    more = (*more, "tool", "background", "heard")
    steps = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {jobs.ADMIT}", VALUES | dict.fromkeys(more))]
    assert any(step.startswith("SEARCH jobs USING COVERING INDEX sqlite_autoindex_jobs_2") for step in steps)
