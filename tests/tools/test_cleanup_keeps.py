"""What ``cleanup`` leaves alone for now, and why it says so."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mcp_server.cleanup.choice import Choice, seconds_of
from mcp_server.cleanup.stock import Item
from tests.serving import House
from tests.store.examples import a_session, an_object
from tests.upstream_answers import error
from tests.upstream_state import StatefulUpstream

FOREVER = 4e9
GOES = {"dry_run": False}
ALL = {"all": True, "confirm": True, **GOES}


def statuses(done: dict[str, Any]) -> dict[str, str]:
    return {item["id"]: item["status"] for item in done["items"]}


def reasons(done: dict[str, Any]) -> dict[str, str]:
    return {item["id"]: item["error"] for item in done["items"] if "error" in item}


def age(home: Path, days: float) -> None:
    """Let everything be so much older."""
    with closing(sqlite3.connect(home / "store.db", isolation_level=None)) as database:
        for column in (
            *("turns.created_at", "jobs.created_at", "jobs.ended_at", "objects.created_at"),
            *("sessions.created_at", "sessions.updated_at", "index_files.indexed_at"),
        ):
            table, name = column.split(".")
            database.execute(f"UPDATE {table} SET {name} = {name} - ?", [days * 86_400])


async def indexed(house: House, *names: str) -> str:
    """A file in stores of these names; returns its id."""
    (house.app.roots.folders[0] / "a.md").write_text("Alpha.", "utf-8")
    for name in names:
        await house.call("vector_search", store=name, paths=["a.md"])
    (kept,) = await house.app.store.objects.all(house.app.scope("local"), "file")
    return kept.id


async def cancelled(house: House, up: StatefulUpstream, **more: Any) -> tuple[str, str]:
    """A background job that was stopped; returns its id and that of the response it leaves upstream."""
    up.pause = asyncio.Event()
    job = await house.call("start_background", input="Long work.", **more)
    while not (await house.app.store.jobs.find(house.app.scope("local"), [job["job_id"]]))[0].response_id:
        await house.call("poll", ids=[job["job_id"]], wait_seconds=0.05)
    (stopped,) = (await house.call("cancel", ids=[job["job_id"]]))["jobs"]
    assert stopped["status"] == "cancelled"
    up.pause.set()
    up.pause = None
    (kept,) = await house.app.store.jobs.find(house.app.scope("local"), [job["job_id"]])
    assert kept.response_id in up.kept()
    return kept.id, kept.response_id


async def test_a_stopped_jobs_response_is_found_although_no_turn_was_made_of_it(
    hosted: House, up: StatefulUpstream
) -> None:
    job, response = await cancelled(hosted, up)
    done = await hosted.call("cleanup", **GOES, all=True, confirm=True, kinds=["responses"])
    assert statuses(done) == {response: "deleted"}
    assert up.kept() == set()
    done = await hosted.call("cleanup", **ALL)
    assert statuses(done) == {response: "already_gone", job: "deleted"}
    assert len([request for request in up.requests if request.method == "DELETE"]) == 2
    assert (await hosted.call("cleanup", **ALL))["items"] == []


async def test_a_stopped_job_takes_its_response_along_or_stays(hosted: House, up: StatefulUpstream) -> None:
    job, response = await cancelled(hosted, up)
    up.on("DELETE", f"/v1/responses/{response}", error(401, "no", code="invalid_api_key"))
    done = await hosted.call("cleanup", ids=[job], **GOES)
    assert statuses(done) == {job: "failed"}
    assert statuses(await hosted.call("cleanup", all=True)) == {response: "would_delete", job: "would_delete"}
    assert statuses(await hosted.call("cleanup", ids=[job], **GOES)) == {job: "deleted"}
    assert up.kept() == set()


async def test_an_upload_that_a_store_holds_stays_until_the_store_goes(hosted: House, up: StatefulUpstream) -> None:
    file_id = await indexed(hosted, "notes", "more")
    for chosen in ({"all": True, "confirm": True}, {"ids": [file_id]}, {"older_than": "0s"}):
        looked = await hosted.call("cleanup", **chosen, kinds=["files"])
        done = await hosted.call("cleanup", **chosen, kinds=["files"], **GOES)
        assert statuses(looked) == statuses(done) == {file_id: "skipped"}
        assert reasons(done)[file_id].startswith("the store 'more' holds it")
    done = await hosted.call("cleanup", ids=["more", file_id], **GOES)
    assert statuses(done) == {"more": "deleted", file_id: "skipped"}
    assert file_id in up.files
    done = await hosted.call("cleanup", all=True, confirm=True, kinds=["files", "vector_stores"], **GOES)
    assert statuses(done) == {"notes": "deleted", file_id: "deleted"}
    assert (up.files, up.stores) == ({}, {})


async def test_the_upload_of_a_store_that_could_not_go_stays_with_it(hosted: House, up: StatefulUpstream) -> None:
    file_id = await indexed(hosted, "notes")
    (store_id,) = up.stores
    up.on("DELETE", f"/v1/vector_stores/{store_id}", error(403, "no"))
    done = await hosted.call("cleanup", **ALL)
    assert statuses(done) == {"notes": "failed", file_id: "skipped"}
    assert file_id in up.files


async def test_a_fork_keeps_the_turns_it_goes_on_from(hosted: House, up: StatefulUpstream) -> None:
    first = await hosted.call("generate", input="one", session="a")
    await hosted.call("sessions", action="fork", session="a", to="b")
    second = await hosted.call("generate", input="two", session="a")
    done = await hosted.call("cleanup", session="a", kinds=["responses", "sessions"], **GOES)
    assert statuses(done) == {first["response_id"]: "skipped", second["response_id"]: "deleted", "a": "deleted"}
    assert reasons(done) == {first["response_id"]: "session 'b' goes on from it"}
    assert (await hosted.call("generate", input="two", session="b"))["text"] == "Turn 2: two"
    done = await hosted.call("cleanup", **ALL)
    assert set(done["counts"]) == {"deleted"}
    assert up.kept() == set()


async def test_a_fork_that_is_busy_keeps_them_even_from_all(hosted: House, up: StatefulUpstream) -> None:
    first = await hosted.call("generate", input="one", session="a")
    await hosted.call("sessions", action="fork", session="a", to="b")
    up.pause = asyncio.Event()
    running = await hosted.call("generate", input="two", session="b", wait_seconds=0.2)
    done = await hosted.call("cleanup", **ALL)
    assert reasons(done)[first["response_id"]] == "session 'b' goes on from it"
    up.pause.set()
    assert (await hosted.collect(running["job_id"]))["result"]["text"] == "Turn 2: two"


async def test_an_upload_on_its_way_into_a_store_stays_unless_the_store_is_forgotten(hosted: House) -> None:
    objects, scope = hosted.app.store.objects, hosted.app.scope("local")
    await objects.put(an_object("notes", scope=scope, kind="vector_store", id="vs_1"))
    for number, store in enumerate(("notes", "forgotten")):
        loose = {"store": store, "path": "/a.md", "obsolete": False}
        await objects.put(an_object(f"sha{number}", scope=scope, id=f"file_{store}"))
        await objects.put(an_object(f"{number}", scope=scope, kind="loose_file", id=f"file_{store}", data=loose))
    looked = await hosted.call("cleanup", all=True, kinds=["files"])
    assert statuses(looked) == {"file_notes": "skipped", "file_forgotten": "would_delete"}


async def test_what_the_upstream_never_kept_is_not_asked_for_there(hosted: House, up: StatefulUpstream) -> None:
    await hosted.call("generate", input="one", store=False)
    before = len(up.requests)
    assert (await hosted.call("cleanup", **ALL))["counts"] == {"deleted": 2}
    assert len(up.requests) == before


async def test_age_spares_the_old_turns_of_a_session_that_is_used(hosted: House, tmp_path: Path) -> None:
    old = await hosted.call("generate", input="one", session="s", options={"conversation": "new"})
    alone = await hosted.call("generate", input="one")
    file_id = await indexed(hosted, "notes")
    age(tmp_path, 31)
    await hosted.call("generate", input="two", session="s")
    (hosted.app.roots.folders[0] / "b.md").write_text("Beta.", "utf-8")
    await hosted.call("vector_search", store="notes", paths=["b.md"])
    looked = await hosted.call(
        "cleanup", older_than="30d", kinds=["responses", "sessions", "files", "conversations", "vector_stores"]
    )
    assert statuses(looked) == {
        old["response_id"]: "skipped",
        alone["response_id"]: "would_delete",
        file_id: "skipped",
    }
    age(tmp_path, 31)
    looked = await hosted.call("cleanup", older_than="30d")
    assert set(looked["counts"]) == {"would_delete"}


async def test_a_running_job_keeps_its_session_and_is_named_by_its_response(
    hosted: House, up: StatefulUpstream
) -> None:
    first = await hosted.call("generate", input="one", session="s")
    up.pause = asyncio.Event()
    running = await hosted.call("generate", input="two", session="s", wait_seconds=1)
    done = await hosted.call("cleanup", **ALL)
    why = reasons(done)
    assert why[running["job_id"]] == "still running; cancel it first"
    assert why["s"] == why[first["response_id"]] == "a job of session 's' is still running; cancel it first"
    assert done["counts"]["skipped"] == 3
    (job,) = await hosted.app.store.jobs.find(hosted.app.scope("local"), [running["job_id"]])
    done = await hosted.call("cleanup", ids=[job.response_id], **GOES)
    assert statuses(done) == {running["job_id"]: "skipped"}
    up.pause.set()
    assert (await hosted.collect(running["job_id"]))["result"]["text"] == "Turn 2: two"


async def test_what_is_another_owners_is_not_there(hosted: House) -> None:
    bob = hosted.app.scope("bob")
    await hosted.app.store.objects.put(an_object("k", scope=bob, id="file_bobs"))
    await hosted.app.store.sessions.create(a_session("bobs", scope=bob))
    done = await hosted.call("cleanup", ids=["file_bobs", "bobs", "bobs"], **GOES)
    assert [(item["id"], item["kind"], item["status"]) for item in done["items"]] == [
        ("file_bobs", "unknown", "skipped"),
        ("bobs", "unknown", "skipped"),
    ]
    assert set(reasons(done).values()) == {"not yours, or already forgotten"}
    assert (await hosted.call("cleanup", **ALL))["items"] == []
    assert await hosted.app.store.sessions.all(bob)


async def test_an_id_that_the_kinds_leave_out_is_said_to_be_there(hosted: House, up: StatefulUpstream) -> None:
    one = await hosted.call("generate", input="one")
    done = await hosted.call("cleanup", ids=[one["response_id"]], kinds=["jobs"], **GOES)
    assert reasons(done) == {one["response_id"]: "responses are not among the kinds"}
    assert up.kept() == {one["response_id"]}


async def test_a_conversation_of_somebody_elses_stays(hosted: House, up: StatefulUpstream) -> None:
    up.conversations["conv_foreign"] = []
    await hosted.call("generate", input="one", session="s", options={"conversation": "conv_foreign"})
    done = await hosted.call("cleanup", **ALL)
    assert set(done["counts"]) == {"deleted"}
    assert list(up.conversations) == ["conv_foreign"]


async def test_a_renamed_session_goes_with_its_jobs_and_the_next_of_the_old_name_stays(hosted: House) -> None:
    await hosted.call("generate", input="one", session="old")
    await hosted.call("sessions", action="rename", session="old", to="new")
    await hosted.call("generate", input="one", session="old")
    done = await hosted.call("cleanup", session="new", **GOES)
    assert [item["kind"] for item in done["items"]] == ["responses", "jobs", "sessions"]
    left = await hosted.call("cleanup", session="old")
    assert [item["kind"] for item in left["items"]] == ["responses", "jobs", "sessions"]


@pytest.mark.parametrize(
    ("text", "seconds"), [("0s", 0), ("90m", 5400), ("1h", 3600), ("30d", 2_592_000), ("2w", 1_209_600)]
)
def test_a_thing_is_older_when_it_is_older_by_more_than_nothing(text: str, seconds: float) -> None:
    choice = Choice(older_than=seconds_of(text))
    row = a_session()
    exactly = Item(id="s", kind="sessions", at=FOREVER - seconds, row=row)
    assert not choice.takes(exactly, FOREVER)
    assert choice.takes(exactly, FOREVER + 0.001)


@pytest.mark.parametrize("text", ["", "30", "d", "-1d", "1y", "1.5d", "123456d", "1d "])
def test_what_is_no_age_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no age"):
        seconds_of(text)
