"""What a file says: text exactly as it stands in the file, a PDF page by page. Other kinds are not read here yet."""

from io import BytesIO

from mcp_server.errors import InvalidArgument, NotYet
from mcp_server.files.kinds import BYTE_ORDER_MARKS, DOCUMENTS, looks_binary
from mcp_server.files.reading import Source

# pypdf meets a damaged file with whichever of these the damage leads to.
_DAMAGED = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError, NotImplementedError)


def text_of(source: Source) -> str:
    """A text file's content. UTF-8, UTF-16 with its mark, else Latin-1 (which any bytes are).

    Raises:
        InvalidArgument: it looks binary.
        NotYet: it is a kind that this version does not turn into text.
    """
    if source.kind != "text":
        raise not_text(source)
    if looks_binary(source.content):
        raise InvalidArgument(f"{source.path.name} looks binary: only text, PDF and images can be read.")
    if source.content.startswith(BYTE_ORDER_MARKS):
        return source.content.decode("utf-16", errors="replace")
    try:
        return source.content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return source.content.decode("latin-1")


def lines_of(text: str) -> list[str]:
    """Its lines as editors count them, each with its line end; joined they are the text again."""
    lines = [f"{line}\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def not_text(source: Source) -> NotYet:
    """The sentence for a kind that only a backend with a Files API can read."""
    kind = DOCUMENTS.get(source.path.suffix.lower(), "an image")
    return NotYet(f"{source.path.name} is {kind}, which cannot be turned into text yet: convert it to PDF or text.")


def pages_of(source: Source) -> list[str]:
    """The text of each page of a PDF file; a page without text is empty. Takes a while: call it in a worker thread.

    Raises:
        InvalidArgument: encrypted, damaged, or no text on any page.
    """
    from pypdf import PasswordType, PdfReader  # noqa: PLC0415  slow to import, and only PDF needs it
    from pypdf.errors import DependencyError, PyPdfError  # noqa: PLC0415  as above

    name = source.path.name
    try:
        reader = PdfReader(BytesIO(source.content))
        if reader.is_encrypted and reader.decrypt("") == PasswordType.NOT_DECRYPTED:
            raise InvalidArgument(f"{name} is protected by a password: save it without one.")
        pages = [page.extract_text().strip() for page in reader.pages]
    except DependencyError as error:
        raise InvalidArgument(f"{name} is encrypted in a way that cannot be read: save it without.") from error
    except (PyPdfError, *_DAMAGED) as error:
        raise InvalidArgument(f"{name} is not a PDF file that can be read: it is damaged or cut off.") from error
    if not any(pages):
        raise InvalidArgument(f"{name} has no text on its pages (scanned?): run text recognition over it first.")
    return pages
