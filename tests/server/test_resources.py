"""What can be read again by its address, and what an address that leads nowhere gets."""

import json
from pathlib import Path

import pytest
from mcp import MCPError

from tests.serving import House, house, told
from tests.upstream_answers import error
from tests.upstream_state import StatefulUpstream


async def read(served: House, uri: str) -> str:
    (contents,) = (await served.client.read_resource(uri)).contents
    return contents.text  # type: ignore[union-attr]


async def test_what_everybody_has_is_listed_and_the_rest_are_templates(hosted: House) -> None:
    listed = (await hosted.client.list_resources()).resources
    assert [one.uri for one in listed] == ["usage://today", "models://list"]
    templates = (await hosted.client.list_resource_templates()).resource_templates
    assert [one.uri_template for one in templates] == [
        "response://{id}",
        "session://{name}",
        "job://{id}",
        "artifact://{id}",
        "usage://session/{name}",
    ]
    assert all(one.description for one in [*listed, *templates])


async def test_every_listed_resource_can_be_read(hosted: House) -> None:
    for one in (await hosted.client.list_resources()).resources:
        (contents,) = (await hosted.client.read_resource(one.uri)).contents
        assert contents.mime_type == one.mime_type


async def test_a_response_a_session_and_a_job_can_be_read_again(hosted: House) -> None:
    done = await hosted.call("generate", input="Hi", session="s")
    assert await read(hosted, f"response://{done['response_id']}") == "Turn 1: Hi"
    session = json.loads(await read(hosted, "session://s"))
    assert session["head"] == done["response_id"]
    (turn,) = session["turns"]
    assert turn["input"] == [{"role": "user", "content": "Hi"}]
    assert turn["output"][0]["content"][0]["text"] == "Turn 1: Hi"
    assert turn["usage"]["total_tokens"] > 0
    (job,) = (await hosted.call("poll"))["jobs"]
    shown = json.loads(await read(hosted, f"job://{job['job_id']}"))
    assert shown["status"] == "completed"
    assert shown["request"]["input"] == [{"role": "user", "content": "Hi"}]
    assert shown["answer"]["text"] == "Turn 1: Hi"
    assert not {"scope", "worker", "lease_until"} & set(shown)


async def test_what_was_used_is_told_by_day_and_by_session(hosted: House) -> None:
    await hosted.call("generate", input="Hi", session="s")
    await hosted.call("generate", input="Hi")
    today = json.loads(await read(hosted, "usage://today"))
    one = json.loads(await read(hosted, "usage://session/s"))
    assert (today["requests"], one["requests"], one["session"]) == (2, 1, "s")


async def test_a_job_without_an_answer_can_be_read_too(hosted: House, up: StatefulUpstream) -> None:
    up.on("POST", "/v1/responses", error(401, "bad key", code="invalid_api_key"))
    _, meta = await hosted.refused("generate", input="Hi")
    shown = json.loads(await read(hosted, f"job://{meta['job_id']}"))
    assert shown["answer"] is None
    assert shown["failure"]["code"] == "auth"


async def test_the_models_are_those_of_the_backend_the_configured_one_first(hosted: House) -> None:
    models = json.loads(await read(hosted, "models://list"))
    assert models[0] == "gpt-5.6-sol"
    assert "gpt-6-sol" in models


async def test_a_list_of_models_that_cannot_be_had_says_why(hosted: House, up: StatefulUpstream) -> None:
    up.on("GET", "/v1/models", error(401, "Incorrect API key provided: sk-test-0123456789", code="invalid_api_key"))
    with pytest.raises(MCPError, match="key") as told_why:
        await read(hosted, "models://list")
    assert "sk-test" not in str(told_why.value)


async def test_a_server_without_a_backend_says_what_to_set(tmp_path: Path) -> None:
    async with house(told(tmp_path, RESPONSES_MCP_BACKEND="openai")) as served:
        with pytest.raises(MCPError, match="OPENAI_API_KEY is not set"):
            await read(served, "models://list")


@pytest.mark.parametrize(
    "uri",
    [
        "response://resp_nobodys",
        "session://t",
        "job://job_x",
        "artifact://resp_nobodys.0",
        "artifact://job_x",
        "models://all",
        "usage://yesterday",
        "usage://session/t",
        "weather://today",
        "today",
    ],
)
async def test_an_address_that_leads_nowhere_is_a_protocol_error(hosted: House, uri: str) -> None:
    with pytest.raises(MCPError, match="There is no resource"):
        await hosted.client.read_resource(uri)
