"""The contract of ``Jobs``: what every store does with the table that each paid call goes through."""

import time

import pytest

from mcp_server.errors import Conflict, NotThere
from mcp_server.model.answer import Answer, Citation, Failure, ToolCall, Usage
from mcp_server.model.job import Progress
from mcp_server.model.request import Extraction, TurnRequest
from mcp_server.model.session import Turn
from mcp_server.store.protocol import Store
from tests.store.examples import HI, LATER, MINE, OTHERS, a_job, a_session, a_turn, admit, settle

FAR = Progress(events=3, text_so_far="so far")


async def ids(store: Store, *wanted: str) -> list[str]:
    return [job.id for job in await store.jobs.find(MINE, wanted)]


async def test_an_admitted_job_is_found_as_it_was_handed_in(store: Store) -> None:
    request = TurnRequest(
        tool="structured_extract",
        input=[{"role": "user", "content": [{"type": "input_text", "text": 'q"\n\0é🙂', "nothing": None}]}],
        files=["/a.pdf"],
        instructions="be brief",
        session="s",
        params={"temperature": 0.5, "metadata": {"a": None}},
        extraction=Extraction(json_schema={"type": "object"}, max_repairs=3),
        store=False,
        request_key="k",
    )
    progress = Progress(events=3, text_so_far="so far \0é", steps=["searched"], activity="writing")
    job = a_job(worker="w", lease_until=7.0, session="s", key="k", background=True, sent=2, heard=1, progress=progress)
    admitted = await store.jobs.admit(job, request)
    assert admitted == job.model_copy(update={"seq": 1})
    assert await store.jobs.find(MINE, ["job_1"]) == [admitted]
    assert await store.jobs.request("job_1") == request


async def test_a_request_goes_with_its_job(store: Store) -> None:
    await admit(store)
    assert await store.jobs.request("job_1") == HI
    await settle(store, "job_1")
    await store.jobs.delete(MINE, ["job_1"])
    assert await store.jobs.request("job_1") is None


async def test_each_admitted_job_has_a_higher_seq(store: Store) -> None:
    admitted = [await admit(store, f"job_{number}", session="s") for number in range(3)]
    assert [job.seq for job in admitted] == [1, 2, 3]


async def test_the_same_key_with_the_same_fingerprint_gives_the_first_job(store: Store) -> None:
    first = await admit(store, "job_1", key="k")
    assert await admit(store, "job_2", key="k") == first
    assert await ids(store, "job_1", "job_2") == ["job_1"]


async def test_the_same_key_with_another_fingerprint_is_a_conflict_and_leaves_the_job(store: Store) -> None:
    first = await admit(store, "job_1", key="k")
    with pytest.raises(Conflict, match="request_key 'k' was used before with other arguments"):
        await admit(store, "job_2", key="k", fingerprint="other")
    assert await store.jobs.find(MINE, ["job_1", "job_2"]) == [first]


async def test_forgetting_a_job_frees_its_key(store: Store) -> None:
    await admit(store, "job_1", key="k")
    await settle(store, "job_1")
    assert await store.jobs.delete(MINE, ["job_1"]) == 1
    assert (await admit(store, "job_2", key="k", fingerprint="other")).id == "job_2"


async def test_a_job_is_found_by_its_request_key(store: Store) -> None:
    job = await admit(store, key="k")
    await admit(store, "job_2")
    assert await store.jobs.keyed(MINE, "k") == job
    assert await store.jobs.keyed(MINE, "other") is None


async def test_a_queued_job_is_claimed_once(store: Store) -> None:
    await admit(store)
    claimed = await store.jobs.claim("job_1", "w1", LATER)
    assert claimed is not None
    assert (claimed.status, claimed.worker, claimed.lease_until) == ("in_progress", "w1", LATER)
    assert claimed.updated_at > 100.0
    assert await store.jobs.claim("job_1", "w2", LATER) is None
    assert await store.jobs.find(MINE, ["job_1"]) == [claimed]


async def test_nobody_claims_a_job_that_is_not_there(store: Store) -> None:
    assert await store.jobs.claim("job_1", "w", LATER) is None


