import json
import subprocess
from pathlib import Path

import pytest

from tests.serving import openai
from tests.transports.process import COMMAND, variables
from tests.upstream import in_thread
from tests.upstream_answers import error
from tests.upstream_state import StatefulUpstream

ROOT = Path(__file__).parents[2]


def demo(environment: dict[str, str], *arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, "demo", *arguments],
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=folder,
    )


@pytest.mark.long
@pytest.mark.engine
def test_the_demo_uses_every_tool_on_the_embedded_engine(tmp_path: Path, weights: Path) -> None:
    (tmp_path / "models").symlink_to(weights)
    done = demo(variables(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all as they should be" in done.stdout
    assert "from the cache" in done.stdout


def test_the_demo_runs_on_openai_too_and_cleans_up(tmp_path: Path) -> None:
    triage = {"ticket_id": "TICKET-7429", "customer": "Maya Chen", "category": "other", "escalation_needed": True}
    with in_thread(StatefulUpstream()) as up:
        up.say("A delayed desk.", "We are sorry.", json.dumps(triage))
        done = demo(variables(tmp_path, **openai(up.base_url)), "--json", folder=tmp_path)
        assert up.files == {}
        assert up.stores == {}
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["ok"] is True
    assert {step["tool"] for step in told["steps"]} == {
        "generate", "structured_extract", "file_ask", "vector_search", "start_background", "poll", "cancel", "cleanup",
        "sessions",
    }  # fmt: skip


def test_the_demo_fails_when_something_is_not_as_it_should_be(tmp_path: Path) -> None:
    up = StatefulUpstream()
    up.on("POST", "/v1/responses", error(401, "no", code="invalid_api_key"))
    with in_thread(up):
        done = demo(variables(tmp_path, **openai(up.base_url)))
    assert done.returncode == 1
    assert "✗" in done.stdout
    assert "not as they should be" in done.stdout
