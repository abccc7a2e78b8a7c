"""One GET over a connection to an address that was looked up and checked here.

The name is looked up once and the connection goes to what was found then, so a name that answers differently the next
time leads nowhere else. There is no proxy, no cookie, no redirect, and nothing is taken from the environment.
"""

import ssl
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from socket import SOCK_STREAM
from typing import Any, cast

import anyio
import httpcore2
from anyio.lowlevel import checkpoint

from mcp_server import __version__
from mcp_server.errors import InvalidArgument
from mcp_server.files.urls import HTTPS, Place, require_public_address

CONNECT_SECONDS = 5.0
"""For each address of a host."""
MOST_ADDRESSES = 4
BLOCK = 65_536

_NAMELESS = "its host has no address"
_PACKED = ("gzip", "x-gzip", "deflate")
_EITHER = zlib.MAX_WBITS | 32  # gzip or zlib, told by its first bytes


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name, the best one first, as the system finds them.

    Raises:
        OSError: it has none.
    """
    return [str(found[4][0]) for found in await anyio.getaddrinfo(host, port, type=SOCK_STREAM)]


async def connect(address: str, port: int) -> httpcore2.AsyncNetworkStream:
    """A TCP connection."""
    backend = cast("httpcore2.AsyncNetworkBackend", httpcore2.AnyIOBackend())
    return await backend.connect_tcp(address, port, timeout=CONNECT_SECONDS)


@dataclass(frozen=True)
class Network:
    """What leads out of this machine, and whose certificates are believed."""

    resolve: Callable[[str, int], Awaitable[Sequence[str]]] = resolve
    connect: Callable[[str, int], Awaitable[httpcore2.AsyncNetworkStream]] = connect
    trust: Callable[[], ssl.SSLContext] = httpcore2.default_ssl_context


class Answer:
    """A response whose body comes piece by piece, unpacked. ``headers`` have lower-case names."""

    def __init__(self, status: int, headers: dict[str, str], pieces: AsyncIterator[bytes]) -> None:
        self.status = status
        self.headers = headers
        self._pieces = pieces
        self._waiting = b""

    async def peek(self, most: int) -> bytes:
        """The first ``most`` bytes, which ``read`` gives again."""
        self._waiting = await self.read(most) + self._waiting
        return self._waiting[:most]

    async def read(self, most: int) -> bytes:
        """The next ``most`` bytes; fewer only at the end."""
        read, size = [self._waiting], len(self._waiting)
        while size < most and (piece := await anext(self._pieces, None)) is not None:
            read.append(piece)
            size += len(piece)
            await checkpoint()  # ten thousand pieces can come at once, and each of a few bytes unpack to a block
        whole = b"".join(read)
        self._waiting = whole[most:]
        return whole[:most]


@asynccontextmanager
async def get(place: Place, network: Network, context: ssl.SSLContext) -> AsyncGenerator[Answer]:
    """Ask for a place, and hang up when the block ends.

    Raises:
        InvalidArgument: an address is not public, or the connection cannot be made or breaks off.
    """
    shown = f"[{place.host}]" if ":" in place.host else place.host
    headers = [
        ("Host", shown if place.port == HTTPS else f"{shown}:{place.port}"),
        ("User-Agent", f"responses-mcp/{__version__}"),
        ("Accept", "*/*"),
        ("Accept-Encoding", "identity"),
    ]
    url = httpcore2.URL(scheme=b"https", host=place.host, port=place.port, target=place.target)
    try:
        async with (
            httpcore2.AsyncConnectionPool(
                ssl_context=context, network_backend=_Checked(network, place.shown), max_connections=1
            ) as pool,
            pool.stream("GET", url, headers=headers) as response,
        ):
            told = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
            pieces, packed = response.aiter_stream(), told.get("content-encoding", "identity")
            if packed.lower() != "identity":
                pieces = _unpacked(pieces, packed, place.shown)
            yield Answer(response.status, told, pieces)
    except (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.TimeoutException) as error:
        raise InvalidArgument(
            f"{place.shown} cannot be fetched ({_reason(error)}): check the URL, or save the file and give its path.",
            retryable=True,
        ) from error


class _Checked(httpcore2.AsyncNetworkBackend):
    """Connects to public addresses alone. One address that is not public refuses the name: all were given by it."""

    def __init__(self, network: Network, shown: str) -> None:
        self._network = network
        self._shown = shown

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Look up, check, connect."""
        del timeout, local_address, socket_options
        addresses = await self._looked_up(host, port)
        for address in addresses:
            require_public_address(ip_address(address), self._shown)
        refused: Exception = httpcore2.ConnectError(_NAMELESS)
        for address in addresses[:MOST_ADDRESSES]:
            try:
                return await self._network.connect(address, port)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                refused = error
        raise refused

    async def _looked_up(self, host: str, port: int) -> Sequence[str]:
        try:
            ip_address(host)
        except ValueError:
            try:
                return list(dict.fromkeys(await self._network.resolve(host, port)))
            except (OSError, UnicodeError) as error:
                raise httpcore2.ConnectError(_NAMELESS) from error
        return [host]


async def _unpacked(pieces: AsyncIterator[bytes], encoding: str, shown: str) -> AsyncIterator[bytes]:
    """The body without the compression that some servers use unasked, never more than a block at a time."""
    if encoding.lower() not in _PACKED:
        raise InvalidArgument(f"{shown} comes compressed as {encoding[:20]!r}, which nobody asked for: save the file.")
    unpacker = zlib.decompressobj(_EITHER)
    try:
        async for piece in pieces:
            rest = piece
            while rest:
                unpacker = zlib.decompressobj(_EITHER) if unpacker.eof else unpacker
                yield unpacker.decompress(rest, BLOCK)
                rest = unpacker.unconsumed_tail or unpacker.unused_data
        yield unpacker.flush()
    except zlib.error as error:
        raise InvalidArgument(f"{shown} comes compressed, and is damaged: save the file and give its path.") from error
    if not unpacker.eof:
        raise InvalidArgument(f"{shown} comes compressed, and is cut off: save the file and give its path.")


def _reason(error: Exception) -> str:
    if isinstance(error.__context__, ssl.SSLCertVerificationError):
        return "its certificate is not valid"
    if str(error) == _NAMELESS:
        return _NAMELESS
    if isinstance(error, httpcore2.ConnectTimeout):
        return "it does not answer"
    return "no connection" if isinstance(error, httpcore2.ConnectError) else "the connection broke off"
