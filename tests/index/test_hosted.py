import time
from pathlib import Path
from typing import Any

import pytest

from mcp_server.errors import InvalidArgument, NotThere, UpstreamError
from mcp_server.index.hosted import HostedIndex
from mcp_server.index.search import SearchIndex, open_index
from mcp_server.model.session import KeptObject
from mcp_server.model.value import Scope
from mcp_server.store.protocol import Store
from tests.files.parts import PIXEL
from tests.index.parts import SCOPE, Hosted, quiet


@pytest.fixture
def backend() -> Hosted:
    return Hosted()


@pytest.fixture
def index(backend: Hosted, store: Store) -> SearchIndex:
    return open_index(backend.as_backend(), store)


async def fill(index: SearchIndex, *paths: Path, scope: Scope = SCOPE, **attributes: Any) -> dict[str, Any]:
    report = await index.update(scope, "docs", paths, attributes, quiet)
    return {name: value for name, value in report.model_dump().items() if value}


async def kept(store: Store) -> set[str]:
    return {one.id for one in await store.objects.all(SCOPE, "file")}


async def test_an_update_uploads_and_attaches_only_what_changed(
    index: SearchIndex, backend: Hosted, store: Store, folder: Path
) -> None:
    assert isinstance(index, HostedIndex)
    for name in ("a.md", "b.md", "c.md"):
        (folder / name).write_text(name)
    assert await fill(index, folder, lang="en") == {"added": 3}
    assert await fill(index, folder) == {"unchanged": 3}
    (folder / "a.md").write_text("new")
    (folder / "b.md").unlink()
    assert await fill(index, folder) == {"updated": 1, "removed": 1, "unchanged": 1}
    assert backend.contents() == {"a.md": b"new", "c.md": b"c.md"}
    assert all(attributes == {"lang": "en"} for attributes in backend.attached["vs_1"].values())
    assert set(backend.files) == set(backend.attached["vs_1"]) == await kept(store)


async def test_files_are_brought_in_a_few_at_once(index: SearchIndex, backend: Hosted, folder: Path) -> None:
    for number in range(12):
        (folder / f"{number}.md").write_text(str(number))
    assert await fill(index, folder) == {"added": 12}
    assert 1 < backend.most_at_once <= 4


async def test_text_goes_as_utf_8_under_a_name_that_is_taken_as_text(
    index: SearchIndex, backend: Hosted, folder: Path
) -> None:
    (folder / "conf.toml").write_bytes("größe = 1".encode("latin-1"))
    (folder / "main.PY").write_text("x = 1")
    (folder / "paper.pdf").write_bytes(b"%PDF-1.7 \xff")
    (folder / "memo.docx").write_bytes(b"PK\3\4")
    await fill(index, folder, folder / "memo.docx")
    assert backend.contents() == {
        "conf.toml.txt": "größe = 1".encode(),
        "main.PY": b"x = 1",
        "paper.pdf": b"%PDF-1.7 \xff",
        "memo.docx": b"PK\3\4",
    }


async def test_what_is_refused_is_reported_and_leaves_nothing_behind(
    index: SearchIndex, backend: Hosted, store: Store, folder: Path
) -> None:
    for name in ("a.md", "scan.md"):
        (folder / name).write_text(name)
    (folder / "bad.md").write_text("bad")
    (folder / "empty.md").write_text("")
    (folder / "p.png").write_bytes(PIXEL)
    backend.attach_fails = "scan"
    backend.upload_failure = UpstreamError("The file is refused.", kind="invalid_request", http_status=400)
    report = await fill(index, folder, folder / "p.png")
    assert report["added"] == 1
    assert [(Path(one["path"]).name, one["reason"]) for one in report["failed"]] == [
        ("bad.md", "The file is refused."),
        ("empty.md", "empty.md is empty: there is nothing to search."),
        ("p.png", "p.png is an image, which cannot be turned into text yet: convert it to PDF or text."),
        ("scan.md", "scan.md could not be indexed by the backend: The file has no text."),
    ]
    assert set(backend.files) == set(backend.attached["vs_1"]) == await kept(store)
    assert len(backend.files) == 1


async def test_a_backend_that_fails_ends_the_update_and_the_same_call_goes_on(
    index: SearchIndex, backend: Hosted, folder: Path
) -> None:
    for number in range(9):
        (folder / f"{number}.md").write_text("bad" if number == 4 else str(number))
    backend.upload_failure = UpstreamError("Too many requests.", kind="rate_limited", http_status=429)
    with pytest.raises(UpstreamError, match="Too many"):
        await fill(index, folder)
    done = len(backend.files)
    assert 0 < done < 9
    backend.upload_failure = None
    assert await fill(index, folder) == {"added": 9 - done, "unchanged": done}


