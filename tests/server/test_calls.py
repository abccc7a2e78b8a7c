"""What only the boundary does: cancellation, resources, and errors that tell enough and not too much."""

import asyncio
import json
from pathlib import Path

import anyio
import pytest
from mcp import MCPError
from structlog.testing import capture_logs

from tests.serving import House, house, openai, told
from tests.upstream_answers import error, web_page
from tests.upstream_state import StatefulUpstream

KEY = "sk-test-0123456789abcdef"


async def test_a_host_that_cancels_its_request_stops_the_work_upstream(hosted: House, up: StatefulUpstream) -> None:
    up.pause = asyncio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hosted.client.call_tool, "generate", {"input": "Slow."})
        await up.arrived(1)
        tasks.cancel_scope.cancel()
    with anyio.fail_after(20):
        await up.requests[0].abandoned.wait()
        (job,) = (await hosted.call("poll", wait_seconds=10))["jobs"]
    assert job["status"] == "cancelled"
    up.pause.set()


async def test_a_background_job_goes_on_when_its_host_cancels(hosted: House, up: StatefulUpstream) -> None:
    up.pause = asyncio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hosted.client.call_tool, "start_background", {"input": "Slow.", "wait_seconds": 60})
        await up.arrived(1)
        tasks.cancel_scope.cancel()
    up.pause.set()
    with anyio.fail_after(20):
        while True:
            (job,) = (await hosted.call("poll", wait_seconds=10))["jobs"]
            if job["status"] not in ("queued", "in_progress"):
                break
    assert job["status"] == "completed"


async def test_an_error_tells_what_happened_and_no_secret(hosted: House, up: StatefulUpstream) -> None:
    up.on("POST", "/v1/responses", error(401, f"Incorrect API key provided: {KEY}", code="invalid_api_key"))
    words, meta = await hosted.refused("generate", input="Hi")
    assert meta["code"] == "auth"
    assert meta["http_status"] == 401
    assert meta["retryable"] is False
    assert meta["attempts"] == 1
    assert meta["outcome"] == "failed"
    assert meta["job_id"].startswith("job_")
    stored = (await hosted.app.store.jobs.recent(hosted.app.scope("local"), 0))[0].model_dump_json()
    for text in (words, json.dumps(meta), stored):
        assert KEY not in text


async def test_a_key_in_an_argument_is_not_repeated(hosted: House) -> None:
    words, _ = await hosted.refused("file_ask", question="What?", files=[KEY])
    assert KEY not in words
    assert "[hidden]" in words


async def test_a_web_page_instead_of_an_answer_is_not_shown(hosted: House, up: StatefulUpstream) -> None:
    up.on("POST", "/v1/responses", web_page())
    words, meta = await hosted.refused("generate", input="Hi")
    assert "<html" not in words.lower()
    assert meta["code"] == "bad_upstream_response"
    assert meta["outcome"] == "unknown"


async def test_an_unknown_tool_is_a_protocol_error(hosted: House) -> None:
    with pytest.raises(MCPError, match="Unknown tool: nope; known are generate"):
        await hosted.client.call_tool("nope", {})


async def test_what_is_wrong_with_the_settings_is_told_by_the_first_paid_call(
    up: StatefulUpstream, tmp_path: Path
) -> None:
    given = told(tmp_path, RESPONSES_MCP_AUTH_TOKENS="ann:t", RESPONSES_MCP_WAIT_SECONDS="soon", **openai(up.base_url))
    async with house(given) as served:
        words, meta = await served.refused("generate", input="Hi")
        assert "RESPONSES_MCP_AUTH_TOKENS" in words
        assert "RESPONSES_MCP_WAIT_SECONDS" in words
        assert meta["code"] == "configuration"
        assert (await served.call("poll"))["jobs"] == []
    assert up.posts() == []


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"RESPONSES_MCP_BACKEND": "openai"}, "OPENAI_API_KEY is not set"),
        ({"RESPONSES_MCP_BACKEND": "azure"}, "AZURE_OPENAI_ENDPOINT is not set"),
        ({"RESPONSES_MCP_BACKEND": "compatible"}, "OPENAI_BASE_URL is not set"),
        ({"AWS_BEARER_TOKEN_BEDROCK": "x", "AWS_REGION": "nowhere"}, "AWS_REGION is 'nowhere'"),
        ({"AZURE_OPENAI_API_KEY": "x"}, "AZURE_OPENAI_ENDPOINT is not set"),
        (
            {"AZURE_OPENAI_API_KEY": "x", "AZURE_OPENAI_ENDPOINT": "http://127.0.0.1:9"},
            "name one here or in AZURE_OPENAI_DEPLOYMENT_NAME",
        ),
    ],
)
async def test_a_backend_that_cannot_be_had_says_what_to_set(
    tmp_path: Path, variables: dict[str, str], words: str
) -> None:
    async with house(told(tmp_path, **variables)) as served:
        said, _ = await served.refused("generate", input="Hi")
        assert words in said
        (job,) = (await served.call("poll"))["jobs"]
        assert job["status"] == "failed"


async def test_a_compatible_server_is_replayed_to_and_told_no_more_than_it_knows(
    up: StatefulUpstream, tmp_path: Path
) -> None:
    given = told(tmp_path, OPENAI_BASE_URL=up.base_url, RESPONSES_MCP_MODEL="llama")
    async with house(given) as served:
        await served.call("generate", input="one", session="s")
        assert (await served.call("generate", input="two", session="s"))["text"] == "Turn 2: two"
        job = await served.call("start_background", input="three", session="s", wait_seconds=20)
        assert job["text"] == "Turn 3: three"
    sent = up.posts()[2].json
    assert [item["role"] for item in sent["input"]] == ["user", "assistant", "user", "assistant", "user"]
    assert not {"previous_response_id", "background", "prompt_cache_key"} & set(sent)


async def test_a_bug_in_a_tool_is_told_without_its_words(hosted: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("mcp_server.tools.shared.check_options", broken)
    with capture_logs() as logged:
        words, about = await hosted.refused("generate", input="Hi", options={"top_p": 1})
    assert [line["tool"] for line in logged if line["event"] == "tool_crashed" and line["exc_info"]] == ["generate"]
    assert about["code"] == "internal"
    assert "secret" not in words
    assert "its log says more" in words
