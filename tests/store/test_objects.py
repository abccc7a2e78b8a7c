"""The contract of ``Objects``."""

import time

import anyio

from mcp_server.store.protocol import Store
from tests.store.examples import MINE, an_object


async def test_an_object_is_read_as_it_was_put(store: Store) -> None:
    item = an_object(data={"a": [1, None, {"é": "\0"}]}, expires_at=time.time() + 60)
    await store.objects.put(item)
    assert await store.objects.get(MINE, "file", "k") == item


async def test_putting_again_replaces(store: Store) -> None:
    await store.objects.put(an_object(expires_at=1.0))
    again = an_object(id="file_2", data={"new": True}, created_at=200.0)
    await store.objects.put(again)
    assert await store.objects.all(MINE, "file") == [again]


async def test_adding_leaves_what_stands_there_and_takes_the_place_of_what_has_expired(store: Store) -> None:
    first, second, later = (an_object(id=str(at), created_at=at, expires_at=at + 10) for at in (100.0, 109.0, 110.0))
    assert [await store.objects.add(one) for one in (first, second, later)] == [first, first, later]
    forever = an_object("other")
    assert [await store.objects.add(one) for one in (forever, an_object("other", created_at=1e12))] == [forever] * 2
    assert {one.id for one in await store.objects.all(MINE, "file")} == {later.id, forever.id}


async def test_one_of_several_who_add_at_once_wins(store: Store) -> None:
    stood: list[str] = []

    async def add(name: str) -> None:
        stood.append((await store.objects.add(an_object(id=name))).id)

    async with anyio.create_task_group() as tasks:
        for name in "abcd":
            tasks.start_soon(add, name)
    assert len(stood) == 4
    assert len(set(stood)) == 1


async def test_an_expired_object_is_listed_but_not_given(store: Store) -> None:
    expired = an_object(expires_at=time.time() - 1)
    await store.objects.put(expired)
    assert await store.objects.get(MINE, "file", "k") is None
    assert await store.objects.all(MINE, "file") == [expired]


async def test_objects_of_a_kind_are_listed_oldest_first(store: Store) -> None:
    for key, made in (("c", 1.0), ("a", 3.0), ("b", 2.0)):
        await store.objects.put(an_object(key, created_at=made))
    await store.objects.put(an_object("d", kind="schema"))
    assert [item.key for item in await store.objects.all(MINE, "file")] == ["c", "b", "a"]


async def test_a_deleted_object_is_gone(store: Store) -> None:
    await store.objects.put(an_object())
    assert await store.objects.delete(MINE, "schema", "k") is False
    assert await store.objects.delete(MINE, "file", "k") is True
    assert await store.objects.delete(MINE, "file", "k") is False
    assert await store.objects.get(MINE, "file", "k") is None


async def test_half_a_surrogate_pair_in_the_data_does_not_lose_the_object(store: Store) -> None:
    await store.objects.put(an_object(data={"name": "\ud83d"}))
    item = await store.objects.get(MINE, "file", "k")
    assert item
    assert item.data == {"name": "?"}
