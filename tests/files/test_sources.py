from pathlib import Path

import pytest

from mcp_server.errors import InvalidArgument, NotYet
from mcp_server.files.roots import Roots
from mcp_server.files.sources import check, searchable


def test_sources_become_absolute_paths_each_once_and_ids_stay(roots: Roots, folder: Path) -> None:
    for name in ("a.md", "b.md", "docs/c.txt"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("x")
    at = folder.resolve()
    assert check(["b.md", "file-Abc_1", "*.md", "docs"], roots) == [
        str(at / "b.md"),
        "file-Abc_1",
        str(at / "a.md"),
        str(at / "docs" / "c.txt"),
    ]


def test_what_to_index_keeps_folders_as_folders(roots: Roots, folder: Path) -> None:
    (folder / "docs").mkdir()
    (folder / "a.md").write_text("x")
    at = folder.resolve()
    assert searchable(["docs", "*.md", "a.md"], roots) == [at / "docs", at / "a.md"]


def test_an_empty_folder_is_no_file(roots: Roots, folder: Path) -> None:
    (folder / "docs").mkdir()
    with pytest.raises(InvalidArgument, match="docs holds no text or PDF file"):
        check(["docs"], roots)


def test_more_than_a_hundred_files_are_refused_with_the_limit(roots: Roots, folder: Path) -> None:
    for number in range(101):
        (folder / f"{number}.txt").write_text("x")
    with pytest.raises(InvalidArgument, match="101 files, and at most 100"):
        check(["."], roots)
    (folder / "0.txt").unlink()
    assert len(check(["."], roots)) == 100


@pytest.mark.parametrize("url", ["https://example.com/a.pdf", "HTTP://example.com/a.pdf"])
def test_urls_are_not_supported_yet(roots: Roots, url: str) -> None:
    for look in (check, searchable):
        with pytest.raises(NotYet, match="file URLs are not supported yet"):
            look([url], roots)


def test_other_schemes_are_no_paths(roots: Roots) -> None:
    with pytest.raises(InvalidArgument, match="is not a path"):
        check(["file:///etc/passwd"], roots)


def test_one_bad_source_refuses_all(roots: Roots, folder: Path) -> None:
    (folder / "a.md").write_text("x")
    with pytest.raises(InvalidArgument, match=r"missing\.md does not exist"):
        check(["a.md", "missing.md"], roots)
