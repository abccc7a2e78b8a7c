"""The two small files that are sent."""

from pathlib import Path

NOTE = (
    "# Returns\n\nA damaged desk is replaced within ten days.\n\n"
    "# Opening hours\n\nThe shop opens at nine and closes at six.\n"
)
QUERY = "my desk arrived damaged"

_PAGE = b"BT /F1 18 Tf 72 720 Td (The code word of this page is lantern.) Tj ET"
_OBJECTS = (
    b"<< /Type /Catalog /Pages 2 0 R >>",
    b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
    b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R"
    b" /Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
    b"<< /Length %d >>\nstream\n%s\nendstream" % (len(_PAGE), _PAGE),
)


def note(folder: Path) -> Path:
    """A text file to be searched, in ``folder``."""
    made = folder / "note.md"
    made.write_text(NOTE, "utf-8")
    return made


def page(folder: Path) -> Path:
    """A PDF of one page to be asked about, in ``folder``."""
    made = folder / "page.pdf"
    made.write_bytes(pdf())
    return made


def pdf() -> bytes:
    """The page: objects, the table of where they begin, and where that table begins."""
    content, places = b"%PDF-1.4\n", list[int]()
    for number, what in enumerate(_OBJECTS, 1):
        places.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, what)
    size = len(_OBJECTS) + 1
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return content + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
        % (size, table, size, len(content))
    )