async def test_jobs_of_a_session_run_one_after_another_in_the_order_of_admission(store: Store) -> None:
    for number in (1, 2, 3):
        await admit(store, f"job_{number}", session="s")
    assert await store.jobs.claim("job_2", "w", LATER) is None
    assert await store.jobs.claim("job_1", "w", LATER)
    assert await store.jobs.claim("job_2", "w", LATER) is None
    await settle(store, "job_1")
    assert await store.jobs.claim("job_3", "w", LATER) is None
    assert await store.jobs.claim("job_2", "w", LATER)


async def test_jobs_without_a_session_or_of_other_sessions_run_side_by_side(store: Store) -> None:
    for number, session in enumerate((None, None, "s", "t")):
        await admit(store, f"job_{number}", session=session)
        assert await store.jobs.claim(f"job_{number}", "w", LATER)


@pytest.mark.parametrize("scope", OTHERS)
async def test_a_session_of_the_same_name_elsewhere_is_not_waited_for(store: Store, scope) -> None:
    await admit(store, "job_1", scope=scope, session="s")
    await admit(store, "job_2", session="s")
    assert await store.jobs.claim("job_2", "w", LATER)


async def test_a_note_changes_only_what_it_names(store: Store) -> None:
    await admit(store)
    progress = Progress(events=2, text_so_far="a")
    await store.jobs.note("job_1", sent=True)
    await store.jobs.note("job_1", response_id="resp_1")
    await store.jobs.note("job_1", cursor=5, progress=progress)
    await store.jobs.note("job_1")
    [job] = await store.jobs.find(MINE, ["job_1"])
    assert (job.sent, job.heard, job.response_id, job.cursor, job.progress) == (1, 1, "resp_1", 5, progress)
    await store.jobs.note("job_1", cursor=0)
    [job] = await store.jobs.find(MINE, ["job_1"])
    assert (job.sent, job.heard, job.response_id, job.cursor, job.progress) == (1, 1, "resp_1", 0, progress)


async def test_a_request_that_leaves_is_counted_and_not_heard_before_it_has_an_id(store: Store) -> None:
    await admit(store)
    await store.jobs.note("job_1", sent=True)
    await store.jobs.note("job_1", response_id="resp_1", cursor=9)
    await store.jobs.note("job_1", sent=True)
    [job] = await store.jobs.find(MINE, ["job_1"])
    assert (job.sent, job.heard, job.response_id, job.cursor) == (2, 1, "resp_1", None)
    await store.jobs.note("job_1", response_id="resp_2")
    [job] = await store.jobs.find(MINE, ["job_1"])
    assert (job.sent, job.heard, job.response_id) == (2, 2, "resp_2")


async def test_a_note_about_an_ended_job_changes_nothing(store: Store) -> None:
    await admit(store)
    ended = await settle(store, "job_1")
    await store.jobs.note("job_1", sent=True, response_id="resp_1", cursor=1)
    assert await store.jobs.find(MINE, ["job_1"]) == [ended]


async def test_an_answer_that_comes_late_takes_the_place_of_an_unknown_end(store: Store) -> None:
    await admit(store, session="s")
    lost = await store.jobs.settle("job_1", "unknown", answer=None, failure=Failure(code="interrupted", message="?"))
    answer = Answer(status="completed", text="Here it is.", response_id="resp_1")
    found = await store.jobs.settle("job_1", "completed", answer=answer, failure=None, turns=[a_turn(session="s")])
    assert (lost.status, found.status, found.answer, found.failure) == ("unknown", "completed", answer, None)
    assert [turn.response_id for turn in await store.sessions.turns(MINE, "resp_1")] == ["resp_1"]
    again = await store.jobs.settle("job_1", "unknown", answer=None, failure=None)
    assert again == found


