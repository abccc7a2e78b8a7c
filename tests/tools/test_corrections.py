"""A backend that turns out to be another than documented: nothing fails twice for it, nothing is left out in silence.

The scripted upstream is taken for OpenAI, whose profile has everything, and lacks one thing after the other.
"""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mcp_server.backends import observed
from tests.files.made import pdf
from tests.serving import House, house, openai, told
from tests.upstream import serving
from tests.upstream_answers import Answer, error, reply, stream, web_page
from tests.upstream_shapes import message, reasoning, response, text_events
from tests.upstream_state import StatefulUpstream, stateful

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
ABSENT = reply({"detail": "Not Found"}, 404)


@asynccontextmanager
async def again(home: Path, up: StatefulUpstream, **variables: str) -> AsyncGenerator[House]:
    """The next process of the same user."""
    async with house(told(home, **openai(up.base_url, **variables))) as served:
        yield served


def refusing(name: str, words: str) -> type[StatefulUpstream]:
    """An upstream that refuses every request with this parameter."""

    class Refusing(StatefulUpstream):
        def otherwise(self, request):
            if request.path == "/v1/responses" and request.method == "POST" and request.json.get(name):
                return error(400, words, param=name)
            return super().otherwise(request)

    return Refusing


@asynccontextmanager
async def lacking(home: Path, name: str, words: str) -> AsyncGenerator[tuple[House, StatefulUpstream]]:
    async with serving(refusing(name, words)()) as up, house(told(home, **openai(up.base_url))) as served:
        yield served, up


# Parameters


async def test_a_parameter_of_ours_that_is_refused_is_left_out_from_then_on(tmp_path: Path) -> None:
    words = "Unsupported parameter: 'prompt_cache_options' is not supported with this model."
    async with lacking(tmp_path, "prompt_cache_options", words) as (served, up):
        first = await served.call("generate", input="One")
        await served.call("generate", input="Two")
        assert ["prompt_cache_options" in post.json for post in up.posts()] == [True, False, False]
        assert "warnings" not in first
        # Another model may well take it.
        await served.call("generate", input="Three", model="gpt-5.6-terra")
        assert ["prompt_cache_options" in post.json for post in up.posts()[3:]] == [True, False]
        async with again(tmp_path, up) as next_process:
            await next_process.call("generate", input="Four")
        assert ["prompt_cache_options" in post.json for post in up.posts()[5:]] == [False]


async def test_a_harmless_parameter_of_the_caller_is_left_out_with_a_warning(tmp_path: Path) -> None:
    async with lacking(tmp_path, "metadata", "Unknown parameter: 'metadata'.") as (served, up):
        for _ in range(2):
            answer = await served.call("generate", input="Hi", options={"metadata": {"a": "b"}})
            assert answer["warnings"] == ["options.metadata: this backend does not take it, so it was left out."]
        assert len(up.posts()) == 3


async def test_a_cache_key_of_the_caller_is_left_out_where_none_is_taken(tmp_path: Path) -> None:
    async with lacking(tmp_path, "prompt_cache_key", "Unknown parameter: 'prompt_cache_key'.") as (served, up):
        for _ in range(2):
            answer = await served.call("generate", input="Hi", options={"prompt_cache_key": "mine"})
            (warning,) = answer["warnings"]
            assert warning == "options.prompt_cache_key: this backend does not take it, so it was left out."
        assert len(up.posts()) == 3


async def test_a_parameter_that_matters_is_never_left_out(tmp_path: Path) -> None:
    words = "Unsupported parameter: 'temperature' is not supported with this model."
    async with lacking(tmp_path, "temperature", words) as (served, up):
        said, about = await served.refused("generate", input="Hi", options={"temperature": 0.5})
        assert words in said
        assert (about["code"], about["http_status"]) == ("invalid_request", 400)
        assert len(up.posts()) == 1


async def test_an_observation_is_forgotten_after_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = "Unsupported parameter: 'prompt_cache_options' is not supported with this model."
    monkeypatch.setattr(observed, "KEPT_SECONDS", -1.0)
    async with lacking(tmp_path, "prompt_cache_options", words) as (served, up):
        said, _ = await served.refused("generate", input="One")
        assert "prompt_cache_options" in said  # it is asked for again and again, but not without end
        assert 2 <= len(up.posts()) <= 10


# Capabilities


