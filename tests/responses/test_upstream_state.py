"""The remembering upstream behaves like the real one, seen through the backend."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest

from mcp_server.backends.protocol import Attachment
from mcp_server.backends.responses.access import KeyAccess
from mcp_server.backends.responses.backend import ResponsesBackend
from mcp_server.backends.responses.profiles import OPENAI
from mcp_server.errors import UpstreamError
from mcp_server.model.answer import Usage
from mcp_server.model.events import Created
from tests.responses.talk import answer, fault, layout
from tests.upstream_shapes import function_call
from tests.upstream_state import StatefulUpstream, stateful


@pytest.fixture
async def up() -> AsyncGenerator[StatefulUpstream]:
    async with stateful() as upstream:
        yield upstream


@pytest.fixture
async def backend(up: StatefulUpstream) -> AsyncGenerator[ResponsesBackend]:
    made = ResponsesBackend(
        "openai",
        OPENAI,
        access=KeyAccess.to(up.base_url, "sk-test"),
        model=None,
        embedding_model=None,
        timeout_seconds=5,
        max_retries=0,
    )
    yield made
    await made.close()


async def test_a_chain_knows_what_was_said_and_so_does_a_replay(
    up: StatefulUpstream, backend: ResponsesBackend
) -> None:
    first = await answer(backend, layout("one two"))
    assert (first.text, first.usage) == ("Turn 1: one two", Usage(input_tokens=2, output_tokens=4, total_tokens=6))
    second = await answer(backend, layout("three", previous_response_id=first.response_id))
    assert (second.text, second.previous_response_id) == ("Turn 2: three", first.response_id)
    assert second.usage == Usage(input_tokens=7, cached_tokens=6, output_tokens=3, total_tokens=10)
    history = [{"role": "user", "content": "one two"}, *first.output, {"role": "user", "content": "three"}]
    assert (await answer(backend, layout(input=history))).text == "Turn 2: three"
    assert len(up.posts()) == 3


async def test_what_is_not_stored_can_neither_be_read_nor_continued(
    up: StatefulUpstream, backend: ResponsesBackend
) -> None:
    first = await answer(backend, layout(store=False))
    with pytest.raises(UpstreamError, match="not found"):
        await backend.retrieve(str(first.response_id))
    failed = await fault(backend, layout(previous_response_id=first.response_id))
    assert failed.kind == "previous_response_not_found"


async def test_a_deleted_response_is_gone(up: StatefulUpstream, backend: ResponsesBackend) -> None:
    made = str((await answer(backend)).response_id)
    assert (await backend.retrieve(made)).text == "Turn 1: hello"
    assert [await backend.delete(made) for _ in range(2)] == [True, False]
    assert (await fault(backend, layout(previous_response_id=made))).kind == "previous_response_not_found"


async def test_a_background_response_goes_on_without_its_stream(
    up: StatefulUpstream, backend: ResponsesBackend
) -> None:
    up.pause = asyncio.Event()
    async with aclosing(backend.respond(layout(background=True))) as told:
        created = await anext(told)
    assert isinstance(created, Created)
    steps = [await backend.retrieve(created.response_id) for _ in range(3)]
    assert [step.status for step in steps] == ["queued", "in_progress", "completed"]
    assert steps[-1].text == "Turn 1: hello"
    assert (await backend.cancel(created.response_id)).status == "completed"


async def test_a_background_response_whose_stream_is_read_is_completed(
    up: StatefulUpstream, backend: ResponsesBackend
) -> None:
    got = await answer(backend, layout(background=True))
    assert (await backend.retrieve(str(got.response_id))).status == "completed"


async def test_a_background_response_is_cancelled_and_what_has_ended_stays_as_it_is(
    up: StatefulUpstream, backend: ResponsesBackend
) -> None:
    up.pause = asyncio.Event()
    async with aclosing(backend.respond(layout(background=True))) as told:
        created = await anext(told)
    assert isinstance(created, Created)
    assert [(await backend.cancel(created.response_id)).status for _ in range(2)] == ["cancelled"] * 2
    up.pause = None
    # The upstream says "Cannot cancel a synchronous response."
    assert (await backend.cancel(str((await answer(backend)).response_id))).status == "completed"
    with pytest.raises(UpstreamError, match="not found"):
        await backend.cancel("resp_unknown")


async def test_it_says_what_it_was_told_to_say(up: StatefulUpstream, backend: ResponsesBackend) -> None:
    up.say("First.", [function_call("weather", "{}")])
    assert (await answer(backend)).text == "First."
    assert [call.name for call in (await answer(backend)).tool_calls] == ["weather"]


async def test_it_fills_in_a_schema(up: StatefulUpstream, backend: ResponsesBackend) -> None:
    schema = {
        "type": "object",
        "$defs": {"kind": {"enum": ["a", "b"]}},
        "properties": {
            "kind": {"$ref": "#/$defs/kind"},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1},
            "n": {"type": ["null", "integer"], "minimum": 3},
        },
    }
    filled = await answer(backend, layout(json_schema=schema))
    assert json.loads(filled.text) == {"kind": "a", "note": None, "tags": ["x"], "n": 3}


async def attached(backend: ResponsesBackend, store: str, text: bytes, **attributes: str | int) -> str:
    file_id = await backend.upload("a.txt", text, "assistants")
    assert (await backend.stores.attach(store, file_id, attributes, (100, 0))).status == "in_progress"
    found = await backend.stores.attached(store, file_id)
    assert found == Attachment("completed", attributes, (100, 0))
    return file_id


async def test_files_are_searched_by_their_words_until_they_are_gone(
    up: StatefulUpstream, backend: ResponsesBackend
) -> None:
    store = await backend.stores.create("animals", expires_days=3)
    cats = await attached(backend, store, b"Cats purr softly", animal="cat")
    dogs = await attached(backend, store, b"Dogs bark\r\n\r\nloudly", animal="dog")
    passages, queries = await backend.stores.search(store, ["dogs bark"], {"max_num_results": 1})
    assert [(found.file_id, found.score, found.text) for found in passages] == [(dogs, 1.0, "Dogs bark\r\n\r\nloudly")]
    assert (queries, passages[0].attributes) == (["dogs bark"], {"animal": "dog"})
    await backend.stores.detach(store, dogs)
    assert await backend.stores.search(store, ["dogs"], {}) == ([], ["dogs"])
    assert [await backend.delete_file(cats) for _ in range(2)] == [True, False]
    assert await backend.stores.attached(store, cats) is None
    with pytest.raises(UpstreamError, match=cats):
        await backend.stores.attach(store, cats, {}, None)
    assert [await backend.stores.delete(store) for _ in range(2)] == [True, False]
    with pytest.raises(UpstreamError, match=store):
        await backend.stores.search(store, ["cats"], {})
    with pytest.raises(UpstreamError, match=store):
        await backend.stores.attach(store, dogs, {}, None)


async def test_a_search_is_filtered_ranked_and_rewritten(up: StatefulUpstream, backend: ResponsesBackend) -> None:
    store = await backend.stores.create("animals")
    old = await attached(backend, store, b"cats purr", year=2020)
    new = await attached(backend, store, b"cats and dogs bark", year=2024)

    async def found(*queries: str, **options: Any) -> list[str]:
        passages, _ = await backend.stores.search(store, queries, options)
        return [passage.file_id for passage in passages]

    assert await found("cats purr") == [old, new]
    assert await found("cats purr", filters={"type": "gt", "key": "year", "value": 2020}) == [new]
    either = [{"type": "eq", "key": "year", "value": year} for year in (2020, 1999)]
    assert await found("cats purr", filters={"type": "or", "filters": either}) == [old]
    assert await found("cats purr", ranking_options={"ranker": "auto", "score_threshold": 0.6}) == [old]
    assert await found("purr", "dogs bark") == [old, new]
    up.rewritten = {"Which of them bark?": "bark"}
    assert await backend.stores.search(store, ["Which of them bark?"], {"rewrite_query": True}) == (
        (await backend.stores.search(store, ["bark"], {}))[0],
        ["bark"],
    )
    await backend.stores.describe(store, new, {"year": 1999})
    assert await found("cats", filters={"type": "eq", "key": "year", "value": 1999}) == [new]
    with pytest.raises(UpstreamError, match="Unknown parameter"):
        await found("cats", top=3)


async def test_a_files_passages_are_as_long_as_it_is_told(up: StatefulUpstream, backend: ResponsesBackend) -> None:
    store = await backend.stores.create("long")
    await attached(backend, store, " ".join(f"w{number}" for number in range(250)).encode())
    passages, _ = await backend.stores.search(store, ["w0 w100 w240"], {})
    assert sorted(len(passage.text.split()) for passage in passages) == [50, 100, 100]
    file_id = await backend.upload("b.txt", b"b", "assistants")
    with pytest.raises(UpstreamError, match="chunking_strategy"):
        await backend.stores.attach(store, file_id, {}, (100, 51))


async def test_what_happens_now_and_then_is_switched_on(up: StatefulUpstream, backend: ResponsesBackend) -> None:
    store = await backend.stores.create("animals")
    file_id = await attached(backend, store, b"cats")
    up.empty_searches = 1
    assert [len((await backend.stores.search(store, ["cats"], {}))[0]) for _ in range(2)] == [0, 1]
    assert (await backend.stores.attach(store, file_id, {}, None)).status == "in_progress"
    up.attaches_a_minute = 1
    more = await backend.upload("b.txt", b"b", "assistants")
    with pytest.raises(UpstreamError, match="limiting the rate"):
        await backend.stores.attach(store, more, {}, None)
    up.stores[store]["status"] = "expired"
    assert not await backend.stores.alive(store)


async def test_models_embeddings_and_token_counts_are_there(up: StatefulUpstream, backend: ResponsesBackend) -> None:
    assert (await backend.models())[0] == "gpt-6-sol"
    near, same, far = await backend.embed(["the cat", "The cat!", "entirely different"])
    assert near == pytest.approx(same)
    assert near != pytest.approx(far)
    assert await backend.count_tokens(layout("one two three")) == 3
