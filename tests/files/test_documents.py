# ruff: noqa: RUF001  letters of other scripts are what is read here

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.errors import InvalidArgument
from mcp_server.files import archive, child, documents
from mcp_server.files.documents import _Reader, convert
from mcp_server.files.extract import extract, require_sane
from tests.files import made
from tests.files.parts import PIXEL, as_read

TABLE = [["Item", "Price"], ["Desk", 249.5], ["Chair", None]]
CONTRACT = made.docx("Contract", "Either party may end it — in writing.", "# Liability", "Up to €10,000.", table=TABLE)


@pytest.fixture
def instead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, readers: list[_Reader]) -> Callable[[str], None]:
    """Puts a module of one's own in the place of the library that reads Office files."""

    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def put(source: str) -> None:
        (tmp_path / "xberg.py").write_text(source)

    return put


async def test_a_word_processor_document_is_its_headings_paragraphs_and_tables() -> None:
    text, pages, _ = await extract(as_read("contract.docx", CONTRACT))
    assert pages is None
    assert text.startswith("# Contract\n\nEither party may end it — in writing.\n\n## Liability\n\nUp to €10,000.\n")
    assert "| Desk | 249.5 |" in text


async def test_a_presentation_is_its_slides_with_what_the_speaker_notes() -> None:
    slides = made.pptx(("Plan", "First\nSecond", "Smile."), ("End", "Thanks", ""))
    text, pages, noun = await extract(as_read("talk.pptx", slides))
    assert noun == "slide"
    assert pages == ["## Plan\n\nFirst\n\nSecond\n\nNotes: Smile.", "## End\n\nThanks"]
    assert text == "\n".join(pages or [])


async def test_a_spreadsheet_is_its_sheets_by_name() -> None:
    book = made.xlsx({"Sales": [["Region", "Q1"], ["North", 10], ["South", None]], "Töne": [["x | y", "=1+1"]]})
    _, pages, noun = await extract(as_read("book.xlsx", book))
    assert noun == "sheet"
    assert pages is not None
    assert pages[0] == "## Sales\n\n| Region | Q1 |\n| --- | --- |\n| North | 10 |\n| South |  |"
    assert pages[1].startswith("## Töne\n\n| x \\| y |")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1251"])
async def test_a_web_page_is_its_title_and_text_in_any_encoding(encoding: str) -> None:
    page = made.html("Договор &amp; цены", "<h1>Цены</h1><p>Стол <b>новый</b><ul><li>один<li>два</ul>").decode()
    text, pages, _ = await extract(as_read("page.html", page.encode(encoding)))
    assert (text, pages) == ("# Договор & цены\n\n# Цены\n\nСтол **новый**\n\n- один\n- два\n", None)


def test_a_title_is_not_said_twice() -> None:
    assert said("a.html", made.html("Prices", "<h1>Prices</h1><p>Desk")) == "# Prices\n\nDesk\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.odt", made.odt("Grüße, Ada")),
        ("a.rtf", made.rtf("Grüße, Ada")),
        ("really-rtf.doc", made.rtf("Grüße, Ada")),
        ("really-docx.doc", made.docx("", "Grüße, Ada")),
        ("a.epub", made.epub("Book", "<h1>One</h1>", "<p>Grüße, Ada</p>")),
        ("a.xhtml", made.html("T", "<p>Grüße, Ada</p>")),
        ("really-html.xls", b"<html><table><tr><td>" + "Grüße, Ada".encode() + b"</td></tr></table></html>"),
    ],
)
def test_other_documents_are_read_by_what_they_really_are(name: str, content: bytes) -> None:
    assert as_read(name, content).kind == "document"
    assert "Grüße, Ada" in said(name, content)


async def test_a_pdf_is_read_page_by_page_whatever_it_is_called() -> None:
    text, pages, noun = await extract(as_read("paper", made.pdf("Alpha one\nAlpha two", "", "Gamma")))
    assert (pages, noun) == (["Alpha one\nAlpha two", "", "Gamma"], "page")
    assert text == "Alpha one\nAlpha two\n\nGamma"


async def test_a_pdf_with_an_owner_password_alone_is_read() -> None:
    assert "Alpha" in (await extract(as_read("a.pdf", made.pdf("Alpha", password="")))).text


