"""Backends for the tests of this room. They have what an index calls and nothing else: anything else is an error."""

import math
import re
import zlib
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio

from mcp_server.backends.profile import Profile
from mcp_server.backends.protocol import Attachment
from mcp_server.errors import UpstreamError
from mcp_server.index.search import Filing, SearchIndex
from mcp_server.model.document import Passage
from mcp_server.model.value import JsonObject, Scope
from mcp_server.store.protocol import Store

SCOPE = Scope(owner="local", backend="test")
SIZE = 256
TEXTS = {
    "cars.md": "# Vehicles\nThe red automobile needs new tyres.\n",
    "health/doctor.txt": "A physician visits the village on Mondays.\n",
    "code/retry.py": "def maxRetries(count):\n    return count * 2\n",
}
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
    """Embeds; fails from its ``fails_at``-th request on, and refuses a request with the words it ``refuses``."""

    profile: Profile = field(default_factory=lambda: Profile(embeddings=True))
    name: str = "test"
    size: int = SIZE
    model: str = "m"
    refuses: str | None = None
    requests: list[list[str]] = field(default_factory=list)
    fails_at: int | None = None

    async def embedding_model(self) -> str:
        return self.model

    async def close(self) -> None:
        """Nothing is open."""

    async def prepare_to_embed(self) -> AsyncGenerator[str]:
        yield "warming up"

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        self.requests.append(list(texts))
        if self.fails_at is not None and len(self.requests) >= self.fails_at:
            raise UpstreamError("The backend is overloaded.", kind="overloaded", retryable=True)
        if self.refuses and any(self.refuses in text for text in texts):
            raise UpstreamError("The upstream refused the request.", kind="invalid_request", http_status=400)
        return [embedding(text, self.size) for text in texts]

    def as_backend(self) -> Any:
        return self


