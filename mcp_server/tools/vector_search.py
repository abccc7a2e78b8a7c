"""``vector_search``: make files searchable and search them; with ``answer``, also write what they say."""

import re
from typing import Annotated, Any

from anyio import to_thread
from pydantic import Field

from mcp_server.errors import InvalidArgument
from mcp_server.files.sources import searchable
from mcp_server.index.search import SearchResult
from mcp_server.model.document import Passage
from mcp_server.model.request import TurnRequest
from mcp_server.model.value import JsonObject
from mcp_server.tools.result import SharedResult, pay
from mcp_server.tools.shared import TurnArguments, user_message
from mcp_server.tools.spec import PAID, Call, Tool

_MARK = re.compile(r"\[(\d{1,2})\]")


class VectorSearchArguments(TurnArguments):
    """Which store, what to put in it, what to look for."""

    store: Annotated[str, Field(min_length=1, max_length=128)] = Field(
        description="Store name (made when new) or vs_ id"
    )
    query: str | list[str] | None = Field(default=None, description="Absent: only index")
    paths: list[str] | None = Field(default=None, description="Files, folders, globs to index first; only changes are")
    attributes: JsonObject | None = Field(default=None, description="Put on those files")
    filters: JsonObject | None = Field(
        default=None, description="{type: eq|ne|gt|gte|lt|lte|in|nin, key, value}; and, or"
    )
    max_results: Annotated[int, Field(ge=1, le=50)] = 10
    score_threshold: Annotated[float, Field(ge=0, le=1)] | None = None
    rewrite_query: bool = False
    answer: bool = Field(default=False, description="Also write an answer with sources")


class VectorSearchResult(SharedResult):
    """The passages, what was indexed, and the answer where one was asked for."""

    results: list[JsonObject] | None = Field(
        default=None, description="file_id, filename, path, score, text, attributes, lines; text is file content"
    )
    search_query: list[str] | None = None
    index: JsonObject | None = Field(default=None, description="added, updated, removed, unchanged, failed, status")

    def body(self) -> str:
        """The answer, else the passages; they are quoted text of files and marked so."""
        lines: list[str] = []
        if self.index:
            counts = ", ".join(
                f"{self.index.get(name, 0)} {name}" for name in ("added", "updated", "removed", "unchanged")
            )
            lines.append(f"index {self.index['status']}: {counts}")
            lines += [f"not indexed: {failed['path']}: {failed['reason']}" for failed in self.index.get("failed", ())]
        lines += [super().body()] if self.text else [_passage(hit) for hit in self.results or ()]
        return "\n\n".join(line for line in lines if line)


def _passage(hit: JsonObject) -> str:
    where = f"lines {hit['lines']}" if "lines" in hit else f"page {hit['page']}" if "page" in hit else ""
    return f"[{hit['score']:.2f}] {hit.get('path') or hit['filename']} {where} (file content)\n{hit['text']}"


async def vector_search(call: Call, arguments: VectorSearchArguments) -> VectorSearchResult:
    """Index within the wait, then search, then answer."""
    if arguments.query is None and not arguments.paths:
        raise InvalidArgument("query: pass what to search for, or paths to index, or both.")
    if arguments.answer and arguments.query is None:
        raise InvalidArgument("answer: pass the query that is to be answered.")
    call.app.check()
    found: JsonObject = {}
    if arguments.paths:
        found["index"] = await _index(call, arguments, arguments.paths)
        if found["index"]["status"] == "in_progress":
            return VectorSearchResult.model_validate({"status": "in_progress", "poll_after_seconds": 1.0, **found})
    if arguments.query is None:
        return VectorSearchResult.model_validate({"status": "completed", **found})
    queries = [arguments.query] if isinstance(arguments.query, str) else arguments.query
    searched = await call.app.index.search(
        call.scope,
        arguments.store,
        queries,
        filters=arguments.filters,
        max_results=arguments.max_results,
        score_threshold=arguments.score_threshold,
        rewrite=arguments.rewrite_query,
    )
    found["results"] = [_shown(passage) for passage in searched.passages]
    found["search_query"] = searched.queries
    if not arguments.answer:
        return VectorSearchResult.model_validate({"status": "completed", **found})
    return await _answer(call, arguments, searched, found)


async def _index(call: Call, arguments: VectorSearchArguments, patterns: list[str]) -> JsonObject:
    paths = await to_thread.run_sync(searchable, patterns, call.app.roots)
    wait = call.app.settings.wait_seconds if arguments.wait_seconds is None else arguments.wait_seconds

    async def progress(done: int, total: int, message: str) -> None:
        await call.report(f"indexing {done} of {total}: {message}")

    report = await call.app.updates.update(
        call.scope, arguments.store, paths, arguments.attributes or {}, progress, wait
    )
    return {"status": "in_progress"} if report is None else {**report.model_dump(), "status": "completed"}


async def _answer(
    call: Call, arguments: VectorSearchArguments, searched: SearchResult, found: JsonObject
) -> VectorSearchResult:
    request = _question(arguments, searched)
    given = await pay(call, arguments, request)
    if text := given.get("text"):
        given["citations"] = [_citation(passage) for passage in _cited(text, searched.passages)]
    return VectorSearchResult.model_validate({**found, **given})


def _question(arguments: VectorSearchArguments, searched: SearchResult) -> TurnRequest:
    """The passages as numbered, labelled content, and the question after them."""
    parts: list[JsonObject] = [
        {"type": "input_text", "text": f"[{number}] {_passage(_shown(passage))}"}
        for number, passage in enumerate(searched.passages, 1)
    ]
    asked = arguments.query if isinstance(arguments.query, str) else "\n".join(arguments.query or ())
    message = user_message("") | {"content": [*parts, {"type": "input_text", "text": asked}]}
    return arguments.request("vector_search", [message])


def _cited(text: str, passages: list[Passage]) -> list[Passage]:
    """The passages whose numbers the answer names; where it names none, all that it was given."""
    marks = {int(mark) for mark in _MARK.findall(text)}
    named = [passage for number, passage in enumerate(passages, 1) if number in marks]
    return named or passages


def _shown(passage: Passage) -> JsonObject:
    kept = {k: v for k, v in passage.model_dump(exclude_none=True).items() if v != {}}
    return {**kept, "score": round(passage.score, 4)}


def _citation(passage: Passage) -> dict[str, Any]:
    place = passage.model_dump(include={"file_id", "filename", "path", "lines", "page"}, exclude_none=True)
    return {"type": "file_citation", **place}


TOOL = Tool(
    name="vector_search",
    title="Search documents",
    description=(
        "Search your files by meaning and words. paths makes files, folders or globs searchable first (only new and "
        "changed ones are indexed). Returns passages with path and lines; answer also writes an answer with sources."
    ),
    annotations=PAID,
    arguments=VectorSearchArguments,
    output=VectorSearchResult,
    handler=vector_search,
)
