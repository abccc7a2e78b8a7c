from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import pytest

from mcp_server.backends.profile import Profile
from mcp_server.errors import ConfigurationError, InvalidArgument, NotThere, UpstreamError
from mcp_server.index.embedded import EmbeddedIndex
from mcp_server.index.protocol import Filing
from mcp_server.index.search import SearchIndex, open_index
from mcp_server.model.value import Scope
from mcp_server.store.protocol import Store
from tests.files.parts import PIXEL, pdf
from tests.index.parts import SCOPE, TEXTS, Embedding, fill, names, quiet


async def test_an_update_adds_then_only_does_what_changed(index: SearchIndex, backend: Embedding, texts: Path) -> None:
    assert await fill(index, texts) == {"added": 3}
    assert len(backend.requests) == 1  # small files are embedded together
    assert await fill(index, texts) == {"unchanged": 3}
    assert len(backend.requests) == 1
    (texts / "cars.md").write_text("Bicycles only.")
    (texts / "code" / "retry.py").unlink()
    (texts / "new.txt").write_text("Fresh.")
    assert await fill(index, texts) == {"added": 1, "updated": 1, "removed": 1, "unchanged": 1}
    (again,) = backend.requests[1:]
    assert [text.splitlines() for text in again] == [
        [f"{'/'.join(texts.parts[-2:])}/{name}", text]
        for name, text in (("cars.md", "Bicycles only."), ("new.txt", "Fresh."))
    ]
    assert "retry.py" not in await names(index, "maxRetries")


async def test_a_file_that_is_not_named_stays_unless_it_is_gone_from_a_place_that_is(
    index: SearchIndex, texts: Path
) -> None:
    await fill(index, texts)
    assert await fill(index, texts / "cars.md") == {"unchanged": 1}
    assert len(await names(index, "the", max_results=50)) == 3
    (texts / "health" / "doctor.txt").unlink()
    assert await fill(index, texts / "code") == {"unchanged": 1}
    assert await fill(index, texts / "cars.md") == {"removed": 1, "unchanged": 1}
    (texts / "code" / "retry.py").unlink()
    assert await fill(index, texts / "code") == {"removed": 1}


async def test_a_named_file_that_is_gone_is_removed_once_and_one_that_never_was_has_failed(
    index: SearchIndex, texts: Path
) -> None:
    await fill(index, texts / "cars.md")
    (texts / "cars.md").unlink()
    assert await fill(index, texts / "cars.md") == {"removed": 1}
    report = await fill(index, texts / "cars.md")
    assert "does not exist" in report["failed"][0]["reason"]


async def test_what_cannot_be_indexed_is_reported_and_the_rest_goes_on(index: SearchIndex, texts: Path) -> None:
    (texts / "tool.bin").write_bytes(b"\x7fELF\2\1\1" + bytes(range(256)) * 20)
    (texts / "picture.png").write_bytes(PIXEL)
    (texts / "broken.pdf").write_bytes(b"%PDF-1.7")
    with (texts / "big.txt").open("wb") as stream:
        stream.truncate(10_000_001)
    odd = [texts / name for name in ("tool.bin", "picture.png", "broken.pdf", "big.txt", "cars.md")]
    report = await fill(index, *odd)
    assert report["added"] == 1
    reasons = {Path(failed["path"]).name: failed["reason"] for failed in report["failed"]}
    assert list(reasons) == ["big.txt", "broken.pdf", "picture.png", "tool.bin"]
    assert all(name in reason for name, reason in reasons.items())


async def test_a_file_that_cannot_be_indexed_any_more_is_taken_out(index: SearchIndex, texts: Path) -> None:
    await fill(index, texts)
    (texts / "cars.md").write_bytes(bytes(range(256)))
    report = await fill(index, texts)
    assert "looks binary" in report["failed"][0]["reason"]
    assert "cars.md" not in await names(index, "automobile", max_results=50)


async def test_progress_is_told_after_each_file(index: SearchIndex, texts: Path) -> None:
    told: list[tuple[int, int, str]] = []

    async def progress(done: int, total: int, message: str) -> None:
        told.append((done, total, message))

    (texts / "x.bin").write_bytes(b"\0")
    await index.update(SCOPE, "docs", [texts, texts / "x.bin"], Filing(), progress)
    assert [done for done, *_ in told] == sorted(done for done, *_ in told)
    assert {total for _, total, _ in told} == {4}
    ended = {done: message for done, _, message in told if message.endswith(("failed", "added"))}
    assert list(ended) == [1, 2, 3, 4]
    assert set(ended.values()) == {"x.bin failed", *(f"{Path(name).name} added" for name in TEXTS)}


