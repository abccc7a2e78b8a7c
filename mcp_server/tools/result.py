"""The result that every paid tool gives: fields for programs, and a text with the answer first and one footer line."""

import json
import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema

from mcp_server.model.answer import Answer, Artifact, Failure, Usage
from mcp_server.model.document import Found
from mcp_server.model.job import Job
from mcp_server.model.value import JsonObject
from mcp_server.tools.spec import Link, Output

MAX_TEXT = 100_000
"""Characters of text in a result: clients break on results beyond 1 MiB."""

SMALLEST_SHOWN_USD = 0.0001
"""A cost below it would read as nothing."""

_SENTENCE_END = re.compile(r"[.!?\u3002\uff01\uff1f]\s|\n")


ResultStatus = Literal["queued", "in_progress", "completed", "incomplete", "failed", "cancelled", "unknown", "dry_run"]

# These two are closed neither in name nor number: the served schema says what they hold, and no more.
Tokens = Annotated[JsonObject, WithJsonSchema({"type": "object", "additionalProperties": {"type": "number"}})]
Texts = Annotated[JsonObject, WithJsonSchema({"type": "object", "additionalProperties": {"type": "string"}})]
# Hosts warn of a schema that allows everything without saying so, and of a list of types.
_KINDS: list[JsonObject] = [{"type": kind} for kind in ("object", "array", "string", "number", "boolean")]
AnyJson = Annotated[Any, WithJsonSchema({"anyOf": [*_KINDS, {"const": None}]})]


class ArtifactLink(Link):
    """An artifact and its size in bytes: a small image is shown beside the link."""

    size: int


class SharedResult(Output):
    """Section "Shared result" of the contract. Absent things are left out."""

    status: ResultStatus
    text: str | None = None
    response_id: str | None = None
    job_id: str | None = None
    session: str | None = None
    model: str | None = None
    tool_calls: list[JsonObject] | None = None
    citations: list[JsonObject] | None = None
    refusal: str | None = None
    incomplete_reason: str | None = None
    usage: Tokens | None = None
    prompt_cache: Texts | None = None
    truncated: bool | None = None
    poll_after_seconds: float | None = None
    warnings: list[str] | None = None
    # What a dry run shows beside these: outputs stay open, so its schema need not cost every conversation.
    request: SkipJsonSchema[JsonObject | None] = None
    input_tokens: SkipJsonSchema[int | None] = None
    cost_usd: SkipJsonSchema[float | None] = None
    # Images the response made, and what it says of its reasoning: rare enough to stand in no schema.
    artifacts: SkipJsonSchema[list[JsonObject] | None] = None
    reasoning_summary: SkipJsonSchema[str | None] = None
    service_tier: SkipJsonSchema[str | None] = None
    # Where it was more than one; shown in ``_meta``.
    requests_sent: SkipJsonSchema[int | None] = Field(default=None, exclude=True)
    # How each file was sent, and what a file search found; the tools that are about them show it in their schemas.
    files: SkipJsonSchema[list[JsonObject] | None] = None
    results: SkipJsonSchema[list[JsonObject] | None] = None
    search_query: SkipJsonSchema[list[str] | None] = None

    def body(self) -> str:
        """The answer itself, for a reader."""
        if self.status == "dry_run":
            return json.dumps(self.request, ensure_ascii=False, indent=2)
        lines = [self.text or self.refusal or ""]
        lines += [
            f"tool call {call['call_id']}: {call['name']}({call.get('arguments') or call.get('input') or ''})"
            for call in self.tool_calls or ()
        ]
        lines += [f"source: {source(citation)}" for citation in self.citations or ()]
        lines += [
            f"{made['kind']}: {made['uri']} ({made['mime_type']}, {made['bytes']:,} bytes)"
            for made in self.artifacts or ()
        ]
        return "\n".join(line for line in lines if line)

    def render(self) -> str:
        """The answer first, then one footer line."""
        return "\n\n".join(part for part in (self.body(), self.footer()) if part)

    def footer(self) -> str:
        """Status, ids and tokens in one line."""
        tokens, cost = None if self.input_tokens is None else f"{self.input_tokens} tokens in", self.cost_usd
        if usage := self.usage:
            count = "{input_tokens} tokens in ({cached_tokens} cached), {output_tokens} out"
            tokens, cost = count.format_map(usage), usage.get("cost_usd")
        waiting = self.status in ("queued", "in_progress") and self.job_id
        parts = [
            f"{self.status}: {self.incomplete_reason}" if self.incomplete_reason else self.status,
            self.response_id,
            f"{self.job_id}: call poll for the result" if waiting else self.job_id,
            f"session {self.session}" if self.session else None,
            self.model,
            tokens,
            _dollars(cost) if cost else None,
            *(f"warning: {warning}" for warning in self.warnings or ()),
        ]
        return f"[{' · '.join(part for part in parts if part)}]"

    def resources(self) -> Sequence[Link]:
        """The whole text, where it was cut, and the artifacts."""
        links: list[Link] = []
        if self.truncated and self.response_id:
            links.append(Link(uri=f"response://{self.response_id}", name="the whole answer"))
        links += [
            ArtifactLink(
                uri=made["uri"], name=made.get("name") or made["kind"], mime_type=made["mime_type"], size=made["bytes"]
            )
            for made in self.artifacts or ()
        ]
        return links


