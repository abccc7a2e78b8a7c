"""The contract when several tasks and several openings of one database do the same thing at once."""

import anyio
import pytest

from mcp_server.errors import Conflict
from mcp_server.model.job import Job
from mcp_server.store.protocol import Store
from tests.store.conftest import OpenStore
from tests.store.examples import HI, LATER, MINE, a_file, a_job, a_session, a_turn, admit, an_object, chunks, settle

ROUNDS = 10


@pytest.fixture
async def stores(open_store: OpenStore) -> list[Store]:
    """Four workers on two openings of the same database."""
    first, second = await open_store(), await open_store()
    return [first, second, first, second]


async def test_exactly_one_of_racing_callers_inserts_a_request_key(stores: list[Store]) -> None:
    for number in range(ROUNDS):
        admitted: list[Job] = []

        async def begin(store: Store, job: Job, admitted: list[Job] = admitted) -> None:
            admitted.append(await store.jobs.admit(job, HI))

        async with anyio.create_task_group() as group:
            for worker, store in enumerate(stores):
                group.start_soon(begin, store, a_job(f"job_{number}_{worker}", key=f"k{number}"))
        assert len(admitted) == 4
        assert len({job.id for job in admitted}) == 1
    assert len(await stores[0].jobs.recent(MINE, 0.0)) == ROUNDS


async def test_exactly_one_of_racing_workers_claims_a_job(stores: list[Store]) -> None:
    for number in range(ROUNDS):
        await admit(stores[0], f"job_{number}")
        claimed: list[Job] = []

        async def claim(store: Store, job_id: str, worker: str, claimed: list[Job] = claimed) -> None:
            if job := await store.jobs.claim(job_id, worker, LATER):
                claimed.append(job)

        async with anyio.create_task_group() as group:
            for worker, store in enumerate(stores):
                group.start_soon(claim, store, f"job_{number}", f"w{worker}")
        assert len(claimed) == 1
        assert await stores[1].jobs.find(MINE, [f"job_{number}"]) == claimed


async def test_each_expired_job_is_taken_over_by_exactly_one_worker(stores: list[Store]) -> None:
    for number in range(40):
        await admit(stores[0], f"job_{number}", lease_until=number % 4)
    taken: list[str] = []

    async def take(store: Store, worker: str) -> None:
        for now in range(4):
            jobs = await store.jobs.take_over("openai", worker, LATER, now)
            assert {job.worker for job in jobs} <= {worker}
            taken.extend(job.id for job in jobs)

    async with anyio.create_task_group() as group:
        for worker, store in enumerate(stores):
            group.start_soon(take, store, f"w{worker}")
    assert sorted(taken) == sorted(f"job_{number}" for number in range(40))


async def test_exactly_one_of_racing_callers_creates_a_session(stores: list[Store]) -> None:
    created: list[str] = []

    async def create(store: Store, head: str) -> None:
        try:
            await store.sessions.create(a_session(head=head))
        except Conflict:
            return
        created.append(head)

    async with anyio.create_task_group() as group:
        for worker, store in enumerate(stores):
            group.start_soon(create, store, f"resp_{worker}")
    session = await stores[0].sessions.get(MINE, "s")
    assert session
    assert created == [session.head]


async def test_sixty_four_settles_at_once_all_count(stores: list[Store]) -> None:
    """Half of them on each opening, in eight sessions; no turn and no count is lost."""
    for number in range(64):
        await admit(stores[0], f"job_{number}", session=f"s{number % 8}")

    async def end(store: Store, number: int) -> None:
        job = await settle(store, f"job_{number}", a_turn(f"resp_{number}", session=f"s{number % 8}"))
        assert job.ended
        assert [turn.response_id for turn in await store.sessions.turns(MINE, f"resp_{number}")] == [f"resp_{number}"]

    async with anyio.create_task_group() as group:
        for number in range(64):
            group.start_soon(end, stores[number % 2], number)
    assert len(await stores[0].sessions.made(MINE)) == 64
    assert [session.turns for session in await stores[1].sessions.all(MINE)] == [8] * 8


async def test_a_job_settled_twice_at_once_ends_once(stores: list[Store]) -> None:
    await admit(stores[0], session="s")
    ended: list[Job] = []

    async def end(store: Store, number: int) -> None:
        ended.append(await settle(store, "job_1", a_turn(f"resp_{number}", session="s")))

    async with anyio.create_task_group() as group:
        for number, store in enumerate(stores):
            group.start_soon(end, store, number)
    assert ended == ended[:1] * 4
    assert len(await stores[0].sessions.made(MINE)) == 1


async def test_one_failing_write_leaves_those_beside_it(store: Store) -> None:
    await store.sessions.create(a_session())
    failed: list[Conflict] = []

    async def write(number: int) -> None:
        if number % 2:
            await store.objects.put(an_object(f"k{number}"))
            return
        try:
            await store.sessions.create(a_session())
        except Conflict as error:
            failed.append(error)

    async with anyio.create_task_group() as group:
        for number in range(64):
            group.start_soon(write, number)
    assert len(failed) == 32
    assert len(await store.objects.all(MINE, "file")) == 32


async def test_hundreds_of_writes_at_once_are_all_done(store: Store) -> None:
    async with anyio.create_task_group() as group:
        for number in range(600):
            group.start_soon(store.objects.put, an_object(f"k{number}"))
    assert len(await store.objects.all(MINE, "file")) == 600


async def test_a_write_that_fails_halfway_leaves_nothing(store: Store) -> None:
    """The second passage has the first one's place: a bug of the caller's, which stays a bug."""
    await store.index.replace(MINE, a_file(), chunks("before"))
    passage = chunks("after")[0]
    with pytest.raises(Exception, match=r"UNIQUE|unique"):
        await store.index.replace(MINE, a_file(sha256="1"), [passage, passage])
    assert [file.sha256 for file in await store.index.files(MINE, "docs")] == ["0"]
    assert len(await store.index.match(MINE, "docs", ["before"], 10)) == 1
    assert await store.index.match(MINE, "docs", ["after"], 10) == []


async def test_cancelling_a_waiting_writer_harms_nobody(store: Store) -> None:
    async with anyio.create_task_group() as group:
        for number in range(32):
            group.start_soon(store.objects.put, an_object(f"k{number}"))
        await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    with anyio.fail_after(10):
        await store.objects.put(an_object("after"))
    keys = {item.key for item in await store.objects.all(MINE, "file")}
    assert "after" in keys
    assert keys <= {"after", *(f"k{number}" for number in range(32))}


async def test_a_read_sees_every_write_that_returned(store: Store) -> None:
    for number in range(50):
        await store.objects.put(an_object("k", id=str(number)))
        item = await store.objects.get(MINE, "file", "k")
        assert item
        assert item.id == str(number)


async def test_closing_finishes_the_writes_that_wait(open_store: OpenStore) -> None:
    first, second = await open_store(), await open_store()
    async with anyio.create_task_group() as group:
        for number in range(100):
            group.start_soon(first.objects.put, an_object(f"k{number}"))
        await anyio.lowlevel.checkpoint()
        await first.close()
    assert len(await second.objects.all(MINE, "file")) == 100
