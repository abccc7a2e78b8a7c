import os
from pathlib import Path

import pytest

from mcp_server.errors import InvalidArgument
from mcp_server.index.changes import changes, work
from mcp_server.model.document import IndexedFile
from tests.files.parts import PIXEL


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path.resolve() / "docs"
    made.mkdir()
    return made


def indexed(path: Path, sha256: str = "old", **attributes: str) -> IndexedFile:
    return IndexedFile(
        store="s", file_id=path.name, path=str(path), sha256=sha256, bytes=1, attributes=attributes, indexed_at=0
    )


def names(folder: Path) -> list[str]:
    return [file.name for file, _ in changes([folder], []).files]


def test_what_cannot_be_indexed_is_among_the_files_so_that_it_is_reported(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.txt").write_text("secret")
    (folder / "a.md").write_text("text")
    (folder / "data.bin").write_bytes(bytes(range(256)))
    (folder / "photo.png").write_bytes(PIXEL)
    with (folder / "huge.txt").open("wb") as stream:
        stream.write(b"text " * 1000)
        stream.truncate(10_000_000_000)
    os.link(tmp_path / "elsewhere.txt", folder / "twin.txt")
    (folder / "escape.txt").symlink_to(tmp_path / "elsewhere.txt")
    os.mkfifo(folder / "pipe")
    assert names(folder) == ["a.md", "data.bin", "huge.txt", "photo.png", "twin.txt"]
    told = {}
    for file, before in changes([folder], []).files:
        try:
            told[file.name] = work(file, before, {})
        except InvalidArgument as error:
            told[file.name] = error.message
    added = told.pop("a.md")
    assert not isinstance(added, str | None)
    assert (added.outcome, added.source.content) == ("added", b"text")
    rules = {
        "data.bin": "looks binary",
        "huge.txt": "larger than 10 MB",
        "photo.png": "is an image",
        "twin.txt": "is a hard link",
    }
    assert {name: rule for name, rule in rules.items() if rule in str(told[name])} == rules


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_among_them(folder: Path) -> None:
    (folder / "a.md").write_text("text")
    (folder / "a.md").chmod(0)
    with pytest.raises(InvalidArgument, match="check its permissions"):
        work(folder / "a.md", None, {})


def test_what_gitignore_names_is_left_out_unless_the_file_itself_is_named(folder: Path) -> None:
    (folder / ".gitignore").write_text("drafts/\n*.log\n")
    (folder / "drafts").mkdir()
    for name in ("a.md", "b.log", "drafts/c.md"):
        (folder / name).write_text("text")
    assert names(folder) == ["a.md"]
    assert [file.name for file, _ in changes([folder, folder / "b.log"], []).files] == ["a.md", "b.log"]


def test_a_file_named_twice_is_looked_at_once_and_one_that_is_gone_is_taken_out(folder: Path, tmp_path: Path) -> None:
    (folder / "a.md").write_text("text")
    rows = [indexed(folder / "a.md"), indexed(folder / "gone.md"), indexed(tmp_path / "elsewhere" / "gone.md")]
    found = changes([folder, folder / "a.md"], rows)
    assert found.files == [(folder / "a.md", rows[0])]
    assert found.gone == [rows[1]]


def test_work_tells_new_content_from_new_attributes(folder: Path) -> None:
    path = folder / "a.md"
    path.write_text("text")
    first = work(path, None, {})
    assert first is not None
    same = indexed(path, first.source.sha256, team="docs")
    assert (first.outcome, first.content_changed) == ("added", True)
    assert work(path, same, {}) is None
    assert work(path, same, {"team": "docs"}) is None
    relabelled = work(path, same, {"team": "law"})
    assert relabelled is not None
    assert (relabelled.outcome, relabelled.content_changed, relabelled.attributes) == (
        "updated",
        False,
        {"team": "law"},
    )
    rewritten = work(path, indexed(path, team="docs"), {})
    assert rewritten is not None
    assert (rewritten.outcome, rewritten.content_changed, rewritten.attributes) == ("updated", True, {"team": "docs"})


def test_a_folder_with_too_many_files_is_refused_with_the_number(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcp_server.files.roots.MAX_FOUND", 2)
    for number in range(3):
        (folder / f"{number}.txt").write_text("x")
    with pytest.raises(InvalidArgument, match="holds more than 2 such files"):
        changes([folder], [])


def test_a_folder_that_became_a_link_since_it_was_checked_gives_no_names_away(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret.txt").write_text("secret")
    folder.rmdir()
    folder.symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    assert names(folder) == []
