"""One suite for every backend: each flow works, falls back or is refused by name, as the matrix says."""

import asyncio
import json
import os
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from mcp.types import TextResourceContents

from tests.backends.kinds import (
    BACKGROUND,
    CHAIN,
    COMPACT,
    CONVERSATIONS,
    DELETE,
    EMBEDDINGS,
    HELD,
    KINDS,
    SCHEMA,
    SEARCH,
    STORES,
)
from tests.backends.matrix import PAGE, page, read
from tests.backends.place import Place, opened_for
from tests.files import made
from tests.serving import text_of
from tests.upstream_shapes import function_call, message, reasoning

WEATHER = {
    "type": "function",
    "name": "weather",
    "description": "The weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
STAY = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "maxLength": 8},
        "nights": {"type": "integer", "minimum": 0, "maximum": 9},
    },
    "required": ["city", "nights"],
}
ASKED = {"json_schema": "sent and ignored", "json_object": "asked in JSON mode", None: "asked in words"}
SENT = {"file_id": "uploaded", "inline": "inline", "text": "as text"}
NOWHERE = "conv_" + 48 * "0"


@pytest.fixture(scope="module", params=[pytest.param(one, id=one.name, marks=one.marks) for one in KINDS])
async def opened(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, anyio_backend: str
) -> AsyncGenerator[Place]:
    """A user of each kind, for the whole file: every flow makes its own things."""
    models = request.getfixturevalue("weights") if request.param.upstream is None else None
    async with opened_for(request.param, tmp_path_factory.mktemp("home"), models) as place:
        yield place


@pytest.fixture
def place(opened: Place) -> Place:
    """The same user, at the beginning of a flow."""
    return opened.anew()


def test_the_page_has_a_row_for_every_backend_and_nothing_else() -> None:
    if os.environ.get("UPDATE_SNAPSHOTS"):
        PAGE.write_text(page(read()), "utf-8")
    assert PAGE.read_text("utf-8") == page(read()), "run `python3 scripts/dev.py matrix`"


async def test_an_answer_streams_and_says_where_it_is_kept(place: Place) -> None:
    done = await place.house.call("generate", input="Which harbour?", **place.short)
    place.answered(done, "Turn 1: Which harbour?")
    assert place.house.progress
    kept = any(body.get("store") for body in place.bodies())
    assert kept is place.kind.does(CHAIN)
    assert not kept or (place.up and done["response_id"] in place.up.kept())
    assert all(body["stream"] for body in place.bodies())
    place.pin("generate", "kept there" if kept else "kept here")


async def test_a_function_is_called_and_answered(place: Place) -> None:
    place.say([function_call("weather", '{"city": "Rome"}')])
    # The embedded engine's small model calls nothing unless it must, and must be told when to stop.
    must, stop = ({"tool_choice": choice} if place.up is None else {} for choice in ("required", "none"))
    asking = {"tools": [WEATHER], "session": "tools", "max_output_tokens": 60}
    asked = await place.house.call("generate", input="Weather in Rome?", **must, **asking)
    (call,) = asked["tool_calls"]
    assert call["name"] == "weather"
    answer = {"call_id": call["call_id"], "output": "sunny"}
    done = await place.house.call("generate", tool_outputs=[answer], **stop, **asking)
    place.answered(done, "Turn 1: Weather in Rome?")


async def test_a_session_remembers_and_can_be_listed_forked_and_compacted(place: Place) -> None:
    say = place.house.call
    turns = [await say("generate", input=word, session="trip", **place.short) for word in ("One", "Two", "Three")]
    place.answered(turns[-1], "Turn 3: Three")
    assert turns[-1]["usage"]["input_tokens"] > turns[0]["usage"]["input_tokens"]
    # One request a turn: nothing was tried first that its profile knows to be in vain.
    assert len(place.bodies()) == (len(turns) if place.up else 0)
    sent = place.bodies()[-1] if place.up else {}
    chain = sent.get("previous_response_id") == turns[1]["response_id"]
    assert chain is place.kind.does(CHAIN)
    assert chain or not place.up or len(sent["input"]) == 5
    assert "trip" in [one["name"] for one in (await say("sessions", action="list"))["sessions"]]
    await say("sessions", action="fork", session="trip", to="detour")
    place.answered(await say("generate", input="Four", session="detour", **place.short), "Turn 4: Four")
    await say("sessions", action="compact", session="trip")
    compacted = bool(place.posts("/v1/responses/compact"))
    assert compacted is place.kind.does(COMPACT)
    after = await say("generate", input="Five", session="trip", **place.short)
    assert after["status"] in ("completed", "incomplete")
    assert (await say("sessions", action="get", session="trip"))["turns"]
    place.pin("sessions", f"{'chain' if chain else 'replay'}, {'compacts' if compacted else 'summary'}")