@pytest.mark.parametrize("others", [[], [a_turn("resp_2", parent="resp_0", session="s")]])
async def test_an_answer_that_comes_late_does_not_undo_what_its_session_has_said_since(
    store: Store, others: list[Turn]
) -> None:
    answer = Answer(status="completed", text="Here it is.")
    for number in range(3):
        await admit(store, f"job_{number}", session="s")
    first, late = a_turn("resp_0", session="s"), a_turn("resp_1", parent="resp_0", session="s")
    await store.jobs.settle("job_0", "completed", answer=answer, failure=None, turns=[first])
    await store.jobs.settle("job_1", "unknown", answer=None, failure=None)
    await store.jobs.settle("job_2", "completed", answer=answer, failure=None, turns=others)
    await store.jobs.settle("job_1", "completed", answer=answer, failure=None, turns=[late])
    [session] = await store.sessions.all(MINE)
    assert session.head == ("resp_2" if others else "resp_1")
    assert await store.sessions.turns(MINE, "resp_1")


async def test_a_settled_job_keeps_its_answer_and_failure_whole(store: Store) -> None:
    answer = Answer(
        status="failed",
        text="so far",
        response_id="resp_1",
        tool_calls=[ToolCall(call_id="c", name="f", arguments="{}")],
        citations=[Citation(type="url", url="https://example.org")],
        usage=Usage(input_tokens=3, cost_usd=0.25),
        output=[{"type": "new_kind", "unknown": [None, 1]}],
    )
    failure = Failure(code="rate_limited", message="Too many.", retryable=True, http_status=429, attempts=3)
    await admit(store)
    before = time.time()
    job = await store.jobs.settle("job_1", "failed", answer=answer, failure=failure)
    assert (job.status, job.answer, job.failure, job.response_id) == ("failed", answer, failure, "resp_1")
    assert job.ended_at is not None
    assert before <= job.ended_at == job.updated_at <= time.time()
    assert await store.jobs.find(MINE, ["job_1"]) == [job]


async def test_settling_without_an_answer_keeps_the_response_id_that_was_noted(store: Store) -> None:
    await admit(store)
    await store.jobs.note("job_1", response_id="resp_1")
    assert (await settle(store, "job_1")).response_id == "resp_1"


async def test_half_a_surrogate_pair_from_upstream_does_not_lose_the_answer(store: Store) -> None:
    await admit(store)
    answer = Answer(status="completed", text="cut \ud83d", output=[{"text": "cut \ud83d"}])
    turn = a_turn(instructions="\ud83d", output=answer.output, session="s")
    job = await store.jobs.settle("job_1", "completed", answer=answer, failure=None, turns=[turn])
    assert job.answer
    assert (job.answer.text, job.answer.output) == ("cut ?", [{"text": "cut ?"}])
    assert (await store.sessions.turns(MINE, "resp_1"))[0].output == [{"text": "cut ?"}]


async def test_settling_an_ended_job_again_returns_it_unchanged_and_writes_nothing(store: Store) -> None:
    await admit(store, session="s")
    first = await settle(store, "job_1", a_turn("resp_1", session="s"))
    failure = Failure(code="x", message="y")
    turns = [a_turn("resp_2", session="s")]
    assert await store.jobs.settle("job_1", "failed", answer=None, failure=failure, turns=turns) == first
    assert [turn.response_id for turn in await store.sessions.made(MINE)] == ["resp_1"]
    session = await store.sessions.get(MINE, "s")
    assert session
    assert (session.head, session.turns) == ("resp_1", 1)


async def test_settling_a_job_that_is_not_there_says_so(store: Store) -> None:
    with pytest.raises(NotThere, match="no job 'job_1' any more"):
        await settle(store, "job_1", a_turn())
    assert await store.sessions.made(MINE) == []


async def test_settling_creates_the_session_and_moves_its_head_to_the_last_turn(store: Store) -> None:
    await admit(store, session="s")
    broken = a_turn("resp_1", session="s", instructions="old", model="m1", conversation="conv_1")
    repaired = a_turn("resp_2", session="s", parent="resp_1", instructions="new", model="m2", conversation="conv_2")
    await settle(store, "job_1", broken, repaired)
    session = await store.sessions.get(MINE, "s")
    assert session
    assert (session.head, session.turns) == ("resp_2", 2)
    assert (session.instructions, session.model, session.conversation) == ("new", "m2", "conv_2")


