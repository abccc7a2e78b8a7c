"""The contract of ``Sessions``: names, heads, and chains of turns."""

import pytest

from mcp_server.errors import Conflict, NotThere
from mcp_server.model.answer import Usage
from mcp_server.model.session import Session, Turn
from mcp_server.store.protocol import Store
from tests.store.examples import LATER, MINE, a_session, a_turn, add_turns, admit, settle


def names(turns: list[Turn]) -> list[str]:
    return [turn.response_id for turn in turns]


async def session_of(store: Store, name: str = "s") -> Session:
    session = await store.sessions.get(MINE, name)
    assert session is not None
    return session


async def test_a_created_session_is_read_as_it_was_handed_in(store: Store) -> None:
    session = a_session(head="resp_1", conversation="conv_1", instructions="é", model="m", turns=2)
    await store.sessions.create(session)
    assert await store.sessions.get(MINE, "s") == session


async def test_an_unknown_session_is_none(store: Store) -> None:
    assert await store.sessions.get(MINE, "s") is None


async def test_creating_a_taken_name_is_a_conflict_and_changes_nothing(store: Store) -> None:
    await store.sessions.create(a_session(head="resp_1"))
    with pytest.raises(Conflict, match="session name 's' is taken"):
        await store.sessions.create(a_session(head="resp_2"))
    assert (await session_of(store)).head == "resp_1"


async def test_sessions_are_listed_last_used_first(store: Store) -> None:
    for name, used in (("old", 1.0), ("new", 3.0), ("middle", 2.0)):
        await store.sessions.create(a_session(name, updated_at=used))
    assert [session.name for session in await store.sessions.all(MINE)] == ["new", "middle", "old"]


async def test_a_turn_is_read_as_it_was_handed_in(store: Store) -> None:
    turn = a_turn(
        parent="resp_0",
        session="s",
        job_id="job_1",
        tool="file_ask",
        model="m",
        instructions="é",
        stored=True,
        conversation="conv_1",
        static={"model": "é1", "tools": "2"},
        usage=Usage(input_tokens=1, cost_usd=None),
    )
    await add_turns(store, turn, session="s")
    assert await store.sessions.turns(MINE, "resp_1") == [turn]


async def test_a_chain_is_followed_through_the_parents_oldest_first(store: Store) -> None:
    # made in an order and at times that say nothing about the chain
    await add_turns(store, a_turn("c", parent="b", created_at=1.0), a_turn("a", created_at=3.0))
    await add_turns(store, a_turn("b", parent="a", created_at=2.0), a_turn("fork", parent="b"))
    assert names(await store.sessions.turns(MINE, "c")) == ["a", "b", "c"]
    assert names(await store.sessions.turns(MINE, "fork")) == ["a", "b", "fork"]


async def test_a_chain_begins_where_a_parent_is_not_known(store: Store) -> None:
    await add_turns(store, a_turn("b", parent="elsewhere"), a_turn("c", parent="b"))
    assert names(await store.sessions.turns(MINE, "c")) == ["b", "c"]
    assert await store.sessions.turns(MINE, "elsewhere") == []


async def test_a_circle_of_parents_is_followed_once(store: Store) -> None:
    await add_turns(store, a_turn("a", parent="c"), a_turn("b", parent="a"), a_turn("c", parent="b"))
    assert names(await store.sessions.turns(MINE, "c")) == ["a", "b", "c"]
    await add_turns(store, a_turn("self", parent="self"))
    assert names(await store.sessions.turns(MINE, "self")) == ["self"]


async def test_a_chain_of_thousands_is_read_whole(store: Store) -> None:
    chain = [a_turn(f"r{number}", parent=f"r{number - 1}" if number else None) for number in range(3000)]
    await add_turns(store, *chain)
    assert await store.sessions.turns(MINE, "r2999") == chain


async def test_made_turns_are_listed_oldest_first_by_session_and_age(store: Store) -> None:
    await add_turns(store, a_turn("late", created_at=30.0, session="s"), session="s")
    await add_turns(store, a_turn("early", created_at=10.0, session="s"), session="s")
    await add_turns(store, a_turn("lone", created_at=20.0))
    assert names(await store.sessions.made(MINE)) == ["early", "lone", "late"]
    assert names(await store.sessions.made(MINE, session="s")) == ["early", "late"]
    assert names(await store.sessions.made(MINE, before=30.0)) == ["early", "lone"]
    assert names(await store.sessions.made(MINE, session="s", before=30.0)) == ["early"]
    assert await store.sessions.made(MINE, session="t") == []


