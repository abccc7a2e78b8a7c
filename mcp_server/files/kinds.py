"""What kind of file it is: told by its name, except where its first bytes say otherwise."""

from pathlib import Path
from typing import Literal

from mcp_server.model.media import image_type

Kind = Literal["text", "pdf", "image", "document"]
"""``document`` is what only the backend can read: Office files, e-books, HTML pages."""

HEAD = 4096
"""Bytes from the start of a file that decide about its kind."""

DOCUMENTS = {
    **dict.fromkeys((".doc", ".docx", ".odt", ".rtf", ".pages"), "a word processor document"),
    **dict.fromkeys((".xls", ".xlsx", ".xlsm", ".ods", ".numbers"), "a spreadsheet"),
    **dict.fromkeys((".ppt", ".pptx", ".odp", ".key"), "a presentation"),
    **dict.fromkeys((".html", ".htm", ".xhtml"), "an HTML page"),
    ".epub": "an e-book",
}
IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".gif")
BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff")


def kind_of(path: Path, head: bytes) -> Kind:
    """The kind of a file that starts with ``head``."""
    suffix = path.suffix.lower()
    if head.startswith(b"%PDF-") or suffix == ".pdf":
        return "pdf"
    if suffix in IMAGES or image_type(head):
        return "image"
    return "document" if suffix in DOCUMENTS else "text"


def looks_binary(content: bytes) -> bool:
    """True when it holds a NUL byte, unless it begins as UTF-16 text does."""
    return b"\0" in content and not content.startswith(BYTE_ORDER_MARKS)
