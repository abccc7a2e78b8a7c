"""The upstream's models, embeddings, files and vector stores; ``upstream_state`` builds its conversations on them.

A store's files are cut into passages of so many words as their chunking strategy has tokens, found by the words they
share with the query, filtered and ranked as the API says. What the real one does only now and then is switched on:
``attaches_a_minute``, ``empty_searches``, and ``rewritten`` (queries by what they are rewritten to).
"""

import re
import time
from collections.abc import Callable, Iterator
from email import message_from_bytes
from io import BytesIO
from itertools import count
from math import hypot
from typing import Any
from zlib import crc32

from pypdf import PdfReader
from pypdf.errors import PyPdfError

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
SOON = {"openai-poll-after-ms": "1"}
DEFAULT_CHUNKING = {"type": "static", "static": {"max_chunk_size_tokens": 800, "chunk_overlap_tokens": 400}}
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda value, wanted: value == wanted,
    "ne": lambda value, wanted: value != wanted,
    "gt": lambda value, wanted: value is not None and value > wanted,
    "gte": lambda value, wanted: value is not None and value >= wanted,
    "lt": lambda value, wanted: value is not None and value < wanted,
    "lte": lambda value, wanted: value is not None and value <= wanted,
    "in": lambda value, wanted: value in wanted,
    "nin": lambda value, wanted: value not in wanted,
}


