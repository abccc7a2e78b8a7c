"""``responses-mcp sessions``, as a person and a program see it."""

import asyncio
import json
import time
from pathlib import Path

import pytest

from mcp_server.cli import main
from mcp_server.model.value import Scope
from mcp_server.store.sqlite import open_sqlite
from tests.store.examples import a_line, a_session, a_turn, admit

OPENAI = Scope(owner="local", backend="openai")
LOCAL = Scope(owner="local", backend="local")
BOB = Scope(owner="bob", backend="openai")


def put(home: Path) -> None:
    """Two sessions of this person on two backends, one of somebody else."""
    now = time.time()

    async def write() -> None:
        store = await open_sqlite(home / "store.db")
        await admit(store, "job_1", scope=OPENAI, created_at=now - 7200, session="letters")
        said = [{"role": "assistant", "content": [{"type": "output_text", "text": "Dear\n\nMaya"}]}]
        asked = [{"role": "user", "content": "Write to Maya. " * 9}]
        turn = a_turn(scope=OPENAI, session="letters", model="m", input=asked, output=said, created_at=now - 7200)
        line = a_line(now - 7200, scope=OPENAI, session="letters", model="m")
        await store.jobs.settle("job_1", "completed", answer=None, failure=None, turns=[turn], spent=[line])
        await store.sessions.create(a_session("empty", scope=LOCAL, updated_at=now - 2400))
        await store.sessions.create(a_session("bobs", scope=BOB, updated_at=now))
        await store.close()

    asyncio.run(write())


def test_without_a_store_there_are_none_and_none_is_made(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sessions"]) == 0
    assert capsys.readouterr().out == "No sessions yet.\n"
    assert main(["sessions", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert list(home.iterdir()) == []


def test_the_persons_sessions_of_all_backends_stand_in_a_table(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(home)
    assert main(["sessions"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0][:3] == ["session", "backend", "turns"]
    assert lines[3] == ["empty", "local", "0", "40m", "-", "0", "-", "0.0000"]
    # This one was used just now: the store says when a turn came in.
    assert [*lines[2][:3], *lines[2][4:]] == ["letters", "openai", "1", "m", "10", "0%", "0.2500"]
    assert len(lines) == 4


def test_one_is_shown_with_its_turns(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(home)
    assert main(["sessions", "letters"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.split()[:7] == ["resp_1", "2h", "generate", "Write", "to", "Maya.", "Write"]
    assert last.endswith("…  Dear Maya")
    assert main(["sessions", "letters", "--json"]) == 0
    (shown,) = json.loads(capsys.readouterr().out)
    assert [turn["text"] for turn in shown["said"]] == ["Dear Maya"]
    assert shown["usage"]["cost_usd"] == 0.25


def test_a_session_that_is_not_there_is_told_on_stderr(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(home)
    assert main(["sessions", "bobs"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert "no session 'bobs'" in told.err


def test_with_a_wrong_setting_no_other_store_is_shown(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put(home)
    monkeypatch.setenv("RESPONSES_MCP_STORE", "somewhere")
    assert main(["sessions"]) == 1
    assert "RESPONSES_MCP_STORE" in capsys.readouterr().err