async def test_wherever_it_fails_the_same_call_goes_on_and_does_nothing_twice(store: Store, folder: Path) -> None:
    for number in range(5):
        (folder / f"{number}.txt").write_text("".join(f"{number} {line:05} {'x' * 100}\n" for line in range(200)))
    whole = Embedding()
    await open_index(whole.as_backend(), store, whole.as_backend).update(SCOPE, "whole", [folder], Filing(), quiet)
    for request in range(1, len(whole.requests) + 1):
        name = f"fails at {request}"
        failing, mending = Embedding(fails_at=request), Embedding()
        with pytest.raises(UpstreamError, match="overloaded"):
            await EmbeddedIndex(failing.as_backend(), store).update(SCOPE, name, [folder], Filing(), quiet)
        done = {file.path for file in await store.index.files(SCOPE, name)}
        assert len(done) < 5
        index = EmbeddedIndex(mending.as_backend(), store)
        report = await index.update(SCOPE, name, [folder], Filing(), quiet)
        assert (report.added, report.unchanged) == (5 - len(done), len(done))
        embedded = {text.splitlines()[1][0] for texts in mending.requests for text in texts}
        assert embedded == {str(number) for number in range(5)} - {Path(path).stem for path in done}
        found = await index.search(SCOPE, name, ["4 00100"], max_results=1)
        assert [passage.filename for passage in found.passages] == ["4.txt"]


async def test_a_text_that_the_backend_refuses_hurts_no_other_file(store: Store, texts: Path) -> None:
    backend = Embedding(refuses="automobile")
    index = open_index(backend.as_backend(), store, backend.as_backend)
    report = await fill(index, texts)
    assert report["added"] == 2
    assert [Path(failed["path"]).name for failed in report["failed"]] == ["cars.md"]
    assert (await names(index, "sick"))[0] == "doctor.txt"


async def test_search_finds_by_words_and_by_meaning_and_says_where(index: SearchIndex, texts: Path) -> None:
    await fill(index, texts, lang="en")
    result = await index.search(SCOPE, "docs", ["cars"], max_results=1)
    (passage,) = result.passages
    assert result.queries == ["cars"]
    assert passage.model_dump(exclude={"score", "file_id"}, exclude_none=True) == {
        "filename": "cars.md",
        "path": str(texts / "cars.md"),
        "text": TEXTS["cars.md"],
        "attributes": {"lang": "en"},
        "lines": "1-2",
    }
    assert 0 < passage.score <= 1
    assert (await names(index, "sick"))[0] == "doctor.txt"
    assert (await names(index, "max retries"))[0] == "retry.py"


async def test_without_embeddings_words_alone_are_searched(store: Store, texts: Path) -> None:
    index = open_index(Embedding(Profile()).as_backend(), store, lambda: None)
    await fill(index, texts)
    assert await names(index, "automobile") == ["cars.md"]
    assert await names(index, "physicians") == ["doctor.txt"]
    assert await names(index, "sick") == []
    (warning,) = (await index.search(SCOPE, "docs", ["sick"])).warnings
    assert warning.startswith("Searched by words alone")
    assert "responses-mcp[local]" in warning


async def test_two_queries_are_searched_together(index: SearchIndex, texts: Path) -> None:
    await fill(index, texts)
    assert set((await names(index, "automobile tyres", "physician village"))[:2]) == {"cars.md", "doctor.txt"}


async def test_the_threshold_and_the_limit_hold(index: SearchIndex, texts: Path) -> None:
    await fill(index, texts)
    assert await names(index, "red automobile", ranking={"score_threshold": 0.99}) == ["cars.md"]
    assert len(await names(index, "red automobile", max_results=2)) == 2


async def test_the_best_one_is_the_same_however_many_are_wanted(index: SearchIndex, folder: Path) -> None:
    for number in range(29):
        (folder / f"{number}.md").write_text("The doctor is sick.")
    (folder / "last.md").write_text("A long tail of other words around the rhubarb, and nothing of illness.")
    await fill(index, folder)
    assert (await names(index, "physician rhubarb", max_results=50))[0] == "last.md"
    assert await names(index, "physician rhubarb", max_results=1) == ["last.md"]


async def test_filters_choose_files_by_their_attributes(index: SearchIndex, texts: Path) -> None:
    await fill(index, texts / "cars.md", year=2020)
    await fill(index, texts / "health" / "doctor.txt", year=2024)
    newer = {"type": "gt", "key": "year", "value": 2022}
    assert await names(index, "automobile physician", filters=newer) == ["doctor.txt"]
    assert await names(index, "automobile", filters={"type": "eq", "key": "year", "value": 1}) == []
    with pytest.raises(InvalidArgument, match=r"filters\.type"):
        await names(index, "automobile", filters={"type": "near"})


