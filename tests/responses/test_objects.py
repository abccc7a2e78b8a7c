"""Stored responses, models, files, embeddings and token counts."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from inline_snapshot import snapshot

from mcp_server.backends.responses.backend import ResponsesBackend
from mcp_server.backends.responses.profiles import COMPATIBLE
from mcp_server.errors import UpstreamError
from mcp_server.model.value import JsonObject
from tests.responses.conftest import Connect
from tests.responses.talk import layout
from tests.upstream import ScriptedUpstream
from tests.upstream_answers import Answer, black_hole, error, reply, reset, web_page
from tests.upstream_shapes import RESPONSE_ID, embeddings, file, model, page, response

ONE = f"/v1/responses/{RESPONSE_ID}"


async def test_a_response_is_retrieved_as_it_is_now(up: ScriptedUpstream, backend: ResponsesBackend) -> None:
    up.on("GET", ONE, reply(response(status="in_progress", usage=None)), reply(response("Hi")))
    assert (await backend.retrieve(RESPONSE_ID)).status == "in_progress"
    assert (await backend.retrieve(RESPONSE_ID)).text == "Hi"


async def test_a_response_that_is_gone_is_not_found(up: ScriptedUpstream, backend: ResponsesBackend) -> None:
    up.on("GET", ONE, error(404, f"Response with id '{RESPONSE_ID}' not found."))
    with pytest.raises(UpstreamError) as raised:
        await backend.retrieve(RESPONSE_ID)
    assert (raised.value.kind, raised.value.http_status) == ("not_found", 404)
    assert RESPONSE_ID in raised.value.message


@pytest.mark.parametrize("passing", [error(500), error(502), error(429, "slow"), error(409), reset()])
async def test_reading_is_tried_again_after_whatever_may_pass(
    up: ScriptedUpstream, backend: ResponsesBackend, passing: Answer
) -> None:
    up.on("GET", ONE, passing, reply(response("Hi")))
    got = await backend.retrieve(RESPONSE_ID)
    assert (got.text, got.attempts) == ("Hi", 2)


@pytest.mark.parametrize(
    "strange", [web_page(), reply({"object": "list"}), reply("{", headers={}), reply("<p>", 200, {}), reply([])]
)
async def test_a_retrieved_page_of_another_shape_is_no_response(
    up: ScriptedUpstream, backend: ResponsesBackend, strange: Answer
) -> None:
    up.on("GET", ONE, strange)
    with pytest.raises(UpstreamError) as raised:
        await backend.retrieve(RESPONSE_ID)
    assert raised.value.kind == "bad_upstream_response"


async def test_nothing_is_unknown_about_reading_that_timed_out(up: ScriptedUpstream, connect: Connect) -> None:
    up.on("GET", ONE, black_hole())
    with pytest.raises(UpstreamError) as raised:
        await connect(timeout_seconds=0.3).retrieve(RESPONSE_ID)
    assert (raised.value.kind, raised.value.outcome, raised.value.retryable) == ("timeout", "failed", True)


@pytest.mark.parametrize(
    ("response_id", "path"),
    [
        ("../files/file-1", "/v1/responses/%2E%2E%2Ffiles%2Ffile-1"),
        ("..", "/v1/responses/%2E%2E"),
        ("", "/v1/responses/-"),
        ("a?b#c", "/v1/responses/a%3Fb%23c"),
    ],
)
async def test_an_id_cannot_leave_its_place_in_the_path(
    up: ScriptedUpstream, backend: ResponsesBackend, response_id: str, path: str
) -> None:
    up.on("DELETE", path, error(404))
    assert await backend.delete(response_id) is False


async def test_deleting_says_whether_there_was_anything_to_delete(
    up: ScriptedUpstream, backend: ResponsesBackend
) -> None:
    up.on("DELETE", ONE, reply({"id": RESPONSE_ID, "deleted": True}), reply("", 204), error(404, "No such response"))
    assert [await backend.delete(RESPONSE_ID) for _ in range(3)] == [True, True, False]
    up.on("DELETE", "/v1/files/file-1", reply({"id": "file-1", "deleted": True}), error(404))
    assert [await backend.delete_file("file-1") for _ in range(2)] == [True, False]


async def test_a_refused_deletion_is_an_error(up: ScriptedUpstream, backend: ResponsesBackend) -> None:
    up.on("DELETE", ONE, error(403))
    with pytest.raises(UpstreamError, match="does not let this account do that"):
        await backend.delete(RESPONSE_ID)


def in_days(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).date().isoformat()


LISTED = [
    model("gpt-4o", 100),
    model("gpt-6.1-sol", 300),
    model("gpt-6-sol", 200),
    model("gpt-6.9-sol", 900, shutdown_date=in_days(5)),
    model("gpt-6.8-sol", 800, shutdown_date=in_days(-5)),
    model("gpt-6.2-mini", 700),
    model("gpt-6-image", 700),
    model("gpt-6-codex", 700),
    model("gpt-realtime-3", 700),
    model("gpt-6.1-sol-2026-10-01", 700),
    model("text-embedding-3-large", 50),
    {"object": "model"},
]


async def test_the_default_model_is_the_newest_general_one_that_stays(
    up: ScriptedUpstream, backend: ResponsesBackend
) -> None:
    up.on("GET", "/v1/models", reply(page(LISTED)))
    listed = await backend.models()
    assert listed[0] == "gpt-6.1-sol"
    assert sorted(listed) == sorted(str(entry["id"]) for entry in LISTED if "id" in entry)


async def test_a_far_or_unreadable_shutdown_date_does_not_matter(
    up: ScriptedUpstream, backend: ResponsesBackend
) -> None:
    entries = [model("gpt-6", 1, shutdown_date=in_days(200)), model("gpt-7", 2, shutdown_date="some day")]
    up.on("GET", "/v1/models", reply(page(entries)))
    assert await backend.models() == ["gpt-7", "gpt-6"]


async def test_the_configured_model_comes_first(up: ScriptedUpstream, connect: Connect) -> None:
    up.on("GET", "/v1/models", reply(page(LISTED)))
    listed = await connect(model="gpt-6-sol").models()
    assert listed[:2] == ["gpt-6-sol", "gpt-6.1-sol"]
    assert listed.count("gpt-6-sol") == 1


async def test_a_server_with_names_of_its_own_keeps_its_order(up: ScriptedUpstream, backend: ResponsesBackend) -> None:
    up.on("GET", "/v1/models", reply({"data": [{"id": "qwen3"}, {"id": "llama4", "created": None}]}))
    assert await backend.models() == ["qwen3", "llama4"]


@pytest.mark.parametrize("name", ["openai.gpt-6-sol", "us.openai.gpt-6-sol", "openai/gpt-6-sol"])
async def test_a_general_model_is_known_by_the_names_that_others_give_it(
    up: ScriptedUpstream, backend: ResponsesBackend, name: str
) -> None:
    up.on("GET", "/v1/models", reply({"data": [model("somebody.else-2", 900), model(name, 100)]}))
    assert await backend.models() == [name, "somebody.else-2"]


async def test_a_configured_model_needs_no_list(up: ScriptedUpstream, connect: Connect) -> None:
    up.on("GET", "/v1/models", error(404), error(404), error(401))
    assert await connect(model="qwen3").models() == ["qwen3"]
    with pytest.raises(UpstreamError, match="does not have"):
        await connect().models()
    with pytest.raises(UpstreamError, match="API key"):
        await connect(model="qwen3").models()


async def test_tokens_are_counted_for_the_same_request(up: ScriptedUpstream, backend: ResponsesBackend) -> None:
    up.on("POST", "/v1/responses/input_tokens", reply({"object": "response.input_tokens", "input_tokens": 11}))
    asked = layout(
        instructions="be brief", cache_key="k", params={"temperature": 0.1, "tools": [], "truncation": "auto"}
    )
    assert await backend.count_tokens(asked) == 11
    assert up.requests[0].json == snapshot(
        {
            "tools": [],
            "truncation": "auto",
            "model": "gpt-6-sol",
            "input": [{"role": "user", "content": "hello"}],
            "instructions": "be brief",
        }
    )


async def test_tokens_that_cannot_be_counted_are_not_known(up: ScriptedUpstream, connect: Connect) -> None:
    assert await connect(profile=COMPATIBLE).count_tokens(layout()) is None
    up.on("POST", "/v1/responses/input_tokens", reply({"input_tokens": "many"}))
    assert await connect().count_tokens(layout()) is None


async def test_a_file_is_uploaded_with_its_name_and_an_expiry(up: ScriptedUpstream, backend: ResponsesBackend) -> None:
    up.on("POST", "/v1/files", reply(file("file-9")))
    assert await backend.upload("a.txt", b"hello", "user_data", expires_seconds=2_592_000) == "file-9"
    sent = up.requests[0]
    assert sent.headers["content-type"].startswith("multipart/form-data; boundary=")
    for part in (b'name="purpose"\r\n\r\nuser_data', b'filename="a.txt"', b"\r\n\r\nhello\r\n"):
        assert part in sent.content
    for part in (b'name="expires_after[anchor]"\r\n\r\ncreated_at', b'name="expires_after[seconds]"\r\n\r\n2592000'):
        assert part in sent.content


async def test_a_file_that_is_to_stay_is_uploaded_without_an_expiry(
    up: ScriptedUpstream, backend: ResponsesBackend
) -> None:
    up.on("POST", "/v1/files", reply(file("file-9")))
    await backend.upload("a.txt", b"hello", "assistants")
    assert b"expires_after" not in up.requests[0].content


async def test_an_upload_whose_fate_is_unknown_is_not_repeated(up: ScriptedUpstream, backend: ResponsesBackend) -> None:
    up.on("POST", "/v1/files", reset(), reply({"object": "file"}))
    for kind in ("connection_lost", "bad_upstream_response"):
        with pytest.raises(UpstreamError) as raised:
            await backend.upload("a.txt", b"hello", "user_data")
        assert (raised.value.kind, raised.value.outcome) == (kind, "unknown")


async def test_vectors_come_back_in_order_and_of_length_one(up: ScriptedUpstream, connect: Connect) -> None:
    body = embeddings([3.0, 4.0], [0.0, 2.0])
    body["data"].reverse()
    up.on("POST", "/v1/embeddings", reply(body))
    assert await connect(embedding_model="e").embed(["one", ""]) == [[0.6, 0.8], [0.0, 1.0]]
    assert up.requests[0].json == {"model": "e", "input": ["one", " "], "encoding_format": "float"}


async def test_a_long_text_is_the_mean_of_its_pieces(up: ScriptedUpstream, connect: Connect) -> None:
    up.on("POST", "/v1/embeddings", reply(embeddings([1.0, 0.0], [0.0, 1.0], [0.0, 0.0])))
    first, second = await connect(embedding_model="e").embed(["é" * 4_000 + "a" * 8_000, "x"])
    assert first == pytest.approx([1 / math.sqrt(5), 2 / math.sqrt(5)])
    assert second == [0.0, 0.0]
    assert [len(piece.encode()) for piece in up.requests[0].json["input"]] == [8_000, 8_000, 1]


async def test_many_texts_go_in_several_requests(up: ScriptedUpstream, connect: Connect) -> None:
    up.on("POST", "/v1/embeddings", reply(embeddings(*[[1.0]] * 512)), reply(embeddings(*[[2.0]] * 3)))
    assert await connect(embedding_model="e").embed(["x"] * 515) == [[1.0]] * 515
    assert await connect(embedding_model="e").embed([]) == []
    assert [len(request.json["input"]) for request in up.requests] == [512, 3]


@pytest.mark.parametrize(
    "body", [{"data": []}, {"data": [{"index": 0, "embedding": "AAAA"}]}, {"data": [{"embedding": []}]}]
)
async def test_embeddings_of_another_shape_are_refused(
    up: ScriptedUpstream, connect: Connect, body: JsonObject
) -> None:
    up.on("POST", "/v1/embeddings", reply(body))
    with pytest.raises(UpstreamError) as raised:
        await connect(embedding_model="e").embed(["x"])
    assert raised.value.kind == "bad_upstream_response"


async def test_the_embedding_model_is_a_small_one_of_the_list(up: ScriptedUpstream, backend: ResponsesBackend) -> None:
    names = ["gpt-6", "text-embedding-3-large", "text-embedding-ada-002", "text-embedding-3-small"]
    up.on("GET", "/v1/models", reply(page([model(name, 1) for name in names])))
    up.always("POST", "/v1/embeddings", reply(embeddings([1.0])))
    await backend.embed(["x"])
    await backend.embed(["y"])
    sent: list[Any] = [request.json["model"] for request in up.posts("/v1/embeddings")]
    assert sent == ["text-embedding-3-small"] * 2


async def test_a_server_without_an_embedding_model_says_what_to_set(
    up: ScriptedUpstream, backend: ResponsesBackend
) -> None:
    up.on("GET", "/v1/models", reply(page([model("gpt-6", 1)])))
    with pytest.raises(UpstreamError, match="RESPONSES_MCP_EMBEDDING_MODEL"):
        await backend.embed(["x"])


async def test_nothing_has_to_be_made_ready(backend: ResponsesBackend) -> None:
    assert [step async for step in backend.prepare()] == []
    assert backend.name == "openai"
    assert backend.profile.chain
