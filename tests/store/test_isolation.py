"""What one owner has on one backend does not exist for another owner or on another backend, in any method."""

import pytest

from mcp_server.errors import NotThere
from mcp_server.model.value import Scope
from mcp_server.store.protocol import Store
from tests.store.examples import (
    MINE,
    OTHERS,
    a_file,
    a_line,
    a_session,
    a_turn,
    add_turns,
    admit,
    an_object,
    chunks,
    settle,
    spend,
)

pytestmark = pytest.mark.parametrize("other", OTHERS, ids=["owner", "backend"])


async def test_jobs(store: Store, other: Scope) -> None:
    job = await admit(store, key="k")
    await store.jobs.note("job_1", response_id="resp_1")
    assert await store.jobs.find(other, ["job_1", "resp_1"]) == []
    assert await store.jobs.recent(other, 0.0) == []
    await store.jobs.ask_cancel(other, job.id)
    assert not (await store.jobs.find(MINE, ["job_1"]))[0].cancel_requested
    await settle(store, "job_1")
    assert await store.jobs.delete(other, ["job_1"]) == 0
    assert await store.jobs.find(MINE, ["job_1"])


async def test_request_keys_and_sequence_numbers(store: Store, other: Scope) -> None:
    await admit(store, "job_1", key="k")
    theirs = await admit(store, "job_2", scope=other, key="k", fingerprint="other")
    assert (theirs.id, theirs.seq) == ("job_2", 1)
    assert await store.jobs.keyed(other, "k") == theirs
    await admit(store, "job_3", key="mine")
    assert await store.jobs.keyed(other, "mine") is None


async def test_sessions(store: Store, other: Scope) -> None:
    mine, theirs = a_session(head="a"), a_session(scope=other, head="a")
    await store.sessions.create(mine)
    assert await store.sessions.get(other, "s") is None
    assert await store.sessions.all(other) == []
    assert await store.sessions.delete(other, "s") is False
    with pytest.raises(NotThere):
        await store.sessions.rename(other, "s", "t")
    await store.sessions.create(theirs)
    await store.sessions.rename(other, "s", "t")
    assert await store.sessions.delete(other, "t") is True
    assert await store.sessions.all(MINE) == [mine]


async def test_a_rename_leaves_turns_and_jobs_of_the_same_name_elsewhere(store: Store, other: Scope) -> None:
    await add_turns(store, a_turn(session="s"), session="s")
    await add_turns(store, a_turn(session="s", scope=other), session="s", scope=other)
    await admit(store, session="s")
    await store.sessions.rename(other, "s", "t")
    assert [turn.session for turn in await store.sessions.made(MINE)] == ["s"]
    assert (await store.jobs.find(MINE, ["job_1"]))[0].session == "s"


async def test_a_name_taken_elsewhere_is_free(store: Store, other: Scope) -> None:
    await store.sessions.create(a_session("s"))
    await store.sessions.create(a_session("t", scope=other))
    await admit(store, scope=other, session="t")
    await store.sessions.rename(MINE, "s", "t")
    assert await store.sessions.get(MINE, "t")


async def test_turns(store: Store, other: Scope) -> None:
    await add_turns(store, a_turn("a", session="s"), session="s")
    await add_turns(store, a_turn("b", parent="a", scope=other, session="s"), session="s", scope=other)
    assert await store.sessions.turns(other, "a") == []
    assert [turn.response_id for turn in await store.sessions.turns(other, "b")] == ["b"]
    assert [turn.response_id for turn in await store.sessions.made(other)] == ["b"]
    assert [turn.response_id for turn in await store.sessions.made(other, session="s")] == ["b"]


async def test_forgetting_turns(store: Store, other: Scope) -> None:
    await add_turns(store, a_turn("a", session="s"), session="s")
    assert await store.sessions.forget(other, ["a"]) == 0
    await add_turns(store, a_turn("a", scope=other, session="s"), session="s", scope=other)
    assert await store.sessions.forget(other, ["a"]) == 1
    session = await store.sessions.get(MINE, "s")
    assert session
    assert (session.head, session.turns) == ("a", 1)
    assert len(await store.sessions.turns(MINE, "a")) == 1


async def test_settling_files_everything_in_the_jobs_own_scope(store: Store, other: Scope) -> None:
    await admit(store, session="s")
    await settle(store, "job_1", a_turn(session="s", scope=other))
    assert await store.sessions.all(other) == await store.sessions.made(other) == []
    assert [turn.scope for turn in await store.sessions.made(MINE)] == [MINE]


async def test_the_ledger(store: Store, other: Scope) -> None:
    await spend(store, a_line(), session="s")
    assert (await store.spendings.total(other)).requests == 0
    assert (await store.spendings.total(other, session="s")).requests == 0
    assert await store.spendings.by_day(other) == await store.spendings.by_day(other, session="s") == []
    assert other not in await store.spendings.scopes(other.owner)
    await spend(store, a_line(scope=other, session="s"), a_line(scope=other), session="s", scope=other)
    await store.sessions.create(a_session(scope=other))
    await store.sessions.rename(other, "s", "t")
    assert (await store.spendings.total(MINE, session="s")).requests == 1


async def test_what_was_spent_is_filed_in_the_jobs_own_scope(store: Store, other: Scope) -> None:
    await spend(store, a_line(scope=other))
    assert (await store.spendings.total(other)).requests == 0
    assert (await store.spendings.total(MINE)).requests == 1


async def test_objects(store: Store, other: Scope) -> None:
    mine = an_object()
    await store.objects.put(mine)
    assert await store.objects.get(other, "file", "k") is None
    assert await store.objects.all(other, "file") == []
    assert await store.objects.delete(other, "file", "k") is False
    await store.objects.put(an_object(scope=other, id="theirs"))
    assert await store.objects.get(MINE, "file", "k") == mine


async def test_index(store: Store, other: Scope) -> None:
    await store.index.replace(MINE, a_file(), chunks("apples"), [b"1234"])
    [(key, _)] = await store.index.match(MINE, "docs", ["apples"], 10)
    assert await store.index.files(other, "docs") == []
    assert await store.index.located(other, ["f1"]) == []
    assert await store.index.match(other, "docs", ["apples"], 10) == []
    assert await store.index.nearest(MINE, "docs", [0.5], 10) != []
    assert await store.index.nearest(other, "docs", [0.5], 10) == []
    assert await store.index.chunks(other, "docs", [key]) == []
    assert await store.index.drop(other, "docs", ["f1"]) == 0
    await store.index.replace(other, a_file(), chunks("pears"))
    assert [chunk.text for chunk in await store.index.chunks(MINE, "docs", [key])] == ["apples"]
    assert len(await store.index.files(MINE, "docs")) == 1
