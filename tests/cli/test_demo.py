import json
import re
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import anyio
import pytest
from mcp import Client

from mcp_server.cli import demo, main, show, tour
from mcp_server.cli.show import CLEAR, INDENT, Screen
from mcp_server.tools import TOOLS
from tests.serving import Era, both_eras, house, openai, told
from tests.transports.process import COMMAND, MEASURED, variables
from tests.upstream import in_thread
from tests.upstream_answers import error
from tests.upstream_state import StatefulUpstream

ROOT = Path(__file__).parents[2]
SEQUENCE = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.long
@pytest.mark.engine
def test_the_demo_uses_every_tool_on_the_embedded_engine(tmp_path: Path, weights: Path) -> None:
    (tmp_path / "models").symlink_to(weights)
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
    assert "handbook/furniture.md lines" in done.stdout
    assert "\x1b" not in done.stdout
    assert str(tour.MATERIAL) not in done.stdout


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[StatefulUpstream, Era], None]:
    """Lets the demo's server run in this process, for a user of OpenAI whose upstream is this one."""

    def put(up: StatefulUpstream, era: Era) -> None:
        @asynccontextmanager
        async def launched(folder: str) -> AsyncGenerator[Client]:
            roots = str(tour.MATERIAL)
            given = openai(up.base_url, RESPONSES_MCP_ALLOWED_ROOTS=roots, RESPONSES_MCP_WAIT_SECONDS="600")
            async with house(told(Path(folder), **given), era) as served:
                yield served.client

        monkeypatch.setattr(demo, "launched", launched)
        monkeypatch.setenv("RESPONSES_MCP_HOME", str(tmp_path))
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789abcdef")

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


def watched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody sits at a terminal from here on."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("NO_COLOR", raising=False)


def test_on_a_terminal_one_line_moves_and_is_gone_when_the_result_is_there(
    on: Callable[[StatefulUpstream, Era], None], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    watched(monkeypatch)
    triage = {"ticket_id": "TICKET-7429", "customer": "Maya Chen", "category": "other", "escalation_needed": True}
    with in_thread(StatefulUpstream()) as up:
        on(up, "auto")
        up.say("A delayed desk.", "We are sorry.", json.dumps(triage))
        assert main(["demo"]) == 0
    raw = capsys.readouterr().out
    assert CLEAR in raw
    # The server runs in this process, and its log is on the same screen.
    shown = [line for line in raw.split("\n") if "[info" not in line]
    lines = [SEQUENCE.sub("", line.rpartition(CLEAR)[2]) for line in shown]
    assert not [line for line in lines if line.startswith(f"{INDENT}… ")]
    assert max(map(len, lines)) <= 80
    asked = lines.index(" 1 “Summarise this ticket in one sentence.”")
    assert lines[asked + 1].startswith(f"{INDENT}→ generate(input=")
    assert lines[asked + 2] == f"{INDENT}│ A delayed desk."
    assert lines[asked + 3].startswith(f"{INDENT}✓ ")
    assert "tokens in" in lines[asked + 3]
    head = next(index for index, line in enumerate(lines) if line.split()[:3] == ["tool", "calls", "seconds"])
    assert [line.split()[0] for line in lines[head + 2 : head + 11]] == [tool.name for tool in TOOLS]
    assert any(line.startswith(f"{demo.typed()} install HOST") for line in lines)


def test_what_to_type_next_is_a_path_unless_the_name_alone_leads_to_this_very_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = tmp_path / "bin" / "responses-mcp"
    monkeypatch.setattr(demo, "command", lambda _: (str(script),))
    monkeypatch.setattr(demo.shutil, "which", lambda _: None)
    assert demo.typed() == str(script)
    monkeypatch.chdir(tmp_path)
    assert demo.typed() == str(Path("bin", "responses-mcp"))
    monkeypatch.setattr(demo.shutil, "which", lambda _: str(tmp_path / "other" / "responses-mcp"))
    assert demo.typed() == str(Path("bin", "responses-mcp"))
    monkeypatch.setattr(demo.shutil, "which", lambda _: str(script))
    assert demo.typed() == "responses-mcp"


def test_a_narrow_terminal_gets_lines_that_break_between_words(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    watched(monkeypatch)
    monkeypatch.setenv("COLUMNS", "40")
    Screen().say(f"{INDENT}The host quits while that job runs, and starts the server again.", "dim")
    shown = SEQUENCE.sub("", capsys.readouterr().out).splitlines()
    assert shown == [f"{INDENT}The host quits while that job runs,", f"{INDENT}and starts the server again."]


def test_of_a_long_line_that_somebody_wrote_three_lines_are_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    watched(monkeypatch)
    Screen().quote(["word " * 100])
    shown = SEQUENCE.sub("", capsys.readouterr().out).splitlines()
    assert len(shown) == 3
    assert shown[-1].endswith(" …")
    assert max(map(len, shown)) <= 79


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_a_terminal_that_wants_it_plain_gets_plain_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    watched(monkeypatch)
    assert Screen().moves
    monkeypatch.setenv(name, value)
    screen = Screen()
    screen.begin("thinking")
    screen.say("Done.", "bold", "green")
    screen.end()
    assert capsys.readouterr().out == "Done.\n"


async def test_the_moving_line_says_for_how_long_and_fits_into_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    watched(monkeypatch)
    screen = Screen()
    async with screen.live():
        screen.begin("Fetching the embedded model: 7 % of 93 MB " + "雨" * 80)
        await anyio.wait_all_tasks_blocked()
        (line,) = capsys.readouterr().out.removeprefix(CLEAR).splitlines()
    shown = SEQUENCE.sub("", line)
    assert shown.startswith("   … 0.0 s  Fetching the embedded model: 7 % of 93 MB 雨")
    assert shown.endswith("…")
    assert len(shown) + shown.count("雨") <= 79
    assert capsys.readouterr().out == CLEAR


def test_without_a_terminal_what_takes_long_is_told_every_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(show, "time", SimpleNamespace(monotonic=lambda: now))
    screen = Screen()
    screen.begin("waiting for the server")
    for percent in range(0, 100, 10):
        now += 4
        screen.note(f"Fetching the embedded model: {percent} % of 93 MB")
    told = capsys.readouterr().out.splitlines()
    assert [line.split()[5] for line in told] == ["20", "50", "80"]


@pytest.fixture
def _can_be_interrupted() -> Iterator[None]:
    """As from a terminal: what a shell starts in the background ignores SIGINT, the tests too."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_can_be_interrupted")
def test_a_first_run_says_how_much_is_fetched(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    @asynccontextmanager
    async def stopped(_: str) -> AsyncGenerator[None]:
        signal.raise_signal(signal.SIGINT)  # as Ctrl-C does
        await anyio.sleep_forever()
        yield

    monkeypatch.setenv("RESPONSES_MCP_HOME", str(tmp_path))
    monkeypatch.setattr(demo, "launched", stopped)
    assert main(["demo"]) == 1
    told = capsys.readouterr().out
    assert "First run: 176 MB of models are fetched" in told
    assert told.endswith("stopped; what it made here is gone\n")


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
    assert "look there first" in shown
    assert "install HOST" not in shown