async def test_settling_moves_the_head_of_a_session_that_is_there(store: Store) -> None:
    await store.sessions.create(a_session(head="resp_0", conversation="conv_0", instructions="old", model="m", turns=3))
    await admit(store, session="s")
    await settle(store, "job_1", a_turn("resp_1", parent="resp_0", session="s"))
    session = await store.sessions.get(MINE, "s")
    assert session
    assert (session.head, session.turns, session.instructions, session.model) == ("resp_1", 4, None, None)
    assert session.conversation is None
    assert session.created_at == 100.0 < session.updated_at


async def test_settling_without_turns_leaves_the_session_alone(store: Store) -> None:
    await admit(store, session="s")
    await settle(store, "job_1")
    assert await store.sessions.get(MINE, "s") is None


async def test_a_turn_of_a_one_off_belongs_to_no_session(store: Store) -> None:
    await admit(store)
    await settle(store, "job_1", a_turn())
    assert await store.sessions.all(MINE) == []
    assert [turn.session for turn in await store.sessions.made(MINE)] == [None]


async def test_a_response_that_two_jobs_settle_is_one_turn(store: Store) -> None:
    for job_id in ("job_1", "job_2"):
        await admit(store, job_id, session="s")
        await settle(store, job_id, a_turn("resp_1", session="s"))
    session = await store.sessions.get(MINE, "s")
    assert session
    assert (session.head, session.turns) == ("resp_1", 1)


async def test_jobs_are_found_by_job_id_and_by_response_id_and_unknown_ones_are_absent(store: Store) -> None:
    for number in (1, 2, 3):
        await admit(store, f"job_{number}")
        await store.jobs.note(f"job_{number}", response_id=f"resp_{number}")
    assert await ids(store, "resp_3", "job_1", "nowhere", "resp_1") == ["job_1", "job_3"]
    assert await ids(store) == []


async def test_recent_jobs_are_the_unfinished_and_those_that_ended_since(store: Store) -> None:
    jobs = [
        a_job("long_over", status="completed", ended_at=10.0),
        a_job("just_in", status="failed", ended_at=20.0),
        a_job("waiting"),
        a_job("running"),
    ]
    for job in jobs:
        await store.jobs.admit(job, HI)
    await store.jobs.claim("running", "w", LATER)
    assert [job.id for job in await store.jobs.recent(MINE, 20.0)] == ["just_in", "waiting", "running"]


async def test_the_worker_hears_of_a_cancel_request_when_it_renews_its_leases(store: Store) -> None:
    for number in (1, 2):
        await admit(store, f"job_{number}")
        await store.jobs.claim(f"job_{number}", "w", 10.0)
    assert await store.jobs.keep("w", ["job_1", "job_2"], 20.0) == []
    await store.jobs.ask_cancel(MINE, "job_2")
    [asked] = await store.jobs.keep("w", ["job_1", "job_2"], 30.0)
    assert (asked.id, asked.cancel_requested, asked.lease_until) == ("job_2", True, 30.0)
    assert [job.lease_until for job in await store.jobs.find(MINE, ["job_1", "job_2"])] == [30.0, 30.0]
    assert await store.jobs.keep("another", ["job_1", "job_2"], 40.0) == []


async def test_a_lease_is_renewed_only_for_jobs_that_are_named(store: Store) -> None:
    for number in (1, 2):
        await admit(store, f"job_{number}")
        await store.jobs.claim(f"job_{number}", "w", 10.0)
    await store.jobs.keep("w", ["job_2"], 20.0)
    assert [job.lease_until for job in await store.jobs.find(MINE, ["job_1", "job_2"])] == [10.0, 20.0]


async def test_an_ended_job_is_neither_renewed_nor_asked_to_cancel(store: Store) -> None:
    await admit(store)
    await store.jobs.claim("job_1", "w", 10.0)
    ended = await settle(store, "job_1")
    await store.jobs.ask_cancel(MINE, "job_1")
    assert await store.jobs.keep("w", ["job_1"], 20.0) == []
    assert await store.jobs.find(MINE, ["job_1"]) == [ended]


