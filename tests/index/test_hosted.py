import time
from pathlib import Path

import pytest

from mcp_server.backends.protocol import Attachment
from mcp_server.errors import InvalidArgument, NotThere, UpstreamError
from mcp_server.index.search import Chunking, Filing, SearchIndex, open_index
from mcp_server.model.session import KeptObject
from mcp_server.model.value import Scope
from mcp_server.store.protocol import Store
from tests.files.parts import PIXEL, pdf
from tests.index.parts import SCOPE, Hosted, Trouble, file, fill, nothing_left_over


@pytest.fixture
def backend() -> Hosted:
    return Hosted()


@pytest.fixture
def index(backend: Hosted, store: Store) -> SearchIndex:
    return open_index(backend.as_backend(), store, lambda: None)


async def test_an_update_uploads_and_attaches_only_what_changed(
    index: SearchIndex, backend: Hosted, store: Store, folder: Path
) -> None:
    for name in ("a.md", "b.md", "c.md"):
        (folder / name).write_text(name)
    assert await fill(index, folder, lang="en") == {"added": 3}
    assert await fill(index, folder) == {"unchanged": 3}
    (folder / "a.md").write_text("new")
    (folder / "b.md").unlink()
    assert await fill(index, folder) == {"updated": 1, "removed": 1, "unchanged": 1}
    assert backend.contents() == {"a.md": b"new", "c.md": b"c.md"}
    assert backend.attributes() == {"a.md": {"lang": "en"}, "c.md": {"lang": "en"}}
    await nothing_left_over(store, backend)


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
    paper = pdf("One page")
    (folder / "paper.pdf").write_bytes(paper)
    await fill(index, folder)
    assert backend.contents() == {"conf.toml.txt": "größe = 1".encode(), "main.PY": b"x = 1", "paper.pdf": paper}


async def test_the_same_bytes_are_uploaded_once_for_all_stores_and_paths(
    index: SearchIndex, backend: Hosted, store: Store, folder: Path
) -> None:
    for name in ("a.md", "b.md"):
        (folder / name).write_text("same")
    assert await fill(index, folder) == {"added": 2}
    assert await fill(index, folder / "a.md", name="other") == {"added": 1}
    assert backend.uploaded == [b"same"]
    (folder / "a.md").unlink()
    assert await fill(index, folder) == {"removed": 1, "unchanged": 1}
    # Files are read side by side: either may have been uploaded for both.
    assert list(backend.contents().values()) == [b"same"]
    assert await index.delete(SCOPE, "docs")
    assert list(backend.contents("vs_2").values()) == [b"same"]
    assert await index.delete(SCOPE, "other")
    assert backend.files == {}
    await nothing_left_over(store, backend)


async def test_the_same_bytes_with_other_attributes_can_be_told_apart(
    index: SearchIndex, backend: Hosted, store: Store, folder: Path
) -> None:
    for name in ("a.md", "b.md"):
        (folder / name).write_text("same")
    await fill(index, folder / "a.md", lang="en")
    await fill(index, folder / "b.md", lang="fr")
    assert sorted(found.attributes["lang"] for found in backend.attached_files["vs_1"].values()) == ["en", "fr"]
    await fill(index, folder, lang="de")
    assert {found.attributes["lang"] for found in backend.attached_files["vs_1"].values()} == {"de"}
    assert len(backend.uploaded) == 2
    await nothing_left_over(store, backend)


async def test_new_attributes_are_told_without_an_upload(
    index: SearchIndex, backend: Hosted, store: Store, folder: Path
) -> None:
    (folder / "a.md").write_text("a")
    await fill(index, folder, lang="en")
    assert await fill(index, folder, lang="fr") == {"updated": 1}
    assert backend.attributes() == {"a.md": {"lang": "fr"}}
    assert (backend.log.count("upload"), backend.log.count("attach"), backend.log.count("describe")) == (1, 1, 1)
    assert (await store.index.files(SCOPE, "docs"))[0].attributes == {"lang": "fr"}
    await nothing_left_over(store, backend)