LOCKED = "protected by a password"
DAMAGED = "damaged or cut off"
OLD = b"\xd0\xcf\x11\xe0"


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.pdf", made.pdf("Alpha", password="secret"), LOCKED),
        ("a.pdf", made.pdf(""), r"no text on its pages \(scanned\?\)"),
        ("a.pdf", b"%PDF-1.7\nnothing more", DAMAGED),
        ("a.pdf", made.pdf("Alpha")[:300], DAMAGED),
        ("a.pdf", b"", DAMAGED),
        ("a.docx", b"", DAMAGED),
        ("a.docx", b"PK\3\4nothing more", DAMAGED),
        ("a.docx", CONTRACT[:-100], DAMAGED),
        ("a.docx", b"nothing at all", DAMAGED),
        ("a.docx", made.docx(""), "no text"),
        ("a.doc", OLD + b"nothing more", DAMAGED),
        ("a.xlsx", OLD + bytes(600) + "EncryptedPackage".encode("utf-16-le"), LOCKED),
        ("a.png", PIXEL, "is an image, which holds no text"),
    ],
)
async def test_a_file_that_cannot_be_read_says_why(name: str, content: bytes, reason: str) -> None:
    with pytest.raises(InvalidArgument, match=rf"^{name} .*{reason}"):
        await extract(as_read(name, content))


WHOLE = made.pdf("Alpha")


@given(st.binary(max_size=200), st.integers(0, 900))
def test_a_damaged_pdf_is_read_or_refused_but_never_breaks(junk: bytes, at: int) -> None:
    with suppress(child.Refused):
        child.pdf("a.pdf", WHOLE[:at] + junk + WHOLE[at + len(junk) :])


async def test_a_zip_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = as_read("bomb.docx", made.bomb(2_000_000_000))
    assert len(bomb.content) < 3_000_000
    began = time.process_time()
    with pytest.raises(InvalidArgument, match=r"bomb\.docx would unpack to 2,000 MB"):
        require_sane(bomb)
    with pytest.raises(InvalidArgument, match="would unpack to"):
        await extract(bomb)
    assert time.process_time() - began < 1


async def test_a_zip_bomb_whose_directory_lies_is_stopped_while_it_unpacks() -> None:
    liar = as_read("liar.docx", made.bomb(400_000_000, honest=False))
    require_sane(liar)
    with pytest.raises(InvalidArgument, match=r"liar\.docx is too large once it is unpacked"):
        await extract(liar)


def test_an_archive_is_judged_by_size_ratio_number_and_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidArgument, match="would unpack to 24 MB"):
        require_sane(as_read("a.docx", made.bomb(24_000_000)))
    with pytest.raises(InvalidArgument, match="more than 10,000 parts"):
        require_sane(as_read("a.xlsx", made.zipped({str(number): "" for number in range(10_001)})))
    locked = bytearray(made.zipped({"word/document.xml": "<w/>"}))
    locked[locked.index(b"PK\1\2") + 8] |= 1
    with pytest.raises(InvalidArgument, match=LOCKED):
        require_sane(as_read("a.docx", bytes(locked)))
    require_sane(as_read("a.docx", made.bomb(16_000_000)))
    require_sane(as_read("a.docx", CONTRACT))
    monkeypatch.setattr(archive, "MOST_UNPACKED", 10_000_000)
    with pytest.raises(InvalidArgument, match=r"would unpack to 16 MB .* at most 10 MB"):
        require_sane(as_read("a.docx", made.bomb(16_000_000)))


def test_a_text_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "MOST_TEXT", 3)
    with pytest.raises(child.Refused, match="large"):
        child.pdf("a.pdf", WHOLE)


async def test_a_file_that_kills_its_reader_takes_nothing_else_with_it(instead: Callable[[str], None]) -> None:
    instead("import os; os.abort()")
    with pytest.raises(InvalidArgument, match=r"a\.docx made the program that reads a word processor document fail"):
        await extract(as_read("a.docx", CONTRACT))
    instead("raise ValueError('unforeseen')")
    with pytest.raises(InvalidArgument, match="fail: save it anew"):
        await extract(as_read("a.docx", CONTRACT))
    assert (await extract(as_read("a.pdf", made.pdf("Alpha")))).text == "Alpha"


@pytest.mark.skipif(sys.platform != "linux", reason="no other system holds a process to its limit of memory")
async def test_a_file_that_takes_all_memory_is_refused(instead: Callable[[str], None]) -> None:
    instead("x = bytearray(16 << 30)")
    with pytest.raises(InvalidArgument, match="too large once it is unpacked"):
        await extract(as_read("a.docx", CONTRACT))


