"""Vector stores kept upstream."""

import pytest

from mcp_server.backends.protocol import Attachment
from mcp_server.backends.responses.backend import ResponsesBackend
from mcp_server.errors import UpstreamError
from mcp_server.model.document import Passage
from tests.responses.conftest import Connect
from tests.upstream import ScriptedUpstream
from tests.upstream_answers import Answer, error, reply
from tests.upstream_shapes import hit, search_page, store_file, vector_store

FILES = "/v1/vector_stores/vs_1/files"
FILE = f"{FILES}/file-1"
SOON = {"openai-poll-after-ms": "1"}


async def test_a_store_is_made_under_its_name(up: ScriptedUpstream, backend: ResponsesBackend) -> None:
    up.on("POST", "/v1/vector_stores", reply(vector_store("vs_1")))
    assert await backend.stores.create("docs") == "vs_1"
    assert up.requests[0].json == {"name": "docs"}
    assert up.requests[0].headers["openai-beta"] == "assistants=v2"


async def test_a_store_is_made_to_expire_and_its_expiry_changed(
    up: ScriptedUpstream, backend: ResponsesBackend
) -> None:
    up.on("POST", "/v1/vector_stores", reply(vector_store("vs_1")))
    up.on("POST", "/v1/vector_stores/vs_1", reply(vector_store("vs_1")))
    await backend.stores.create("docs", expires_days=7)
    await backend.stores.expire("vs_1", 30)
    expiries = [request.json["expires_after"] for request in up.requests]
    assert expiries == [{"anchor": "last_active_at", "days": 7}, {"anchor": "last_active_at", "days": 30}]


@pytest.mark.parametrize(
    ("answer", "alive"),
    [
        (reply(vector_store("vs_1")), True),
        (reply(vector_store("vs_1", status="in_progress")), True),
        (reply(vector_store("vs_1", status="expired")), False),
        (error(404), False),
    ],
)
async def test_a_store_is_alive_until_it_is_gone_or_has_expired(
    up: ScriptedUpstream, backend: ResponsesBackend, answer: Answer, alive: bool
) -> None:
    up.on("GET", "/v1/vector_stores/vs_1", answer)
    assert await backend.stores.alive("vs_1") is alive


async def test_a_file_is_attached_with_attributes_and_chunking(up: ScriptedUpstream, backend: ResponsesBackend) -> None:
    strategy = {"type": "static", "static": {"max_chunk_size_tokens": 200, "chunk_overlap_tokens": 50}}
    told = store_file("in_progress", attributes={"path": "a.txt"}, chunking_strategy=strategy)
    up.on("POST", FILES, reply(told), reply(store_file("in_progress")))
    found = await backend.stores.attach("vs_1", "file-1", {"path": "a.txt"}, (200, 50))
    assert found == Attachment("in_progress", {"path": "a.txt"}, (200, 50))
    await backend.stores.attach("vs_1", "file-1", {}, None)
    body = {"file_id": "file-1", "attributes": {"path": "a.txt"}, "chunking_strategy": strategy}
    assert [request.json for request in up.requests] == [body, {"file_id": "file-1", "attributes": {}}]


async def test_a_file_is_waited_for_until_it_is_searchable(up: ScriptedUpstream, backend: ResponsesBackend) -> None:
    up.on("GET", FILE, reply(store_file("in_progress"), headers=SOON), reply(store_file("completed")), error(404))
    assert await backend.stores.attached("vs_1", "file-1") == Attachment("completed", {})
    assert await backend.stores.attached("vs_1", "file-1") is None
    assert len(up.requests) == 3


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (
            store_file("failed", last_error={"code": "invalid_file", "message": "No text\nin it"}),
            "failed: No text in it",
        ),
        (store_file("failed"), "failed"),
        (store_file("cancelled"), "cancelled"),
        ({"object": "vector_store.file"}, "unknown"),
    ],
)
async def test_a_file_that_cannot_be_indexed_says_why(
    up: ScriptedUpstream, backend: ResponsesBackend, body: dict[str, object], reason: str
) -> None:
    up.on("GET", FILE, reply(body))
    assert await backend.stores.attached("vs_1", "file-1") == Attachment("failed", {}, None, reason)