async def test_background_work_goes_on_here_where_the_upstream_has_none(tmp_path: Path) -> None:
    async with lacking(tmp_path, "background", "The background parameter is not supported.") as (served, up):
        started = await served.call("start_background", input="Long")
        job = await served.collect(started["job_id"])
        assert (job["status"], job["result"]["text"]) == ("completed", "Turn 1: Long")
        assert [post.json.get("background") for post in up.posts()] == [True, None]


async def test_background_work_that_runs_in_the_foreground_is_left_to_a_worker_from_then_on(tmp_path: Path) -> None:
    async with stateful() as up, house(told(tmp_path, **openai(up.base_url))) as served:
        up.on("POST", "/v1/responses", stream(text_events("Done."), echoes=False))
        for text in ("One", "Two"):
            job = await served.collect((await served.call("start_background", input=text))["job_id"])
            assert job["status"] == "completed"
        assert [post.json.get("background") for post in up.posts()] == [True, None]


async def test_a_session_is_replayed_where_the_chain_is_refused(tmp_path: Path) -> None:
    words = "previous_response_id is not supported; it must be null."
    async with lacking(tmp_path, "previous_response_id", words) as (served, up):
        for turn in ("One", "Two", "Three"):
            last = await served.call("generate", input=turn, session="s")
        assert last["text"] == "Turn 3: Three"
        assert len(up.posts()) == 4
        assert [item["role"] for item in up.posts()[-1].json["input"]] == ["user", "assistant"] * 2 + ["user"]
        assert up.posts()[-1].json["include"] == ["reasoning.encrypted_content"]  # for the next replay


async def test_a_replay_goes_without_reasoning_where_none_is_encrypted(tmp_path: Path) -> None:
    words = "Encrypted content is not supported with this model."
    async with lacking(tmp_path, "include", words) as (served, up):
        up.say([reasoning(), message("One.")])
        for text in ("One", "Two"):
            await served.call("generate", input=text, session="s", store=False)
        assert ["include" in post.json for post in up.posts()] == [True, False, False]
        assert [item.get("role") for item in up.posts()[-1].json["input"]] == ["user", "assistant", "user"]


async def test_a_session_is_replayed_where_nothing_may_be_stored(tmp_path: Path) -> None:
    async with lacking(tmp_path, "store", "store=true is not allowed for this account.") as (served, up):
        await served.call("generate", input="One", session="s")
        last = await served.call("generate", input="Two", session="s", store=True)
        assert last["text"] == "Turn 2: Two"
        assert last["warnings"] == [
            "store: this backend keeps no responses, so it was left out; what was said is kept here."
        ]
        body = up.posts()[-1].json
        assert body["store"] is False
        assert "previous_response_id" not in body
        # A conversation would be kept there too.
        words, _ = await served.refused("generate", input="Three", options={"conversation": "new"})
        assert "no conversations" in words
        assert body["include"] == ["reasoning.encrypted_content"]


async def test_a_chain_that_is_ignored_is_seen_at_the_first_event_and_replayed(tmp_path: Path) -> None:
    async with stateful() as up, house(told(tmp_path, **openai(up.base_url))) as served:
        first = await served.call("generate", input="One", session="s")
        up.on("POST", "/v1/responses", stream(text_events("Who are you?"), echoes=False))
        second = await served.call("generate", input="Two", session="s")
        assert second["text"] == "Turn 2: Two"
        assert up.posts()[1].json["previous_response_id"] == first["response_id"]
        assert "previous_response_id" not in up.posts()[2].json
        await served.call("generate", input="Three", session="s")
        assert len(up.posts()) == 4


async def test_a_chain_that_is_ignored_by_a_whole_answer_is_paid_for_and_replayed(tmp_path: Path) -> None:
    async with stateful() as up, house(told(tmp_path, **openai(up.base_url))) as served:
        await served.call("generate", input="One", session="s")
        up.on("POST", "/v1/responses", reply(response("Who are you?", id="resp_alone"), echoes=False))
        second = await served.call("generate", input="Two", session="s")
        assert second["text"] == "Turn 2: Two"
        assert ["both requests are billed" in warning for warning in second["warnings"]] == [True]
        assert len(up.posts()) == 3
        spent = await served.app.store.spendings.total(served.app.scope("local"))
        assert spent.requests == 3


