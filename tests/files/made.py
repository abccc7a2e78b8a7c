"""Real documents, made on the spot by the libraries that people make them with."""

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from io import BytesIO

Rows = Sequence[Sequence[object]]


def pdf(*pages: str, password: str | None = None) -> bytes:
    """A PDF file with one page for each text; an empty text is a page without any, as a scan is."""
    from reportlab.lib.pdfencrypt import StandardEncryption
    from reportlab.pdfgen.canvas import Canvas

    target = BytesIO()
    canvas = Canvas(target, encrypt=StandardEncryption(password) if password is not None else None)
    for page in pages:
        for number, line in enumerate(page.splitlines()):
            canvas.drawString(72, 750 - 14 * number, line)
        canvas.showPage()
    canvas.save()
    return target.getvalue()


def docx(title: str = "Contract", *paragraphs: str, table: Rows = ()) -> bytes:
    """A word processor document: a heading, paragraphs and a table. A paragraph that starts with "# " is a heading."""
    from docx import Document

    document = Document()
    document.add_heading(title, 1)
    for paragraph in paragraphs:
        if paragraph.startswith("# "):
            document.add_heading(paragraph[2:], 2)
        else:
            document.add_paragraph(paragraph)
    if table:
        grid = document.add_table(0, len(table[0]))
        for row in table:
            for cell, value in zip(grid.add_row().cells, row, strict=True):
                cell.text = str(value)
    target = BytesIO()
    document.save(target)
    return target.getvalue()


def pptx(*slides: tuple[str, str, str]) -> bytes:
    """A presentation; each slide is its title, its text and its speaker notes (none when empty)."""
    from pptx import Presentation

    presentation = Presentation()
    for title, text, notes in slides:
        slide = presentation.slides.add_slide(presentation.slide_layouts[1])
        for shape, words in zip(slide.placeholders, (title, text), strict=True):
            shape.text_frame.text = words  # type: ignore[attr-defined]
        if notes:
            slide.notes_slide.notes_placeholder.text_frame.text = notes  # type: ignore[union-attr]
    target = BytesIO()
    presentation.save(target)
    return target.getvalue()


def xlsx(sheets: Mapping[str, Rows]) -> bytes:
    """A spreadsheet: the rows of each sheet by its name."""
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    target = BytesIO()
    book.save(target)
    return target.getvalue()


def html(title: str, body: str) -> bytes:
    """A web page with a style and a script, neither of which is text."""
    return (
        f"<!doctype html><html><head><meta charset='utf-8'><title>{title}</title>"
        f"<style>p {{ color: red }}</style><script>alert('boo')</script></head><body>{body}</body></html>"
    ).encode()


def epub(title: str, *chapters: str) -> bytes:
    """An e-book with one file for each chapter, which is the inside of a web page's body."""
    names = [f"chapter{number}" for number in range(len(chapters))]
    items = "".join(f'<item id="{name}" href="{name}.xhtml" media-type="application/xhtml+xml"/>' for name in names)
    spine = "".join(f'<itemref idref="{name}"/>' for name in names)
    return zipped(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": (
                '<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
                '<rootfile full-path="book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
            ),
            "book.opf": (
                '<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id">'
                '<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:identifier id="id">1</dc:identifier>'
                f"<dc:title>{title}</dc:title><dc:language>en</dc:language></metadata>"
                f"<manifest>{items}</manifest><spine>{spine}</spine></package>"
            ),
            **{
                f"{name}.xhtml": f'<html xmlns="http://www.w3.org/1999/xhtml"><body>{chapter}</body></html>'
                for name, chapter in zip(names, chapters, strict=True)
            },
        }
    )


def odt(*paragraphs: str) -> bytes:
    """An OpenDocument text."""
    space = "urn:oasis:names:tc:opendocument:xmlns"
    lines = "".join(f"<text:p>{paragraph}</text:p>" for paragraph in paragraphs)
    return zipped(
        {
            "mimetype": "application/vnd.oasis.opendocument.text",
            "content.xml": (
                f'<office:document-content xmlns:office="{space}:office:1.0" xmlns:text="{space}:text:1.0">'
                f"<office:body><office:text>{lines}</office:text></office:body></office:document-content>"
            ),
        }
    )


def rtf(*paragraphs: str) -> bytes:
    """A Rich Text file; characters beyond ASCII as it spells them."""
    spelled = ["".join(c if c.isascii() else f"\\u{ord(c)}?" for c in paragraph) for paragraph in paragraphs]
    return ("{\\rtf1\\ansi\\deff0 " + "\\par ".join(spelled) + "\\par}").encode("ascii")


def picture(form: str = "PNG", size: tuple[int, int] = (64, 32), orientation: int | None = None) -> bytes:
    """An image in a format that Pillow writes, or HEIF. Its left half is red and its right half blue.

    ``orientation`` is EXIF's: 6 means that it is to be shown turned by a quarter to the right.
    """
    from PIL import Image

    if form == "HEIF":
        from pillow_heif import register_heif_opener

        register_heif_opener()
    image = Image.new("RGB", size, "red")
    image.paste((0, 0, 255), (size[0] // 2, 0, *size))
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    target = BytesIO()
    image.save(target, form, exif=exif.tobytes())
    return target.getvalue()


def zipped(entries: Mapping[str, str | bytes]) -> bytes:
    """An archive of these entries, compressed; a media type stands in front as it is, as e-books want it."""
    target = BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content, zipfile.ZIP_STORED if name == "mimetype" else None)
    return target.getvalue()


def bomb(unpacked: int = 2_000_000_000, *, honest: bool = True) -> bytes:
    """A word processor document of about a thousandth of ``unpacked`` bytes, which is what its text unpacks to.

    When it is not ``honest``, its directory says that the text has a thousand bytes.
    """
    target = BytesIO(_without("word/document.xml", docx("Bomb", "Boom")))
    with zipfile.ZipFile(target, "a", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("word/document.xml", "w", force_zip64=True) as text:
            text._compressor = _Alike()  # type: ignore[attr-defined]
            block = b" " * 4_000_000
            for _ in range(unpacked // len(block)):
                text.write(block)
        if not honest:
            archive.getinfo("word/document.xml").file_size = 1000
    return target.getvalue()


class _Alike:
    """Compresses blocks that are all alike, which is quick: each after the first is compressed already."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
        self._block = b""

    def compress(self, block: bytes) -> bytes:
        self._block = self._block or self._deflate.compress(block) + self._deflate.flush(zlib.Z_FULL_FLUSH)
        return self._block

    def flush(self) -> bytes:
        return self._deflate.flush()


def _without(left_out: str, archived: bytes) -> bytes:
    with zipfile.ZipFile(BytesIO(archived)) as archive:
        return zipped({name: archive.read(name) for name in archive.namelist() if name != left_out})