class ShelvesUpstream(ScriptedUpstream):
    """``files`` and ``stores`` are what it keeps, by id; a store's ``files`` are what is attached to it."""

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, JsonObject] = {}
        self.stores: dict[str, JsonObject] = {}
        self.attaches_a_minute: int | None = None
        self.empty_searches = 0
        self.rewritten: dict[str, str] = {}
        self._attaches: dict[str, list[float]] = {}
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
            (f"GET /v1/vector_stores/{ONE}", self._store),
            (f"POST /v1/vector_stores/{ONE}", self._change_store),
            (f"DELETE /v1/vector_stores/{ONE}", self._delete_store),
            (f"POST /v1/vector_stores/{ONE}/files", self._attach),
            (f"GET /v1/vector_stores/{ONE}/files/{ONE}", self._store_file),
            (f"POST /v1/vector_stores/{ONE}/files/{ONE}", self._change_file),
            (f"DELETE /v1/vector_stores/{ONE}/files/{ONE}", self._detach),
            (f"POST /v1/vector_stores/{ONE}/search", self._search),
        ]

    def new_id(self, prefix: str) -> str:
        """An id that nothing has yet."""
        return f"{prefix}{next(self._numbers):048x}"

    def lose(self, file_id: str) -> None:
        """An uploaded file is gone, and with it what was indexed of it."""
        del self.files[file_id]
        for kept in self.stores.values():
            kept["files"].pop(file_id, None)

    # Models and embeddings

    def _models(self, request: Request) -> Answer:
        return reply(page([model("gpt-6-sol", 1_790_000_000), model("text-embedding-3-small", 1_700_000_000)]))

    def _embeddings(self, request: Request) -> Answer:
        return reply(embeddings(*[_vector(text) for text in request.json["input"]]))

    # Files

    def _upload(self, request: Request) -> Answer:
        head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
        parts = {part.get_param("name", header="content-disposition"): part for part in _form(head + request.content)}
        fields = {name: part.get_payload() for name, part in parts.items() if name != "file"}
        content = parts["file"].get_payload(decode=True)
        made = file(
            self.new_id("file-"),
            bytes=len(content),
            filename=parts["file"].get_filename(),
            purpose=fields["purpose"],
            expires_at=_expires_at(fields.get("expires_after[seconds]")),
        )
        self.files[made["id"]] = {**made, "text": _text_of(content)}
        return reply(made)

    def _delete_file(self, request: Request, file_id: str) -> Answer:
        if file_id not in self.files:
            return error(404, f"No such File object: {file_id}", param="id")
        self.lose(file_id)
        return reply({"id": file_id, "object": "file", "deleted": True})

    # Vector stores

    def _create_store(self, request: Request) -> Answer:
        body = request.json
        if wrong := _wrong(body, "name", "description", "expires_after", "metadata"):
            return wrong
        made = vector_store(self.new_id("vs_"), **body)
        self.stores[made["id"]] = {**made, "files": {}}
        return reply(made)

    def _store(self, request: Request, store_id: str) -> Answer:
        return self._shown(store_id) if store_id in self.stores else no_store(store_id)

    def _change_store(self, request: Request, store_id: str) -> Answer:
        if store_id not in self.stores:
            return no_store(store_id)
        if wrong := _wrong(request.json, "name", "expires_after", "metadata"):
            return wrong
        self.stores[store_id] |= request.json
        return self._shown(store_id)

    def _shown(self, store_id: str) -> Answer:
        return reply({name: value for name, value in self.stores[store_id].items() if name != "files"})

    def _delete_store(self, request: Request, store_id: str) -> Answer:
        return deleted(self.stores, store_id, "vector_store")

    def _attach(self, request: Request, store_id: str) -> Answer:
        body = request.json
        file_id, attributes = body["file_id"], body.get("attributes") or {}
        if store_id not in self.stores or self.stores[store_id]["status"] == "expired":
            return no_store(store_id)
        if file_id not in self.files:
            return error(404, f"File with id '{file_id}' not found.", param="file_id")
        if file_id in self.stores[store_id]["files"]:
            return error(409, f"File '{file_id}' is already attached to vector store '{store_id}'.")
        if wrong := _wrong(body, "file_id", "attributes", "chunking_strategy") or _wrong_attributes(attributes):
            return wrong
        if limited := self._limited(store_id):
            return limited
        made = store_file(
            file_id=file_id,
            vector_store_id=store_id,
            attributes=attributes,
            chunking_strategy=body.get("chunking_strategy") or DEFAULT_CHUNKING,
        )
        self.stores[store_id]["files"][file_id] = made
        return reply({**made, "status": "in_progress"}, headers=SOON)

    def _limited(self, store_id: str) -> Answer | None:
        now, made = time.monotonic(), self._attaches.setdefault(store_id, [])
        made[:] = [moment for moment in made if now - moment < 60]
        if self.attaches_a_minute is not None and len(made) >= self.attaches_a_minute:
            return error(429, "Rate limit reached for vector store files.", code="rate_limit_exceeded")
        made.append(now)
        return None

    def _store_file(self, request: Request, store_id: str, file_id: str) -> Answer:
        if found := self._attached(store_id, file_id):
            return reply(found)
        return no_store_file(store_id, file_id)

    def _change_file(self, request: Request, store_id: str, file_id: str) -> Answer:
        found, attributes = self._attached(store_id, file_id), request.json.get("attributes")
        if found is None:
            return no_store_file(store_id, file_id)
        if wrong := _wrong(request.json, "attributes") or _wrong_attributes(attributes):
            return wrong
        found["attributes"] = attributes
        return reply(found)

    def _attached(self, store_id: str, file_id: str) -> JsonObject | None:
        return self.stores.get(store_id, {}).get("files", {}).get(file_id)

    def _detach(self, request: Request, store_id: str, file_id: str) -> Answer:
        return deleted(self.stores.get(store_id, {}).get("files", {}), file_id, "vector_store.file")

    def _search(self, request: Request, store_id: str) -> Answer:
        body = request.json
        if store_id not in self.stores or self.stores[store_id]["status"] == "expired":
            return no_store(store_id)
        if wrong := _wrong(body, "query", "filters", "max_num_results", "ranking_options", "rewrite_query"):
            return wrong
        asked = [body["query"]] if isinstance(body["query"], str) else body["query"]
        if body.get("rewrite_query"):
            asked = [self.rewritten.get(query, " ".join(terms(query))) for query in asked]
        if self.empty_searches:
            self.empty_searches -= 1
            return reply(search_page(query=asked))
        return reply(search_page(*self.best(store_id, asked, body), query=asked))

    def best(self, store_id: str, queries: list[str], options: JsonObject) -> list[JsonObject]:
        """What a search with these options gives, best first."""
        least = (options.get("ranking_options") or {}).get("score_threshold") or 0.0
        hits = [one for one in self._hits(store_id, queries, options.get("filters")) if one["score"] >= least]
        found = sorted((one for one in hits if one["score"] > 0), key=lambda one: one["score"], reverse=True)
        return found[: options.get("max_num_results", 10)]

    def _hits(self, store_id: str, queries: list[str], filters: JsonObject | None) -> Iterator[JsonObject]:
        for file_id, attached in self.stores[store_id]["files"].items():
            if filters is not None and not _passes(filters, attached["attributes"]):
                continue
            kept = self.files[file_id]
            for passage in _passages(kept["text"], attached["chunking_strategy"]):
                there = set(terms(passage))
                score = max(len(there & set(terms(query))) / len(set(terms(query)) or {""}) for query in queries)
                yield hit(passage, score, file_id=file_id, filename=kept["filename"], **attached["attributes"])


