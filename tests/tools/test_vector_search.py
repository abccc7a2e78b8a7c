import asyncio
import shutil
from functools import partial
from pathlib import Path

import anyio
import pytest

from tests.serving import House, text_of
from tests.upstream_answers import error, stream
from tests.upstream_state import StatefulUpstream

TEXTS = {
    "garden.md": "# Garden\n\nTomatoes want sun and water.\nPrune them in June.\n",
    "trains.md": "# Trains\n\nThe night train leaves at ten.\nTickets are sold on board.\n",
}


def folder(house: House) -> Path:
    docs = house.app.roots.folders[0] / "docs"
    docs.mkdir(exist_ok=True)
    for name, text in TEXTS.items():
        (docs / name).write_text(text, "utf-8")
    return docs


async def test_a_folder_is_made_searchable_and_only_changes_are_indexed_again(
    hosted: House, up: StatefulUpstream
) -> None:
    docs = folder(hosted)
    first = await hosted.call("vector_search", store="notes", paths=[str(docs)], query="night train tickets")
    assert first["index"] == {
        "added": 2, "updated": 0, "removed": 0, "unchanged": 0, "failed": [], "status": "completed"
    }  # fmt: skip
    best = first["results"][0]
    assert best["filename"] == "trains.md"
    assert best["path"] == str(docs / "trains.md")
    assert "night train" in best["text"]
    (docs / "garden.md").write_text("# Garden\n\nRoses now.\n", "utf-8")
    (docs / "trains.md").unlink()
    again = await hosted.call("vector_search", store="notes", paths=[str(docs)])
    assert again["index"]["updated"] == 1
    assert again["index"]["removed"] == 1
    assert "results" not in again
    assert hosted.progress


@pytest.mark.parametrize("named", ["{}/trains.md", "{}", "{}/*.md"])
async def test_what_is_named_again_and_is_gone_altogether_is_taken_out(
    hosted: House, up: StatefulUpstream, named: str
) -> None:
    docs = folder(hosted)
    paths = [named.format(docs)]
    await hosted.call("vector_search", store="notes", paths=paths)
    shutil.rmtree(docs)
    again = await hosted.call("vector_search", store="notes", paths=paths)
    assert again["index"]["removed"] == (1 if named.endswith("trains.md") else 2)
    assert again["index"]["failed"] == []
    assert up.files == {}
    words, _ = await hosted.refused("vector_search", store="notes", paths=paths)
    assert "check the p" in words


async def test_what_a_glob_no_longer_matches_because_its_folder_is_gone_is_taken_out(
    hosted: House, up: StatefulUpstream
) -> None:
    docs = folder(hosted)
    shutil.copytree(docs, docs / "one")
    shutil.copytree(docs, docs / "two")
    paths = [f"{docs}/*/trains.md"]
    await hosted.call("vector_search", store="notes", paths=paths)
    shutil.rmtree(docs / "one")
    again = await hosted.call("vector_search", store="notes", paths=paths)
    assert (again["index"]["removed"], again["index"]["unchanged"]) == (1, 1)


async def test_a_reader_is_told_what_became_of_the_files_and_what_to_do(hosted: House, up: StatefulUpstream) -> None:
    docs = folder(hosted)
    (docs / "tool.bin").write_bytes(bytes(range(256)))
    begun = text_of(await hosted.result("vector_search", store="notes", paths=[str(docs)], wait_seconds=0))
    assert begun == "index in_progress: make the same call again to go on.\n\n[in_progress]"
    done = text_of(await hosted.result("vector_search", store="notes", paths=[str(docs)]))
    counts, failed, *_ = done.splitlines()
    assert counts == "index completed: 2 added, 0 updated, 0 removed, 0 unchanged"
    assert failed.startswith(f"not indexed: {docs}/tool.bin looks binary")


async def test_of_many_files_that_cannot_be_indexed_some_are_named_and_all_counted(hosted: House) -> None:
    for number in range(51):
        (hosted.app.roots.folders[0] / f"{number}.bin").write_bytes(bytes(range(256)))
    index = (await hosted.call("vector_search", store="notes", paths=["."]))["index"]
    assert (len(index["failed"]), index["failed_count"]) == (50, 51)


