from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.errors import InvalidArgument, NotYet
from mcp_server.files.reading import Source, read
from mcp_server.files.text import lines_of, pages_of, text_of
from tests.files.parts import PIXEL, pdf


def source(folder: Path, name: str, content: bytes) -> Source:
    (folder / name).write_bytes(content)
    return read((folder / name).resolve())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_text_is_read_exactly_in_every_unicode_form(folder: Path, encoding: str) -> None:
    text = "Grüße,\r\n日本語 \U0001f600\n\tend"
    mark = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"")
    assert text_of(source(folder, "a.txt", mark + text.encode(encoding))) == text


def test_other_bytes_are_latin_1(folder: Path) -> None:
    assert text_of(source(folder, "a.txt", "Grüße".encode("latin-1"))) == "Grüße"


def test_a_binary_file_is_refused(folder: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"tool\.exe looks binary"):
        text_of(source(folder, "tool.exe", b"MZ\x00\x01"))


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.docx", b"PK\3\4", "a word processor document"),
        ("a.xlsx", b"PK\3\4", "a spreadsheet"),
        ("a.PPTX", b"PK\3\4", "a presentation"),
        ("a.html", b"<p>", "an HTML page"),
        ("a.epub", b"PK", "an e-book"),
        ("a.png", PIXEL, "an image"),
        ("disguised.txt", PIXEL, "an image"),
    ],
)
def test_kinds_that_are_not_read_yet_are_named(folder: Path, name: str, content: bytes, kind: str) -> None:
    with pytest.raises(NotYet, match=f"{name} is {kind}"):
        text_of(source(folder, name, content))


def test_a_pdf_is_read_page_by_page_whatever_it_is_called(folder: Path) -> None:
    pages = pages_of(source(folder, "paper", pdf("Alpha one\nAlpha two", "", "Gamma")))
    assert [page.strip() for page in pages] == ["Alpha one\nAlpha two", "", "Gamma"]


def test_a_pdf_with_an_owner_password_alone_is_read(folder: Path) -> None:
    assert "Alpha" in pages_of(source(folder, "a.pdf", pdf("Alpha", password="")))[0]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (pdf("Alpha", password="secret"), "protected by a password"),
        (pdf(""), "no text on its pages"),
        (b"%PDF-1.7\nnothing more", "damaged or cut off"),
        (pdf("Alpha")[:300], "damaged or cut off"),
        (b"", "damaged or cut off"),
    ],
)
def test_a_pdf_that_cannot_be_read_says_why(folder: Path, content: bytes, reason: str) -> None:
    with pytest.raises(InvalidArgument, match=rf"a\.pdf .*{reason}"):
        pages_of(source(folder, "a.pdf", content))


@given(st.binary(max_size=200), st.integers(0, 900))
def test_a_damaged_pdf_is_read_or_refused_but_never_breaks(junk: bytes, at: int) -> None:
    whole = WHOLE[:at] + junk + WHOLE[at + len(junk) :]
    with suppress(InvalidArgument):
        assert any(pages_of(Source(Path("a.pdf"), "pdf", whole, "")))


WHOLE = pdf("Alpha")


@given(st.text(alphabet="ab\r\n\x0c\u2028"))
def test_lines_are_counted_as_editors_do_and_join_to_the_text(text: str) -> None:
    lines = lines_of(text)
    assert "".join(lines) == text
    assert all("\n" not in line[:-1] for line in lines)
    assert len(lines) == text.count("\n") + (text[-1:] not in ("", "\n"))
