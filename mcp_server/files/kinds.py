"""What kind of file it is: told by its name, except where its first bytes say otherwise."""

from pathlib import Path
from typing import Literal

from mcp_server.files.text import HEAD, is_text
from mcp_server.model.media import image_type, is_convertible

Kind = Literal["text", "pdf", "image", "document"]
"""``document`` is what has to be converted to be read: Office files, e-books, HTML pages."""

DOCUMENTS = {
    **dict.fromkeys((".doc", ".docx", ".odt", ".rtf", ".pages"), "a word processor document"),
    **dict.fromkeys((".xls", ".xlsx", ".xlsm", ".ods", ".numbers"), "a spreadsheet"),
    **dict.fromkeys((".ppt", ".pptx", ".odp", ".key"), "a presentation"),
    **dict.fromkeys((".html", ".htm", ".xhtml"), "an HTML page"),
    ".epub": "an e-book",
}
IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".heic", ".heif", ".avif", ".tif", ".tiff", ".bmp")


def kind_of(path: Path, head: bytes) -> Kind:
    """The kind of a file that starts with ``head``."""
    suffix = path.suffix.lower()
    if head.startswith(b"%PDF-") or suffix == ".pdf":
        return "pdf"
    if suffix in IMAGES or image_type(head) or is_convertible(head):
        return "image"
    return "document" if suffix in DOCUMENTS else "text"


def looks_binary(content: bytes) -> bool:
    """True when its start is no text in any encoding."""
    return not is_text(content[:HEAD])
