"""The labelled set, and how a search does on it.

    python -m tests.index.retrieval.measured FOLDER

asks every question of the whole package, with the model files in FOLDER; the test asks those about a few rooms.
"""

import asyncio
import hashlib
import sys
import tempfile
import tomllib
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from anyio import to_thread

from mcp_server.backends.llama.embedder import LocalEmbedder
from mcp_server.index.embedded import EmbeddedIndex
from mcp_server.index.protocol import Filing, IndexReport
from mcp_server.model.document import Passage
from mcp_server.model.value import Scope
from mcp_server.store.protocol import Store
from mcp_server.store.sqlite import open_sqlite

ROOT = Path(__file__).parents[3]
SCOPE = Scope(owner="local", backend="local")
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs")
RESULTS = 10


class Place(NamedTuple):
    """Lines (from 1) of a file of the project that answer a question."""

    path: str
    first: int
    last: int


class Question(NamedTuple):
    """What a user asks, and the places any of which is right."""

    ask: str
    right: list[Place]


class Score(NamedTuple):
    """The share of questions answered among the first five results, and the mean of 1/rank among the first ten."""

    recall: float
    mrr: float


def questions(rooms: Sequence[str]) -> list[Question]:
    """Those that can be answered from ``rooms``. A test holds that each anchor is there once."""
    entries = tomllib.loads(Path(__file__).with_name("questions.toml").read_text("utf-8"))["questions"]
    asked = [
        Question(entry["ask"], [place(path, anchor) for path, anchor in entry["right"] if _within(path, rooms)])
        for entry in entries
    ]
    return [question for question in asked if question.right]


def place(path: str, anchor: str) -> Place:
    """The lines of the anchor."""
    text = (ROOT / path).read_text("utf-8")
    assert text.count(anchor) == 1, f"{path}: {anchor!r} must be in there exactly once"
    first = text.partition(anchor)[0].count("\n") + 1
    return Place(path, first, first + anchor.count("\n"))


def _within(path: str, rooms: Sequence[str]) -> bool:
    return any(path == room or path.startswith(f"{room}/") for room in rooms)


class Remembered:
    """The packaged model; what it embedded in an earlier run is not embedded again."""

    def __init__(self, folder: Path) -> None:
        self._model = LocalEmbedder(folder)
        self._file = folder / "retrieval.npz"
        self._known: dict[str, Any] = dict(np.load(self._file)) if self._file.exists() else {}

    async def embedding_model(self) -> str:
        return await self._model.embedding_model()

    async def prepare_to_embed(self) -> AsyncGenerator[str]:
        for nothing in ():  # most of it is known
            yield nothing

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        keys = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._known}
        if new:
            vectors = await self._model.embed(list(new.values()))
            self._known |= {key: np.array(vector, np.float32) for key, vector in zip(new, vectors, strict=True)}
        return [self._known[key].tolist() for key in keys]

    async def close(self) -> None:
        await self._model.close()
        await to_thread.run_sync(self._keep)

    def _keep(self) -> None:
        with tempfile.NamedTemporaryFile(dir=self._file.parent, suffix=".npz", delete=False) as written:
            np.savez(written, **self._known)
        Path(written.name).replace(self._file)


class Wordless:
    """A store whose passages cannot be found by words."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._index = store.index
        self.index = self
        self.objects = store.objects

    async def match(self, *_: object) -> list[tuple[int, float]]:
        return []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._index, name)


async def score(index: EmbeddedIndex, asked: Sequence[Question]) -> Score:
    """Ask all questions."""
    ranks = [rank(question, (await _search(index, question.ask))) for question in asked]
    hits = sum(1 for found in ranks if found and found <= 5)
    return Score(hits / len(asked), sum(1 / found for found in ranks if found) / len(asked))


async def _search(index: EmbeddedIndex, ask: str) -> list[Passage]:
    return (await index.search(SCOPE, "project", [ask], max_results=RESULTS)).passages


def rank(question: Question, passages: Sequence[Passage]) -> int | None:
    """The first result that answers it, from 1: of the right file, with lines that overlap the right ones."""
    for number, passage in enumerate(passages, 1):
        first, _, last = (passage.lines or "").partition("-")
        for right in question.right:
            same = passage.path == str(ROOT / right.path)
            if same and int(first) <= right.last and right.first <= int(last or first):
                return number
    return None


async def scores(store: Store, weights: Path, rooms: Sequence[str]) -> dict[str, Score]:
    """What is found by words alone, by meaning alone, and by both."""
    embedder: Any = Remembered(weights)
    wordless: Any = Wordless(store)
    asked = questions(rooms)
    try:
        both = EmbeddedIndex(embedder, store)
        report = await both.update(SCOPE, "project", [ROOT / room for room in rooms], Filing(), _quiet)
        assert _whole(report), report
        found = {
            "words": await score(EmbeddedIndex(None, store), asked),
            "meaning": await score(EmbeddedIndex(embedder, wordless), asked),
            "both": await score(both, asked),
        }
    finally:
        await embedder.close()
    print(f"\n{len(asked)} questions, {report.added} files  recall@5    MRR")
    for name, one in found.items():
        print(f"{name:24} {one.recall:8.3f} {one.mrr:8.3f}")
    return found


def _whole(report: IndexReport) -> bool:
    return bool(report.added) and not report.failed


async def _quiet(done: int, total: int, message: str) -> None:
    """Nobody listens."""


async def main(weights: Path) -> None:
    """Print the scores on the whole package."""
    with tempfile.TemporaryDirectory() as folder:
        store = await open_sqlite(Path(folder) / "store.db")
        await scores(store, weights, [*DOCUMENTS, "mcp_server"])
        await store.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
