"""What the demo makes of answers that are not as they should be, and of a wait for the model's files."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from mcp import Client
from mcp.types import CallToolResult, TextContent

from mcp_server import settings
from mcp_server.cli import calls, demo, tour
from mcp_server.cli.calls import Caller, Step
from mcp_server.cli.show import Screen
from mcp_server.model.value import JsonObject


class Answers:
    """A client that gives these results one after the other, and tells of progress before: each with its seconds."""

    def __init__(self, *results: JsonObject, error: bool = False, told: tuple[tuple[float, str], ...] = ()) -> None:
        self._results, self._error, self._told = list(results), error, told
        self.now = 1000.0

    async def call_tool(self, _tool: str, _arguments: JsonObject, progress_callback: Any) -> CallToolResult:
        for seconds, message in self._told:
            self.now += seconds
            await progress_callback(1.0, None, message)
        fields = None if self._error else self._results.pop(0)
        return CallToolResult(
            content=[TextContent(type="text", text="It says.")], structured_content=fields, is_error=self._error
        )


def caller(answers: Answers) -> Caller:
    return Caller(cast("Client", answers), Screen(), tour.MATERIAL)


async def test_a_call_that_fails_is_wrong_with_its_own_words(capsys: pytest.CaptureFixture[str]) -> None:
    one = caller(Answers(error=True))
    assert await one.call("poll", "Is it done?") == {}
    assert one.steps[0].wrong == ["It says."]
    assert "✗" in capsys.readouterr().out


async def test_the_time_for_the_models_files_is_told_apart(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = Answers({}, told=((1, "Fetching: 0 %"), (5, "Fetching: 50 %"), (3, "Loading"), (4, "writing")))
    monkeypatch.setattr(calls, "time", SimpleNamespace(monotonic=lambda: answers.now))
    await caller(answers).call("generate", "Hello?")
    assert "13.0 s · 8.0 s of it to fetch the model, once" in capsys.readouterr().out


async def test_what_could_not_be_deleted_is_wrong() -> None:
    one = caller(Answers({"turns": [{}, {}]}, {}, {"counts": {"deleted": 3, "failed": 1}}, {"sessions": []}))
    await tour.tidy(one)
    assert [step.wrong for step in one.steps] == [[], [], ["not everything could be deleted"], []]


def test_a_tool_that_was_not_used_is_named_and_makes_it_fail(capsys: pytest.CaptureFixture[str]) -> None:
    code = demo._conclude(Screen(), settings.load(), [Step("poll", "?")], ["poll", "cancel"], 1.0)
    assert code == 1
    assert "1 calls of 2 tools in 1.0 s: not used: cancel" in capsys.readouterr().out
