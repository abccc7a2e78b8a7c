"""The program that reads files of formats that can do harm, one after the other, until stdin closes.

It is run by its path, not as a module: nothing of the folder the parent happens to stand in may be imported, and
nothing of the server is. A line of JSON comes in on stdin (``task``, ``name``, ``size``, ``seconds``), then the file.
A line goes out on stdout (``problem``, ``size``), then what was asked for: JSON (``text``, ``pages``, ``noun``) or, of
a picture, a JPEG file. Where there is a ``problem``, one word says why there is nothing.
"""

import contextlib
import html
import importlib
import io
import json
import logging
import os
import re
import sys
import warnings
from collections.abc import Callable
from typing import Any

MEMORY = 3 * 2**30
"""Bytes of addresses. A sheet of a million cells takes 1.4 GB of them; 0.5 GB is what the libraries themselves take."""
MOST_TEXT = 20_000_000
"""Characters of one document."""
MOST_CELLS = 1_000_000
MOST_UNPACKED = 300_000_000
"""Bytes. What a document really unpacks to, whatever its directory says."""

PICTURES = ("HEIF", "AVIF", "TIFF", "BMP")
SHEETS = (".xls", ".xlsx", ".xlsm", ".ods", ".numbers")
SLIDES = (".ppt", ".pptx", ".odp", ".key")

# pypdf meets a damaged file with whichever of these the damage leads to.
_DAMAGED = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError, NotImplementedError)
_TITLE = re.compile(rb"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)


class Refused(Exception):
    """It cannot be read: ``locked``, ``cipher``, ``damaged``, ``large`` or ``missing``."""


def main() -> None:
    """Answer what comes in on stdin, one file at a time."""
    # Whatever a library prints is not part of an answer, and what it complains of is nobody's business.
    logging.disable()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    while line := sys.stdin.buffer.readline():
        asked: dict[str, Any] = json.loads(line)
        content = sys.stdin.buffer.read(asked["size"])
        _limit(asked["seconds"])
        try:
            answer, problem = TASKS[asked["task"]](asked["name"], content), ""
        except (Refused, MemoryError) as refused:
            answer, problem = b"", str(refused) or "large"
        answers.write(json.dumps({"problem": problem, "size": len(answer)}).encode() + b"\n" + answer)
        answers.flush()


def pdf(_name: str, content: bytes) -> bytes:
    """The text of each page; a page without text is empty."""
    pypdf: Any = importlib.import_module("pypdf")
    errors: Any = importlib.import_module("pypdf.errors")
    try:
        reader = pypdf.PdfReader(io.BytesIO(content))
        if reader.is_encrypted and reader.decrypt("") == pypdf.PasswordType.NOT_DECRYPTED:
            raise Refused("locked")
        return _told(pages=[page.extract_text().strip() for page in reader.pages])
    except errors.DependencyError as error:
        raise Refused("cipher") from error
    except errors.LimitReachedError as error:
        raise Refused("large") from error
    except (errors.PyPdfError, *_DAMAGED) as error:
        raise Refused("damaged") from error


def document(name: str, content: bytes) -> bytes:
    """The text of an Office file, a web page or an e-book as Markdown; of slides and sheets one by one.

    A document's pages are left out: only its page breaks are known, not where a printer would begin a page.
    """
    xberg = _library("xberg")
    suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122  pathlib takes longer to load than this file to run
    result = _extracted(xberg, content, f"file{suffix}")
    if suffix in SLIDES and result.pages:
        return _told(pages=[_slide(page) for page in result.pages], noun="slide")
    if suffix in SHEETS and result.pages:
        return _told(pages=[_sheet(page) for page in result.pages], noun="sheet")
    return _told(text=_titled(result.content, content) if result.mime_type == "text/html" else result.content)


def picture(_name: str, content: bytes) -> bytes:
    """A JPEG file, turned the way it was held."""
    heif = _library("pillow_heif")
    images = _library("PIL.Image")
    warnings.simplefilter("error", images.DecompressionBombWarning)
    heif.register_heif_opener()
    try:
        with images.open(io.BytesIO(content), formats=PICTURES) as image:
            upright = _library("PIL.ImageOps").exif_transpose(image).convert("RGB")
    except (images.DecompressionBombWarning, images.DecompressionBombError) as error:
        raise Refused("large") from error
    except (OSError, SyntaxError, RuntimeError, *_DAMAGED) as error:
        raise Refused("damaged") from error
    target = io.BytesIO()
    upright.save(target, "JPEG", quality=90)
    return target.getvalue()


TASKS: dict[str, Callable[[str, bytes], bytes]] = {"pdf": pdf, "document": document, "picture": picture}


def _extracted(xberg: Any, content: bytes, name: str) -> Any:
    config = xberg.ExtractionConfig(
        output_format="markdown",
        escape_markdown=False,
        html_options=xberg.ConversionOptions(extract_metadata=False),
        pages=xberg.PageConfig(extract_pages=True),
        use_cache=False,
        disable_ocr=True,
        security_limits=xberg.SecurityLimits(max_table_cells=MOST_CELLS, max_archive_size=MOST_UNPACKED),
    )
    asyncio: Any = importlib.import_module("asyncio")
    try:
        found = asyncio.run(_extract(xberg, xberg.ExtractInput(kind="bytes", bytes=content, filename=name), config))
    except (RuntimeError, ValueError, xberg.XbergError) as error:
        raise Refused(_problem(str(error))) from error
    if found.errors or not found.results:
        raise Refused(_problem(" ".join(error.message for error in found.errors)))
    return found.results[0]


async def _extract(xberg: Any, wanted: Any, config: Any) -> Any:
    return await xberg.extract(wanted, config)


def _problem(message: str) -> str:
    """One error stands for everything: only its words tell what is wrong."""
    words = message.lower()
    if "security" in words or "limit exceeded" in words or "larger than its declared" in words:
        return "large"
    return "locked" if "password" in words or "encrypted" in words else "damaged"


def _titled(text: str, markup: bytes) -> str:
    """A web page's text below its title, unless it begins with that anyway."""
    found = _TITLE.search(markup)
    title = " ".join(html.unescape(found[1].decode("utf-8", "replace")).split()) if found else ""
    return text if text.lstrip("# ").startswith(title) else f"# {title}\n\n{text}"


def _slide(page: Any) -> str:
    notes = f"\n\nNotes: {page.speaker_notes.strip()}" if page.speaker_notes else ""
    return f"{page.content.strip()}{notes}"


def _sheet(page: Any) -> str:
    heading = f"## {page.sheet_name}\n\n" if page.sheet_name else ""
    return f"{heading}{page.content.strip()}"


def _told(text: str | None = None, pages: list[str] | None = None, noun: str = "page") -> bytes:
    text = "\n".join(pages or []) if text is None else text
    if len(text) > MOST_TEXT:
        raise Refused("large")
    # A broken font can yield halves of characters, which nothing after this could write.
    return json.dumps({"text": text, "pages": pages, "noun": noun}, ensure_ascii=False).encode("utf-8", "replace")


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise Refused("missing") from error


def _limit(seconds: int) -> None:
    """Bound memory and processor time where the platform can: the parent may be gone when the time is up."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        resource: Any = importlib.import_module("resource")
        used = resource.getrusage(resource.RUSAGE_SELF)
        most = int(used.ru_utime + used.ru_stime) + 2 * seconds
        resource.setrlimit(resource.RLIMIT_CPU, (most, resource.RLIM_INFINITY))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


if __name__ == "__main__":
    main()