async def test_chunking_and_expiry_are_kept_with_the_store_and_changed_without_an_upload(
    index: SearchIndex, backend: Hosted, store: Store, folder: Path
) -> None:
    for name in ("a.md", "b.md"):
        (folder / name).write_text(name)
    small = Filing(chunking=Chunking(tokens=200, overlap=50), expires_days=7)
    await file(index, small, folder)
    assert backend.expiries == {"vs_1": 7}
    (folder / "c.md").write_text("c")
    assert await fill(index, folder) == {"added": 1, "unchanged": 2}
    assert {found.chunking for found in backend.attached_files["vs_1"].values()} == {(200, 50)}
    assert "detach" not in backend.log
    large = Filing(chunking=Chunking(tokens=1000, overlap=0), expires_days=30)
    assert await file(index, large, folder / "a.md") == {"unchanged": 1}
    assert {found.chunking for found in backend.attached_files["vs_1"].values()} == {(1000, 0)}
    assert backend.expiries == {"vs_1": 30}
    assert len(backend.uploaded) == 3
    before = len(backend.log)
    await file(index, large, folder)
    assert backend.log[before:] == ["alive"]
    await nothing_left_over(store, backend)


@pytest.mark.parametrize(
    ("filing", "words"),
    [
        (Filing(chunking=Chunking(tokens=99, overlap=0)), "99 tokens"),
        (Filing(chunking=Chunking(tokens=4097, overlap=0)), "4097 tokens"),
        (Filing(chunking=Chunking(tokens=101, overlap=51)), "0 to 50"),
        (Filing(chunking=Chunking(tokens=100, overlap=-1)), "0 to 50"),
        (Filing(expires_days=0), "at least 1"),
        (Filing(attributes={"a": []}), "attributes.a"),
    ],
)
async def test_a_filing_outside_the_limits_is_refused(
    index: SearchIndex, backend: Hosted, folder: Path, filing: Filing, words: str
) -> None:
    with pytest.raises(InvalidArgument, match=words):
        await file(index, filing, folder)
    assert backend.log == []


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
    failed = {Path(one["path"]).name: one["reason"] for one in report["failed"]}
    assert "is an image" in failed.pop("p.png")
    assert failed == {
        "bad.md": "The file is refused.",
        "empty.md": "empty.md is empty: there is nothing to search.",
        "scan.md": "scan.md could not be indexed by the backend: The file has no text.",
    }
    await nothing_left_over(store, backend)


async def test_a_file_that_cannot_be_indexed_any_more_is_taken_out(
    index: SearchIndex, backend: Hosted, store: Store, folder: Path
) -> None:
    for name in ("emptied.md", "scan.md", "stays.md"):
        (folder / name).write_text(name)
    await fill(index, folder)
    (folder / "emptied.md").write_text("")
    (folder / "scan.md").write_text("a scan")
    backend.attach_fails = "scan"
    report = await fill(index, folder)
    assert [Path(one["path"]).name for one in report["failed"]] == ["emptied.md", "scan.md"]
    assert backend.contents() == {"stays.md": b"stays.md"}
    await nothing_left_over(store, backend)


async def test_a_file_that_the_upstream_has_forgotten_is_uploaded_again_once(
    index: SearchIndex, backend: Hosted, store: Store, folder: Path
) -> None:
    (folder / "a.md").write_text("a")
    await fill(index, folder)
    await backend.delete_file("file-1")
    assert await fill(index, folder, name="other") == {"added": 1}
    assert backend.uploaded == [b"a", b"a"]
    assert backend.contents("vs_2") == {"a.md": b"a"}
    assert await fill(index, folder) == {"added": 1}
    assert backend.contents("vs_1") == {"a.md": b"a"}
    assert backend.uploaded == [b"a", b"a"]
    await nothing_left_over(store, backend)


@pytest.mark.parametrize("files_too", [False, True])
async def test_a_store_that_is_gone_upstream_is_made_anew_with_all_its_files(
    index: SearchIndex, backend: Hosted, store: Store, folder: Path, files_too: bool
) -> None:
    for name in ("a.md", "b.md"):
        (folder / name).write_text(name)
    await file(index, Filing(attributes={"n": 1}, expires_days=3), folder)
    del backend.attached_files["vs_1"]
    if files_too:
        backend.files.clear()
    with pytest.raises(NotThere, match=r"gone upstream .* with paths"):
        await index.search(SCOPE, "docs", ["x"])
    assert await fill(index, folder) == ({"added": 2} if files_too else {"unchanged": 2})
    assert set(backend.contents("vs_2")) == {"a.md", "b.md"}
    assert len(backend.uploaded) == (4 if files_too else 2)
    assert backend.expiries["vs_2"] == 3
    await nothing_left_over(store, backend)


