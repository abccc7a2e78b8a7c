import time
from pathlib import Path

import pytest

from mcp_server.backends.profile import Profile
from mcp_server.errors import InvalidArgument, NotThere
from mcp_server.index.protocol import Chunking, Filing
from mcp_server.index.search import SearchIndex, open_index
from mcp_server.store.protocol import Store
from tests.index.parts import SCOPE, Embedding, fill, names, quiet


async def test_another_model_makes_the_store_anew_and_is_never_compared_with_the_first(
    index: SearchIndex, store: Store, texts: Path
) -> None:
    await fill(index, texts)
    assert (await index.search(SCOPE, "docs", ["sick"])).warnings == []
    other = Embedding(model="n")
    changed = open_index(other.as_backend(), store, other.as_backend)
    result = await changed.search(SCOPE, "docs", ["sick"])
    assert (result.passages, other.requests) == ([], [])
    assert result.warnings == ["Searched by words alone: the store was made with m; give its paths again to use n."]
    assert await fill(changed, texts / "health") == {"updated": 1}
    assert await names(changed, "sick") == ["doctor.txt"]  # the vectors of the others are gone
    assert await fill(changed, texts) == {"updated": 2, "unchanged": 1}
    assert set(await names(changed, "sick")) == {"doctor.txt", "cars.md", "retry.py"}


async def test_a_model_that_was_away_for_a_while_makes_up_for_it(index: SearchIndex, store: Store, texts: Path) -> None:
    await fill(index, texts / "cars.md")
    await fill(open_index(Embedding(Profile()).as_backend(), store, lambda: None), texts / "health")
    assert "without vectors" in (await index.search(SCOPE, "docs", ["sick"])).warnings[0]
    assert await fill(index, texts) == {"added": 1, "updated": 2}
    assert (await names(index, "sick"))[0] == "doctor.txt"


async def test_chunking_is_kept_with_the_store_and_another_one_cuts_anew(index: SearchIndex, folder: Path) -> None:
    (folder / "long.txt").write_text("".join(f"{number:07}\n" for number in range(1, 201)))

    async def lines() -> list[str | None]:
        found = await index.search(SCOPE, "docs", ["0000045"], max_results=50)
        return [passage.lines for passage in found.passages][:1]

    assert await fill(index, folder, filing=Filing(chunking=Chunking(tokens=100, overlap=0))) == {"added": 1}
    assert await lines() == ["1-50"]
    assert await fill(index, folder) == {"unchanged": 1}
    assert await fill(index, folder, filing=Filing(chunking=Chunking(tokens=200, overlap=0))) == {"updated": 1}
    assert await lines() == ["1-100"]
    with pytest.raises(InvalidArgument, match="100 to 4096"):
        await fill(index, folder, filing=Filing(chunking=Chunking(tokens=10, overlap=0)))


async def test_a_store_is_forgotten_when_it_was_not_used_for_as_long_as_it_said(
    index: SearchIndex, store: Store, texts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = time.time()
    hours = 0.0
    monkeypatch.setattr("time.time", lambda: start + hours * 3600)
    await fill(index, texts, filing=Filing(expires_days=2))
    await index.update(SCOPE, "for ever", [texts], Filing(), quiet)
    hours = 40
    assert await names(index, "automobile")  # a use
    hours = 80
    assert await fill(index, texts) == {"unchanged": 3}  # another, and the days are as they were
    hours = 120
    assert await names(index, "automobile")
    hours = 170
    with pytest.raises(NotThere):
        await names(index, "automobile")
    assert await store.index.files(SCOPE, "docs") == []
    assert [kept.key for kept in await store.objects.all(SCOPE, "vector_store")] == ["for ever"]
    assert len(await store.index.files(SCOPE, "for ever")) == 3
    assert await fill(index, texts) == {"added": 3}


async def test_a_store_that_expired_is_made_anew_with_nothing_of_the_old_one(
    index: SearchIndex, texts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = time.time()
    days = 0.0
    monkeypatch.setattr("time.time", lambda: start + days * 86_400)
    await fill(index, texts, filing=Filing(expires_days=1))
    days = 1.1
    assert await fill(index, texts / "cars.md") == {"added": 1}
    assert await names(index, "physician automobile") == ["cars.md"]
    days = 100
    assert await names(index, "automobile") == ["cars.md"]  # the new one was made without an end


async def test_the_last_use_is_written_down_once_an_hour_at_most(
    index: SearchIndex, store: Store, texts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = time.time()
    minutes = 0.0
    monkeypatch.setattr("time.time", lambda: start + minutes * 60)
    await fill(index, texts, filing=Filing(expires_days=1))
    ends: list[float] = []
    for later in (10, 50, 70, 100):
        minutes = later
        await names(index, "automobile")
        (kept,) = await store.objects.all(SCOPE, "vector_store")
        ends.append(round(((kept.expires_at or 0) - start) / 60) - 24 * 60)
    assert ends == [0, 0, 70, 70]


async def test_no_backend_can_search_in_here_itself(index: SearchIndex, texts: Path) -> None:
    with pytest.raises(NotThere):
        await index.file_search(SCOPE, "docs")
    await fill(index, texts)
    assert await index.file_search(SCOPE, "docs") is None
