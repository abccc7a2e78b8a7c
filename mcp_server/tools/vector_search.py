"""``vector_search``: make files searchable and search them; with ``answer``, also write what they say."""

from typing import Annotated, Self

from anyio import to_thread
from pydantic import Field, model_validator

from mcp_server.errors import InvalidArgument
from mcp_server.files.sources import searchable
from mcp_server.index.search import Chunking, Filing, IndexReport, SearchResult
from mcp_server.model.answer import Citation
from mcp_server.model.document import Passage
from mcp_server.model.request import TurnRequest
from mcp_server.model.value import JsonObject
from mcp_server.tools.pay import pay
from mcp_server.tools.result import SharedResult, passages, source
from mcp_server.tools.shared import TurnArguments, user_message
from mcp_server.tools.spec import PAID, Call, Tool

MOST_FAILED = 50
"""Files named that could not be indexed; of more only the number is told."""

RESULTS = "file_search_call.results"


class VectorSearchArguments(TurnArguments):
    """Which store, what to put in it, what to look for."""

    store: Annotated[str, Field(min_length=1, max_length=128)] = Field(
        description="Store name (made when new) or vs_ id"
    )
    query: str | Annotated[list[str], Field(min_length=1)] | None = Field(
        default=None, description="Absent: only index"
    )
    paths: list[str] | None = Field(default=None, description="Files, folders, globs to index first; only changes are")
    attributes: JsonObject | None = Field(default=None, description="Put on those files")
    filters: JsonObject | None = Field(
        default=None, description="{type: eq|ne|gt|gte|lt|lte|in|nin, key, value}; and, or"
    )
    max_results: Annotated[int, Field(ge=1, le=50)] = 10
    score_threshold: Annotated[float, Field(ge=0, le=1)] | None = None
    ranking_options: JsonObject | None = None
    rewrite_query: bool = False
    chunking_strategy: JsonObject | None = None
    expires_after: JsonObject | None = Field(default=None, description="{anchor: last_active_at, days}, for the store")
    answer: bool = Field(default=False, description="Also write an answer with sources")

    @model_validator(mode="after")
    def _something_is_asked(self) -> Self:
        if self.query is None and not self.paths:
            raise InvalidArgument("query: pass what to search for, or paths to index, or both.")
        if self.answer and self.query is None:
            raise InvalidArgument("answer: pass the query that is to be answered.")
        for name in ("attributes", "chunking_strategy", "expires_after"):
            if getattr(self, name) is not None and not self.paths:
                raise InvalidArgument(f"{name}: it says how paths are put into the store; pass paths with it.")
        if self.dry_run and (self.paths or not self.answer):
            raise InvalidArgument("dry_run: it shows an answer's request and sends nothing; pass answer, and no paths.")
        return self

    @model_validator(mode="after")
    def _one_threshold(self) -> Self:
        least = (self.ranking_options or {}).get("score_threshold")
        if least is None:
            return self
        if self.score_threshold is not None:
            raise InvalidArgument("ranking_options.score_threshold excludes score_threshold; pass one of them.")
        if isinstance(least, bool) or not isinstance(least, int | float) or not 0 <= least <= 1:
            raise InvalidArgument("ranking_options.score_threshold must be a number from 0 to 1.")
        return self

    def question(self) -> str:
        """What is to be answered."""
        return self.query if isinstance(self.query, str) else "\n".join(self.query or ())

    def ranking(self) -> JsonObject | None:
        """The API's ``ranking_options``."""
        own = {} if self.score_threshold is None else {"score_threshold": self.score_threshold}
        return {**(self.ranking_options or {}), **own} or None

    def filing(self) -> Filing:
        """How the files are put into the store.

        Raises:
            InvalidArgument: one of the two objects is not of the API's form.
        """
        return Filing(
            attributes=self.attributes or {},
            chunking=None if self.chunking_strategy is None else _chunking(self.chunking_strategy),
            expires_days=None if self.expires_after is None else _days(self.expires_after),
        )


class VectorSearchResult(SharedResult):
    """The passages, what was indexed, and the answer where one was asked for."""

    results: list[JsonObject] | None = Field(
        default=None, description="file_id, filename, path, score, text, attributes, lines; text is file content"
    )
    search_query: list[str] | None = None
    vector_store_id: str | None = None
    index: JsonObject | None = Field(default=None, description="added, updated, removed, unchanged, failed, status")

    def body(self) -> str:
        """The answer, else the passages; they are quoted text of files and marked so."""
        told = _told(self.index) if self.index else ""
        answer = super().body()
        return "\n\n".join(part for part in (told, answer or "\n\n".join(map(_quoted, self.results or ()))) if part)


async def vector_search(call: Call, arguments: VectorSearchArguments) -> VectorSearchResult:
    """Index within the wait, then search, then answer."""
    call.app.check()
    told: JsonObject = {}
    if arguments.paths:
        told["index"] = await _index(call, arguments, arguments.paths)
        if told["index"]["status"] == "in_progress":
            return VectorSearchResult.model_validate({"status": "in_progress", "poll_after_seconds": 1.0, **told})
    if arguments.query is None:
        return VectorSearchResult.model_validate({"status": "completed", **told})
    by_backend = await _by_backend(call, arguments) if arguments.answer else None
    if by_backend:
        request = _asking(arguments, by_backend)
        told["vector_store_id"] = by_backend["vector_store_ids"][0]
        return VectorSearchResult.model_validate({**told, **await pay(call, arguments, request)})
    searched = await _search(call, arguments)
    told |= passages(searched)
    told |= {name: value for name in ("vector_store_id", "warnings") if (value := getattr(searched, name))}
    if arguments.answer and not searched.passages:
        told["warnings"] = [*searched.warnings, "Nothing was found, so no model was asked."]
    if not (arguments.answer and searched.passages):
        return VectorSearchResult.model_validate({"status": "completed", **told})
    given = await pay(call, arguments, _question(arguments, searched))
    if warnings := [*searched.warnings, *given.get("warnings", ())]:
        given["warnings"] = warnings
    return VectorSearchResult.model_validate({**told, **given})


