import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import anyio
import pytest

from mcp_server.cleanup.report import AT_ONCE
from mcp_server.errors import StoreError
from tests.serving import House, both_eras, house, openai, text_of, told
from tests.store.examples import a_turn, add_turns
from tests.upstream_answers import Answer, Exchange, black_hole, error, reply, reset
from tests.upstream_shapes import message, response
from tests.upstream_state import StatefulUpstream

ALL = {"all": True, "confirm": True, "dry_run": False}


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


@pytest.fixture
async def hasty(up: StatefulUpstream, tmp_path: Path) -> AsyncGenerator[House]:
    """A server that tries nothing again."""
    async with house(told(tmp_path, **openai(up.base_url, RESPONSES_MCP_MAX_RETRIES="0"))) as served:
        yield served


@both_eras
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
    assert done["counts"] == {"deleted": 10}
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


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (error(401, "no", code="invalid_api_key"), "HTTP 401"),
        (error(500, "boom"), "HTTP 500"),
        (error(429, "slow down"), "HTTP 429"),
        (reset(), "connection"),
        (reply("<html>", headers={"content-type": "text/html"}), "web page"),
    ],
    ids=["401", "500", "429", "reset", "portal"],
)
async def test_one_failure_does_not_stop_the_others(
    hasty: House, up: StatefulUpstream, answer: Answer, words: str
) -> None:
    ids = await made(hasty)
    up.on("DELETE", f"/v1/responses/{ids['first']}", answer)
    done = await hasty.call("cleanup", **ALL)
    failed = [item for item in done["items"] if item["status"] == "failed"]
    assert [(item["id"], item["kind"]) for item in failed] == [(ids["first"], "responses")]
    assert words in failed[0]["error"]
    assert done["counts"]["failed"] == 1
    assert up.kept() == {ids["first"]}
    again = await hasty.call("cleanup", **ALL)
    assert [(item["id"], item["status"]) for item in again["items"]] == [(ids["first"], "deleted")]
    assert up.kept() == set()