async def test_attributes_are_replaced_when_given_and_kept_when_not(index: SearchIndex, texts: Path) -> None:
    path = texts / "cars.md"
    await fill(index, path, year=2020)
    assert await fill(index, path, year=2021) == {"updated": 1}
    assert await fill(index, path) == {"unchanged": 1}
    path.write_text("An automobile again.")
    assert await fill(index, path) == {"updated": 1}
    result = await index.search(SCOPE, "docs", ["automobile"])
    assert result.passages[0].attributes == {"year": 2021}
    with pytest.raises(InvalidArgument, match="at most 16"):
        await index.update(SCOPE, "docs", [path], Filing(attributes={f"k{number}": 1 for number in range(17)}), quiet)


async def test_passages_that_repeat_each_other_fill_no_places(index: SearchIndex, folder: Path) -> None:
    lines = [f"Line {number} about {'needle' if number == 300 else 'hay'}.\n" for number in range(1, 601)]
    (folder / "long.txt").write_text("".join(lines))
    await fill(index, folder)
    result = await index.search(SCOPE, "docs", ["needle"], max_results=10)
    spans = sorted(tuple(map(int, (passage.lines or "").split("-"))) for passage in result.passages)
    assert all(before[1] < after[0] for before, after in pairwise(spans))
    first, last = map(int, (result.passages[0].lines or "").split("-"))
    assert first <= 300 <= last
    assert result.passages[0].text == "".join(lines[first - 1 : last])


async def test_a_pdf_is_found_with_its_page(index: SearchIndex, folder: Path) -> None:
    (folder / "paper.pdf").write_bytes(pdf("Alpha beta", "Gamma delta", "Epsilon"))
    await fill(index, folder)
    result = await index.search(SCOPE, "docs", ["gamma"], max_results=1)
    assert (result.passages[0].page, result.passages[0].lines) == (2, None)


async def test_a_single_line_is_named_as_one(index: SearchIndex, folder: Path) -> None:
    (folder / "one.txt").write_text("Only this.")
    await fill(index, folder)
    assert (await index.search(SCOPE, "docs", ["only"])).passages[0].lines == "1"


async def test_an_unknown_store_is_refused_with_those_there_are(index: SearchIndex, texts: Path) -> None:
    with pytest.raises(NotThere, match="there are none yet"):
        await names(index, "x")
    await index.update(SCOPE, "b", [texts], Filing(), quiet)
    await index.update(SCOPE, "a", [texts], Filing(), quiet)
    with pytest.raises(NotThere, match=r"no store 'docs' \(there are a, b\)"):
        await names(index, "x")


async def test_owners_do_not_see_each_other(index: SearchIndex, texts: Path) -> None:
    other = Scope(owner="other", backend="test")
    await fill(index, texts / "cars.md")
    with pytest.raises(NotThere, match="none yet"):
        await names(index, "automobile", scope=other)
    await fill(index, texts / "health", scope=other)
    assert await names(index, "automobile physician") == ["cars.md"]
    assert await names(index, "automobile physician", scope=other) == ["doctor.txt"]
    assert await index.delete(other, "docs")
    assert await names(index, "automobile") == ["cars.md"]


async def test_a_deleted_store_is_gone(index: SearchIndex, store: Store, texts: Path) -> None:
    await fill(index, texts)
    assert await index.delete(SCOPE, "docs")
    assert not await index.delete(SCOPE, "docs")
    assert await store.index.files(SCOPE, "docs") == []
    with pytest.raises(NotThere):
        await names(index, "automobile")


async def test_vectors_are_read_again_when_another_process_changed_the_store(
    index: SearchIndex, store: Store, texts: Path
) -> None:
    (texts / "one.md").write_text("A physician visits.")
    await fill(index, texts / "one.md")
    assert await names(index, "sick") == ["one.md"]
    another = open_index(Embedding().as_backend(), store, Embedding().as_backend)
    (texts / "one.md").write_text("Nothing of it.")
    (texts / "two.md").write_text("A physician for lions.")
    await fill(another, texts / "one.md", texts / "two.md")
    assert await names(index, "sick") == ["two.md", "one.md"]


async def test_without_numpy_the_search_by_meaning_says_what_to_install(
    index: SearchIndex, texts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(index, texts)
    monkeypatch.setitem(__import__("sys").modules, "numpy", None)
    with pytest.raises(ConfigurationError, match=r"responses-mcp\[local\]"):
        await names(index, "cars")


async def test_two_updates_at_once_index_each_file_once(index: SearchIndex, backend: Embedding, texts: Path) -> None:
    reports: list[dict[str, Any]] = []

    async def update() -> None:
        reports.append(await fill(index, texts))

    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            group.start_soon(update)
            group.start_soon(update)
    assert reports == [{"added": 3}, {"unchanged": 3}]
    assert len(backend.requests) == 1


async def test_an_empty_file_is_indexed_with_nothing_in_it(index: SearchIndex, folder: Path) -> None:
    (folder / "empty.txt").write_text("")
    assert await fill(index, folder) == {"added": 1}
    assert await fill(index, folder) == {"unchanged": 1}
    assert await names(index, "anything") == []