async def test_what_must_not_be_kept_is_not_and_goes_on(place: Place) -> None:
    # A replay must leave out what its server does not read: only some know encrypted reasoning.
    place.say([reasoning(), message("Turn 1: One")])
    private = {"session": "private", "store": False, **place.short}
    first = await place.house.call("generate", input="One", **private)
    second = await place.house.call("generate", input="Two", **private)
    place.answered(second, "Turn 2: Two")
    for body in place.bodies():
        assert "previous_response_id" not in body
        assert body.get("store", False) is False
    assert not place.up or not {first["response_id"], second["response_id"]} & place.up.kept()


async def test_data_fits_the_schema_enforced_or_not(place: Place) -> None:
    if not place.enforces:
        place.say("Two nights, in Rome.", '{"city": "Rome", "nights": 2}')
    done = await place.house.call("structured_extract", input="Two nights in Rome.", schema=STAY)
    assert done["outcome"] == "ok"
    assert set(done["data"]) == {"city", "nights"}
    enforced = done["attempts"] == 1
    assert enforced is place.kind.does(SCHEMA)
    assert len(place.bodies()) == (done["attempts"] if place.up else 0)
    form = (place.bodies()[0].get("text") or {}).get("format", {}).get("type") if place.up else None
    place.pin("structured_extract", "enforced" if enforced else f"{ASKED[form]}, sent back when invalid")


async def test_files_reach_it_in_the_best_way_there_is(place: Place) -> None:
    notes = place.put("notes.txt", b"The key is under the mat.")
    report = place.put("report.pdf", made.pdf("The safe is behind the clock."))
    files = [notes, report, place.put("chart.png", made.picture())] if place.up else [notes, report]
    done = await place.house.call("file_ask", question="Where?", files=files, **place.short)
    place.answered(done, done["text"])
    ways = tuple(one["sent_as"] for one in done["files"])
    assert ways == place.kind.files[: len(ways)]
    content = json.dumps(place.bodies())
    assert ("under the mat" in content) is ("input_image" in content) is (place.up is not None)
    shown = [f"{what} {SENT[way]}" for what, way in zip(("text", "PDF", "image"), ways, strict=False)][1:]
    if not place.up:
        words, _ = await place.house.refused("generate", input="What?", images=[place.put("chart.png", made.picture())])
        shown.append("image refused")
        assert "image" in words
    place.pin("file_ask", ", ".join(shown))


async def test_a_folder_is_made_searchable_and_searched(place: Place) -> None:
    place.put("docs/garden.md", b"# Garden\n\nTomatoes want sun and water.\n")
    place.put("docs/trains.md", b"# Trains\n\nThe night train leaves at ten.\n")
    folder = str(place.house.app.roots.folders[0] / "docs")
    done = await place.house.call("vector_search", store="shelf", paths=[folder], query="night train")
    assert (done["index"]["added"], done["index"]["status"]) == (2, "completed")
    assert done["results"][0]["filename"] == "trains.md"
    assert done["results"][0]["path"].endswith("trains.md")
    hosted, embedded = bool(place.posts("/v1/vector_stores")), bool(place.posts("/v1/embeddings"))
    assert hosted is place.kind.does(STORES)
    assert hosted or embedded is place.kind.does(EMBEDDINGS)
    here = "index here, its embeddings" if embedded else "index here" if place.up else "index here, packaged embeddings"
    told = await place.house.call("vector_search", store="shelf", query="night train", answer=True, **place.short)
    place.answered(told, told["text"])
    assert told["citations"] or not place.up
    place.pin("vector_search", "its vector stores" if hosted else here)


async def test_work_in_the_background_is_collected(place: Place) -> None:
    job = await place.house.call("start_background", input="Think hard.", **place.short)
    assert job["status"] in ("queued", "in_progress")
    ended = await place.house.collect(job["job_id"])
    assert ended["status"] in ("completed", "incomplete")
    place.answered(ended["result"], "Turn 1: Think hard.")
    native = bool(place.up) and place.bodies()[-1].get("background") is True
    assert native is place.kind.does(BACKGROUND)
    # Whether a background response streams is not always known.
    assert len(place.bodies()) in ((1, 2) if native else (1,) if place.up else (0,))
    place.pin("start_background", "its background mode" if native else "a job here")


async def test_work_in_the_background_is_cancelled(place: Place) -> None:
    if place.up:
        place.up.pause = asyncio.Event()
    job = await place.house.call("start_background", input="Tell a long story.")
    await place.begun(job["job_id"])
    (stopped,) = (await place.house.call("cancel", ids=[job["job_id"]]))["jobs"]
    assert stopped["status"] == "cancelled"
    there = any(one.path.endswith("/cancel") for one in place.sent)
    assert there is place.kind.does(BACKGROUND)
    if place.up and place.up.pause and not there:
        await asyncio.wait_for(place.posts()[-1].abandoned.wait(), 10)
    if place.up and place.up.pause:
        place.up.pause.set()
        place.up.pause = None
    place.pin("cancel", "its cancel" if there else "its request is closed" if place.up else "generation stops")