async def test_a_store_that_goes_while_it_is_filled_is_made_anew_once(
    index: SearchIndex, backend: Hosted, store: Store, folder: Path
) -> None:
    (folder / "a.md").write_text("a")
    await fill(index, folder)
    (folder / "b.md").write_text("b")
    backend.trouble[len(backend.log) + 3] = Trouble(backend.attached_files.clear)
    assert await fill(index, folder) == {"added": 1, "unchanged": 1}
    assert backend.log[2:].count("create") == 1
    assert backend.contents("vs_2") == {"a.md": b"a", "b.md": b"b"}
    assert backend.uploaded == [b"a", b"b"]
    await nothing_left_over(store, backend)


async def test_what_was_uploaded_for_nothing_goes_after_an_hour_but_not_what_another_is_at(
    index: SearchIndex, backend: Hosted, store: Store, folder: Path
) -> None:
    (folder / "a.md").write_text("a")
    await fill(index, folder)
    for age in (10.0, 7200.0):
        for attached in (False, True):
            file_id = await backend.upload(f"{age:.0f} {attached}", b"left", "assistants", expires_seconds=None)
            row = {"scope": SCOPE, "id": file_id, "created_at": time.time() - age}
            await store.objects.put(KeptObject(kind="file", key=file_id, data={"purpose": "assistants"}, **row))
            if attached:
                await backend.attach("vs_1", file_id, {}, None)
                data = {"store": "docs", "path": str(folder), "obsolete": False}
                await store.objects.put(KeptObject(kind="loose_file", key=f"{file_id} docs", data=data, **row))
    await fill(index, folder)
    assert {name for name, _ in backend.files.values()} == {"a.md", "10 True", "10 False"}
    assert set(backend.contents()) == {"a.md", "10 True"}


async def test_a_file_deleted_by_a_cleanup_is_brought_in_again(
    index: SearchIndex, backend: Hosted, store: Store, folder: Path
) -> None:
    (folder / "a.md").write_text("a")
    await fill(index, folder)
    (row,) = await store.objects.all(SCOPE, "file")
    await backend.delete_file(row.id)
    await store.objects.delete(SCOPE, "file", row.key)
    assert await fill(index, folder) == {"added": 1}
    assert backend.contents() == {"a.md": b"a"}
    await nothing_left_over(store, backend)


async def test_a_search_passes_its_options_on_and_brings_paths_and_lines_back(
    index: SearchIndex, backend: Hosted, folder: Path
) -> None:
    (folder / "conf.toml").write_text("\nx = 1\ny = 2\n")
    await fill(index, folder, year=2024)
    filters = {"type": "eq", "key": "year", "value": 2024}
    ranking = {"ranker": "auto", "score_threshold": 0.2}
    result = await index.search(
        SCOPE, "docs", ["one", "two"], filters=filters, max_results=3, ranking=ranking, rewrite=True
    )
    options = {"max_num_results": 3, "filters": filters, "ranking_options": ranking, "rewrite_query": True}
    assert backend.searches == [("vs_1", ["one", "two"], options)]
    assert (result.queries, result.vector_store_id) == (["one", "two"], "vs_1")
    assert [passage.model_dump(exclude_none=True) for passage in result.passages] == [
        {
            "file_id": "file-1",
            "filename": "conf.toml",
            "path": str(folder / "conf.toml"),
            "score": 0.5,
            "text": "\nx = 1\ny = 2\n",
            "attributes": {"year": 2024},
            "lines": "2-3",
        }
    ]
    await index.search(SCOPE, "docs", ["one"])
    assert backend.searches[-1] == ("vs_1", ["one"], {"max_num_results": 10})


