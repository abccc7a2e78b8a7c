"""The contract of ``Spendings``: lines come with the job that ends, and stay."""

import sqlite3
from datetime import UTC, datetime

import pytest

from mcp_server.model.answer import Usage
from mcp_server.model.spending import Spent
from mcp_server.model.value import Scope
from mcp_server.store.protocol import Store
from tests.store.examples import MINE, OTHERS, a_line, a_session, a_turn, add_turns, admit, settle, spend

MIDNIGHT = datetime(2026, 11, 22, tzinfo=UTC).timestamp()


async def test_an_empty_ledger_is_nothing_spent(store: Store) -> None:
    assert await store.spendings.total(MINE) == await store.spendings.total(MINE, session="s") == Spent()
    assert await store.spendings.by_day(MINE) == await store.spendings.scopes("ann") == []


async def test_lines_are_added_up_token_by_token(store: Store) -> None:
    usage = Usage(
        input_tokens=100,
        cached_tokens=64,
        cache_write_tokens=8,
        output_tokens=20,
        reasoning_tokens=10,
        total_tokens=120,
        cost_usd=0.5,
        saved_usd=-0.25,
    )
    await spend(store, a_line(usage=usage, response_id="resp_1", model="m"), a_line(usage=usage), session="s")
    both = Spent(requests=2, usage=usage + usage)
    assert await store.spendings.total(MINE) == await store.spendings.total(MINE, session="s") == both


async def test_a_line_without_a_price_is_counted_apart_and_hides_no_other(store: Store) -> None:
    await spend(store, a_line(), a_line(usage=Usage(input_tokens=1)))
    spent = await store.spendings.total(MINE)
    assert (spent.requests, spent.unpriced, spent.usage.cost_usd, spent.usage.input_tokens) == (2, 1, 0.25, 11)


async def test_a_sum_goes_from_its_first_moment_to_just_before_its_last(store: Store) -> None:
    await spend(store, *(a_line(at) for at in (1.0, 2.0, 3.0, 4.0)), session="s")
    for session in (None, "s"):
        within = await store.spendings.total(MINE, since=2.0, until=4.0, session=session)
        assert within.requests == 2
        assert (await store.spendings.total(MINE, since=4.0, session=session)).requests == 1
        assert (await store.spendings.total(MINE, until=4.0, session=session)).requests == 3


async def test_a_session_is_summed_by_itself(store: Store) -> None:
    await spend(store, a_line(1.0), session="s")
    await spend(store, a_line(2.0), a_line(3.0), session="t")
    await spend(store, a_line(4.0))
    counts = [(await store.spendings.total(MINE, session=name)).requests for name in ("s", "t", "u", None)]
    assert counts == [1, 2, 0, 4]
    assert len(await store.spendings.by_day(MINE, session="t")) == 1


async def test_days_end_at_midnight_in_utc_and_are_listed_oldest_first_by_model(store: Store) -> None:
    lines = [
        a_line(MIDNIGHT, model="b"),
        a_line(MIDNIGHT - 0.0001, model="b"),
        a_line(MIDNIGHT + 86399.9999, model="a"),
        a_line(MIDNIGHT + 1, model="b"),
        a_line(MIDNIGHT + 86400),
    ]
    await spend(store, *lines, session="s")
    days = await store.spendings.by_day(MINE, MIDNIGHT - 86400)
    assert [(one.day, one.model, one.spent.requests) for one in days] == [
        ("2026-11-21", "b", 1),
        ("2026-11-22", "a", 1),
        ("2026-11-22", "b", 2),
        ("2026-11-23", "unknown", 1),
    ]
    assert await store.spendings.by_day(MINE, MIDNIGHT, session="s") == days[1:]
    assert days[2].spent.usage.cost_usd == 0.5


async def test_an_owners_scopes_are_the_backends_with_lines(store: Store) -> None:
    await spend(store, a_line())
    for scope in OTHERS:
        await spend(store, a_line(scope=scope), scope=scope)
    assert await store.spendings.scopes("ann") == [Scope(owner="ann", backend="local"), MINE]


async def test_a_job_that_has_ended_writes_no_lines_any_more(store: Store) -> None:
    await admit(store)
    for _ in range(2):
        await store.jobs.settle("job_1", "completed", answer=None, failure=None, spent=[a_line()])
    assert (await store.spendings.total(MINE)).requests == 1


async def test_lines_that_cannot_be_written_leave_the_job_unended(store: Store) -> None:
    await admit(store, session="s")
    wrong = a_line().model_copy(update={"tool": None})
    with pytest.raises(sqlite3.IntegrityError):
        await store.jobs.settle(
            "job_1", "completed", answer=None, failure=None, turns=[a_turn(session="s")], spent=[a_line(), wrong]
        )
    assert not (await store.jobs.find(MINE, ["job_1"]))[0].ended
    assert await store.sessions.all(MINE) == await store.sessions.made(MINE) == []
    assert await store.spendings.total(MINE) == Spent()


async def test_a_renamed_session_takes_what_it_spent_along(store: Store) -> None:
    await store.sessions.create(a_session())
    await spend(store, a_line(), session="s")
    await store.sessions.rename(MINE, "s", "t")
    counts = [(await store.spendings.total(MINE, session=name)).requests for name in ("s", "t")]
    assert counts == [0, 1]


async def test_a_job_that_ran_through_a_rename_spends_under_the_new_name(store: Store) -> None:
    await store.sessions.create(a_session())
    await admit(store, session="s")
    await store.sessions.rename(MINE, "s", "t")
    await store.jobs.settle("job_1", "completed", answer=None, failure=None, spent=[a_line(session="s")])
    assert (await store.spendings.total(MINE, session="t")).requests == 1


async def test_what_was_spent_outlives_its_turn_its_job_and_its_session(store: Store) -> None:
    await add_turns(store, a_turn(session="s"), session="s")
    await spend(store, a_line(1.0, response_id="resp_1"), session="s")
    await admit(store, "job_2")
    await settle(store, "job_2")
    await store.sessions.forget(MINE, ["resp_1"])
    await store.sessions.delete(MINE, "s")
    await store.jobs.delete(MINE, ["for_ann_openai_s_1.0", "job_2"])
    assert (await store.spendings.total(MINE, session="s")).requests == 1