async def test_a_file_that_is_never_ready_is_given_up(up: ScriptedUpstream, connect: Connect) -> None:
    up.always("GET", FILE, reply(store_file("in_progress"), headers=SOON))
    found = await connect(timeout_seconds=0.2).stores.attached("vs_1", "file-1")
    assert found == Attachment("in_progress", {})


async def test_a_file_that_is_attached_already_is_no_error(up: ScriptedUpstream, backend: ResponsesBackend) -> None:
    up.on("POST", FILES, error(409, "already there"))
    assert (await backend.stores.attach("vs_1", "file-1", {}, None)).status == "in_progress"


async def test_other_attributes_are_put_on_a_file_that_is_there(
    up: ScriptedUpstream, backend: ResponsesBackend
) -> None:
    up.on("POST", FILE, reply(store_file("completed")))
    await backend.stores.describe("vs_1", "file-1", {"lang": "fr"})
    assert up.requests[0].json == {"attributes": {"lang": "fr"}}


async def test_a_store_that_is_gone_takes_no_file(up: ScriptedUpstream, backend: ResponsesBackend) -> None:
    up.on("POST", FILES, error(404, "No such store"))
    with pytest.raises(UpstreamError, match="No such store"):
        await backend.stores.attach("vs_1", "file-1", {}, None)


async def test_how_long_a_limit_lasts_is_told(up: ScriptedUpstream, backend: ResponsesBackend) -> None:
    up.on("POST", FILES, error(429, "slow down", headers={"retry-after": "60"}))
    with pytest.raises(UpstreamError) as raised:
        await backend.stores.attach("vs_1", "file-1", {}, None)
    assert (raised.value.kind, raised.value.retry_after) == ("rate_limited", 60.0)


async def test_what_is_gone_already_is_as_good_as_deleted(up: ScriptedUpstream, backend: ResponsesBackend) -> None:
    up.on("DELETE", FILE, reply({"deleted": True}), error(404))
    await backend.stores.detach("vs_1", "file-1")
    await backend.stores.detach("vs_1", "file-1")
    up.on("DELETE", "/v1/vector_stores/vs_1", reply({"deleted": True}), error(404))
    assert [await backend.stores.delete("vs_1") for _ in range(2)] == [True, False]


async def test_a_search_returns_passages_and_the_queries_that_were_searched(
    up: ScriptedUpstream, backend: ResponsesBackend
) -> None:
    found = hit("Cats purr.", 0.8, lang="en"), {**hit("x", 1.5), "content": [{"text": "a"}, {"text": "b"}]}
    up.on("POST", "/v1/vector_stores/vs_1/search", reply(search_page(*found, query="cat sounds")))
    passages, queries = await backend.stores.search("vs_1", ["What do cats say?"], {"max_num_results": 2})
    assert passages == [
        Passage(file_id="file-1", filename="a.txt", score=0.8, text="Cats purr.", attributes={"lang": "en"}),
        Passage(file_id="file-1", filename="a.txt", score=1.0, text="a\nb"),
    ]
    assert queries == ["cat sounds"]
    assert up.requests[0].json == {"query": "What do cats say?", "max_num_results": 2}


async def test_several_queries_are_sent_as_a_list(up: ScriptedUpstream, backend: ResponsesBackend) -> None:
    bare = {"data": [{"file_id": "file-1", "score": None, "attributes": None}], "search_query": "a b"}
    up.on("POST", "/v1/vector_stores/vs_1/search", reply(bare), reply({"data": []}))
    passages, queries = await backend.stores.search("vs_1", ["a", "b"], {})
    assert passages == [Passage(file_id="file-1", filename="", score=0.0, text="")]
    assert queries == ["a b"]
    assert await backend.stores.search("vs_1", ["a", "b"], {}) == ([], ["a", "b"])
    assert up.requests[0].json == {"query": ["a", "b"]}


async def test_search_results_of_another_shape_are_refused(up: ScriptedUpstream, backend: ResponsesBackend) -> None:
    up.on("POST", "/v1/vector_stores/vs_1/search", reply({"results": []}))
    with pytest.raises(UpstreamError) as raised:
        await backend.stores.search("vs_1", ["a"], {})
    assert raised.value.kind == "bad_upstream_response"
