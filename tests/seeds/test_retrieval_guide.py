"""The retrieval guide's flows: a store, filters on attributes, ranking, rewriting, expiry, chunking, an answer."""

from pathlib import Path
from typing import Any

import pytest

from tests.seeds.walkthrough import said
from tests.serving import House
from tests.upstream_answers import Request, reply
from tests.upstream_shapes import JsonObject, hit, message, search_page
from tests.upstream_state import StatefulUpstream

MOON = {
    "landing.txt": "The first lunar landing took place in July of 1969.",
    "armstrong.txt": "Neil Armstrong was the first to walk there.",
    "cake.txt": "A moon cake is filled with lotus seed paste.",
}


def folder(house: House) -> Path:
    place = house.app.roots.folders[0] / "moon"
    place.mkdir(exist_ok=True)
    for name, text in MOON.items():
        (place / name).write_text(text, "utf-8")
    return place


def sent(up: StatefulUpstream, method: str, path: str) -> list[Request]:
    return [request for request in up.requests if request.method == method and request.path == path]


async def filled(house: House, up: StatefulUpstream, **more: Any) -> str:
    """The folder in a store; returns the store's id."""
    await house.call("vector_search", store="moon", paths=[str(folder(house))], **more)
    return next(iter(up.stores))


async def test_the_quickstart_is_one_call(hosted: House, up: StatefulUpstream) -> None:
    place = folder(hosted)
    done = await hosted.call("vector_search", store="moon", paths=[str(place)], query="first lunar landing")
    (store_id,) = up.stores
    assert done["index"]["added"] == 3
    assert done["vector_store_id"] == store_id
    (search,) = sent(up, "POST", f"/v1/vector_stores/{store_id}/search")
    assert search.json == {"query": "first lunar landing", "max_num_results": 10}
    best = done["results"][0]
    assert best["text"] == MOON["landing.txt"]
    assert (best["path"], best["lines"]) == (str(place / "landing.txt"), "1")
    assert 0 < best["score"] <= 1


async def test_fifty_results_are_the_most(hosted: House, up: StatefulUpstream) -> None:
    store_id = await filled(hosted, up)
    await hosted.call("vector_search", store="moon", query="moon", max_results=50)
    assert sent(up, "POST", f"/v1/vector_stores/{store_id}/search")[0].json["max_num_results"] == 50
    words, _ = await hosted.refused("vector_search", store="moon", query="moon", max_results=51)
    assert "max_results" in words


async def test_a_rewritten_query_is_shown(hosted: House, up: StatefulUpstream) -> None:
    store_id = await filled(hosted, up)
    search = f"/v1/vector_stores/{store_id}/search"
    up.on("POST", search, reply(search_page(hit("The tower is 90 m high.", 0.8), query="main office height")))
    asked = "I would like to know how high the main office is."
    done = await hosted.call("vector_search", store="moon", query=asked, rewrite_query=True)
    assert sent(up, "POST", search)[0].json["rewrite_query"] is True
    assert done["search_query"] == ["main office height"]


REGION = {"type": "eq", "key": "region", "value": "us"}
SPRING = {
    "type": "and",
    "filters": [
        {"type": "gte", "key": "date", "value": 1_704_067_200},
        {"type": "lte", "key": "date", "value": 1_710_892_800},
    ],
}
NAMES = {
    "type": "or",
    "filters": [
        {"type": "eq", "key": "name", "value": "a.txt"},
        {"type": "eq", "key": "name", "value": "b.txt"},
    ],
}
NESTED = {
    "type": "or",
    "filters": [
        {
            "type": "and",
            "filters": [
                {"type": "or", "filters": [{"type": "eq", "key": "code", "value": "X1"}, REGION]},
                {"type": "eq", "key": "confidential", "value": False},
            ],
        },
        {"type": "in", "key": "language", "value": ["en", "fi"]},
    ],
}


@pytest.mark.parametrize("filters", [REGION, SPRING, NAMES, NESTED], ids=["region", "dates", "names", "nested"])
async def test_filters_go_as_they_are(hosted: House, up: StatefulUpstream, filters: JsonObject) -> None:
    store_id = await filled(hosted, up)
    await hosted.call("vector_search", store="moon", query="moon", filters=filters)
    assert sent(up, "POST", f"/v1/vector_stores/{store_id}/search")[0].json["filters"] == filters


