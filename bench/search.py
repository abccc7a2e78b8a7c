"""Searching 10,000 passages in the embedded index beside a plain numpy scan of the same vectors in the same run.

Both do the same work but for what a search is more than a scan: the words, the fusion, the texts of the results. With
sqlite-vec installed its scan is printed too. Trust the ratios, not the milliseconds.

    python bench/search.py [passages] [folder with the models; without it no query is really embedded]
"""

import asyncio
import importlib
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mcp_server.backends.llama.embedder import LocalEmbedder
from mcp_server.index import names
from mcp_server.index.embedded import EmbeddedIndex
from mcp_server.model.document import Chunk, IndexedFile
from mcp_server.model.session import KeptObject
from mcp_server.model.value import Scope
from mcp_server.store.protocol import Store
from mcp_server.store.sqlite import open_sqlite

SCOPE = Scope(owner="bench", backend="bench")
LENGTH = 384
PER_FILE = 10
ROUNDS = 200
RESULTS = 10
Vectors = np.ndarray[Any, np.dtype[np.float32]]


class Fixed:
    """Embeds in no time: each query has a vector of its own, made before."""

    def __init__(self, vectors: Vectors) -> None:
        self._vectors = {f"{number}": vector.tolist() for number, vector in enumerate(vectors)}

    async def embedding_model(self) -> str:
        return "m"

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return [self._vectors[text.split()[-1]] for text in texts]

    async def close(self) -> None:
        """Nothing is open."""


