"""Answers with sources: each citation leads to a local file, and to the lines or the page it leans on."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.files.made import pdf
from tests.serving import House, house, openai, text_of, told
from tests.upstream_shapes import JsonObject, message
from tests.upstream_state import StatefulUpstream

TRAINS = "# Trains\n\nThe night train leaves at ten.\n\n## Tickets\n\nTickets are sold on board.\nDogs ride for free.\n"


def put(served: House, name: str, content: str) -> Path:
    path = served.app.roots.folders[0] / name
    path.write_text(content, "utf-8")
    return path


def searched(file_id: str, *texts: str, queries: tuple[str, ...] = ("night train",)) -> JsonObject:
    """A file search of the upstream's, and its results."""
    results = [
        {"file_id": file_id, "filename": "upstream.txt", "score": 0.9 - place / 10, "text": text, "attributes": {}}
        for place, text in enumerate(texts)
    ]
    call = {"id": "fs_1", "type": "file_search_call", "status": "completed"}
    return {**call, "queries": list(queries), "results": results}


def cited(file_id: str, index: int) -> JsonObject:
    return {"type": "file_citation", "file_id": file_id, "filename": "upstream.txt", "index": index}


async def indexed(served: House, up: StatefulUpstream, path: Path, store: str = "trips") -> tuple[str, str]:
    """Index one file; returns the ids of the store and of the file."""
    await served.call("vector_search", store=store, paths=[str(path)])
    return next(iter(up.stores)), next(iter(up.files))


async def test_the_backend_searches_and_its_citations_lead_to_lines_of_the_local_file(
    hosted: House, up: StatefulUpstream
) -> None:
    path = put(hosted, "trains.md", TRAINS)
    store_id, file_id = await indexed(hosted, up, path)
    said = "It leaves at ten. Dogs ride for free."
    passages = ("Trains  The night train leaves at ten.", "Tickets are sold on board. Dogs ride for free.")
    up.say([searched(file_id, *passages), message(said, annotations=[cited(file_id, 17), cited(file_id, len(said))])])
    done = await hosted.call("vector_search", store="trips", query="When does it leave?", answer=True, max_results=3)
    body = up.posts()[0].json
    assert body["tools"] == [{"type": "file_search", "vector_store_ids": [store_id], "max_num_results": 3}]
    assert body["tool_choice"] == {"type": "file_search"}
    assert body["include"] == ["file_search_call.results"]
    assert body["input"] == [{"role": "user", "content": "When does it leave?"}]
    assert not up.posts(f"/v1/vector_stores/{store_id}/search")
    assert done["text"] == said
    assert done["vector_store_id"] == store_id
    assert done["search_query"] == ["night train"]
    about = {"type": "file_citation", "file_id": file_id, "filename": "trains.md", "path": str(path)}
    assert done["citations"] == [
        {**about, "lines": "1-3", "quote": "Trains The night train leaves at ten."},
        {**about, "lines": "7-8", "quote": "Tickets are sold on board. Dogs ride for free."},
    ]
    assert [hit["lines"] for hit in done["results"]] == ["1-3", "7-8"]
    assert done["results"][0]["path"] == str(path)


async def test_a_reader_sees_the_answer_then_its_sources_marked_as_file_content(
    hosted: House, up: StatefulUpstream
) -> None:
    path = put(hosted, "trains.md", TRAINS)
    _, file_id = await indexed(hosted, up, path)
    up.say([searched(file_id, "The night train leaves at ten."), message("At ten.", annotations=[cited(file_id, 7)])])
    shown = text_of(await hosted.result("vector_search", store="trips", query="When?", answer=True))
    assert shown.startswith("At ten.\n")
    assert f"source: {path} lines 3 (file content: \u201cThe night train leaves at ten.\u201d)" in shown


