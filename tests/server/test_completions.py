"""What is offered while a person types: what stands in the store, and the models."""

from pathlib import Path

import anyio
import pytest
from mcp import MCPError
from mcp.types import PromptReference, ResourceTemplateReference

from mcp_server.server import completions
from tests.serving import House, house, openai, told
from tests.upstream_answers import black_hole, error
from tests.upstream_state import StatefulUpstream


async def offered(served: House, argument: str, typed: str = "", prompt: str = "ask_files") -> list[str]:
    ref = PromptReference(name=prompt)
    return (await served.client.complete(ref, {"name": argument, "value": typed})).completion.values


async def offered_for(served: House, uri: str, typed: str = "") -> list[str]:
    ref = ResourceTemplateReference(uri=uri)
    name = uri.partition("{")[2].rstrip("}")
    return (await served.client.complete(ref, {"name": name, "value": typed})).completion.values


async def test_sessions_are_offered_the_last_used_first_and_by_what_was_typed(hosted: House) -> None:
    for name in ("review/api", "letters", "Review/ui"):
        await hosted.call("generate", input="Hi", session=name)
    assert await offered(hosted, "session") == ["Review/ui", "letters", "review/api"]
    assert await offered(hosted, "session", "rev") == ["Review/ui", "review/api"]
    assert await offered(hosted, "session", "ui") == ["Review/ui"]
    assert await offered(hosted, "session", "x") == []
    for template in ("session://{name}", "usage://session/{name}"):
        assert await offered_for(hosted, template, "let") == ["letters"]


async def test_stores_and_schemas_are_offered_by_name(hosted: House, tmp_path: Path) -> None:
    (tmp_path / "files" / "a.md").write_text("A pipe is a tube.")
    for name in ("pipes", "tubes"):
        await hosted.call("vector_search", store=name, paths=[str(tmp_path / "files")])
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    await hosted.result("structured_extract", input="7", schema=schema, schema_name="number")
    assert await offered(hosted, "store") == ["tubes", "pipes"]
    assert await offered(hosted, "schema_name", prompt="extract") == ["number"]


async def test_models_are_offered_and_asked_for_once(hosted: House, up: StatefulUpstream) -> None:
    assert "gpt-6-sol" in await offered(hosted, "model", "gpt-6")
    assert await offered(hosted, "model", "SOL", "second_opinion")
    assert [request.path for request in up.requests] == ["/v1/models"]


async def test_models_that_cannot_be_listed_leave_the_field_to_the_person(hosted: House, up: StatefulUpstream) -> None:
    up.on("GET", "/v1/models", error(401, "no", code="invalid_api_key"))
    assert [await offered(hosted, "model", typed) for typed in ("", "g", "gp")] == [[], [], []]
    assert len(up.requests) == 1  # not again with every key that is pressed


async def test_a_list_of_models_that_does_not_come_is_not_waited_for(
    hosted: House, up: StatefulUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(completions, "PATIENCE_SECONDS", 0.2)
    up.on("GET", "/v1/models", black_hole())
    with anyio.fail_after(10):
        assert await offered(hosted, "model") == []


async def test_what_only_the_person_knows_is_not_completed(hosted: House) -> None:
    assert await offered(hosted, "question", "Wh") == []
    assert await offered_for(hosted, "artifact://{id}", "a") == []


async def test_jobs_and_responses_of_the_last_day_are_offered_newest_first(hosted: House) -> None:
    done = [await hosted.call("start_background", input=text) for text in ("One", "Two")]
    ended = [await hosted.collect(job["job_id"]) for job in done]
    ids = [job["job_id"] for job in reversed(ended)]
    assert await offered_for(hosted, "job://{id}") == ids
    responses = [job["result"]["response_id"] for job in reversed(ended)]
    assert await offered_for(hosted, "response://{id}", "resp") == responses


async def test_no_more_than_a_hundred_are_offered_and_it_is_said_how_many_there_are(
    hosted: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(completions, "MOST", 2)
    for name in ("a1", "a2", "a3"):
        await hosted.call("generate", input="Hi", session=name)
    told_of = (
        await hosted.client.complete(PromptReference(name="ask_files"), {"name": "session", "value": ""})
    ).completion
    assert (len(told_of.values), told_of.total, told_of.has_more) == (2, 3, True)


async def test_a_completion_for_what_there_is_not_is_a_protocol_error(hosted: House) -> None:
    with pytest.raises(MCPError, match="no prompt 'x'") as wrong:
        await offered(hosted, "session", prompt="x")
    assert wrong.value.code == -32602
    with pytest.raises(MCPError, match="no resource template"):
        await offered_for(hosted, "weather://{city}")


async def test_another_backends_sessions_are_not_offered(tmp_path: Path, up: StatefulUpstream) -> None:
    async with house(told(tmp_path, **openai(up.base_url))) as served:
        await served.call("generate", input="Hi", session="mine")
    async with house(told(tmp_path, **openai(up.base_url, RESPONSES_MCP_BACKEND="compatible"))) as served:
        assert await offered(served, "session") == []