async def test_what_was_made_is_shown_and_deleted(place: Place) -> None:
    await place.house.call("generate", input="One", session="old", **place.short)
    await place.house.call("file_ask", question="What?", files=[place.put("old.pdf", made.pdf("Old."))], **place.short)
    await place.house.call("vector_search", store="old", paths=[place.put("old.md", b"Old.")])
    place.anew()
    shown = await place.house.call("cleanup", all=True)
    assert {item["status"] for item in shown["items"]} == {"would_delete"}
    assert place.sent == []
    done = await place.house.call("cleanup", all=True, confirm=True, dry_run=False)
    assert {item["status"] for item in done["items"]} == {"deleted"}
    gone = sorted({one.path.split("/v1/")[1].split("/")[0] for one in place.sent if one.method == "DELETE"})
    assert ("responses" in gone) is place.kind.does(DELETE)
    assert ("vector_stores" in gone) is place.kind.does(STORES)
    assert not place.up or not place.up.files.keys() | place.up.stores.keys()
    assert not place.up or not place.kind.does(DELETE) or not place.up.kept()
    place.pin("cleanup", ", ".join(gone).replace("_", " ") or "nothing")


async def test_a_harmless_parameter_is_heard_or_left_out_with_a_warning(place: Place) -> None:
    options = {"metadata": {"trip": "rome"}, "safety_identifier": "user-1", "service_tier": "flex"}
    done = await place.house.call("generate", input="Hi", options=options, **place.short)
    left_out = {name for name in HELD if any(name in words for words in done.get("warnings", ()))}
    assert left_out == place.kind.leaves_out
    if place.up:
        (body,) = place.bodies()
        assert {name for name in options if body.get(name) != options[name]} == left_out - place.kind.seen
    place.pin("left out", ", ".join(sorted(left_out)) or "nothing")


async def test_a_parameter_that_changes_the_answer_is_never_ignored(place: Place) -> None:
    result = await place.house.result("generate", input="Hi", options={"conversation": NOWHERE}, **place.short)
    assert result.is_error
    assert place.posts() == [] or "the upstream" in text_of(result).lower()
    assert place.kind.does(CONVERSATIONS) or "conversation" in text_of(result)


PROBES: dict[str, tuple[str, dict[str, Any]]] = {
    "web search": (SEARCH, {"tools": [{"type": "web_search"}]}),
    "conversations": (CONVERSATIONS, {"options": {"conversation": "new"}, "session": "talk"}),
}


async def test_what_nobody_can_do_in_its_place_is_refused(place: Place) -> None:
    refused: list[str] = []
    for name, (capability, asked) in PROBES.items():
        if place.kind.does(capability):
            assert (await place.house.call("generate", input="Hi", **asked, **place.short))["status"] == "completed"
        else:
            words, about = await place.house.refused("generate", input="Hi", **asked, **place.short)
            assert "this backend" in words if about["outcome"] == "not_sent" else about["http_status"] == 400
            refused.append(name)
    if place.kind.does(CONVERSATIONS):
        more = await place.house.call("generate", input="More", session="talk", **place.short)
        place.answered(more, "Turn 2: More")
        assert "warnings" not in more
    place.pin("refused", ", ".join(refused) or "nothing")


async def test_a_backend_is_recognised_and_does_what_its_profile_says(place: Place) -> None:
    for word in ("One", "Two"):
        await place.house.call("generate", input=word, session="known", **place.short)
    observed = place.house.app.backend.observed
    assert observed.find("server") == place.kind.identified
    # Also in every flow before this one.
    assert {one.about for one in observed.standing()} - {"server"} <= place.kind.learns


async def test_the_models_are_listed_or_the_configured_one_stands_for_them(place: Place) -> None:
    used = (await place.house.call("generate", input="Hi", **place.short))["model"]
    asked = {used, *(body["model"] for body in place.bodies())}
    (listed,) = (await place.house.client.read_resource("models://list")).contents
    assert isinstance(listed, TextResourceContents)
    assert any(name in listed.text for name in asked)


async def test_nothing_is_paid_for_a_dry_run(place: Place) -> None:
    shown = await place.house.call("generate", input="Hi", dry_run=True)
    assert shown["status"] == "dry_run"
    assert place.posts() == []


async def test_a_refusal_has_one_shape_whoever_refuses(place: Place) -> None:
    if place.up:
        place.up.on("POST", "/v1/responses", place.kind.refuse(place.up, "The harbour is closed today."))
        words, about = await place.house.refused("generate", input="Hi")
        assert "The harbour is closed today." in words
        assert about["http_status"] == 400
    else:
        words, about = await place.house.refused("generate", input="Hi", options={"top_logprobs": 2})
        assert "top_logprobs" in words
    assert (about["code"], about["retryable"]) == ("invalid_request" if place.up else "invalid_argument", False)
    assert about["attempts"] == (1 if place.up else 0)