async def test_a_file_goes_as_text_where_the_model_takes_no_files(tmp_path: Path) -> None:
    class NoFiles(StatefulUpstream):
        def otherwise(self, request):
            if request.path == "/v1/responses" and b"input_file" in request.content:
                return error(400, "file inputs are not currently supported")
            return super().otherwise(request)

    async with serving(NoFiles()) as up, house(told(tmp_path, **openai(up.base_url))) as served:
        (tmp_path / "files" / "a.pdf").write_bytes(pdf("The answer is 42."))
        answer = await served.call("file_ask", question="What?", files=[str(tmp_path / "files" / "a.pdf")])
        assert [file["sent_as"] for file in answer["files"]] == ["text"]
        assert "The answer is 42." in str(up.posts()[-1].json["input"])


# Endpoints


async def test_a_file_goes_inline_where_the_upstream_takes_no_files(
    hosted: House, up: StatefulUpstream, tmp_path: Path
) -> None:
    (tmp_path / "files" / "a.pdf").write_bytes(pdf("The answer is 42."))
    for missing in (ABSENT, web_page(), error(405, "Method Not Allowed")):
        up.always("POST", "/v1/files", missing)
    answer = await hosted.call("file_ask", question="What?", files=[str(tmp_path / "files" / "a.pdf")])
    assert [file["sent_as"] for file in answer["files"]] == ["inline"]
    await hosted.call("file_ask", question="And?", files=[str(tmp_path / "files" / "a.pdf")])
    assert len(up.posts("/v1/files")) == 1


@pytest.mark.parametrize(
    "missing",
    [ABSENT, web_page(), error(405, "Method Not Allowed"), error(501, "no")],
    ids=["404", "html", "405", "501"],
)
async def test_search_is_embedded_where_the_upstream_has_no_stores(
    hosted: House, up: StatefulUpstream, tmp_path: Path, missing: Answer
) -> None:
    (tmp_path / "files" / "a.txt").write_text("The harbour opens at six.")
    up.always("POST", "/v1/vector_stores", missing)
    found = await hosted.call("vector_search", store="s", paths=[str(tmp_path / "files")], query="harbour")
    assert found["index"]["added"] == 1
    assert [result["filename"] for result in found["results"]] == ["a.txt"]
    assert len(up.posts("/v1/vector_stores")) == 1


async def test_a_store_stays_where_it_was_made_when_the_upstream_has_stores_again(
    hosted: House, up: StatefulUpstream, tmp_path: Path
) -> None:
    (tmp_path / "files" / "a.txt").write_text("The harbour opens at six.")
    up.on("POST", "/v1/vector_stores", ABSENT)
    await hosted.call("vector_search", store="s", paths=[str(tmp_path / "files")])
    await hosted.app.backend.observed.note("vector_stores", True, "it was mended")
    found = await hosted.call("vector_search", store="s", query="harbour")
    assert [result["filename"] for result in found["results"]] == ["a.txt"]
    gone = await hosted.call("cleanup", all=True, confirm=True, dry_run=False)
    assert gone["counts"] == {"deleted": 1}
    assert len(up.posts("/v1/vector_stores")) == 1


