"""What a test has to know of a real server: where it is, and what of the Responses API it really does itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Real:
    """A server that runs.

    ``known_as`` is the name that the product finds out by itself, None for one that looks like no known server.
    ``native`` are the capabilities (fields of ``Profile``) that the product is to use there; for all others it has to
    fall back. ``settings`` are the variables of a user of this server.
    """

    base_url: str
    model: str
    key: str
    known_as: str | None
    native: frozenset[str]
    settings: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Engines:
    """llama.cpp's own servers of the two small models, which the other servers ask in their turn."""

    chat: str
    embed: str
    key: str
