"""Fetching files by URL: https, public addresses only, every redirect checked alike, and never more than the limits."""

import hashlib
from collections.abc import AsyncGenerator, Generator, Iterable
from contextlib import asynccontextmanager, contextmanager
from email.message import Message
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urljoin, urlsplit

import anyio
from anyio import to_thread

from mcp_server.errors import InvalidArgument
from mcp_server.files.kinds import HEAD, Kind, kind_of
from mcp_server.files.reading import LIMITS, MEGABYTE, Source
from mcp_server.files.urls import Place, require_public, shown
from mcp_server.files.walk import speakable
from mcp_server.model.media import image_type

if TYPE_CHECKING:
    import ssl

    from mcp_server.files.dial import Answer, Network

SECONDS = 30.0
"""For one URL from its look-up to its last byte, redirects included; for all URLs of a call when they are checked."""
MOST_REDIRECTS = 5
MOST_URLS = 100
"""Of one call."""
AT_ONCE = 8
"""URLs of one call that are looked at side by side."""

_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_OF_A_NAME = 100
_MOST_OF_A_HEADER = 1000
SUFFIXES = {
    "application/pdf": ".pdf",
    "text/html": ".html",
    "application/xhtml+xml": ".xhtml",
    "application/msword": ".doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/vnd.ms-excel": ".xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.ms-powerpoint": ".ppt",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
    "application/vnd.oasis.opendocument.text": ".odt",
    "application/vnd.oasis.opendocument.spreadsheet": ".ods",
    "application/vnd.oasis.opendocument.presentation": ".odp",
    "application/rtf": ".rtf",
    "text/rtf": ".rtf",
    "application/epub+zip": ".epub",
}
"""For files whose URL does not say what they are."""


class Look(NamedTuple):
    """What a URL leads to, by its headers and first bytes. ``bytes`` is its size, where the server says it.

    ``image`` is the media type of an image that models take.
    """

    kind: Kind
    image: str | None
    bytes: int | None


class Fetcher:
    """Looks at URLs, and fetches them where a backend cannot. ``network`` None is the real one."""

    def __init__(self, network: "Network | None" = None, seconds: float = SECONDS) -> None:
        self.network = network
        self.seconds = seconds
        self._context: ssl.SSLContext | None = None

    async def check(self, urls: Iterable[str]) -> None:
        """Look at each of them, side by side.

        Raises:
            InvalidArgument: one may not or cannot be fetched, or there are more than 100.
        """
        wanted = list(dict.fromkeys(urls))
        if len(wanted) > MOST_URLS:
            raise InvalidArgument(f"The call names {len(wanted):,} URLs, and at most {MOST_URLS} are read: name fewer.")
        for url in wanted:
            require_public(url)
        refused: list[InvalidArgument] = []
        turn = anyio.CapacityLimiter(AT_ONCE)

        async def one(url: str) -> None:
            async with turn:
                try:
                    await self.look(url)
                except InvalidArgument as error:
                    refused.append(error)
                    tasks.cancel_scope.cancel()

        with self._in_time(f"{len(wanted)} URLs"):
            async with anyio.create_task_group() as tasks:
                for url in wanted:
                    tasks.start_soon(one, url)
        if refused:
            raise refused[0]

    async def look(self, url: str) -> Look:
        """What is there; no more than its first bytes are fetched.

        Raises:
            InvalidArgument: it may not or cannot be fetched, or is larger than its kind may be.
        """
        with self._in_time(shown(url)):
            async with self._answer(url) as (name, answer):
                head = await answer.read(HEAD)
        kind, size = kind_of(Path(name), head), _length(answer)
        if size is not None and size > LIMITS[kind]:
            raise _too_large(url, kind)
        return Look(kind, image_type(head), size)

    async def fetch(self, url: str) -> Source:
        """The file, as if it had been read from this machine; it never touches the disk.

        Raises:
            InvalidArgument: as ``look``, or there is nothing in it.
        """
        with self._in_time(shown(url)):
            async with self._answer(url) as (name, answer):
                kind = kind_of(Path(name), await answer.peek(HEAD))
                if (_length(answer) or 0) > LIMITS[kind]:
                    raise _too_large(url, kind)
                content = await answer.read(LIMITS[kind] + 1)
        if len(content) > LIMITS[kind]:
            raise _too_large(url, kind)
        if not content:
            raise InvalidArgument(f"{shown(url)} is empty: check the URL.")
        digest = await to_thread.run_sync(hashlib.sha256, content)
        return Source(Path(name), kind, content, digest.hexdigest())

    @asynccontextmanager
    async def _answer(self, url: str) -> "AsyncGenerator[tuple[str, Answer]]":
        """The name of the file and the answer at the end of the redirects."""
        from mcp_server.files import dial  # noqa: PLC0415 - off the start-up path

        network = self.network or dial.Network()
        if self._context is None:
            # Reading the machine's certificates takes a while.
            self._context = await to_thread.run_sync(network.trust)
        where, place = url, require_public(url)
        for _ in range(MOST_REDIRECTS + 1):
            async with dial.get(place, network, self._context) as answer:
                onward = answer.headers.get("location") if answer.status in _REDIRECTS else None
                if onward is None:
                    _require_file(place, answer)
                    yield _name(where, answer), answer
                    return
            where, place = _follow(url, where, onward)
        raise InvalidArgument(f"{shown(url)} is refused: it redirects more than {MOST_REDIRECTS} times.")

    @contextmanager
    def _in_time(self, named: str) -> Generator[None]:
        try:
            with anyio.fail_after(self.seconds):
                yield
        except TimeoutError as error:
            raise InvalidArgument(
                f"{named} took longer than {self.seconds:g} s, the limit: save the file and give its path.",
                retryable=True,
            ) from error