async def test_a_store_that_was_made_upstream_is_deleted_there_also_when_none_can_be_made_any_more(
    hosted: House, up: StatefulUpstream, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        (tmp_path / "files" / f"{name}.txt").write_text(f"The harbour {name} opens at six.")
    await hosted.call("vector_search", store="a", paths=[str(tmp_path / "files" / "a.txt")])
    up.on("POST", "/v1/vector_stores", web_page())
    await hosted.call("vector_search", store="b", paths=[str(tmp_path / "files" / "b.txt")])
    assert len(up.stores) == 1
    done = await hosted.call("cleanup", all=True, confirm=True, dry_run=False)
    assert {item["status"] for item in done["items"]} == {"deleted"}
    assert (up.stores, up.files) == ({}, {})


async def test_what_the_upstream_does_not_delete_is_forgotten_here(hosted: House, up: StatefulUpstream) -> None:
    made = await hosted.call("generate", input="One", session="s")
    up.always("DELETE", f"/v1/responses/{made['response_id']}", error(405, "Method Not Allowed"))
    done = await hosted.call("cleanup", all=True, confirm=True, dry_run=False)
    assert {item["status"] for item in done["items"]} == {"deleted"}
    (why,) = [item["error"] for item in done["items"] if item["kind"] == "responses"]
    assert why.startswith("it is deleted here alone")
    assert (await hosted.call("cleanup", all=True))["items"] == []


async def test_a_store_without_files_is_given_up_for_one_of_ours(
    hosted: House, up: StatefulUpstream, tmp_path: Path
) -> None:
    (tmp_path / "files" / "a.txt").write_text("The harbour opens at six.")
    up.always("POST", "/v1/files", ABSENT)
    for _ in range(2):
        found = await hosted.call("vector_search", store="s", paths=[str(tmp_path / "files")], query="harbour")
        assert [result["filename"] for result in found["results"]] == ["a.txt"]
    assert (len(up.posts("/v1/vector_stores")), up.stores) == (1, {})


async def test_a_web_page_in_place_of_results_is_an_error_and_not_an_empty_store(
    hosted: House, up: StatefulUpstream, tmp_path: Path
) -> None:
    (tmp_path / "files" / "a.txt").write_text("The harbour opens at six.")
    await hosted.call("vector_search", store="s", paths=[str(tmp_path / "files")])
    (store_id,) = up.stores
    up.on("POST", f"/v1/vector_stores/{store_id}/search", web_page())
    _, about = await hosted.refused("vector_search", store="s", query="harbour")
    assert about["code"] == "bad_upstream_response"
    found = await hosted.call("vector_search", store="s", query="harbour")
    assert [result["filename"] for result in found["results"]] == ["a.txt"]


async def test_a_session_is_compacted_by_a_summary_where_the_upstream_does_not(
    hosted: House, up: StatefulUpstream
) -> None:
    await hosted.call("generate", input="One", session="s")
    up.always("POST", "/v1/responses/compact", ABSENT)
    up.say("Durable facts: one.")
    await hosted.call("sessions", action="compact", session="s")
    await hosted.call("generate", input="Two", session="s")
    assert up.posts()[-1].json["input"][0]["content"].endswith("Durable facts: one.")


# Schemas


async def test_a_schema_is_told_in_words_where_it_is_refused(tmp_path: Path) -> None:
    class NoSchemas(StatefulUpstream):
        def otherwise(self, request):
            shape = (request.json.get("text") or {}).get("format", {}) if request.content else {}
            if shape.get("type") == "json_schema":
                return error(400, "text.format of type json_schema is not supported", param="text.format")
            return super().otherwise(request)

    async with serving(NoSchemas()) as up, house(told(tmp_path, **openai(up.base_url))) as served:
        up.say('{"n": 1}')
        answer = await served.call("structured_extract", input="One", schema=SCHEMA)
        assert (answer["outcome"], answer["data"]) == ("ok", {"n": 1})
        assert ["told the schema in words" in warning for warning in answer["warnings"]] == [True]
        body = up.posts()[-1].json
        assert body["text"]["format"] == {"type": "json_object"}
        assert json.dumps(SCHEMA) in body["input"][-1]["content"]


async def test_a_schema_that_is_ignored_is_told_in_words_with_the_repair_and_from_then_on(
    hosted: House, up: StatefulUpstream
) -> None:
    up.say("Sure! The number is one.", '{"n": 1}', '{"n": 2}')
    answer = await hosted.call("structured_extract", input="One", schema=SCHEMA)
    assert (answer["outcome"], answer["attempts"]) == ("ok", 2)
    await hosted.call("structured_extract", input="Two", schema=SCHEMA)
    shapes = [post.json["text"]["format"]["type"] for post in up.posts()]
    assert shapes == ["json_schema", "json_object", "json_object"]
    assert all("JSON Schema" in post.json["input"][-1]["content"] for post in up.posts()[1:])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("store", "store=true is not allowed for this account."),
        ("previous_response_id", "This model does not support previous_response_id."),
    ],
)
async def test_an_answer_is_sent_back_whole_where_nothing_is_continued(tmp_path: Path, name: str, words: str) -> None:
    async with lacking(tmp_path, name, words) as (served, up):
        for text in ("One", "Two"):
            await served.call("generate", input=text, session="s")
        up.say('{"n": "one"}', '{"n": 1}')
        answer = await served.call("structured_extract", input="Three", schema=SCHEMA)
        assert (answer["outcome"], answer["attempts"]) == ("ok", 2)
        assert [item.get("role") for item in up.posts()[-1].json["input"]] == ["user", "assistant", "user"]
