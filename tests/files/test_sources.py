from contextlib import suppress
from pathlib import Path

import pytest

from mcp_server.errors import InvalidArgument
from mcp_server.files.fetch import Fetcher
from mcp_server.files.roots import Roots
from mcp_server.files.sources import check, searchable
from tests.web import Web


async def test_sources_become_absolute_paths_each_once_and_ids_and_urls_stay(
    roots: Roots, folder: Path, web: Web
) -> None:
    for name in ("a.md", "b.md", "docs/c.txt"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("x")
    (at,) = Roots.of([folder]).folders
    url = f"{web.page('/a.md', 'x', 'text/plain')}?x=1"
    assert await check([url, "b.md", "file-Abc_1", "*.md", url, "docs"], roots, Fetcher(web.network)) == [
        url,
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


async def test_an_empty_folder_is_no_file(roots: Roots, folder: Path) -> None:
    (folder / "docs").mkdir()
    with pytest.raises(InvalidArgument, match="docs holds no file that can be read"):
        await check(["docs"], roots, Fetcher())


async def test_more_than_a_hundred_files_are_refused_with_the_limit(roots: Roots, folder: Path) -> None:
    for number in range(101):
        (folder / f"{number}.txt").write_text("x")
    with pytest.raises(InvalidArgument, match="101 files, and at most 100"):
        await check(["."], roots, Fetcher())
    (folder / "0.txt").unlink()
    assert len(await check(["."], roots, Fetcher())) == 100


async def test_no_glob_is_walked_once_there_are_too_many_files_or_globs(
    roots: Roots, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(101):
        (folder / f"{number}.txt").write_text("x")
    walked: list[str] = []
    real = Roots.expand
    monkeypatch.setattr(Roots, "expand", lambda roots, pattern: (walked.append(pattern), real(roots, pattern))[1])
    for sources, walks in (
        (["*", "*.txt", "?*"], 1),
        ([f"**/{number}.*" for number in range(101)], 1),
        (["0*"] * 101, 2),
    ):
        with suppress(InvalidArgument):
            await check(sources, roots, Fetcher())
        assert len(walked) == walks


async def test_urls_count_as_files(roots: Roots, web: Web) -> None:
    urls = [f"https://example.com/{number}" for number in range(101)]
    with pytest.raises(InvalidArgument, match="101 files, and at most 100"):
        await check(urls, roots, Fetcher(web.network))
    assert web.lookups == []


async def test_only_https_urls_are_sources(roots: Roots) -> None:
    for url in ("file:///etc/passwd", "http://example.com/a", "data:text/plain,a", "ftp://example.com/a"):
        with pytest.raises(InvalidArgument, match="must be https"):
            await check([url], roots, Fetcher())


@pytest.mark.parametrize("url", ["https://example.com/a.pdf", "HTTP://example.com/a.pdf", "file:///etc/passwd"])
def test_urls_are_not_indexed(roots: Roots, url: str) -> None:
    with pytest.raises(InvalidArgument, match="only local files are indexed"):
        searchable([url], roots)


async def test_one_bad_source_refuses_all(roots: Roots, folder: Path) -> None:
    (folder / "a.md").write_text("x")
    with pytest.raises(InvalidArgument, match=r"missing\.md does not exist"):
        await check(["a.md", "missing.md"], roots, Fetcher())
