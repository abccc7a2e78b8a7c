"""What a file says, whatever its kind: text as it stands in the file, a paged document page by page."""

import json
from typing import NamedTuple

from anyio import to_thread

from mcp_server.errors import InvalidArgument
from mcp_server.files.archive import require_sane
from mcp_server.files.documents import MissingExtra, convert
from mcp_server.files.kinds import looks_binary
from mcp_server.files.reading import Source
from mcp_server.files.text import decode

__all__ = ["Reading", "extract", "require_sane"]

_WEB = (".html", ".htm", ".xhtml")


class Reading(NamedTuple):
    """A file's text. ``pages`` are there where the format has them: pages, slides or sheets (``noun`` says which).

    A page without text is empty. Without pages, ``text`` is what line numbers count in.
    """

    text: str
    pages: list[str] | None = None
    noun: str = "page"


async def extract(source: Source) -> Reading:
    """The text of a file, read in a process of its own where its format can be harmful.

    Raises:
        InvalidArgument: binary, encrypted, damaged, without any text, larger than it may be once it is unpacked, or of
            a kind that needs a package which is not installed.
    """
    match source.kind:
        case "text":
            return Reading(await to_thread.run_sync(_text_of, source))
        case "image":
            raise InvalidArgument(f"{source.path.name} is an image, which holds no text: ask a model that sees.")
        case "pdf":
            reading = await _converted(source, source.content)
            cure = "run text recognition over it first"
        case "document" if source.path.suffix.lower() in _WEB:
            reading = await _web_page(await to_thread.run_sync(_text_of, source), source)
            cure = "save it as text"
        case _:
            await to_thread.run_sync(require_sane, source)
            reading = await _converted(source, source.content)
            cure = "save it as PDF and run text recognition over it"
    if not reading.text.strip():
        raise InvalidArgument(f"{source.path.name} has no text on its {reading.noun}s (scanned?): {cure}.")
    return reading


async def _converted(source: Source, content: bytes) -> Reading:
    task = "pdf" if source.kind == "pdf" else "document"
    answer = await convert(task, source.path.name, content)
    return Reading(**await to_thread.run_sync(json.loads, answer))


async def _web_page(markup: str, source: Source) -> Reading:
    """A web page can be read as it is where the package that makes it nicer is missing."""
    try:
        return await _converted(source, markup.encode("utf-8", "replace"))
    except MissingExtra:
        return Reading(markup)


def _text_of(source: Source) -> str:
    if looks_binary(source.content):
        raise InvalidArgument(f"{source.path.name} looks binary: only text, documents and images can be read.")
    return decode(source.content)