async def test_an_answer_that_outlasts_its_wait_is_polled_with_the_same_sources(
    hosted: House, up: StatefulUpstream
) -> None:
    path = put(hosted, "trains.md", TRAINS)
    _, file_id = await indexed(hosted, up, path)
    up.say([searched(file_id, "Dogs ride for free."), message("Dogs do.", annotations=[cited(file_id, 8)])])
    begun = await hosted.call("vector_search", store="trips", query="Who?", answer=True, wait_seconds=0)
    job = await hosted.collect(begun["job_id"])
    assert job["result"]["citations"][0]["path"] == str(path)
    assert job["result"]["citations"][0]["lines"] == "8"
    assert job["result"]["results"][0]["lines"] == "8"


async def test_generate_with_file_search_on_that_store_cites_local_files_too(
    hosted: House, up: StatefulUpstream
) -> None:
    path = put(hosted, "trains.md", TRAINS)
    store_id, file_id = await indexed(hosted, up, path)
    up.say([searched(file_id, "Dogs ride for free."), message("Dogs.", annotations=[cited(file_id, 5)])])
    tool = {"type": "file_search", "vector_store_ids": [store_id]}
    asked = {"include": ["file_search_call.results"]}
    done = await hosted.call("generate", input="Who rides for free?", tools=[tool], options=asked)
    assert done["citations"][0]["path"] == str(path)
    assert done["citations"][0]["lines"] == "8"


async def test_a_citation_of_a_pdf_leads_to_its_page(hosted: House, up: StatefulUpstream) -> None:
    path = hosted.app.roots.folders[0] / "rules.pdf"
    path.write_bytes(pdf("Smoking is forbidden.", "Bicycles travel in the last car."))
    _, file_id = await indexed(hosted, up, path)
    up.say([searched(file_id, "Bicycles travel in the last car."), message("Last.", annotations=[cited(file_id, 5)])])
    done = await hosted.call("vector_search", store="trips", query="Bicycles?", answer=True)
    (citation,) = done["citations"]
    assert (citation["path"], citation["page"]) == (str(path), 2)
    assert "lines" not in citation


async def test_a_file_that_has_changed_since_is_cited_without_lines(hosted: House, up: StatefulUpstream) -> None:
    path = put(hosted, "trains.md", TRAINS)
    _, file_id = await indexed(hosted, up, path)
    path.write_text("\n\n" + TRAINS, "utf-8")
    up.say([searched(file_id, "Dogs ride for free."), message("Dogs.", annotations=[cited(file_id, 5)])])
    (citation,) = (await hosted.call("vector_search", store="trips", query="Who?", answer=True))["citations"]
    assert citation["path"] == str(path)
    assert "lines" not in citation


async def test_a_citation_of_a_file_that_is_not_ours_stays_as_it_came(hosted: House, up: StatefulUpstream) -> None:
    up.say([searched("file-theirs", "Theirs."), message("Theirs.", annotations=[cited("file-theirs", 7)])])
    done = await hosted.call("vector_search", store="vs_theirs", query="What?", answer=True)
    (citation,) = done["citations"]
    assert citation == {
        "type": "file_citation", "file_id": "file-theirs", "filename": "upstream.txt", "quote": "Theirs."
    }  # fmt: skip


async def test_filters_ranking_and_several_queries_go_with_the_question(hosted: House, up: StatefulUpstream) -> None:
    path = put(hosted, "trains.md", TRAINS)
    store_id, _ = await indexed(hosted, up, path)
    only = {"type": "eq", "key": "line", "value": "night"}
    await hosted.call(
        "vector_search",
        store="trips",
        query=["When?", "From where?"],
        filters=only,
        score_threshold=0.4,
        answer=True,
        options={"include": ["reasoning.encrypted_content"]},
    )
    body = up.posts()[0].json
    (tool,) = body["tools"]
    assert tool["filters"] == only
    assert tool["ranking_options"] == {"score_threshold": 0.4}
    assert tool["vector_store_ids"] == [store_id]
    assert body["include"] == ["file_search_call.results", "reasoning.encrypted_content"]
    assert body["input"] == [{"role": "user", "content": "When?\nFrom where?"}]


async def test_a_dry_run_of_an_answer_shows_its_request(hosted: House, up: StatefulUpstream) -> None:
    path = put(hosted, "trains.md", TRAINS)
    store_id, _ = await indexed(hosted, up, path)
    result = await hosted.result("vector_search", store="trips", query="When?", answer=True, dry_run=True)
    shown = result.structured_content or {}
    assert shown["status"] == "dry_run"
    assert store_id in str(shown["request"])
    assert store_id in text_of(result)
    assert up.posts() == []


