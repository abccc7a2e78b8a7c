"""What llama.cpp does only when it is in trouble, played by a scripted child."""

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from mcp_server.backends.llama import process
from mcp_server.backends.llama.backend import LlamaBackend
from mcp_server.errors import EngineError, UpstreamError
from mcp_server.model.request import Layout
from tests.llama import conftest
from tests.llama.conftest import answer_of


@pytest.fixture
async def scripted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LlamaBackend]:
    monkeypatch.setattr(process, "PROGRAM", Path(conftest.__file__).with_name("scripted_engine.py"))
    (tmp_path / "played.gguf").touch()
    backend = LlamaBackend(tmp_path, tmp_path / "played.gguf")
    yield backend
    await backend.close()


def play(what: str) -> Layout:
    return Layout(model="played", input=[{"role": "user", "content": what}])


async def test_a_call_that_never_finds_room_ends_and_lets_the_next_one_in(scripted):
    with anyio.fail_after(30):
        for _ in range(2):
            with pytest.raises(EngineError, match="no room") as caught:
                await answer_of(scripted, play("full"))
            assert caught.value.retryable


async def test_an_answer_whose_usage_got_lost_is_an_answer(scripted):
    answer = await answer_of(scripted, play("no usage"))
    assert (answer.status, answer.text, answer.usage, answer.warnings) == ("completed", "word", None, [])


async def test_a_stream_without_an_end_counts_as_a_crash(scripted):
    with pytest.raises(EngineError, match="crashed twice"):
        await answer_of(scripted, play("no end"))


async def test_tokens_cannot_be_counted_by_an_engine_that_breaks_off(scripted):
    await answer_of(scripted, play("no usage"))
    assert await scripted.count_tokens(play("no usage")) is None


async def test_a_refusal_that_is_no_json_is_told_in_its_own_words(scripted):
    await answer_of(scripted, play("no usage"))
    with pytest.raises(UpstreamError, match="Not Found"):
        await scripted._chat.child.post("/unknown", {})