async def test_a_file_that_takes_too_long_is_given_up_and_its_reader_ends(
    instead: Callable[[str], None], readers: list[_Reader]
) -> None:
    instead("import time\nwhile True: time.sleep(60)")
    with anyio.fail_after(30), pytest.raises(InvalidArgument, match=r"a\.docx took too long to read"):
        await convert("document", "a.docx", CONTRACT, seconds=1)
    with anyio.move_on_after(0.5):
        await extract(as_read("a.docx", CONTRACT))
    assert [reader._process.returncode is None for reader in readers] == [False, False]


async def test_a_reader_serves_the_next_file_too_unless_it_is_gone(readers: list[_Reader]) -> None:
    paper = as_read("a.pdf", made.pdf("Alpha"))
    for _ in range(3):
        assert (await extract(paper)).text == "Alpha"
    assert len(readers) == 1
    readers[0]._process.kill()
    readers[0]._process.wait(10)
    assert (await extract(paper)).text == "Alpha"
    assert len(readers) == 2


async def test_a_reader_ends_when_it_has_read_enough(readers: list[_Reader], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "ENOUGH", 1000)
    await extract(as_read("a.pdf", made.pdf("Alpha")))
    assert readers[0]._process.returncode is not None


@pytest.mark.usefixtures("readers")
def test_a_reader_without_work_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "IDLE_SECONDS", 0.01)
    reader = documents._Reader()
    reader.rest("")
    reader._process.wait(10)
    assert documents._idle == []


async def test_what_a_library_prints_is_not_part_of_the_answer(
    instead: Callable[[str], None], capfd: pytest.CaptureFixture[str]
) -> None:
    instead("import os; os.write(1, b'{}'); os.write(2, b'{}'); print('{}'); raise ImportError")
    with pytest.raises(InvalidArgument, match="documents extra"):
        await extract(as_read("a.docx", CONTRACT))
    assert capfd.readouterr() == ("", "")


async def test_a_reader_knows_no_secret_of_the_server(
    instead: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1234")
    monkeypatch.setenv("ANYBODYS_TOKEN", "sk-1234")
    instead("import os\nif 'sk-1234' in str(os.environ.values()): os.abort()\nraise ImportError")
    with pytest.raises(InvalidArgument, match="documents extra"):
        await extract(as_read("a.docx", CONTRACT))


@pytest.mark.usefixtures("readers")
async def test_nothing_in_the_working_folder_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("xberg", "json", "pypdf"):
        (tmp_path / f"{name}.py").write_text("import os; os.abort()")
    monkeypatch.chdir(tmp_path)
    assert (await extract(as_read("a.docx", CONTRACT))).text.startswith("# Contract")


async def test_without_the_extra_it_is_named_and_web_pages_are_read_as_they_are(
    instead: Callable[[str], None],
) -> None:
    instead("raise ImportError")
    with pytest.raises(InvalidArgument) as refused:
        await extract(as_read("plan.pptx", made.pptx(("a", "b", ""))))
    assert refused.value.message == (
        "plan.pptx is a presentation, and reading it here needs the documents extra: run "
        f"`{sys.executable} -m pip install 'responses-mcp[documents]'`, or save it as PDF or text."
    )
    page = made.html("Prices", "<p>Desk")
    assert (await extract(as_read("a.html", page))).text == page.decode()


async def test_the_server_goes_on_while_a_long_pdf_is_read() -> None:
    lines = "\n".join(f"line {number} of a page" for number in range(20))
    long = as_read("long.pdf", made.pdf(*[lines] * 300))
    late: list[float] = []

    async def tick() -> None:
        while True:
            began = time.perf_counter()
            await anyio.sleep(0.005)
            late.append(time.perf_counter() - began - 0.005)

    async with anyio.create_task_group() as group:
        group.start_soon(tick)
        began = time.perf_counter()
        reading = await extract(long)
        took = time.perf_counter() - began
        assert len(reading.pages or []) == 300
        # Usually 10 ms on two busy cores; read on the event loop, it is all the time that the reading takes.
        assert max(late) < took / 4
        group.cancel_scope.cancel()


def said(name: str, content: bytes) -> str:
    """What the program says, run in this process."""
    return str(child.json.loads(child.document(name, content))["text"])
