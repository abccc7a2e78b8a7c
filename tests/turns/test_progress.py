"""How far a job is, is written down: other processes show it, and whoever takes it over goes on from there."""

import asyncio
import math
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from mcp_server.model.job import Job, Progress
from mcp_server.model.request import Extraction
from tests.turns.desk import SCOPE, Desk, asking, opened
from tests.upstream_answers import error, reply, stream
from tests.upstream_shapes import response, text_events, usage
from tests.upstream_state import StatefulUpstream

LONG = asking("Long work.", background=True)
ONE = "/v1/responses/resp_1"
SO_FAR = Progress(events=9, text_so_far="Once upon", activity="writing", steps=["searched the web for tides"])


async def told(desk: Desk, job: Job, text: str) -> Progress:
    """What the store says of the job, as soon as ``text`` is in it."""
    with anyio.fail_after(20):
        while True:
            (found,) = await desk.store.jobs.find(SCOPE, [job.id])
            if found.progress and text in found.progress.text_so_far:
                return found.progress
            await anyio.lowlevel.checkpoint()


async def test_another_process_shows_what_the_one_that_runs_a_job_has_heard(
    tmp_path: Path, up: StatefulUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mcp_server.turns.listen.KEEP_SECONDS", 0)
    going_on = asyncio.Event()
    events = text_events("Once upon a time", id="resp_1")
    up.on("POST", "/v1/responses", stream([*events[:-4], going_on, *events[-4:]]))
    async with opened(tmp_path / "s.db", up) as one, opened(tmp_path / "s.db", up) as two:
        job, _ = await one.turns.start(SCOPE, LONG)
        written = await told(two, job, "time")
        (seen,) = await two.store.jobs.find(SCOPE, [job.id])
        assert two.turns.progress(seen) == written
        assert written.activity == "writing"
        shown: list[Progress] = []

        async def watch(progress: Progress) -> None:
            shown.append(progress)
            going_on.set()

        (done,) = await two.turns.wait_any([seen], 20, watch)
        assert done.status == "completed"
        assert shown[0].text_so_far == written.text_so_far


async def test_what_came_just_before_a_long_silence_is_written_down_too(desk: Desk) -> None:
    silence = asyncio.Event()
    events = text_events("Once upon a time", id="resp_1")
    desk.up.on("POST", "/v1/responses", stream([*events[:-4], silence, *events[-4:]]))
    job, _ = await desk.turns.start(SCOPE, LONG)
    with anyio.fail_after(20):
        while (now := desk.turns.progress(job)) is None or not now.text_so_far.endswith("time"):
            await anyio.lowlevel.checkpoint()
    await desk.turns.look_after()
    (found,) = await desk.store.jobs.find(SCOPE, [job.id])
    assert found.progress == now
    assert found.cursor == events[-5]["sequence_number"]
    silence.set()
    assert (await desk.ended(job)).status == "completed"


async def test_a_stream_is_read_on_after_the_place_that_was_written_down(desk: Desk) -> None:
    events = text_events("Once upon a time.", id="resp_1")
    place = next(number for number, event in enumerate(events) if event.get("delta") == " upon")
    going_on = asyncio.Event()
    desk.up.on("GET", ONE, stream([*events[place + 1 : -3], going_on, *events[-3:]]))
    job = await desk.left_behind(
        request=LONG, sent=True, response_id="resp_1", cursor=events[place]["sequence_number"], progress=SO_FAR
    )
    await desk.turns.look_after()
    await desk.up.arrived(1)
    with anyio.fail_after(20):
        while (now := desk.turns.progress(job)) is None or now.text_so_far != "Once upon a time.":
            await anyio.lowlevel.checkpoint()
    assert now.steps == SO_FAR.steps
    going_on.set()
    done = await desk.ended(job)
    assert done.answer is not None
    assert done.answer.text == "Once upon a time."
    assert [request.query for request in desk.up.requests] == [
        {"stream": "true", "starting_after": str(events[place]["sequence_number"])}
    ]


@pytest.mark.parametrize("keep_seconds", [0.0, math.inf])
async def test_a_place_is_written_down_with_what_had_been_told_there(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, keep_seconds: float
) -> None:
    written: list[tuple[int | None, str]] = []
    jobs = type(desk.store.jobs)
    note = jobs.note

    async def noted(*given: Any, **known: Any) -> bool:
        if known.get("progress"):
            written.append((known["cursor"], known["progress"].text_so_far))
        return await note(*given, **known)

    monkeypatch.setattr(jobs, "note", noted)
    monkeypatch.setattr("mcp_server.turns.listen.KEEP_SECONDS", keep_seconds)
    places: dict[int | None, str] = {None: ""}
    borders: list[int | None] = []
    text = ""
    for event in (events := text_events("Once upon a time.", id="resp_1")):
        text += event["delta"] if event["type"] == "response.output_text.delta" else ""
        places[event["sequence_number"]] = text
        borders += [event["sequence_number"]] if "output_item" in event["type"] else []
    desk.up.on("POST", "/v1/responses", stream(events))
    job, _ = await desk.turns.start(SCOPE, LONG)
    assert (await desk.ended(job)).status == "completed"
    assert written == [(place, places[place]) for place, _ in written]
    seen = [place for place, _ in written]
    assert seen == borders if keep_seconds else set(borders) < set(seen)


async def test_a_stream_whose_place_is_not_known_is_read_from_its_beginning_and_told_once(desk: Desk) -> None:
    going_on = asyncio.Event()
    events = text_events("Once upon a time.", id="resp_1")
    desk.up.on("GET", ONE, stream([*events[:-3], going_on, *events[-3:]]))
    job = await desk.left_behind(request=LONG, sent=True, response_id="resp_1", progress=SO_FAR)
    await desk.turns.look_after()
    with anyio.fail_after(20):
        while (now := desk.turns.progress(job)) is None or not now.text_so_far.endswith("time."):
            await anyio.lowlevel.checkpoint()
    assert now.text_so_far == "Once upon a time."
    going_on.set()
    assert (await desk.ended(job)).status == "completed"


async def test_what_had_arrived_of_an_answer_whose_end_nobody_knows_is_kept(desk: Desk) -> None:
    job = await desk.left_behind(sent=True, progress=SO_FAR)
    await desk.turns.look_after()
    done = await desk.ended(job)
    assert done.answer is not None
    assert (done.status, done.answer.text) == ("unknown", "Once upon")


async def test_a_look_that_shows_no_text_takes_away_none(desk: Desk) -> None:
    not_yet = response(id="resp_1", status="in_progress", output=[])
    desk.up.on("GET", ONE, reply(not_yet), error(404, "gone"))
    job = await desk.left_behind(sent=True, response_id="resp_1", progress=SO_FAR)
    await desk.turns.look_after()
    done = await desk.ended(job)
    assert done.answer is not None
    assert (done.status, done.answer.text) == ("unknown", "Once upon")


async def test_an_answer_that_was_with_the_model_for_repair_is_not_sent_there_again(desk: Desk) -> None:
    desk.up.on("GET", ONE, reply(response("not json", id="resp_1")))
    request = asking("Extract.", extraction=Extraction(json_schema={"type": "string"}, max_repairs=3))
    job = await desk.left_behind(request=request, sent=True, response_id="resp_1")
    await desk.store.jobs.note(job.id, sent=True)
    await desk.turns.look_after()
    done = await desk.ended(job)
    assert done.answer is not None
    assert done.answer.extracted is not None
    assert (done.status, done.answer.extracted.outcome) == ("completed", "invalid")
    assert "was not sent again" in done.answer.warnings[0]
    assert desk.up.posts() == []


async def test_a_recovered_answer_does_not_need_the_list_of_models(desk: Desk) -> None:
    desk.up.always("GET", "/v1/models", error(401, "wrong key"))
    desk.up.on("GET", ONE, reply(response("Found.", id="resp_1")))
    job = await desk.left_behind(sent=True, response_id="resp_1")
    await desk.turns.look_after()
    assert (await desk.ended(job)).status == "completed"


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long it would have been waited before each question."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        await anyio.lowlevel.checkpoint()

    monkeypatch.setattr("mcp_server.turns.recover.anyio.sleep", sleep)
    return waited


async def test_the_upstreams_own_pace_of_polling_is_kept(desk: Desk, pauses: list[float]) -> None:
    not_yet = response(id="resp_1", status="in_progress", output=[])
    desk.up.on(
        "GET",
        ONE,
        error(400, "no streams here"),
        reply(not_yet, headers={"openai-poll-after-ms": "2500"}),
        reply(not_yet),
        error(429, headers={"retry-after": "30"}),
        reply(response("Found.", id="resp_1")),
    )
    job = await desk.left_behind(request=LONG, sent=True, response_id="resp_1", cursor=3)
    await desk.turns.look_after()
    assert (await desk.ended(job)).status == "completed"
    assert pauses == [0.0, 2.5, pytest.approx(0.015, abs=0.01), 30.0]


async def test_what_was_only_accepted_is_asked_about_when_the_upstream_says(desk: Desk, pauses: list[float]) -> None:
    accepted = response(id="resp_1", status="queued", output=[])
    desk.up.on("POST", "/v1/responses", reply(accepted, headers={"openai-poll-after-ms": "2500"}))
    desk.up.on("GET", ONE, reply(response("Found.", id="resp_1")))
    job, _ = await desk.turns.start(SCOPE, LONG)
    assert (await desk.ended(job)).status == "completed"
    assert pauses == [2.5]


async def test_a_response_that_takes_long_is_asked_about_less_and_less_often(desk: Desk, pauses: list[float]) -> None:
    not_yet = reply(response(id="resp_1", status="in_progress", output=[]))
    desk.up.on("GET", ONE, *[not_yet] * 25, reply(response("Found.", id="resp_1")))
    job = await desk.left_behind(sent=True, response_id="resp_1")
    await desk.turns.look_after()
    assert (await desk.ended(job)).status == "completed"
    assert pauses == sorted(pauses)
    assert pauses[1] < pauses[2] < pauses[-2] == pauses[-1] == 15.0


@pytest.mark.parametrize("status", [400, 405, 501])
async def test_an_upstream_that_does_not_tell_about_responses_is_asked_once(desk: Desk, status: int) -> None:
    desk.up.on("GET", ONE, error(status, "no such method"))
    job = await desk.left_behind(sent=True, response_id="resp_1")
    await desk.turns.look_after()
    done = await desk.ended(job)
    assert done.failure is not None
    assert (done.status, done.failure.code, done.failure.http_status) == ("unknown", "interrupted", status)


async def test_a_job_stopped_while_its_repair_has_no_id_does_not_end_as_what_came_before(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mcp_server.turns.live.NAME_SECONDS", 0.05)
    desk.up.on("POST", "/v1/responses", stream(text_events("no", id="resp_1")), stream([], ends="silence"))
    request = asking("Extract.", background=True, extraction=Extraction(json_schema={"type": "integer"}))
    job, _ = await desk.turns.start(SCOPE, request)
    await desk.up.arrived(2)
    await desk.turns.cancel(SCOPE, [job], 0)
    done = await desk.ended(job)
    assert (done.status, len(desk.up.requests)) == ("unknown", 2)


async def test_an_answer_that_was_paid_for_before_a_repair_counts_also_after_a_crash(
    tmp_path: Path, up: StatefulUpstream
) -> None:
    """The first answer was invalid, the second was under way when the process died."""
    repaired = '{"a": 1}'
    going_on = asyncio.Event()
    first, *rest = text_events(repaired, id="resp_2", usage=usage(20, 2))
    up.on(
        "POST", "/v1/responses", stream(text_events("no", id="resp_1", usage=usage(10, 1))), stream([first, going_on])
    )
    up.on("GET", "/v1/responses/resp_2", stream(rest))
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    request = asking("Extract.", background=True, session="s", extraction=Extraction(json_schema=schema))
    async with opened(tmp_path / "s.db", up) as one, opened(tmp_path / "s.db", up) as two:
        job, _ = await one.turns.start(SCOPE, request)
        with anyio.fail_after(20):
            while (await two.store.jobs.find(SCOPE, [job.id]))[0].response_id != "resp_2":
                await anyio.lowlevel.checkpoint()
        two.time[0] += 60
        await two.turns.look_after()
        done = await two.ended(job)
        assert done.answer is not None
        assert done.answer.extracted is not None
        assert done.answer.usage is not None
        assert (done.answer.extracted.data, done.answer.usage.total_tokens) == ({"a": 1}, 33)
        assert done.answer.extracted.attempts == 2
        assert (await two.store.spendings.total(SCOPE)).usage.total_tokens == 33
        turns = await two.store.sessions.turns(SCOPE, "resp_2")
        assert [turn.response_id for turn in turns] == ["resp_1", "resp_2"]
        assert len(up.posts()) == 2


async def test_a_job_that_was_waited_for_in_vain_is_shown_as_it_is_by_then(desk: Desk) -> None:
    desk.up.on("POST", "/v1/responses", stream(text_events("x", id="resp_1")[:1], ends="silence"))
    job, _ = await desk.turns.start(SCOPE, LONG)
    assert job.status == "queued"
    named = anyio.Event()

    async def watch(progress: Progress) -> None:
        if progress.events:
            named.set()

    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(desk.turns.wait, job, 20, watch)
            await named.wait()
            tasks.cancel_scope.cancel()
    (seen,) = await desk.turns.wait_any([job], 0.01)
    assert (seen.status, seen.response_id) == ("in_progress", "resp_1")
