"""``responses-mcp jobs``, as a person and a program see it."""

import asyncio
import json
import time
from pathlib import Path

import pytest

from mcp_server.cli import main
from mcp_server.cli.jobs import age
from mcp_server.model.answer import Answer, Failure, Status
from mcp_server.model.job import Progress
from mcp_server.model.value import Scope
from mcp_server.store.sqlite import open_sqlite
from tests.store.examples import admit

DAY = 86_400
OPENAI = Scope(owner="local", backend="openai")
LOCAL = Scope(owner="local", backend="local")
BOB = Scope(owner="bob", backend="openai")


def put(home: Path) -> float:
    """Jobs of every kind; returns when they were made."""
    now = time.time()

    async def write() -> None:
        store = await open_sqlite(home / "store.db")
        await admit(store, "job_old", scope=OPENAI, created_at=now - 3 * DAY, ended_at=now - 2 * DAY, status="failed")
        await admit(store, "job_done", scope=OPENAI, created_at=now - 7200, tool="file_ask")
        await end(store, "job_done", "completed", answer=Answer(status="completed", response_id="resp_1"))
        await admit(store, "job_failed", scope=OPENAI, created_at=now - 300)
        await end(store, "job_failed", "failed", failure=Failure(code="auth", message="The key was\nrefused. " * 9))
        await admit(store, "job_runs", scope=LOCAL, created_at=now - 40, session="s")
        await store.jobs.claim("job_runs", "w", now + 60)
        await store.jobs.note("job_runs", sent=True, progress=Progress(steps=["searched"], activity="writing"))
        await admit(store, "job_waits", scope=LOCAL, created_at=now - 30, session="s")
        await admit(store, "job_bobs", scope=BOB, created_at=now)
        await store.close()

    async def end(store: object, job_id: str, status: Status, **more: object) -> None:
        await store.jobs.settle(job_id, status, **{"answer": None, "failure": None, **more})  # type: ignore[attr-defined]

    asyncio.run(write())
    return now


def test_without_a_store_there_are_none_and_none_is_made(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jobs"]) == 0
    assert capsys.readouterr().out == "No jobs within the last day; --all shows older ones.\n"
    assert main(["jobs", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert list(home.iterdir()) == []


def test_jobs_of_all_backends_stand_in_a_table_oldest_first(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(home)
    assert main(["jobs"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:5] == ["job", "tool", "status", "age", "response"]
    assert [line.split() for line in lines[2:]] == [
        ["job_done", "file_ask", "completed", "2h", "resp_1"],
        [
            "job_failed",
            "generate",
            "failed",
            "5m",
            "-",
            *("The key was refused. " * 2).split(),
            "The",
            "key",
            "was",
            "refus…",
        ],
        ["job_runs", "generate", "in_progress", "40s", "-", "writing"],
        ["job_waits", "generate", "queued", "30s", "-", "waiting", "for", "its", "turn"],
    ]
    assert main(["jobs", "--all"]) == 0
    assert capsys.readouterr().out.splitlines()[2].split()[:4] == ["job_old", "generate", "failed", "3d"]


def test_a_program_gets_all_that_is_known(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    now = put(home)
    assert main(["jobs", "--json"]) == 0
    done, _, runs, _ = json.loads(capsys.readouterr().out)
    assert (done["job_id"], done["response_id"], done["backend"]) == ("job_done", "resp_1", "openai")
    assert "doing" not in done
    assert runs["age_seconds"] >= 40
    del runs["age_seconds"]
    assert runs == {
        "job_id": "job_runs",
        "backend": "local",
        "tool": "generate",
        "status": "in_progress",
        "session": "s",
        "background": False,
        "created_at": pytest.approx(now - 40),
        "doing": "writing",
    }


def test_a_store_that_cannot_be_read_is_told_on_stderr(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "store.db").write_bytes(b"no database at all" * 100)
    assert main(["jobs"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert "store.db" in told.err


def test_with_a_wrong_setting_no_other_store_is_shown(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put(home)
    monkeypatch.setenv("RESPONSES_MCP_STORE", "somewhere")
    assert main(["jobs"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert "RESPONSES_MCP_STORE" in told.err


@pytest.mark.parametrize(("seconds", "shown"), [(-1, "0s"), (59.9, "59s"), (60, "1m"), (3599, "59m"), (86_400, "1d")])
def test_an_age_is_told_in_whole_units(seconds: float, shown: str) -> None:
    assert age(seconds) == shown