class Time:
    """A clock that goes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        until = self.now + seconds
        self.slept.append(seconds)
        await anyio.lowlevel.checkpoint()
        self.now = max(self.now, until)


@dataclass
class Trouble:
    """Comes before a request is carried out, or ``late``: then it is, and only its answer is lost.

    An upload's id is known by its answer alone: it always comes before that.
    """

    strike: Callable[[], None]
    late: bool = False


@dataclass
class Hosted:
    """Keeps vector stores: files by id, and what is attached where.

    ``attach_fails`` are words of a name that cannot be indexed, ``upload_failure`` is what comes of content that is
    "bad". ``trouble`` is what the requests with these numbers, counted from 1, meet; ``log`` are the requests.
    """

    profile: Profile = field(default_factory=lambda: Profile(files=True, vector_stores=True))
    name: str = "test"
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    attached_files: dict[str, dict[str, Attachment]] = field(default_factory=dict)
    searches: list[tuple[str, list[str], JsonObject]] = field(default_factory=list)
    expiries: dict[str, int | None] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    attach_fails: str | None = None
    upload_failure: UpstreamError | None = None
    trouble: dict[int, "Trouble"] = field(default_factory=dict)
    empty_answers: int = 0
    uploaded: list[bytes] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    _made: int = 0

    @property
    def stores(self) -> "Hosted":
        return self

    @asynccontextmanager
    async def _request(self, what: str) -> AsyncGenerator[None]:
        self.log.append(what)
        number = len(self.log)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await anyio.lowlevel.checkpoint()
        self.at_once -= 1
        trouble = self.trouble.pop(number, None)
        late = trouble is not None and trouble.late and what not in ("upload", "create")
        if trouble and not late:
            trouble.strike()
            await anyio.lowlevel.checkpoint()
        yield
        if trouble and late:
            trouble.strike()
        await anyio.lowlevel.checkpoint()

    async def create(self, name: str, *, expires_days: int | None = None) -> str:
        async with self._request("create"):
            store_id = f"vs_{len(self.expiries) + 1}"
            self.attached_files[store_id] = {}
            self.expiries[store_id] = expires_days
            return store_id

    async def expire(self, store_id: str, days: int) -> None:
        async with self._request("expire"):
            self.expiries[store_id] = days

    async def alive(self, store_id: str) -> bool:
        async with self._request("alive"):
            return store_id in self.attached_files

    async def upload(self, filename: str, content: bytes, purpose: str, *, expires_seconds: int | None = None) -> str:
        assert (purpose, expires_seconds) == ("assistants", None)
        async with self._request("upload"):
            if self.upload_failure is not None and b"bad" in content:
                raise self.upload_failure
            self._made += 1
            file_id = f"file-{self._made}"
            self.files[file_id] = (filename, content)
            self.uploaded.append(content)
            return file_id

    async def attach(
        self, store_id: str, file_id: str, attributes: JsonObject, chunking: tuple[int, int] | None
    ) -> Attachment:
        async with self._request("attach"):
            if store_id not in self.attached_files or file_id not in self.files:
                raise UpstreamError(f"{store_id} or {file_id} is not there.", kind="not_found", http_status=404)
            assert file_id not in self.attached_files[store_id], "attached twice"
            if self.attach_fails is not None and self.attach_fails in self.files[file_id][0]:
                return Attachment("failed", attributes, chunking, "The file has no text.")
            found = self.attached_files[store_id][file_id] = Attachment("completed", attributes, chunking or (800, 400))
            return found._replace(status="in_progress")

    async def attached(self, store_id: str, file_id: str) -> Attachment | None:
        async with self._request("attached"):
            return self.attached_files[store_id].get(file_id)

    async def describe(self, store_id: str, file_id: str, attributes: JsonObject) -> None:
        async with self._request("describe"):
            found = self.attached_files[store_id][file_id]
            self.attached_files[store_id][file_id] = found._replace(attributes=attributes)

    async def detach(self, store_id: str, file_id: str) -> None:
        async with self._request("detach"):
            self.attached_files[store_id].pop(file_id, None)

    async def delete_file(self, file_id: str) -> bool:
        async with self._request("delete_file"):
            for files in self.attached_files.values():
                files.pop(file_id, None)
            return self.files.pop(file_id, None) is not None

    async def delete(self, store_id: str) -> bool:
        async with self._request("delete"):
            return self.attached_files.pop(store_id, None) is not None

    async def search(
        self, store_id: str, queries: Sequence[str], options: JsonObject
    ) -> tuple[list[Passage], list[str]]:
        self.searches.append((store_id, list(queries), options))
        if store_id not in self.attached_files:
            raise UpstreamError(f"{store_id} is not there.", kind="not_found", http_status=404)
        if self.empty_answers:
            self.empty_answers -= 1
            return [], list(queries)
        found = [
            Passage(file_id=file_id, filename=self.files[file_id][0], score=0.5, text=self.files[file_id][1].decode())
            for file_id in self.attached_files[store_id]
        ]
        return found, list(queries)

    def as_backend(self) -> Any:
        return self

    def contents(self, store_id: str = "vs_1") -> dict[str, bytes]:
        """What is searchable, by uploaded name."""
        return dict(self.files[file_id] for file_id in self.attached_files[store_id])

    def attributes(self, store_id: str = "vs_1") -> dict[str, JsonObject]:
        """What the files are described by, by uploaded name."""
        return {self.files[one][0]: found.attributes for one, found in self.attached_files[store_id].items()}


async def fill(
    index: SearchIndex,
    *paths: Path,
    scope: Scope = SCOPE,
    name: str = "docs",
    filing: Filing | None = None,
    **attributes: Any,
) -> dict[str, Any]:
    return await file(index, filing or Filing(attributes=attributes), *paths, scope=scope, name=name)


async def file(
    index: SearchIndex, filing: Filing, *paths: Path, scope: Scope = SCOPE, name: str = "docs"
) -> dict[str, Any]:
    report = await index.update(scope, name, paths, filing, quiet)
    return {name: value for name, value in report.model_dump().items() if value}


async def names(index: SearchIndex, *queries: str, scope: Scope = SCOPE, **options: Any) -> list[str]:
    """Which files a search finds."""
    result = await index.search(scope, "docs", queries, **options)
    return [passage.filename for passage in result.passages]


async def kept(store: Store) -> set[str]:
    return {one.id for one in await store.objects.all(SCOPE, "file")}


async def nothing_left_over(store: Store, backend: Hosted) -> None:
    """What is upstream is in a store, what is in a store is indexed, and nothing is written down that is not there."""
    attached = {one for files in backend.attached_files.values() for one in files}
    names = [one.key for one in await store.objects.all(SCOPE, "vector_store")]
    indexed = {file.file_id for name in names for file in await store.index.files(SCOPE, name)}
    assert set(backend.files) == attached == indexed == await kept(store)
    assert len(backend.attached_files) == len(names)
    for kind in ("loose_file", "upload"):
        assert await store.objects.all(SCOPE, kind) == []