async def _index(call: Call, arguments: VectorSearchArguments, patterns: list[str]) -> JsonObject:
    indexed = [file.path for file in await call.app.store.index.files(call.scope, arguments.store)]
    paths = await to_thread.run_sync(searchable, patterns, await call.roots(patterns), indexed)
    wait = call.app.settings.wait_seconds if arguments.wait_seconds is None else arguments.wait_seconds

    async def progress(done: int, total: int, message: str) -> None:
        await call.report(f"indexing {done} of {total}: {message}")

    report = await call.app.updates.update(call.scope, arguments.store, paths, arguments.filing(), progress, wait)
    return {"status": "in_progress"} if report is None else _reported(report)


def _reported(report: IndexReport) -> JsonObject:
    shown = {**report.model_dump(), "failed": [one.model_dump() for one in report.failed[:MOST_FAILED]]}
    many = {"failed_count": len(report.failed)} if len(report.failed) > MOST_FAILED else {}
    return {**shown, **many, "status": "completed"}


async def _search(call: Call, arguments: VectorSearchArguments) -> SearchResult:
    return await call.app.index.search(
        call.scope,
        arguments.store,
        [arguments.query] if isinstance(arguments.query, str) else arguments.query or [],
        filters=arguments.filters,
        max_results=arguments.max_results,
        ranking=arguments.ranking(),
        rewrite=arguments.rewrite_query,
    )


async def _by_backend(call: Call, arguments: VectorSearchArguments) -> JsonObject | None:
    return await call.app.index.file_search(
        call.scope,
        arguments.store,
        filters=arguments.filters,
        max_results=arguments.max_results,
        ranking=arguments.ranking(),
    )


def _asking(arguments: VectorSearchArguments, tool: JsonObject) -> TurnRequest:
    """The question for a backend that searches by itself: it must, and what it found comes back with the answer."""
    include: list[str] = arguments.option("include") or []
    params = {"tools": [tool], "tool_choice": {"type": "file_search"}, "include": sorted({*include, RESULTS})}
    return arguments.request("vector_search", [user_message(arguments.question())], params=params)


def _question(arguments: VectorSearchArguments, searched: SearchResult) -> TurnRequest:
    """The passages as numbered, labelled content, and the question after them."""
    hits = passages(searched)["results"]
    parts = [{"type": "input_text", "text": f"[{number}] {_quoted(hit)}"} for number, hit in enumerate(hits, 1)]
    message = user_message("") | {"content": [*parts, {"type": "input_text", "text": arguments.question()}]}
    sources = [_citation(passage) for passage in searched.passages]
    asked = arguments.model_dump(include={"store", "query", "filters", "max_results"}) | {"rank": arguments.ranking()}
    return arguments.request("vector_search", [message], sources=sources, asked=asked)


def _told(index: JsonObject) -> str:
    """What became of the files, for a reader."""
    if index["status"] == "in_progress":
        return "index in_progress: make the same call again to go on."
    counts = ", ".join(f"{index[name]} {name}" for name in ("added", "updated", "removed", "unchanged"))
    failed = [
        f"not indexed: {'' if one['reason'].startswith(one['path']) else one['path'] + ': '}{one['reason']}"
        for one in index["failed"]
    ]
    more = index.get("failed_count", 0) - len(failed)
    return "\n".join([f"index completed: {counts}", *failed, *([f"not indexed: {more} more"] if more > 0 else [])])


def _quoted(hit: JsonObject) -> str:
    return f"[{hit['score']:.2f}] {source(hit)} (file content)\n{hit['text'].rstrip()}"


def _citation(passage: Passage) -> Citation:
    place = passage.model_dump(include={"file_id", "filename", "path", "lines", "page"})
    return Citation(type="file_citation", **place)


def _chunking(given: JsonObject) -> Chunking:
    """The API's ``chunking_strategy``: ``auto`` is its default, which is static in truth."""
    match given:
        case {"type": "auto"} if len(given) == 1:
            return Chunking()
        case {"type": "static", "static": {"max_chunk_size_tokens": int(tokens), "chunk_overlap_tokens": int(overlap)}}:
            return Chunking(tokens=tokens, overlap=overlap)
        case _:
            raise InvalidArgument(
                "chunking_strategy: pass {type: static, static: {max_chunk_size_tokens, chunk_overlap_tokens}} or "
                "{type: auto}."
            )


def _days(given: JsonObject) -> int:
    match given:
        case {"anchor": "last_active_at", "days": int(days)} if len(given) == 2:
            return days
        case _:
            raise InvalidArgument("expires_after: pass {anchor: last_active_at, days: a whole number of days}.")


TOOL = Tool(
    name="vector_search",
    title="Search documents",
    description=(
        "Search many documents, notes or code by meaning and words. paths indexes files, folders or globs first (only "
        "new and changed ones). Returns passages with path and lines; answer also writes an answer with sources."
    ),
    annotations=PAID,
    arguments=VectorSearchArguments,
    output=VectorSearchResult,
    handler=vector_search,
)