async def test_the_same_bytes_are_found_under_the_name_they_have_in_the_store_searched(
    index: SearchIndex, folder: Path
) -> None:
    for name in ("a.md", "b.md"):
        (folder / name).write_text("same")
        await fill(index, folder / name, name=f"store of {name}")
    for name in ("a.md", "b.md"):
        (found,) = (await index.search(SCOPE, f"store of {name}", ["same"])).passages
        assert (found.filename, found.path) == (name, str(folder / name))


async def test_a_search_that_is_refused_says_why_as_long_as_the_store_is_there(
    index: SearchIndex, backend: Hosted, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise UpstreamError("No such ranker.", kind="invalid_request", http_status=400)

    (folder / "a.md").write_text("Alpha.")
    await fill(index, folder)
    monkeypatch.setattr(backend, "search", refuse)
    with pytest.raises(UpstreamError, match="No such ranker"):
        await index.search(SCOPE, "docs", ["alpha"])
    backend.attached_files.clear()
    with pytest.raises(NotThere, match="gone upstream"):
        await index.search(SCOPE, "docs", ["alpha"])


async def test_a_backend_that_searches_by_itself_is_told_what_and_where(
    index: SearchIndex, backend: Hosted, folder: Path
) -> None:
    (folder / "a.md").write_text("a")
    await fill(index, folder)
    assert await index.file_search(SCOPE, "docs") is None
    backend.profile = backend.profile.model_copy(update={"hosted_tools": frozenset({"file_search"})})
    told = await index.file_search(SCOPE, "docs", max_results=3, ranking={"ranker": "auto"})
    options = {"max_num_results": 3, "ranking_options": {"ranker": "auto"}}
    assert told == {"type": "file_search", "vector_store_ids": ["vs_1"], **options}
    with pytest.raises(NotThere):
        await index.file_search(SCOPE, "unheard")


async def test_an_id_is_searched_as_it_is_and_ours_is_known_by_it(
    index: SearchIndex, backend: Hosted, folder: Path
) -> None:
    (folder / "a.md").write_text("a")
    await fill(index, folder)
    ours = await index.search(SCOPE, "vs_1", ["x"])
    assert ours.passages[0].path == str(folder / "a.md")
    backend.files["file-9"] = "theirs.md", b"x"
    backend.attached_files["vs_9"] = {"file-9": Attachment("completed", {})}
    foreign = await index.search(SCOPE, "vs_9", ["x"])
    assert (foreign.passages[0].path, foreign.passages[0].filename) == (None, "theirs.md")
    with pytest.raises(InvalidArgument, match="vs_9 is an id"):
        await fill(index, folder, name="vs_9")
    with pytest.raises(NotThere, match="no vector store vs_10: check the id"):
        await index.search(SCOPE, "vs_10", ["x"])


async def test_an_unknown_store_or_filter_is_refused_before_anything_is_sent(
    index: SearchIndex, backend: Hosted, folder: Path
) -> None:
    with pytest.raises(NotThere, match="none yet"):
        await index.search(SCOPE, "docs", ["x"])
    with pytest.raises(InvalidArgument, match=r"filters\.type"):
        await index.search(SCOPE, "vs_1", ["x"], filters={"type": "near"})
    assert backend.searches == []


async def test_owners_have_stores_and_uploads_of_their_own(index: SearchIndex, backend: Hosted, folder: Path) -> None:
    (folder / "a.md").write_text("a")
    other = Scope(owner="other", backend="test")
    await fill(index, folder)
    assert await fill(index, folder, scope=other) == {"added": 1}
    assert set(backend.attached_files) == {"vs_1", "vs_2"}
    assert len(backend.uploaded) == 2
    assert await index.delete(other, "docs")
    assert backend.contents("vs_1") == {"a.md": b"a"}


async def test_a_deleted_store_takes_its_files_with_it(
    index: SearchIndex, backend: Hosted, store: Store, folder: Path
) -> None:
    (folder / "a.md").write_text("a")
    await fill(index, folder)
    assert await index.delete(SCOPE, "docs")
    assert not await index.delete(SCOPE, "docs")
    assert (backend.files, backend.attached_files) == ({}, {})
    await nothing_left_over(store, backend)
    assert await fill(index, folder) == {"added": 1}