def unit(rows: int, seed: int) -> Vectors:
    vectors = np.random.default_rng(seed).standard_normal((rows, LENGTH), dtype=np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def a_text(chooser: random.Random, vocabulary: Sequence[str], weights: Sequence[float]) -> str:
    """Eighty words as often as words are in a language: the n-th is there a n-th of the time."""
    return " ".join(chooser.choices(vocabulary, cum_weights=weights, k=80))


async def fill(store: Store, passages: int, vectors: Vectors, vocabulary: Sequence[str]) -> float:
    """Put the passages, ten to a file; returns the seconds it took."""
    chooser = random.Random(1)
    weights = np.cumsum([1 / rank for rank in range(1, len(vocabulary) + 1)]).tolist()
    kept = KeptObject(scope=SCOPE, kind=names.KIND, key="docs", id="docs", data={"model": "m"}, created_at=0)
    await store.objects.put(kept)
    start = time.perf_counter()
    for first in range(0, passages, PER_FILE):
        name = f"f{first}"
        file = IndexedFile(store="docs", file_id=name, path=f"/{name}", sha256="0", bytes=1, indexed_at=0)
        chunks = [
            Chunk(
                file_id=name,
                ordinal=n,
                text=a_text(chooser, vocabulary, weights),
                first_line=n * 10 + 1,
                last_line=n * 10 + 10,
            )
            for n in range(PER_FILE)
        ]
        await store.index.replace(SCOPE, file, chunks, [row.tobytes() for row in vectors[first : first + PER_FILE]])
    return time.perf_counter() - start


Work = Callable[[int], Awaitable[object]]


async def compared(works: dict[str, Work], rounds: int = ROUNDS) -> None:
    """Time all of them, taking turns so that what else the machine does hits them alike; ratios are to the first."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for number in range(rounds):
        for name, work in works.items():
            start = time.perf_counter()
            await work(number)
            times[name].append((time.perf_counter() - start) * 1000)
    medians = {name: statistics.median(found) for name, found in times.items()}
    first = next(iter(medians.values()))
    for name, found in times.items():
        late = sorted(found)[int(len(found) * 0.95)]
        print(f"{name:52} {medians[name]:8.2f} {late:8.2f} {medians[name] / first:8.1f}")


def scan(vectors: Vectors, query: Vectors) -> list[int]:
    cosines = vectors @ query
    best = np.argpartition(-cosines, RESULTS)[:RESULTS]
    return best[np.argsort(-cosines[best])].tolist()


def sqlite_vec(vectors: Vectors) -> sqlite3.Connection | None:
    """The same vectors in sqlite-vec; None where it, or Python's loading of extensions, is not there."""
    try:
        extension: Any = importlib.import_module("sqlite_vec")
        connection = sqlite3.connect(":memory:")
        connection.enable_load_extension(True)
        extension.load(connection)
    except (ImportError, AttributeError):
        return None
    connection.execute(f"CREATE VIRTUAL TABLE v USING vec0(e float[{LENGTH}] distance_metric=cosine)")
    rows = ((number, row.tobytes()) for number, row in enumerate(vectors))
    connection.executemany("INSERT INTO v (rowid, e) VALUES (?, ?)", rows)
    return connection


async def beside(store: Store, vectors: Vectors, vocabulary: Sequence[str]) -> None:
    """Without the embedding on both sides."""
    queries = unit(ROUNDS, 2)
    index = EmbeddedIndex(Fixed(queries), store)
    chooser = random.Random(2)
    rare = [" ".join(chooser.sample(vocabulary[1000:], 4)) for _ in queries]
    usual = [" ".join((*chooser.sample(vocabulary[20:200], 3), *chooser.sample(vocabulary[200:], 2))) for _ in queries]

    async def plain(number: int) -> None:
        scan(vectors, queries[number])

    async def near(number: int) -> None:
        await store.index.nearest(SCOPE, "docs", queries[number].tolist(), 80)

    def search(words: Sequence[str]) -> Work:
        return lambda number: index.search(SCOPE, "docs", [f"{words[number]} {number}"], max_results=RESULTS)

    works: dict[str, Work] = {"numpy scan": plain}
    if connection := sqlite_vec(vectors):
        ask = "SELECT rowid FROM v WHERE e MATCH ? AND k = 10 ORDER BY distance"

        async def extension(number: int) -> None:
            connection.execute(ask, (queries[number].tobytes(),)).fetchall()

        works["sqlite-vec scan"] = extension
    works["the index's part by meaning"] = near
    works["search, four rare words"] = search(rare)
    works["search, three common words and two others"] = search(usual)
    await compared({"the first search, which reads all vectors": search(rare)}, 1)
    await compared(works)


async def embedded(store: Store, vectors: Vectors, vocabulary: Sequence[str], weights: Path) -> None:
    """With the query's embedding on both sides, by the packaged model."""
    model = LocalEmbedder(weights)
    kept = await names.known(store, SCOPE, "docs")
    await store.objects.put(kept.model_copy(update={"data": {"model": await model.embedding_model()}}))
    index = EmbeddedIndex(model, store)
    chooser = random.Random(3)
    asked = [" ".join(chooser.sample(vocabulary[20:], 5)) for _ in range(ROUNDS)]

    async def plain(number: int) -> None:
        (vector,) = await model.embed([asked[number]])
        scan(vectors, np.array(vector, np.float32))

    async def search(number: int) -> None:
        await index.search(SCOPE, "docs", [asked[number]], max_results=RESULTS)

    await compared({"the first embedding, which starts the model": plain}, 1)
    await compared({"embedding + numpy scan": plain, "search with its embedding": search})
    texts = [f"{number} " + " ".join(chooser.sample(vocabulary, 80)) for number in range(64)]
    start = time.perf_counter()
    await model.embed(texts)
    print(f"embedding pieces of 80 words: {len(texts) / (time.perf_counter() - start):.1f} a second")
    await model.close()


async def main(passages: int, weights: Path | None) -> None:
    vectors = unit(passages, 1)
    vocabulary = [f"w{number}" for number in range(20_000)]
    with tempfile.TemporaryDirectory() as folder:
        store = await open_sqlite(Path(folder) / "store.db")
        seconds = await fill(store, passages, vectors, vocabulary)
        print(f"{passages} passages of 80 words, {LENGTH} numbers each; put at {passages / seconds:,.0f} a second\n")
        print(f"{'':52} {'p50 ms':>8} {'p95 ms':>8} {'ratio':>8}")
        await beside(store, vectors, vocabulary)
        if weights:
            await embedded(store, vectors, vocabulary, weights)
        await store.close()


if __name__ == "__main__":
    arguments = sys.argv[1:]
    asyncio.run(main(int(arguments[0]) if arguments else 10_000, Path(arguments[1]) if arguments[1:] else None))