async def test_a_renamed_session_takes_its_turns_and_unfinished_jobs_along(store: Store) -> None:
    await add_turns(store, a_turn(session="s"), session="s")
    await admit(store, "waiting", session="s")
    await store.sessions.rename(MINE, "s", "t")
    assert await store.sessions.get(MINE, "s") is None
    assert (await session_of(store, "t")).head == "resp_1"
    assert names(await store.sessions.made(MINE, session="t")) == ["resp_1"]
    [job] = await store.jobs.find(MINE, ["waiting"])
    assert job.session == "t"
    request = await store.jobs.request(job.id)
    assert request is not None
    assert request.session == "t"


async def test_a_job_that_ran_through_a_rename_is_filed_under_the_new_name(store: Store) -> None:
    await store.sessions.create(a_session())
    await admit(store, session="s")
    await store.jobs.claim("job_1", "w", LATER)
    await store.sessions.rename(MINE, "s", "t")
    await settle(store, "job_1", a_turn(session="s"))
    assert [(session.name, session.head) for session in await store.sessions.all(MINE)] == [("t", "resp_1")]
    assert names(await store.sessions.made(MINE, session="t")) == ["resp_1"]


async def test_a_rename_keeps_the_queue_of_the_session(store: Store) -> None:
    await store.sessions.create(a_session())
    await admit(store, "job_1", session="s")
    await store.sessions.rename(MINE, "s", "t")
    await admit(store, "job_2", session="t")
    assert await store.jobs.claim("job_2", "w", LATER) is None


async def test_an_unknown_session_cannot_be_renamed(store: Store) -> None:
    with pytest.raises(NotThere, match="no session 's'"):
        await store.sessions.rename(MINE, "s", "t")


async def test_a_session_is_not_renamed_onto_another(store: Store) -> None:
    await store.sessions.create(a_session("s"))
    await store.sessions.create(a_session("t"))
    with pytest.raises(Conflict, match="'t' is taken"):
        await store.sessions.rename(MINE, "s", "t")
    assert await store.sessions.get(MINE, "s")


async def test_a_session_is_not_renamed_onto_one_whose_first_job_still_runs(store: Store) -> None:
    await store.sessions.create(a_session("s"))
    await admit(store, session="t")
    with pytest.raises(Conflict, match="'t' is taken"):
        await store.sessions.rename(MINE, "s", "t")


async def test_a_deleted_session_leaves_its_turns(store: Store) -> None:
    await add_turns(store, a_turn(session="s"), session="s")
    assert await store.sessions.delete(MINE, "s") is True
    assert await store.sessions.delete(MINE, "s") is False
    assert await store.sessions.get(MINE, "s") is None
    assert names(await store.sessions.turns(MINE, "resp_1")) == ["resp_1"]


async def test_a_session_whose_head_is_forgotten_has_none(store: Store) -> None:
    await add_turns(store, a_turn("a", session="s"), a_turn("b", parent="a", session="s"), session="s")
    assert await store.sessions.forget(MINE, ["b", "nowhere"]) == 1
    session = await session_of(store)
    assert (session.head, session.turns) == (None, 1)
    assert await store.sessions.turns(MINE, "b") == []


async def test_forgetting_an_earlier_turn_leaves_the_head(store: Store) -> None:
    await add_turns(store, a_turn("a", session="s"), a_turn("b", parent="a", session="s"), session="s")
    assert await store.sessions.forget(MINE, ["a"]) == 1
    assert (await session_of(store)).head == "b"
    assert names(await store.sessions.turns(MINE, "b")) == ["b"]


async def test_every_fork_at_a_forgotten_turn_loses_its_head(store: Store) -> None:
    await add_turns(store, a_turn("a"))
    for name in ("s", "t"):
        await store.sessions.create(a_session(name, head="a"))
    assert await store.sessions.forget(MINE, ["a"]) == 1
    assert [session.head for session in await store.sessions.all(MINE)] == [None, None]
