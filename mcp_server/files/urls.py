"""Which URLs may be fetched, by us or by a backend: https, and a host that is public by its name and its addresses.

Nothing is looked up here; ``dial`` looks up and connects, ``fetch`` follows redirects, and both ask here.
"""

import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import NamedTuple, cast
from unicodedata import category
from urllib.parse import SplitResult, quote, urlsplit

from mcp_server.errors import InvalidArgument

Address = IPv4Address | IPv6Address

PRIVATE_NAMES = (
    "localhost",
    "local",
    "localdomain",
    "internal",
    "intranet",
    "lan",
    "home",
    "corp",
    "private",
    "home.arpa",
    "test",
    "onion",
)
"""Domains that are somebody's own network, or this machine."""

# Public by the registry, but each leads back into somebody's own machine or cloud: Azure's host, what IANA keeps for
# protocols (a cloud's metadata service among it), local address translation, what is left of site-local addresses.
_OWN = [
    ip_network(net) for net in ("168.63.129.16/32", "192.0.0.0/24", "192.88.99.0/24", "64:ff9b:1::/48", "fec0::/10")
]
_TRANSLATED = ip_network("64:ff9b::/96")

_NAME = re.compile(r"[a-z0-9._-]*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_SCHEME = re.compile(
    r"([a-z][a-z0-9+.-]+)://|(https?|file|ftps?|data|blob|javascript|gopher|ldap|smb|ssh):", re.IGNORECASE
)
_KEPT = "/%:@!$&'()*+,;=~?-._"
_MOST_SHOWN = 200
LONGEST = 8192
"""Characters of a URL; servers take no longer ones, and looking at millions would stop everybody else."""
HTTPS = 443


class Place(NamedTuple):
    """Where a URL leads: a host as it goes on the wire, a port, and path with query. ``shown`` is for messages."""

    host: str
    port: int
    target: str
    shown: str


def is_url(source: str) -> bool:
    """True when it begins as a URL does, of whatever kind: such a source is never taken for a path."""
    return _SCHEME.match(source) is not None


def linked(value: object) -> Iterator[str]:
    """The URLs by which input items refer to images and files; what is inline is none."""
    if isinstance(value, list):
        for item in cast("list[object]", value):
            yield from linked(item)
    elif isinstance(value, dict):
        for name, inner in cast("dict[str, object]", value).items():
            # Some servers take an image's URL as an object too, as it was in older requests.
            url = cast("dict[str, object]", inner).get("url") if isinstance(inner, dict) else inner
            if name not in ("image_url", "file_url") or not isinstance(url, str):
                yield from linked(cast("object", inner))
            elif not url.startswith("data:"):
                yield url


def shown(url: str) -> str:
    """A URL as it may stand in a message: without password, query and fragment, which may hold a secret."""
    if len(url) > LONGEST:
        return f"a URL of {len(url):,} characters"
    words = "".join(character for character in url if category(character)[0] not in "CZ")
    head, slashes, rest = words.partition("://")
    rest = re.split(r"[?#]", rest, maxsplit=1)[0]
    host, slash, path = rest.partition("/")
    clean = f"{head}{slashes}{host.rpartition('@')[2]}{slash}{path}"
    return clean if len(clean) <= _MOST_SHOWN else f"{clean[:_MOST_SHOWN]}…"


def require_public(url: str) -> Place:
    """Where it leads, by its words alone.

    Raises:
        InvalidArgument: too long, not https, with a user or password, or a host that is local by its name or address.
    """
    named = shown(url)
    if len(url) > LONGEST:
        raise _refused(named, f"at most {LONGEST:,} are allowed")
    scheme = _SCHEME.match(url)
    if scheme is None or (scheme[1] or scheme[2]).lower() != "https":
        raise _refused(named, "a URL must be https, and a file of this machine is named by its path")
    parts, host, port = _parsed(url, named)
    if "@" in parts.netloc:
        raise _refused(named, "a URL with a user or password in it is never fetched")
    address = _literal(host)
    if address is not None:
        require_public_address(address, named)
    elif "[" in parts.netloc or not _NAME.fullmatch(host):
        raise InvalidArgument(f"{named} is not a URL: its host is neither a name nor an address.")
    elif _NUMBER.fullmatch(host.rpartition(".")[2]):
        # A last label that is a number makes browsers and libraries read the whole as an address: 127.1, 0x7f.1.
        raise _refused(named, "its host is an address written as a number; write four decimal parts or a name")
    elif "." not in host or f".{host}".endswith(tuple(f".{name}" for name in PRIVATE_NAMES)):
        raise _refused(named, "its host must have a public domain name, not a local one")
    target = quote(parts.path or "/", safe=_KEPT) + (f"?{quote(parts.query, safe=_KEPT)}" if parts.query else "")
    return Place(host, port, target, named)


def require_public_address(address: Address, named: str) -> None:
    """Refuse an address that is not on the public internet.

    Raises:
        InvalidArgument: it is private, loopback, link-local, shared, multicast or kept for something else.
    """
    if not is_public(address):
        raise _refused(named, f"its host's address {address} is not public")


def is_public(address: Address) -> bool:
    """Whether it is a single machine's address on the public internet; one that holds another counts as that."""
    if isinstance(address, IPv6Address):
        if address.scope_id:
            return False
        inner = address.ipv4_mapped or address.sixtofour
        if address in _TRANSLATED:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner:
            return is_public(inner)
    elsewhere = address.is_multicast or address.is_reserved or any(address in net for net in _OWN)
    return address.is_global and not elsewhere


def _parsed(url: str, named: str) -> tuple[SplitResult, str, int]:
    # Programs disagree about what these characters mean in a URL, and urlsplit drops some without a word.
    if any(character == "\\" or category(character)[0] in "CZ" for character in url):
        raise InvalidArgument(f"{named} is not a URL: it holds a backslash, a space or a control character.")
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").encode("idna").decode(), parts.port
    except ValueError as error:
        raise InvalidArgument(f"{named} is not a URL: check it.") from error
    return parts, host.lower().rstrip("."), HTTPS if port is None else port


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _refused(named: str, rule: str) -> InvalidArgument:
    return InvalidArgument(f"{named} is refused: {rule}.")
