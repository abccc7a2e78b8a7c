"""URLs that a backend may be told to fetch: https, with the name of a public host. Nothing is looked up here."""

import re
from urllib.parse import urlsplit

from mcp_server.errors import InvalidArgument

_PRIVATE = ("localhost", "local", "localdomain", "internal", "intranet", "lan", "home", "corp", "home.arpa", "test")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


def is_url(source: str) -> bool:
    """True when it begins with http: or https:."""
    return source.lower().startswith(("http:", "https:"))


def require_public(url: str) -> str:
    """The URL as it is.

    Raises:
        InvalidArgument: not https, with a password, or a host that is an address, local or without a domain.
    """
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode().lower().rstrip(".")
    except ValueError as error:
        raise InvalidArgument(f"{url} is not a URL: check it.") from error
    if parts.scheme != "https" or parts.username is not None:
        raise InvalidArgument(f"{url} is refused: give an https URL without user and password.")
    if not _is_public(host):
        raise InvalidArgument(
            f"{url} is refused: its host must have a public domain name, not an address or a local name."
        )
    return url


def _is_public(host: str) -> bool:
    labels = host.split(".")
    # A last label that is a number makes browsers and libraries read the whole as an address: 127.1, 0x7f.1.
    return (
        len(labels) > 1
        and ":" not in host
        and _NUMBER.fullmatch(labels[-1]) is None
        and not host.endswith(tuple(f".{name}" for name in _PRIVATE))
    )
