import asyncio
from pathlib import Path

import pytest

from tests.serving import House
from tests.upstream_answers import error
from tests.upstream_state import StatefulUpstream


async def made(house: House) -> dict[str, str]:
    """A session with two turns, a one-off, an uploaded file, a vector store; returns response ids."""
    first = await house.call("generate", input="one", session="s")
    second = await house.call("generate", input="two", session="s")
    root: Path = house.app.roots.folders[0]
    (root / "a.md").write_text("Alpha.", "utf-8")
    (root / "b.pdf").write_bytes(b"%PDF-1.4\n%%EOF")
    asked = await house.call("file_ask", question="What?", files=["b.pdf"])
    await house.call("vector_search", store="notes", paths=["a.md"])
    return {"first": first["response_id"], "second": second["response_id"], "file": asked["files"][0]["file_id"]}


def kinds(done: dict[str, object]) -> dict[str, int]:
    counted: dict[str, int] = {}
    for item in done["items"]:  # type: ignore[attr-defined]
        counted[item["kind"]] = counted.get(item["kind"], 0) + 1
    return counted


async def test_by_default_it_only_says_what_would_go(hosted: House, up: StatefulUpstream) -> None:
    await made(hosted)
    before = len(up.requests)
    shown = await hosted.call("cleanup", all=True)
    assert shown["dry_run"] is True
    assert {item["status"] for item in shown["items"]} == {"would_delete"}
    assert kinds(shown) == {"jobs": 3, "sessions": 1, "responses": 3, "vector_stores": 1, "files": 2}
    assert len(up.requests) == before


async def test_everything_that_was_made_goes_here_and_upstream(hosted: House, up: StatefulUpstream) -> None:
    await made(hosted)
    foreign = up.someone_elses()
    done = await hosted.call("cleanup", all=True, dry_run=False, confirm=True)
    assert set(done["counts"]) <= {"deleted", "already_gone"}
    assert sum(done["counts"].values()) == 10
    assert up.kept() == {foreign}
    assert up.files == {}
    assert up.stores == {}
    again = await hosted.call("cleanup", all=True, dry_run=False, confirm=True)
    assert again["items"] == []


async def test_one_session_goes_and_the_rest_stays(hosted: House, up: StatefulUpstream) -> None:
    ids = await made(hosted)
    done = await hosted.call("cleanup", session="s", dry_run=False)
    assert kinds(done) == {"jobs": 2, "sessions": 1, "responses": 2}
    assert ids["first"] not in up.kept()
    assert len(up.kept()) == 1


async def test_ids_and_kinds_narrow_it_and_unknown_ids_are_told(hosted: House, up: StatefulUpstream) -> None:
    ids = await made(hosted)
    done = await hosted.call("cleanup", ids=[ids["first"], ids["file"], "resp_foreign"], dry_run=False)
    told = {item["id"]: item["status"] for item in done["items"]}
    assert told == {ids["first"]: "deleted", ids["file"]: "deleted", "resp_foreign": "skipped"}
    narrowed = await hosted.call("cleanup", all=True, kinds=["sessions"])
    assert kinds(narrowed) == {"sessions": 1}


async def test_age_counts(hosted: House) -> None:
    await made(hosted)
    assert (await hosted.call("cleanup", older_than="1d"))["items"] == []
    assert (await hosted.call("cleanup", older_than="0s"))["items"] != []


async def test_one_failure_does_not_stop_the_others(hosted: House, up: StatefulUpstream) -> None:
    ids = await made(hosted)
    up.on("DELETE", f"/v1/responses/{ids['first']}", error(401, "no", code="invalid_api_key"))
    done = await hosted.call("cleanup", session="s", dry_run=False, kinds=["responses"])
    told = {item["id"]: item["status"] for item in done["items"]}
    assert told == {ids["first"]: "failed", ids["second"]: "deleted"}
    again = await hosted.call("cleanup", ids=[ids["first"]], dry_run=False)
    assert again["counts"] == {"deleted": 1}


async def test_what_is_gone_upstream_is_already_gone(hosted: House, up: StatefulUpstream) -> None:
    done = await hosted.call("generate", input="one")
    up.forget(done["response_id"])
    result = await hosted.call("cleanup", ids=[done["response_id"]], kinds=["responses"], dry_run=False)
    assert result["counts"] == {"already_gone": 1}


async def test_a_running_job_is_skipped(hosted: House, up: StatefulUpstream) -> None:
    up.pause = asyncio.Event()
    job = await hosted.call("generate", input="Slow.", wait_seconds=0.2)
    done = await hosted.call("cleanup", all=True, dry_run=False, confirm=True)
    assert done["items"][0]["status"] == "skipped"
    assert "cancel" in done["items"][0]["error"]
    up.pause.set()
    await hosted.call("poll", ids=[job["job_id"]], wait_seconds=20)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "exactly one of"),
        ({"all": True, "session": "s"}, "exactly one of"),
        ({"all": True, "dry_run": False}, "confirm: true"),
        ({"older_than": "soon"}, "older_than"),
        ({"session": "s", "kinds": ["everything"]}, "kinds"),
    ],
)
async def test_a_wrong_argument_is_named(hosted: House, arguments: dict[str, object], words: str) -> None:
    said, _ = await hosted.refused("cleanup", **arguments)
    assert words in said


@pytest.mark.engine
async def test_what_the_embedded_engine_made_goes_too(embedded: House) -> None:
    await embedded.call("generate", input="one", session="s", max_output_tokens=4)
    (embedded.app.roots.folders[0] / "a.md").write_text("Alpha.", "utf-8")
    await embedded.call("vector_search", store="notes", paths=["a.md"])
    done = await embedded.call("cleanup", all=True, dry_run=False, confirm=True)
    assert kinds(done) == {"jobs": 1, "sessions": 1, "responses": 1, "vector_stores": 1}
    assert done["counts"] == {"deleted": 4}
    words, _ = await embedded.refused("vector_search", store="notes", query="alpha")
    assert "notes" in words
