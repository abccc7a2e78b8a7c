from hashlib import sha256
from pathlib import Path

import pytest

from mcp_server.index import locate
from mcp_server.index.locate import Place, located
from tests.files.made import pdf, pptx, xlsx

TEXT = "# Retries\n\nA request is tried again after 429,\nbut never after a timeout:\n\nnobody knows what was done.\n"


def saved(folder: Path, name: str, content: str | bytes) -> tuple[Path, str]:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path, sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("passage", "lines"),
    [
        (TEXT, "1-6"),
        ("never after a timeout", "4"),
        ("A request is tried again after 429, but never", "3-4"),
        ("after   a\r\n timeout:   nobody knows", "4-6"),
        ("retries.md\n\nA request is tried again after 429,\nbut never after a timeout:", "3-4"),
        ("## **RETRIES**\na request", "1-3"),
        ("ests is tried again after 429, but never after a time", "3-4"),
    ],
)
async def test_a_passage_is_found_by_its_words_whatever_is_between_them(folder: Path, passage: str, lines: str) -> None:
    path, digest = saved(folder, "retries.md", TEXT)
    assert await located(path, digest, passage) == Place(lines=lines)


@pytest.mark.parametrize("passage", ["", "  \n", "...", "what was never said", "timeout knows"])
async def test_what_is_not_there_is_not_found(folder: Path, passage: str) -> None:
    path, digest = saved(folder, "retries.md", TEXT)
    assert await located(path, digest, passage) is None


async def test_a_long_passage_of_another_place_is_not_taken_for_the_one_that_begins_alike(folder: Path) -> None:
    licence = "Permission is granted to use this for any purpose without a fee.\n"
    path, digest = saved(folder, "a.py", licence + "x = 1\n" * 50)
    other = licence + " ".join(f"word{number}" for number in range(60))
    assert await located(path, digest, other) is None


async def test_words_that_stand_far_behind_the_passage_do_not_make_it_longer(folder: Path) -> None:
    first = " ".join(f"first{number}" for number in range(20))
    last = " ".join(f"last{number}" for number in range(8))
    path, digest = saved(folder, "a.md", f"{first}\n" + "between\n" * 200 + f"{last}\n")
    assert await located(path, digest, f"{first} {last}") == Place(lines="1")


async def test_text_without_spaces_is_found_too(folder: Path) -> None:
    path, digest = saved(folder, "a.md", "第一行\n終了の条件は三十日前の通知です\n")
    assert await located(path, digest, "三十日前の通知") == Place(lines="2")


async def test_a_page_a_slide_and_a_sheet_are_told_by_their_number(folder: Path) -> None:
    path, digest = saved(folder, "a.pdf", pdf("The first page", "The second page\nends here"))
    assert await located(path, digest, "second page ends") == Place(page=2)
    path, digest = saved(folder, "a.pptx", pptx(("One", "Apples", ""), ("Two", "Pears and plums", "")))
    assert await located(path, digest, "[slide 2]\n# Two\n\nPears and plums") == Place(page=2)
    path, digest = saved(folder, "a.xlsx", xlsx({"Fruit": [["apple", 3]], "Trees": [["oak", 7]]}))
    assert await located(path, digest, "oak 7") == Place(page=2)


async def test_a_file_that_has_changed_or_is_gone_has_no_place_any_more(folder: Path) -> None:
    path, digest = saved(folder, "retries.md", TEXT)
    path.write_text(TEXT + "more")
    assert await located(path, digest, "never after a timeout") is None
    path.unlink()
    assert await located(path, digest, "never after a timeout") is None


async def test_a_file_is_read_for_words_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, digest = saved(folder, "once.md", "only once is this read")
    assert await located(path, digest, "once") == Place(lines="1")

    async def again(source: object) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr(locate, "extract", again)
    assert await located(path, digest, "this read") == Place(lines="1")
    monkeypatch.setattr(locate, "REMEMBERED", 1)
    other, other_digest = saved(folder, "other.md", TEXT)
    monkeypatch.undo()
    monkeypatch.setattr(locate, "REMEMBERED", 1)
    await located(other, other_digest, "a timeout")
    assert list(locate._words_of) == [other_digest]