def _follow(url: str, where: str, onward: str) -> tuple[str, Place]:
    """The next URL and its place, held to the same rules as the first."""
    try:
        following = urljoin(where, onward)
        place = require_public(following)
    except ValueError as error:
        raise InvalidArgument(f"{shown(url)} redirects to what is not a URL: check it.") from error
    except InvalidArgument as error:
        raise InvalidArgument(f"{shown(url)} redirects, and {error.message}") from error
    return following, place._replace(shown=f"{shown(url)} (redirected to {place.shown})")


def _require_file(place: Place, answer: "Answer") -> None:
    if answer.status != HTTPStatus.OK:
        raise InvalidArgument(
            f"{place.shown} was answered with HTTP status {answer.status}: check the URL, or save the file and give "
            "its path.",
            retryable=answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR,
        )


def _length(answer: "Answer") -> int | None:
    """As it comes over the line: packed content is larger when it is unpacked."""
    told = answer.headers.get("content-length", "")
    return int(told) if told.isascii() and told.isdigit() else None


def _too_large(url: str, kind: Kind) -> InvalidArgument:
    limit = LIMITS[kind] // MEGABYTE
    return InvalidArgument(f"{shown(url)} is larger than {limit} MB, the limit for this kind of file: split it.")


def _name(where: str, answer: "Answer") -> str:
    """What the file is called: as the server says, else as the URL ends, with a suffix that tells its kind."""
    told = Message()
    for header in ("content-disposition", "content-type"):
        # Taking a header apart takes time that grows with the square of its length.
        told[header] = answer.headers.get(header, "")[:_MOST_OF_A_HEADER]
    parts = urlsplit(where)
    for name in (_filename(told), unquote(parts.path), parts.hostname or ""):
        last = PurePosixPath(name.replace("\\", "/")).name[-_MOST_OF_A_NAME:]
        if last.strip(".") and speakable(last):
            suffix = SUFFIXES.get(told.get_content_type(), "")
            return last + suffix if kind_of(Path(last), b"") == "text" else last
    return "file"


def _filename(told: Message) -> str:
    """The name that the headers give; none where they are written so that reading them fails."""
    try:
        return told.get_filename() or ""
    except ValueError:
        return ""
