"""Backends for the tests of this room. They have what an index calls and nothing else: anything else is an error."""

import math
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio

from mcp_server.backends.profile import Profile
from mcp_server.errors import UpstreamError
from mcp_server.model.document import Passage
from mcp_server.model.value import JsonObject, Scope

SCOPE = Scope(owner="local", backend="test")
SIZE = 256
SYNONYMS = {"car": "automobile", "cars": "automobile", "doctor": "physician", "sick": "physician"}


def embedding(text: str, size: int = SIZE) -> list[float]:
    """A vector of length 1: words hashed into places, a few of them made equal in meaning."""
    vector = [0.0] * size
    for word in re.findall(r"\w+", text.casefold()):
        meaning = SYNONYMS.get(str(word), str(word))
        vector[zlib.crc32(meaning.encode()) % size] += 1.0
    length = math.hypot(*vector) or 1.0
    return [value / length for value in vector]


async def quiet(done: int, total: int, message: str) -> None:
    """Progress nobody listens to."""


@dataclass
class Embedding:
    """Embeds; fails from its ``fails_at``-th request on."""

    profile: Profile = field(default_factory=lambda: Profile(embeddings=True))
    name: str = "test"
    size: int = SIZE
    requests: list[list[str]] = field(default_factory=list)
    fails_at: int | None = None

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        self.requests.append(list(texts))
        if self.fails_at is not None and len(self.requests) >= self.fails_at:
            raise UpstreamError("The backend is overloaded.", kind="overloaded", retryable=True)
        return [embedding(text, self.size) for text in texts]

    def as_backend(self) -> Any:
        return self


@dataclass
class Hosted:
    """Keeps vector stores: files by id, and what is attached where. ``refuses`` are words that make an upload fail."""

    profile: Profile = field(default_factory=lambda: Profile(files=True, vector_stores=True))
    name: str = "test"
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    attached: dict[str, dict[str, JsonObject]] = field(default_factory=dict)
    searches: list[tuple[str, list[str], JsonObject]] = field(default_factory=list)
    attach_fails: str | None = None
    upload_failure: UpstreamError | None = None
    at_once: int = 0
    most_at_once: int = 0
    _made: int = 0

    @property
    def stores(self) -> "Hosted":
        return self

    async def create(self, name: str) -> str:
        store_id = f"vs_{len(self.attached) + 1}"
        self.attached[store_id] = {}
        return store_id

    async def upload(self, filename: str, content: bytes, purpose: str) -> str:
        assert purpose == "assistants"
        if self.upload_failure is not None and b"bad" in content:
            raise self.upload_failure
        self._made += 1
        file_id = f"file-{self._made}"
        self.files[file_id] = (filename, content)
        return file_id

    async def attach(self, store_id: str, file_id: str, attributes: dict[str, Any]) -> str:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await anyio.lowlevel.checkpoint()
        self.at_once -= 1
        if self.attach_fails is not None and self.attach_fails in self.files[file_id][0]:
            return "The file has no text."
        self.attached[store_id][file_id] = attributes
        return "completed"

    async def detach(self, store_id: str, file_id: str) -> None:
        self.attached[store_id].pop(file_id, None)

    async def delete_file(self, file_id: str) -> bool:
        return self.files.pop(file_id, None) is not None

    async def delete(self, store_id: str) -> bool:
        return self.attached.pop(store_id, None) is not None

    async def search(
        self, store_id: str, queries: Sequence[str], options: JsonObject
    ) -> tuple[list[Passage], list[str]]:
        self.searches.append((store_id, list(queries), options))
        found = [
            Passage(file_id=file_id, filename=self.files[file_id][0], score=0.5, text=self.files[file_id][1].decode())
            for file_id in self.attached.get(store_id, {})
        ]
        return found, list(queries)

    def as_backend(self) -> Any:
        return self

    def contents(self, store_id: str = "vs_1") -> dict[str, bytes]:
        """What is searchable, by uploaded name."""
        return dict(self.files[file_id] for file_id in self.attached[store_id])
