"""The upstream's models, embeddings, files and vector stores; ``upstream_state`` builds its conversations on them."""

import re
from collections.abc import Callable
from email import message_from_bytes
from itertools import count
from math import hypot
from typing import Any
from zlib import crc32

from tests.upstream import ScriptedUpstream
from tests.upstream_answers import Answer, JsonObject, Request, error, reply
from tests.upstream_shapes import (
    embeddings,
    file,
    hit,
    model,
    page,
    search_page,
    store_file,
    vector_store,
)

Handler = Callable[..., Answer]
ONE = r"([^/]+)"


class ShelvesUpstream(ScriptedUpstream):
    """``files`` and ``stores`` are what it keeps, by id."""

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, JsonObject] = {}
        self.stores: dict[str, JsonObject] = {}
        self._numbers = count(1)

    def otherwise(self, request: Request) -> Answer | None:
        """Answer from memory."""
        for pattern, handler in self.routes():
            if match := re.fullmatch(pattern, f"{request.method} {request.path}"):
                return handler(request, *match.groups())
        return None

    def routes(self) -> list[tuple[str, Handler]]:
        """What it answers, by method and path."""
        return [
            ("GET /v1/models", self._models),
            ("POST /v1/embeddings", self._embeddings),
            ("POST /v1/files", self._upload),
            (f"DELETE /v1/files/{ONE}", self._delete_file),
            ("POST /v1/vector_stores", self._create_store),
            (f"DELETE /v1/vector_stores/{ONE}", self._delete_store),
            (f"POST /v1/vector_stores/{ONE}/files", self._attach),
            (f"GET /v1/vector_stores/{ONE}/files/{ONE}", self._store_file),
            (f"DELETE /v1/vector_stores/{ONE}/files/{ONE}", self._detach),
            (f"POST /v1/vector_stores/{ONE}/search", self._search),
        ]

    def new_id(self, prefix: str) -> str:
        """An id that nothing has yet."""
        return f"{prefix}{next(self._numbers):048x}"

    # Models and embeddings

    def _models(self, request: Request) -> Answer:
        return reply(page([model("gpt-6-sol", 1_790_000_000), model("text-embedding-3-small", 1_700_000_000)]))

    def _embeddings(self, request: Request) -> Answer:
        return reply(embeddings(*[_vector(text) for text in request.json["input"]]))

    # Files and vector stores

    def _upload(self, request: Request) -> Answer:
        head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
        parts = {part.get_param("name", header="content-disposition"): part for part in _form(head + request.content)}
        content = parts["file"].get_payload(decode=True)
        about = {"filename": parts["file"].get_filename(), "purpose": parts["purpose"].get_payload()}
        made = file(self.new_id("file-"), bytes=len(content), **about)
        self.files[made["id"]] = {**made, "text": content.decode("utf-8", "replace")}
        return reply(made)

    def _delete_file(self, request: Request, file_id: str) -> Answer:
        return deleted(self.files, file_id, "file")

    def _create_store(self, request: Request) -> Answer:
        made = vector_store(self.new_id("vs_"), name=request.json.get("name"))
        self.stores[made["id"]] = {**made, "files": {}}
        return reply(made)

    def _delete_store(self, request: Request, store_id: str) -> Answer:
        return deleted(self.stores, store_id, "vector_store")

    def _attach(self, request: Request, store_id: str) -> Answer:
        file_id = request.json["file_id"]
        if store_id not in self.stores or file_id not in self.files:
            return error(404, f"No vector store '{store_id}' or no file '{file_id}'.")
        self.stores[store_id]["files"][file_id] = request.json.get("attributes") or {}
        return reply(store_file("in_progress", file_id=file_id), headers={"openai-poll-after-ms": "1"})

    def _store_file(self, request: Request, store_id: str, file_id: str) -> Answer:
        if file_id not in self.stores.get(store_id, {}).get("files", {}):
            return error(404, f"No file '{file_id}' in vector store '{store_id}'.")
        return reply(store_file("completed", file_id=file_id))

    def _detach(self, request: Request, store_id: str, file_id: str) -> Answer:
        return deleted(self.stores.get(store_id, {}).get("files", {}), file_id, "vector_store.file")

    def _search(self, request: Request, store_id: str) -> Answer:
        if store_id not in self.stores:
            return error(404, f"No vector store '{store_id}'.")
        query = request.json["query"]
        wanted = set(terms(query if isinstance(query, str) else " ".join(query)))
        found = [
            hit(
                kept["text"],
                len(wanted & set(terms(kept["text"]))) / len(wanted or {""}),
                file_id=file_id,
                filename=kept["filename"],
                **attributes,
            )
            for file_id, attributes in self.stores[store_id]["files"].items()
            if (kept := self.files.get(file_id))
        ]
        best = sorted((one for one in found if one["score"] > 0), key=lambda one: one["score"], reverse=True)
        return reply(search_page(*best[: request.json.get("max_num_results", 10)], query=query))


def deleted(kept: JsonObject, one: str, kind: str) -> Answer:
    """The answer to a DELETE, which takes it off the shelf."""
    if kept.pop(one, None) is None:
        return error(404, f"No such {kind}: '{one}'.")
    return reply({"id": one, "object": f"{kind}.deleted", "deleted": True})


def terms(text: str) -> list[str]:
    """The words of a text."""
    return re.findall(r"\w+", text.lower())


def _vector(text: str, size: int = 64) -> list[float]:
    vector = [0.0] * size
    for term in terms(text):
        vector[crc32(term.encode()) % size] += 1.0
    length = hypot(*vector) or 1.0
    return [value / length for value in vector]


def _form(content: bytes) -> list[Any]:
    parts = message_from_bytes(content).get_payload()
    assert isinstance(parts, list)
    return parts