@pytest.fixture
async def compatible(up: StatefulUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[House]:
    """The server of a user whose backend has neither files nor vector stores, and who has no embedded engine."""
    monkeypatch.setattr("mcp_server.app.open_embedder", lambda *_: None)
    variables = openai(up.base_url, RESPONSES_MCP_BACKEND="compatible")
    async with house(told(tmp_path, **variables)) as served:
        yield served


async def test_where_we_search_the_passages_go_numbered_and_the_numbers_are_the_citations(
    compatible: House, up: StatefulUpstream
) -> None:
    path = put(compatible, "trains.md", TRAINS)
    put(compatible, "garden.md", "# Garden\n\nTrains of ants cross it.\n")
    folder = str(compatible.app.roots.folders[0])
    up.say("At ten [1].")
    done = await compatible.call(
        "vector_search", store="trips", paths=[folder], query="When does the night train leave?", answer=True
    )
    content = up.posts()[0].json["input"][0]["content"]
    assert content[0]["text"].startswith("[1] ")
    assert "(file content)" in content[0]["text"]
    assert content[-1]["text"] == "When does the night train leave?"
    (citation,) = done["citations"]
    assert citation["path"] == str(path)
    assert citation["lines"] == "1-8"
    assert "vector_store_id" not in done


async def test_a_polled_answer_of_ours_has_its_citations_too(compatible: House, up: StatefulUpstream) -> None:
    path = put(compatible, "trains.md", TRAINS)
    up.say("At ten.")
    begun = await compatible.call(
        "vector_search", store="trips", paths=[str(path)], query="night train", answer=True, wait_seconds=0
    )
    if begun["index"]["status"] == "in_progress":
        begun = await compatible.call("vector_search", store="trips", query="night train", answer=True, wait_seconds=0)
    job = await compatible.collect(begun["job_id"])
    assert [source["path"] for source in job["result"]["citations"]] == [str(path)]


async def test_where_nothing_is_found_no_model_is_asked(compatible: House, up: StatefulUpstream) -> None:
    path = put(compatible, "trains.md", TRAINS)
    done = await compatible.call("vector_search", store="trips", paths=[str(path)], query="xylophone", answer=True)
    assert (done["status"], done["results"]) == ("completed", [])
    assert "Nothing was found, so no model was asked." in done["warnings"]
    assert "text" not in done
    assert up.posts() == []


async def test_the_same_key_gives_the_first_answer_also_when_other_passages_are_found_now(
    compatible: House, up: StatefulUpstream
) -> None:
    path = put(compatible, "trains.md", TRAINS)
    up.say("At ten [1].")
    asked = {"store": "trips", "paths": [str(path)], "query": "night train", "answer": True, "request_key": "k"}
    first = await compatible.call("vector_search", **asked)
    path.write_text(f"# Night train\n\nMoved.\n{TRAINS}", "utf-8")
    again = await compatible.call("vector_search", **asked)
    assert again["text"] == first["text"] == "At ten [1]."
    assert again["response_id"] == first["response_id"]
    assert len(up.posts()) == 1
    words, _ = await compatible.refused("vector_search", **{**asked, "query": "day train"})
    assert "request_key" in words


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"score_threshold": 0.5, "ranking_options": {"score_threshold": 0.4}}, "excludes score_threshold"),
        ({"paths": ["."], "chunking_strategy": {"type": "static"}}, "chunking_strategy: pass"),
        ({"paths": ["."], "expires_after": {"days": 3}}, "expires_after: pass"),
        ({"query": []}, "query"),
    ],
)
async def test_an_object_of_another_form_is_refused_with_the_right_one(
    hosted: House, up: StatefulUpstream, arguments: JsonObject, words: str
) -> None:
    said, told_of = await hosted.refused("vector_search", **{"store": "n", "query": "x", **arguments})
    assert words in said
    assert told_of["outcome"] == "not_sent"
    assert up.requests == []