async def test_what_a_broken_update_left_behind_is_taken_out_later_but_not_what_another_is_at(
    index: SearchIndex, backend: Hosted, store: Store, folder: Path
) -> None:
    (folder / "a.md").write_text("a")
    await fill(index, folder)
    for age in (10.0, 7200.0):
        file_id = await backend.upload(f"{age}", b"left", "assistants")
        backend.attached["vs_1"][file_id] = {}
        data = {"vector_store": "docs"}
        moment = time.time() - age
        await store.objects.put(
            KeptObject(scope=SCOPE, kind="file", key=file_id, id=file_id, data=data, created_at=moment)
        )
    await fill(index, folder)
    assert set(backend.contents()) == {"a.md", "10.0"}
    assert len(backend.files) == 2


async def test_a_file_deleted_by_a_cleanup_is_brought_in_again(
    index: SearchIndex, backend: Hosted, store: Store, folder: Path
) -> None:
    (folder / "a.md").write_text("a")
    await fill(index, folder)
    await backend.delete_file("file-1")
    await backend.detach("vs_1", "file-1")
    await store.objects.delete(SCOPE, "file", "file-1")
    assert await fill(index, folder) == {"added": 1}
    assert backend.contents() == {"a.md": b"a"}


async def test_a_search_passes_its_options_on_and_brings_paths_back(
    index: SearchIndex, backend: Hosted, folder: Path
) -> None:
    (folder / "conf.toml").write_text("x")
    await fill(index, folder, year=2024)
    filters = {"type": "eq", "key": "year", "value": 2024}
    result = await index.search(
        SCOPE, "docs", ["one", "two"], filters=filters, max_results=3, score_threshold=0.2, rewrite=True
    )
    options = {
        "max_num_results": 3,
        "filters": filters,
        "ranking_options": {"score_threshold": 0.2},
        "rewrite_query": True,
    }
    assert backend.searches == [("vs_1", ["one", "two"], options)]
    assert result.queries == ["one", "two"]
    assert [passage.model_dump(exclude_none=True) for passage in result.passages] == [
        {
            "file_id": "file-1",
            "filename": "conf.toml",
            "path": str(folder / "conf.toml"),
            "score": 0.5,
            "text": "x",
            "attributes": {"year": 2024},
        }
    ]
    await index.search(SCOPE, "docs", ["one"])
    assert backend.searches[-1] == ("vs_1", ["one"], {"max_num_results": 10})


async def test_an_id_is_searched_as_it_is_and_ours_is_known_by_it(
    index: SearchIndex, backend: Hosted, folder: Path
) -> None:
    (folder / "a.md").write_text("a")
    await fill(index, folder)
    ours = await index.search(SCOPE, "vs_1", ["x"])
    assert ours.passages[0].path == str(folder / "a.md")
    backend.attached["vs_9"] = {"file-1": {}}
    foreign = await index.search(SCOPE, "vs_9", ["x"])
    assert (foreign.passages[0].path, foreign.passages[0].filename) == (None, "a.md")
    with pytest.raises(InvalidArgument, match="vs_9 is an id"):
        await index.update(SCOPE, "vs_9", [folder], {}, quiet)


async def test_an_unknown_store_or_filter_is_refused_before_anything_is_sent(
    index: SearchIndex, backend: Hosted, folder: Path
) -> None:
    with pytest.raises(NotThere, match="none yet"):
        await index.search(SCOPE, "docs", ["x"])
    with pytest.raises(InvalidArgument, match=r"filters\.type"):
        await index.search(SCOPE, "vs_1", ["x"], filters={"type": "near"})
    assert backend.searches == []


async def test_owners_have_stores_of_their_own(index: SearchIndex, backend: Hosted, folder: Path) -> None:
    (folder / "a.md").write_text("a")
    other = Scope(owner="other", backend="test")
    await fill(index, folder)
    assert await fill(index, folder, scope=other) == {"added": 1}
    assert set(backend.attached) == {"vs_1", "vs_2"}
    assert await index.delete(other, "docs")
    assert backend.contents("vs_1") == {"a.md": b"a"}


async def test_a_deleted_store_takes_its_files_with_it(
    index: SearchIndex, backend: Hosted, store: Store, folder: Path
) -> None:
    (folder / "a.md").write_text("a")
    await fill(index, folder)
    assert await index.delete(SCOPE, "docs")
    assert not await index.delete(SCOPE, "docs")
    assert (backend.files, backend.attached, await kept(store)) == ({}, {}, set())
    assert await store.index.files(SCOPE, "docs") == []
    assert await fill(index, folder) == {"added": 1}
