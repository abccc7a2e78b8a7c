"""An upstream that is slow to take and slow to answer."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from mcp_server.errors import UpstreamError
from mcp_server.index.embedded import EmbeddedIndex
from mcp_server.index.hosted import LOOKS, HostedIndex
from mcp_server.index.search import Filing
from mcp_server.store.protocol import Store
from tests.index.parts import SCOPE, Embedding, Hosted, Time, Trouble, fill, nothing_left_over


@pytest.fixture
def backend() -> Hosted:
    return Hosted()


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def index(backend: Hosted, store: Store, time: Time) -> HostedIndex:
    return HostedIndex(backend.as_backend(), store, clock=time.clock, sleep=time.sleep)


def limit() -> None:
    raise UpstreamError("Too many requests.", kind="rate_limited", http_status=429, retry_after=12.0)


async def test_a_rate_limit_makes_the_whole_update_pause_and_go_on(
    index: HostedIndex, backend: Hosted, store: Store, time: Time, folder: Path
) -> None:
    for number in range(6):
        (folder / f"{number}.md").write_text(str(number))
    backend.trouble = {number: Trouble(limit) for number in (3, 4, 5, 11)}
    told: list[tuple[int, int, str]] = []

    async def progress(done: int, total: int, message: str) -> None:
        told.append((done, total, message))

    report = await index.update(SCOPE, "docs", [folder], Filing(), progress)
    assert report.added == 6
    waits = [message for _, _, message in told if "waiting" in message]
    assert set(waits) == {"waiting 12 s for the upstream's rate limit"}
    assert len(waits) == 2
    assert time.now == 1000.0 + 2 * 12.0
    assert len(backend.uploaded) == 6
    await nothing_left_over(store, backend)


async def test_a_limit_of_who_embeds_is_waited_for_too(store: Store, time: Time, folder: Path) -> None:
    class Limited(Embedding):
        async def embed(self, texts: Sequence[str]) -> list[list[float]]:
            if time.now == 1000.0:
                limit()
            return await super().embed(texts)

    (folder / "a.md").write_text("one")
    index = EmbeddedIndex(Limited(), store, clock=time.clock, sleep=time.sleep)
    assert await fill(index, folder) == {"added": 1}
    assert time.now == 1012.0


async def test_an_update_whose_limit_does_not_end_fails_and_the_same_call_goes_on(
    index: HostedIndex, backend: Hosted, store: Store, folder: Path
) -> None:
    for number in range(3):
        (folder / f"{number}.md").write_text(str(number))
    backend.trouble = {number: Trouble(limit) for number in range(6, 200)}
    with pytest.raises(UpstreamError, match="Too many"):
        await fill(index, folder)
    backend.trouble.clear()
    await fill(index, folder)
    assert sorted(backend.uploaded) == [b"0", b"1", b"2"]
    await nothing_left_over(store, backend)


async def test_no_more_files_are_attached_within_a_minute_than_the_upstream_takes(
    index: HostedIndex, backend: Hosted, time: Time, folder: Path
) -> None:
    for number in range(310):
        (folder / f"{number}.md").write_text(str(number))
    attached_at: list[float] = []
    attach = backend.attach

    async def noted(*arguments: object) -> object:
        attached_at.append(time.now)
        return await attach(*arguments)  # type: ignore[arg-type]

    backend.attach = noted  # type: ignore[method-assign, assignment]
    assert await fill(index, folder) == {"added": 310}
    assert attached_at[:300] == [1000.0] * 300
    assert min(attached_at[300:]) >= 1060.0


async def test_a_store_that_was_just_filled_is_asked_again_when_it_answers_empty(
    index: HostedIndex, backend: Hosted, time: Time, folder: Path
) -> None:
    (folder / "a.md").write_text("a")
    await fill(index, folder)
    backend.empty_answers = 3
    assert len((await index.search(SCOPE, "docs", ["a"])).passages) == 1
    assert time.slept == list(LOOKS[:3])
    backend.empty_answers = 100
    assert (await index.search(SCOPE, "docs", ["a"])).passages == []
    assert time.slept[3:] == list(LOOKS)
    assert sum(LOOKS) <= 5


async def test_an_empty_answer_with_a_reason_is_taken_as_it_is(
    index: HostedIndex, backend: Hosted, time: Time, folder: Path
) -> None:
    (folder / "a.md").write_text("a")
    await fill(index, folder)
    backend.empty_answers = 100
    wanted = {"type": "eq", "key": "k", "value": "v"}
    assert (await index.search(SCOPE, "docs", ["a"], filters=wanted)).passages == []
    assert (await index.search(SCOPE, "docs", ["a"], ranking={"score_threshold": 0.9})).passages == []
    await fill(index, folder)
    time.now += 61
    assert (await index.search(SCOPE, "docs", ["a"])).passages == []
    assert time.slept == []