class ExtractResult(SharedResult):
    """The data, and how it reads against the schema."""

    outcome: Literal["ok", "refusal", "incomplete", "invalid", "tool_call"] | None = None
    data: AnyJson = None
    errors: list[JsonObject] | None = None
    attempts: int | None = None
    files: list[JsonObject] | None = None

    def body(self) -> str:
        """The data as JSON; where there is none, why not and what was answered."""
        if self.outcome == "ok":
            return json.dumps(self.data, ensure_ascii=False)
        told = [f"{error['path']}: {error['message']}" for error in self.errors or ()]
        return "\n".join([*([f"outcome: {self.outcome}"] if self.outcome else []), *told, super().body()]).strip()


def result_of(given: JsonObject) -> SharedResult:
    """The fields of a job's result as the tool that started it would have shown them."""
    return (ExtractResult if "outcome" in given else SharedResult).model_validate(given)


def source(place: JsonObject) -> str:
    """Where a citation or a passage comes from, for a reader; what is quoted of it is marked as a file's content."""
    named = place.get("path") or place.get("url") or place.get("filename") or place.get("file_id") or "?"
    where = f"lines {place['lines']}" if "lines" in place else f"page {place['page']}" if "page" in place else None
    quote = f"(file content: \u201c{place['quote']}\u201d)" if "quote" in place else None
    return " ".join(part for part in (str(named), where, quote) if part)


def passages(found: Found) -> JsonObject:
    """The fields that show what a search found."""
    shown = [
        {**{k: v for k, v in one.model_dump(exclude_none=True).items() if v != {}}, "score": round(one.score, 4)}
        for one in found.passages
    ]
    return {"results": shown, "search_query": found.queries}


def failure_of(job: Job) -> Failure | None:
    """Why the job has no answer; None while it runs and when it has one."""
    if job.failure:
        return job.failure
    if job.status == "cancelled":
        return Failure(
            code="cancelled",
            message="The call was cancelled before it had an answer; nothing more is sent.",
            outcome="failed" if job.sent else "not_sent",
            attempts=job.sent,
        )
    return None


def partial_text(job: Job) -> str | None:
    """What a job without an answer has of one: the text that came before its stream broke off."""
    return (_cut(job.answer.text)[0] or None) if job.answer else None


def fields(job: Job, now: float) -> JsonObject:
    """The shared result of a job as it is ``now``, ended or not; unset fields are left out."""
    answer = job.answer
    handle = {"job_id": job.id} if not job.ended or job.background else {}
    base: JsonObject = {"status": job.status, **handle, "session": job.session, "response_id": job.response_id}
    if answer is None:
        waiting = {} if job.ended else {"poll_after_seconds": poll_after(job, now)}
        return without_absent({**base, **waiting})
    cut, truncated = _cut(answer.text)
    return without_absent(
        {
            **base,
            "text": cut or None,
            "response_id": answer.response_id or job.response_id,
            "model": answer.model,
            # What nearly every answer says tells nobody anything.
            "service_tier": None if answer.service_tier == "default" else answer.service_tier,
            "tool_calls": [without_absent(tool_call.model_dump()) for tool_call in answer.tool_calls],
            "citations": [without_absent(citation.model_dump()) for citation in answer.citations],
            "refusal": answer.refusal,
            "incomplete_reason": answer.incomplete_reason,
            "usage": _usage(answer.usage),
            "artifacts": [_artifact(artifact) for artifact in answer.artifacts],
            "reasoning_summary": _cut(answer.reasoning_summary or "")[0] or None,
            "prompt_cache": without_absent({"key": answer.cache_key, "retention": answer.cache_retention}) or None,
            "truncated": truncated or None,
            "warnings": answer.warnings,
            "files": [without_absent(file.model_dump()) for file in answer.files],
            **(passages(answer.found) if answer.found else {}),
            **_extracted(answer),
        }
    )


def poll_after(job: Job, now: float) -> float:
    """Seconds after which asking again is worth it: half as long as the job has been running, up to a minute.

    So a job of an hour is asked about some sixty times and not two thousand, and its end is seen soon all the same.
    """
    return float(min(60, max(2, round((now - job.created_at) / 2))))


def _artifact(artifact: Artifact) -> JsonObject:
    return {"uri": f"artifact://{artifact.id}", **artifact.model_dump(exclude={"id"}, exclude_none=True)}


def _extracted(answer: Answer) -> JsonObject:
    read = answer.extracted
    if read is None:
        return {}
    errors = [error.model_dump() for error in read.errors]
    found: JsonObject = {"outcome": read.outcome, "errors": errors, "attempts": read.attempts}
    # The data says what the text would say again; the raw text matters only where there is no valid data.
    return {**found, "data": read.data, "text": None} if read.outcome == "ok" else found


def _usage(usage: Usage | None) -> JsonObject | None:
    return None if usage is None else {k: v for k, v in usage.model_dump().items() if v or k in _ALWAYS}


_ALWAYS = ("input_tokens", "cached_tokens", "output_tokens", "total_tokens")


def _dollars(cost: float) -> str:
    return f"${cost:.4f}" if cost >= SMALLEST_SHOWN_USD else f"under ${SMALLEST_SHOWN_USD}"


def without_absent(values: JsonObject) -> JsonObject:
    """Without what is not there: None and empty lists (a valid ``data`` of null or [] stays)."""
    return {k: v for k, v in values.items() if k == "data" or (v is not None and v != [])}


def _cut(text: str) -> tuple[str, bool]:
    """At most ``MAX_TEXT`` characters, cut after a sentence where there is one in the last part."""
    if len(text) <= MAX_TEXT:
        return text, False
    head = text[:MAX_TEXT]
    ends = [match.end() for match in _SENTENCE_END.finditer(head, MAX_TEXT - 2000)]
    return head[: ends[-1]].rstrip() if ends else head, True