async def test_a_row_that_cannot_be_deleted_is_told_and_can_be_later(
    hosted: House, up: StatefulUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await made(hosted)

    async def broken(*_: object) -> int:
        raise StoreError("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(hosted.app.store.sessions, "forget", broken)
        done = await hosted.call("cleanup", session="s", dry_run=False)
    assert {item["error"] for item in done["items"] if item["kind"] == "responses"} == {"The disk is full."}
    assert done["counts"] == {"failed": 2, "deleted": 3}
    again = await hosted.call("cleanup", session="s", dry_run=False)
    assert {item["id"]: item["status"] for item in again["items"]} == {
        ids["first"]: "already_gone",
        ids["second"]: "already_gone",
    }


async def responses(house: House, count: int) -> list[str]:
    """Turns whose responses the upstream has long forgotten."""
    ids = [f"resp_{number:03}" for number in range(count)]
    scope = house.app.scope("local")
    for one in ids:
        await add_turns(house.app.store, a_turn(one, scope=scope, stored=True), scope=scope)
    return ids


async def test_hundreds_go_in_order_with_progress_and_a_short_text(hosted: House) -> None:
    ids = await responses(hosted, 200)
    result = await hosted.result("cleanup", **ALL)
    done = result.structured_content
    assert done is not None
    assert [item["id"] for item in done["items"]][:200] == ids
    assert done["counts"] == {"already_gone": 200, "deleted": 200}
    assert text_of(result).splitlines()[1] == (f"- already gone: 200 responses ({', '.join(ids[:5])} and 195 more)")
    assert len(text_of(result)) < 600
    assert hosted.progress[-1] == "400 of 400"
    assert len(hosted.progress) == 400


async def test_no_more_than_a_few_go_at_once(hosted: House, up: StatefulUpstream) -> None:
    full, opened = asyncio.Event(), asyncio.Event()
    waiting = most = 0

    async def held(exchange: Exchange) -> None:
        nonlocal waiting, most
        waiting += 1
        most = max(most, waiting)
        if waiting == AT_ONCE:
            full.set()
        await opened.wait()
        waiting -= 1
        await reply({"deleted": True})(exchange)

    for one in await responses(hosted, 3 * AT_ONCE):
        up.on("DELETE", f"/v1/responses/{one}", held)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: hosted.call("cleanup", all=True, confirm=True, kinds=["responses"], dry_run=False))
        with anyio.fail_after(20):
            await full.wait()
        opened.set()
    assert most == AT_ONCE
    assert len(up.requests) == 3 * AT_ONCE


async def test_what_there_was_no_time_for_is_told_and_goes_the_next_time(
    hosted: House, up: StatefulUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await made(hosted)
    up.on("DELETE", f"/v1/responses/{ids['first']}", black_hole())
    with monkeypatch.context() as patch:
        patch.setattr("mcp_server.tools.cleanup.PATIENCE_SECONDS", 1.0)
        done = await hosted.call("cleanup", session="s", dry_run=False)
    told = {item["id"]: item for item in done["items"]}
    assert told[ids["second"]]["status"] == "deleted"
    assert told[ids["first"]]["status"] == told["s"]["status"] == "skipped"
    assert "no time left" in told["s"]["error"]
    again = await hosted.call("cleanup", session="s", dry_run=False)
    assert again["counts"] == {"deleted": 4}
    assert len(up.kept()) == 1


async def test_what_a_failed_response_wrote_goes_with_it(hosted: House, up: StatefulUpstream) -> None:
    place = {"container_id": "cntr_1", "file_id": "cfile_1", "start_index": 0, "end_index": 4}
    note = {"type": "container_file_citation", "filename": "plot.csv", **place}
    failed = response(output=[message("Here.", annotations=[note])], status="failed", id="resp_failed")
    up.on("POST", "/v1/responses", reply(failed))
    up.on("GET", "/v1/containers/cntr_1/files/cfile_1/content", reply("a,b"))
    await hosted.refused("generate", input="Compute.")
    kept = hosted.app.store.objects
    (artifact,) = await kept.all(hosted.app.scope("local"), "artifact")
    assert artifact.id == "resp_failed"
    done = await hosted.call("cleanup", ids=["resp_failed"], dry_run=False)
    assert done["counts"] == {"already_gone": 1}
    assert await kept.all(hosted.app.scope("local"), "artifact") == []


async def test_a_conversation_goes_with_its_session(hosted: House, up: StatefulUpstream) -> None:
    await hosted.call("generate", input="one", session="s", options={"conversation": "new"})
    await hosted.call("sessions", action="rename", session="s", to="t")
    done = await hosted.call("cleanup", session="t", dry_run=False)
    assert kinds(done) == {"responses": 1, "conversations": 1, "jobs": 1, "sessions": 1}
    assert done["counts"] == {"deleted": 4}
    assert (up.kept(), up.conversations) == (set(), {})


async def test_every_kind_can_be_named_by_its_id(hosted: House, up: StatefulUpstream) -> None:
    await made(hosted)
    await hosted.call("generate", input="one", session="t", options={"conversation": "new"})
    shown = (await hosted.call("cleanup", all=True))["items"]
    ids = [item["id"] for item in shown]
    assert len(ids) == 14
    (store_id,) = up.stores
    named = [store_id if one == "notes" else one for one in ids]
    done = await hosted.call("cleanup", ids=named, dry_run=False)
    assert [item["id"] for item in done["items"]] == ids
    assert done["counts"] == {"deleted": 14}
    assert (up.kept(), up.conversations, up.stores, up.files) == (set(), {}, {}, {})


async def test_without_its_key_nothing_is_forgotten(hosted: House, up: StatefulUpstream, tmp_path: Path) -> None:
    await made(hosted)
    async with house(told(tmp_path, RESPONSES_MCP_BACKEND="openai")) as keyless:
        words, _ = await keyless.refused("cleanup", **ALL)
        assert "OPENAI_API_KEY" in words
        assert (await keyless.call("cleanup", all=True))["counts"] == {"would_delete": 10}
    assert len(up.stores) == 1
    assert (await hosted.call("cleanup", **ALL))["counts"] == {"deleted": 10}


async def test_what_is_gone_upstream_is_already_gone(hosted: House, up: StatefulUpstream) -> None:
    done = await hosted.call("generate", input="one")
    up.forget(done["response_id"])
    result = await hosted.call("cleanup", ids=[done["response_id"]], kinds=["responses"], dry_run=False)
    assert result["counts"] == {"already_gone": 1}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "exactly one of"),
        ({"all": True, "session": "s"}, "exactly one of"),
        ({"all": True, "dry_run": False}, "confirm: true"),
        ({"older_than": "soon"}, "older_than: 'soon' is no age; write one such as \"30d\""),
        ({"ids": []}, "ids: it must not be empty."),
        ({"session": "s", "kinds": ["everything"]}, "kinds"),
    ],
)
async def test_a_wrong_argument_is_named(hosted: House, arguments: dict[str, object], words: str) -> None:
    said, _ = await hosted.refused("cleanup", **arguments)
    assert words in said


async def test_the_text_says_how_to_go_on(hosted: House) -> None:
    assert text_of(await hosted.result("cleanup", all=True)) == "Nothing to clean up."
    await hosted.call("generate", input="one")
    would = text_of(await hosted.result("cleanup", all=True))
    assert would.startswith(
        "2 would delete; nothing was deleted, dry_run: false does it.\n- would delete: 1 responses ("
    )
    done = text_of(await hosted.result("cleanup", **ALL))
    assert done.startswith("2 deleted.\n- deleted: 1 responses (")


@pytest.mark.engine
async def test_what_the_embedded_engine_made_goes_too(embedded: House) -> None:
    await embedded.call("generate", input="one", session="s", max_output_tokens=4)
    (embedded.app.roots.folders[0] / "a.md").write_text("Alpha.", "utf-8")
    await embedded.call("vector_search", store="notes", paths=["a.md"])
    scope, index = embedded.app.scope("local"), embedded.app.store.index
    (file,) = await index.files(scope, "notes")
    done = await embedded.call("cleanup", all=True, dry_run=False, confirm=True)
    assert kinds(done) == {"jobs": 1, "sessions": 1, "responses": 1, "vector_stores": 1}
    assert done["counts"] == {"deleted": 4}
    assert await index.files(scope, "notes") == []
    assert await index.match(scope, "notes", ["alpha"], 5, [file.file_id]) == []
    words, _ = await embedded.refused("vector_search", store="notes", query="alpha")
    assert "notes" in words
