"""``vector_search`` on the backend's own stores, as a caller sees it."""

from pathlib import Path
from typing import Any

import pytest

from tests.files.made import docx, pdf, xlsx
from tests.serving import House
from tests.upstream_answers import error
from tests.upstream_state import StatefulUpstream

NOTES = "# Trains\n\nThe night train leaves at ten.\nTickets are sold on board.\n"


def put(house: House, name: str, content: bytes | str) -> Path:
    path = house.app.roots.folders[0] / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def store_of(up: StatefulUpstream) -> dict[str, Any]:
    (kept,) = up.stores.values()
    return kept


async def test_every_kind_of_file_is_made_searchable_and_led_back_to_its_place(
    hosted: House, up: StatefulUpstream
) -> None:
    put(hosted, "trains.md", NOTES)
    put(hosted, "lease.pdf", pdf("Nothing here", "The lease ends in June"))
    put(hosted, "contract.docx", docx("Contract", "Either side may give notice."))
    put(hosted, "costs.xlsx", xlsx({"May": [["bread", 3]], "June": [["cheese", 7]]}))
    done = await hosted.call("vector_search", store="s", paths=["."], query="the night train", max_results=50)
    assert (done["index"]["added"], done["index"]["failed"]) == (4, [])
    assert sorted(kept["filename"] for kept in up.files.values()) == [
        "contract.docx", "costs.xlsx.md", "lease.pdf", "trains.md"
    ]  # fmt: skip
    best = done["results"][0]
    assert (best["path"], best["lines"]) == (str(hosted.app.roots.folders[0] / "trains.md"), "1-4")
    (sheet,) = (await hosted.call("vector_search", store="s", query="cheese"))["results"]
    assert (Path(sheet["path"]).name, "lines" in sheet) == ("costs.xlsx", False)
    assert "[sheet 2]" in sheet["text"]


async def test_what_narrows_and_rewords_a_search_reaches_the_upstream(hosted: House, up: StatefulUpstream) -> None:
    put(hosted, "old.md", "trains of old")
    put(hosted, "new.md", "trains of today run on time")
    await hosted.call("vector_search", store="s", paths=["old.md"], attributes={"year": 1920})
    await hosted.call("vector_search", store="s", paths=["new.md"], attributes={"year": 2020})
    up.rewritten = {"Do the trains run on time?": "trains time"}
    done = await hosted.call(
        "vector_search",
        store="s",
        query=["Do the trains run on time?"],
        filters={"type": "and", "filters": [{"type": "gte", "key": "year", "value": 2000}]},
        rewrite_query=True,
        score_threshold=0.9,
        max_results=5,
    )
    assert [Path(hit["path"]).name for hit in done["results"]] == ["new.md"]
    assert done["results"][0]["attributes"] == {"year": 2020}
    assert done["search_query"] == ["trains time"]
    both = await hosted.call("vector_search", store="s", query=["old", "today"])
    assert {Path(hit["path"]).name for hit in both["results"]} == {"old.md", "new.md"}
    none = await hosted.call("vector_search", store="s", query="trains", score_threshold=1.0, filters={
        "type": "eq", "key": "year", "value": 1}
    )  # fmt: skip
    assert none["results"] == []


async def test_a_store_that_answers_empty_at_first_is_asked_again(hosted: House, up: StatefulUpstream) -> None:
    put(hosted, "trains.md", NOTES)
    up.empty_searches = 1
    done = await hosted.call("vector_search", store="s", paths=["trains.md"], query="tickets")
    assert len(done["results"]) == 1


async def test_passages_are_cut_as_the_caller_wants_and_cut_anew_without_an_upload(
    hosted: House, up: StatefulUpstream
) -> None:
    put(hosted, "long.md", "\n".join(f"line {number} of many" for number in range(1, 201)))
    for tokens in (100, 400):
        strategy = {"type": "static", "static": {"max_chunk_size_tokens": tokens, "chunk_overlap_tokens": 0}}
        done = await hosted.call(
            "vector_search", store="s", paths=["long.md"], query="many", chunking_strategy=strategy, max_results=50
        )
        assert len(done["results"]) == 800 // tokens
    assert done["results"][0]["lines"] in ("1-100", "101-200")
    assert len(up.posts("/v1/files")) == 1


async def test_a_store_expires_when_the_caller_says_so(hosted: House, up: StatefulUpstream) -> None:
    put(hosted, "trains.md", NOTES)
    for days in (7, 30):
        await hosted.call(
            "vector_search",
            store="s",
            paths=["trains.md"],
            expires_after={"anchor": "last_active_at", "days": days},
        )
        assert store_of(up)["expires_after"] == {"anchor": "last_active_at", "days": days}


async def test_a_store_that_has_expired_is_told_and_made_anew_with_paths(hosted: House, up: StatefulUpstream) -> None:
    put(hosted, "trains.md", NOTES)
    await hosted.call("vector_search", store="s", paths=["trains.md"])
    store_of(up)["status"] = "expired"
    words, told = await hosted.refused("vector_search", store="s", query="train")
    assert "with paths" in words
    assert told["code"] == "not_found"
    done = await hosted.call("vector_search", store="s", paths=["trains.md"], query="train")
    assert len(done["results"]) == 1
    assert len(up.posts("/v1/files")) == 1
    words, _ = await hosted.refused("vector_search", store="vs_unheard", query="train")
    assert "vs_unheard" in words


async def test_a_file_that_the_upstream_lost_is_brought_in_again(hosted: House, up: StatefulUpstream) -> None:
    put(hosted, "trains.md", NOTES)
    await hosted.call("vector_search", store="one", paths=["trains.md"])
    up.lose(next(iter(up.files)))
    done = await hosted.call("vector_search", store="two", paths=["trains.md"], query="train")
    assert done["index"]["added"] == len(done["results"]) == 1
    assert len(up.posts("/v1/files")) == 2


@pytest.mark.parametrize("retry_after", ["0.01", None])
async def test_a_rate_limit_of_the_upstream_is_waited_for(
    hosted: House, up: StatefulUpstream, monkeypatch: pytest.MonkeyPatch, retry_after: str | None
) -> None:
    monkeypatch.setattr("mcp_server.index.pacing.FIRST_PAUSE", 0.01)
    put(hosted, "trains.md", NOTES)
    headers = {"retry-after": retry_after} if retry_after else {"x-should-retry": "false"}
    up.on("POST", "/v1/files", *[error(429, "slow down", headers=headers)] * 4)
    done = await hosted.call("vector_search", store="s", paths=["trains.md"])
    assert done["index"]["added"] == 1
    assert any("waiting 0 s for the upstream's rate limit" in message for message in hosted.progress)
