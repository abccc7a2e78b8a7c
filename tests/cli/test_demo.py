import json
import os
import subprocess
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from mcp import Client

from mcp_server.cli import demo, main
from tests.serving import Era, both_eras, house, openai, told
from tests.transports.process import COMMAND, MEASURED, variables
from tests.upstream import in_thread
from tests.upstream_answers import error
from tests.upstream_state import StatefulUpstream

ROOT = Path(__file__).parents[2]


@pytest.mark.long
@pytest.mark.engine
def test_the_demo_uses_every_tool_on_the_embedded_engine(tmp_path: Path, weights: Path) -> None:
    (tmp_path / "models").symlink_to(weights)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "jobs.md").write_text("# Jobs\n\nA process keeps a job for 6 seconds: that is its lease.\n")
    done = subprocess.run(
        [*COMMAND, "demo"],
        env={**variables(tmp_path, **MEASURED), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all as they should be" in done.stdout
    assert "from the cache" in done.stdout
    assert "index the folder docs/" in done.stdout


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[StatefulUpstream, Era], None]:
    """Lets the demo's server run in this process, for a user of OpenAI whose upstream is this one."""

    def put(up: StatefulUpstream, era: Era) -> None:
        @asynccontextmanager
        async def launched(docs: Path, folder: str) -> AsyncGenerator[Client]:
            roots = os.pathsep.join([str(demo.MATERIAL), str(docs)])
            given = openai(up.base_url, RESPONSES_MCP_ALLOWED_ROOTS=roots, RESPONSES_MCP_WAIT_SECONDS="600")
            async with house(told(Path(folder), **given), era) as served:
                yield served.client

        monkeypatch.setattr(demo, "launched", launched)
        monkeypatch.chdir(tmp_path)

    return put


@both_eras
def test_the_demo_runs_on_openai_too_and_cleans_up(
    on: Callable[[StatefulUpstream, Era], None], capsys: pytest.CaptureFixture[str], era: Era
) -> None:
    triage = {"ticket_id": "TICKET-7429", "customer": "Maya Chen", "category": "other", "escalation_needed": True}
    with in_thread(StatefulUpstream()) as up:
        on(up, era)
        up.say("A delayed desk.", "We are sorry.", json.dumps(triage))
        assert main(["demo", "--json"]) == 0
        assert up.files == {}
        assert up.stores == {}
    shown = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert shown["ok"] is True
    assert {step["tool"] for step in shown["steps"]} == {
        "generate", "structured_extract", "file_ask", "vector_search", "start_background", "poll", "cancel", "cleanup",
        "sessions",
    }  # fmt: skip


def test_the_demo_fails_when_something_is_not_as_it_should_be(
    on: Callable[[StatefulUpstream, Era], None], capsys: pytest.CaptureFixture[str]
) -> None:
    up = StatefulUpstream()
    up.on("POST", "/v1/responses", error(401, "no", code="invalid_api_key"))
    with in_thread(up):
        on(up, "auto")
        assert main(["demo"]) == 1
    shown = capsys.readouterr().out
    assert "✗" in shown
    assert "not as they should be" in shown