async def test_jobs_whose_lease_has_run_out_are_taken_over_once(store: Store) -> None:
    for number, lease in enumerate((10.0, 20.0, 30.0)):
        await admit(store, f"job_{number}", worker="dead", lease_until=lease)
    await store.jobs.claim("job_1", "dead", 20.0)
    assert await store.jobs.note("job_1", worker="dead", sent=True)
    taken = await store.jobs.take_over("openai", "w", 99.0, 20.0)
    assert [(job.id, job.status, job.worker, job.lease_until) for job in taken] == [
        ("job_0", "queued", "w", 99.0),
        ("job_1", "in_progress", "w", 99.0),
    ]
    assert await store.jobs.take_over("openai", "w2", 99.0, 20.0) == []
    assert [await store.jobs.next_expiry("openai", worker) for worker in ("w", "dead")] == [30.0, 99.0]


async def test_what_was_not_sent_or_may_be_sent_again_is_queued_when_it_is_taken_over(store: Store) -> None:
    await admit(store, "job_1", worker="dead", lease_until=10.0)
    await store.jobs.claim("job_1", "dead", 10.0)
    (taken,) = await store.jobs.take_over("openai", "w", 20.0, 10.0)
    assert (taken.status, taken.sent) == ("queued", False)
    assert not await store.jobs.note("job_1", worker="dead", sent=True)
    assert await store.jobs.note("job_1", worker="w", sent=True, response_id="resp_1", cursor=3, progress=FAR)
    (taken,) = await store.jobs.take_over("openai", "w2", 30.0, 20.0, again=True)
    assert (taken.status, taken.sent, taken.heard, taken.response_id, taken.cursor) == ("queued", 0, 0, None, None)
    assert taken.progress is None


async def test_only_unfinished_jobs_of_the_workers_own_backend_are_taken_over_of_all_owners(store: Store) -> None:
    await admit(store, "ended")
    await settle(store, "ended")
    for number, scope in enumerate((MINE, *OTHERS)):
        await admit(store, f"job_{number}", scope=scope)
    assert {job.id for job in await store.jobs.take_over("openai", "w", 99.0, 20.0)} == {"job_0", "job_1"}


async def test_a_released_job_can_be_taken_over_at_once_as_it_is(store: Store) -> None:
    await admit(store)
    await store.jobs.claim("job_1", "w", LATER)
    await store.jobs.note("job_1", sent=True, response_id="resp_1", cursor=4)
    await store.jobs.release("w", ["job_1"], requeue=False)
    [job] = await store.jobs.take_over("openai", "w2", LATER, time.time())
    assert (job.status, job.sent, job.response_id, job.cursor) == ("in_progress", True, "resp_1", 4)


async def test_a_requeued_job_is_as_if_never_sent(store: Store) -> None:
    await admit(store)
    await store.jobs.claim("job_1", "w", LATER)
    await store.jobs.note("job_1", sent=True, response_id="resp_1", cursor=4, progress=FAR)
    await store.jobs.release("w", ["job_1"], requeue=True)
    [job] = await store.jobs.find(MINE, ["job_1"])
    assert (job.status, job.sent, job.heard, job.response_id, job.cursor) == ("queued", 0, 0, None, None)
    assert (job.progress, job.worker, job.lease_until) == (None, None, 0.0)
    assert await store.jobs.claim("job_1", "w2", LATER)


@pytest.mark.parametrize("requeue", [True, False])
async def test_a_worker_releases_only_unfinished_jobs_of_its_own(store: Store, requeue: bool) -> None:
    for job_id in ("ended", "anothers", "unnamed"):
        await admit(store, job_id)
        await store.jobs.claim(job_id, "another" if job_id == "anothers" else "w", LATER)
    await settle(store, "ended")
    before = await store.jobs.recent(MINE, 0.0)
    await store.jobs.release("w", ["ended", "anothers", "nowhere"], requeue=requeue)
    assert await store.jobs.recent(MINE, 0.0) == before


async def test_only_ended_jobs_are_forgotten(store: Store) -> None:
    for job_id in ("ended", "waiting", "kept"):
        await admit(store, job_id)
    await settle(store, "ended")
    await settle(store, "kept")
    assert await store.jobs.delete(MINE, ["ended", "waiting", "nowhere"]) == 1
    assert await ids(store, "ended", "waiting", "kept") == ["waiting", "kept"]