async def test_indexing_that_takes_longer_than_the_wait_goes_on_with_the_next_call(
    hosted: House, up: StatefulUpstream
) -> None:
    docs = folder(hosted)
    begun = await hosted.call("vector_search", store="notes", paths=[str(docs)], query="sun", wait_seconds=0)
    assert begun["status"] == "in_progress"
    assert begun["index"]["status"] == "in_progress"
    done = await hosted.call("vector_search", store="notes", paths=[str(docs)], query="sun")
    assert done["status"] == "completed"
    assert done["results"][0]["filename"] == "garden.md"


async def test_the_same_call_meets_the_update_that_is_under_way(hosted: House, up: StatefulUpstream) -> None:
    docs = folder(hosted)
    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(partial(hosted.call, "vector_search", store="notes", paths=[str(docs)]))
    assert len(up.posts("/v1/files")) == 2


async def test_a_host_that_cancels_stops_the_update(hosted: House, up: StatefulUpstream) -> None:
    docs = folder(hosted)
    held = asyncio.Event()
    up.on("POST", "/v1/vector_stores", stream([held]))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hosted.client.call_tool, "vector_search", {"store": "notes", "paths": [str(docs)]})
        await up.arrived(1)
        tasks.cancel_scope.cancel()
    with anyio.fail_after(20):
        await up.requests[0].abandoned.wait()
    held.set()


async def test_a_bug_in_an_update_is_told_and_the_others_go_on(hosted: House, monkeypatch: pytest.MonkeyPatch) -> None:
    docs = folder(hosted)

    async def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr(type(hosted.app.index), "update", broken)
        words, told = await hosted.refused("vector_search", store="notes", paths=[str(docs)])
    assert told["code"] == "internal"
    assert "a bug" not in words
    assert (await hosted.call("vector_search", store="notes", paths=[str(docs)]))["index"]["added"] == 2


async def test_an_update_that_fails_says_why(hosted: House, up: StatefulUpstream) -> None:
    docs = folder(hosted)
    up.always("POST", "/v1/vector_stores", error(401, "no", code="invalid_api_key"))
    _, told = await hosted.refused("vector_search", store="notes", paths=[str(docs)])
    assert told["code"] == "auth"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"store": "n"}, "query: pass what to search for"),
        ({"store": "n", "paths": ["."], "answer": True}, "answer: pass the query"),
        ({"store": "unheard", "query": "x"}, "unheard"),
        ({"store": "n", "query": "x", "max_results": 51}, "max_results"),
        ({"store": "n", "query": "x", "ranking_options": {"score_threshold": "high"}}, "a number from 0 to 1"),
        ({"store": "n", "query": "x", "ranking_options": {"score_threshold": 2}}, "a number from 0 to 1"),
        ({"store": "n", "query": "x", "attributes": {"a": 1}}, "pass paths with it"),
        ({"store": "n", "query": "x", "chunking_strategy": {"type": "auto"}}, "pass paths with it"),
        ({"store": "n", "query": "x", "expires_after": {"anchor": "last_active_at", "days": 1}}, "pass paths with it"),
        ({"store": "n", "query": "x", "paths": ["."], "dry_run": True}, "dry_run: it shows"),
        ({"store": "n", "query": "x", "dry_run": True}, "dry_run: it shows"),
        ({"store": "n", "query": "x", "paths": ["/etc"]}, "outside"),
        ({"query": "x"}, "store: vector_search needs this argument."),
    ],
)
async def test_a_wrong_argument_is_named(hosted: House, arguments: dict[str, object], words: str) -> None:
    said, error = await hosted.refused("vector_search", **arguments)
    assert words in said
    assert error["outcome"] == "not_sent"


@pytest.mark.engine
async def test_the_embedded_index_searches_by_meaning_and_words(embedded: House) -> None:
    docs = folder(embedded)
    found = await embedded.call(
        "vector_search", store="notes", paths=[str(docs)], query="How do I look after vegetables?", max_results=2
    )
    assert found["index"]["added"] == 2
    best = found["results"][0]
    assert best["filename"] == "garden.md"
    assert best["lines"] == "1-4"
    assert 0 < best["score"] <= 1
    result = await embedded.result("vector_search", store="notes", query="railway")
    assert result.content[0].text.startswith("[")  # type: ignore[union-attr]
    answered = await embedded.call("vector_search", store="notes", query="railway", answer=True, max_output_tokens=4)
    assert answered["text"]
    assert answered["citations"][0]["path"].endswith(".md")