def _text_of(content: bytes) -> str:
    try:
        return "\n".join(page.extract_text() for page in PdfReader(BytesIO(content)).pages)
    except PyPdfError:
        return content.decode("utf-8", "replace")


def no_store(store_id: str) -> Answer:
    """What a store that is not there is answered with."""
    return error(404, f"Vector store with id '{store_id}' not found.", param="vector_store_id")


def no_store_file(store_id: str, file_id: str) -> Answer:
    """What a file that is not in a store is answered with."""
    return error(404, f"No file found with id '{file_id}' in vector store '{store_id}'.", param="file_id")


def deleted(kept: JsonObject, one: str, kind: str) -> Answer:
    """The answer to a DELETE, which takes it off the shelf."""
    if kept.pop(one, None) is None:
        return error(404, f"No such {kind}: '{one}'.")
    return reply({"id": one, "object": f"{kind}.deleted", "deleted": True})


def terms(text: str) -> list[str]:
    """The words of a text."""
    return re.findall(r"\w+", text.lower())


def _wrong(body: JsonObject, *known: str) -> Answer | None:
    """The refusal of a body with a field that is not known, or outside its limits."""
    for name in body:
        if name not in known:
            return error(400, f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")
    expiry = body.get("expires_after") or {"anchor": "last_active_at", "days": 1}
    if expiry.get("anchor") != "last_active_at" or not 1 <= expiry.get("days", 0) <= 365:
        return error(400, "Invalid 'expires_after'.", param="expires_after")
    strategy = body.get("chunking_strategy") or DEFAULT_CHUNKING
    limits = strategy.get("static") or {}
    tokens, overlap = limits.get("max_chunk_size_tokens", 0), limits.get("chunk_overlap_tokens", 0)
    if strategy["type"] != "static" or not 100 <= tokens <= 4096 or not 0 <= overlap <= tokens // 2:
        return error(400, "Invalid 'chunking_strategy'.", param="chunking_strategy")
    ranker = (body.get("ranking_options") or {}).get("ranker", "auto")
    if ranker not in ("none", "auto", "default-2024-11-15") or not 1 <= body.get("max_num_results", 10) <= 50:
        return error(400, "Invalid 'ranking_options' or 'max_num_results'.", param="ranking_options")
    return None


def _wrong_attributes(attributes: Any) -> Answer | None:
    fine = isinstance(attributes, dict) and len(attributes) <= 16
    return None if fine else error(400, "Invalid 'attributes'.", param="attributes")


def _passes(filters: JsonObject, attributes: JsonObject) -> bool:
    kind = filters["type"]
    if kind in ("and", "or"):
        return (all if kind == "and" else any)(_passes(one, attributes) for one in filters["filters"])
    return COMPARISONS[kind](attributes.get(filters["key"]), filters["value"])


def _passages(text: str, strategy: JsonObject) -> Iterator[str]:
    """Pieces of a text, each of so many words as it may have tokens, with what is white between them as it was."""
    size, overlap = strategy["static"]["max_chunk_size_tokens"], strategy["static"]["chunk_overlap_tokens"]
    words = [match.span() for match in re.finditer(r"\S+", text)]
    for start in range(0, max(1, len(words) - overlap), size - overlap):
        piece = words[start : start + size]
        if piece:
            yield text[piece[0][0] : piece[-1][1]]


def _expires_at(seconds: str | None) -> int | None:
    return None if seconds is None else 1_793_000_000 + int(seconds)


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