async def test_attributes_put_on_files_are_what_filters_speak_about(hosted: House, up: StatefulUpstream) -> None:
    place = folder(hosted)
    for name, region in (("landing.txt", "us"), ("cake.txt", "cn")):
        await hosted.call("vector_search", store="moon", paths=[str(place / name)], attributes={"region": region})
    done = await hosted.call("vector_search", store="moon", query="the first moon cake landing", filters=REGION)
    assert [one["filename"] for one in done["results"]] == ["landing.txt"]
    assert done["results"][0]["attributes"] == {"region": "us"}


async def test_the_ranker_and_its_threshold_go_as_they_are(hosted: House, up: StatefulUpstream) -> None:
    store_id = await filled(hosted, up)
    ranking = {"ranker": "auto", "score_threshold": 0.8}
    done = await hosted.call("vector_search", store="moon", query="first lunar landing took", ranking_options=ranking)
    assert sent(up, "POST", f"/v1/vector_stores/{store_id}/search")[0].json["ranking_options"] == ranking
    assert [one["filename"] for one in done["results"]] == ["landing.txt"]


async def test_a_store_that_is_not_used_expires(hosted: House, up: StatefulUpstream) -> None:
    expiry = {"anchor": "last_active_at", "days": 7}
    await filled(hosted, up, expires_after=expiry)
    assert sent(up, "POST", "/v1/vector_stores")[0].json == {"name": "moon", "expires_after": expiry}


async def test_files_in_a_store_do_not_expire_before_it(hosted: House, up: StatefulUpstream) -> None:
    await filled(hosted, up)
    uploads = sent(up, "POST", "/v1/files")
    assert len(uploads) == 3
    assert all(b"expires_after" not in upload.content for upload in uploads)


async def test_passages_are_cut_as_they_are_told_to_be(hosted: House, up: StatefulUpstream) -> None:
    strategy = {"type": "static", "static": {"max_chunk_size_tokens": 1200, "chunk_overlap_tokens": 200}}
    store_id = await filled(hosted, up, chunking_strategy=strategy)
    attached = sent(up, "POST", f"/v1/vector_stores/{store_id}/files")
    assert [one.json["chunking_strategy"] for one in attached] == [strategy] * 3


@pytest.mark.parametrize(("tokens", "overlap"), [(99, 10), (4097, 10), (800, 401), (800, -1)])
async def test_passages_outside_the_limits_are_refused(
    hosted: House, up: StatefulUpstream, tokens: int, overlap: int
) -> None:
    strategy = {"type": "static", "static": {"max_chunk_size_tokens": tokens, "chunk_overlap_tokens": overlap}}
    words, told = await hosted.refused(
        "vector_search", store="moon", paths=[str(folder(hosted))], chunking_strategy=strategy
    )
    assert "chunk" in words
    assert told["outcome"] == "not_sent"
    assert up.requests == []


async def test_an_answer_is_written_from_what_was_found(hosted: House, up: StatefulUpstream) -> None:
    place = folder(hosted)
    await filled(hosted, up)
    file_id = next(one for one, kept in up.files.items() if kept["filename"] == "landing.txt")
    found = {"file_id": file_id, "filename": "landing.txt", "score": 0.9, "text": MOON["landing.txt"], "attributes": {}}
    search = {"id": "fs_1", "type": "file_search_call", "status": "completed", "queries": ["moon"], "results": [found]}
    cited = {"type": "file_citation", "file_id": file_id, "filename": "landing.txt", "index": 8}
    up.say([search, message("In 1969.", annotations=[cited])])
    done = await hosted.call("vector_search", store="moon", query="When did we go to the moon?", answer=True)
    assert up.posts()[0].json["input"] == said("When did we go to the moon?")
    assert done["text"] == "In 1969."
    (citation,) = done["citations"]
    assert (citation["path"], citation["lines"]) == (str(place / "landing.txt"), "1")
