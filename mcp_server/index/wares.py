"""What is uploaded to a hosted store for a file, and under which name: the API knows a file's format by its name."""

from anyio import to_thread

from mcp_server.errors import InvalidArgument
from mcp_server.files.extract import Reading, extract, require_sane
from mcp_server.files.reading import Source

# What the API's file search takes, and no more.
_TEXT = (
    *(".c", ".cpp", ".cs", ".css", ".go", ".html", ".java", ".js", ".json", ".md"),
    *(".php", ".py", ".rb", ".sh", ".tex", ".ts", ".txt"),
)
_DOCUMENTS = (".doc", ".docx", ".pptx", ".html")
_PAGES = (".htm", ".xhtml")


def key_of(source: Source) -> str:
    """What is the same for files of which the same is uploaded: their bytes, and what their names say of the format."""
    return f"assistants:{source.sha256}{source.path.suffix.lower()}"


async def wares_of(source: Source) -> tuple[str, bytes]:
    """Name and bytes: text as UTF-8, documents as they are or, of kinds that the API does not know, as Markdown.

    Raises:
        InvalidArgument: there is nothing in it to search, or it cannot be read.
    """
    name, suffix = source.path.name, source.path.suffix.lower()
    if not source.content:
        raise InvalidArgument(f"{name} is empty: there is nothing to search.")
    if source.kind == "pdf":
        return (name if suffix == ".pdf" else f"{name}.pdf"), source.content
    if source.kind == "document" and suffix in (*_DOCUMENTS, *_PAGES):
        await to_thread.run_sync(require_sane, source)
        return (f"{name}.html" if suffix in _PAGES else name), source.content
    reading = await extract(source)
    if source.kind == "text":
        return (name if suffix in _TEXT else f"{name}.txt"), reading.text.encode()
    return f"{name}.md", _marked(reading).encode()


def _marked(reading: Reading) -> str:
    """Its text with a heading before each page, slide or sheet."""
    if reading.pages is None:
        return reading.text
    parts = enumerate(reading.pages, 1)
    return "\n\n".join(f"[{reading.noun} {number}]\n{page}" for number, page in parts if page)
