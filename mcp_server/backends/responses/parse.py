"""From one response object to an ``Answer``, read as plain JSON: the SDK's models accept any shape, we do not."""

from collections.abc import Collection, Iterator
from typing import cast, get_args

from mcp_server.backends.artifacts import artifacts, lost
from mcp_server.backends.calls import open_calls
from mcp_server.backends.responses import faults
from mcp_server.backends.responses.found import found, leaned_on
from mcp_server.backends.responses.shape import mapping, objects, string
from mcp_server.backends.responses.steps import steps_of
from mcp_server.model.answer import ENDED, Answer, Citation, Status, Usage
from mcp_server.model.document import Found
from mcp_server.model.value import JsonObject

_STATUSES: dict[str, Status] = {status: status for status in get_args(Status) if status != "unknown"}


def parse_answer(
    response: object, *, attempts: int = 1, poll_after: float | None = None, secrets: Collection[str] = ()
) -> Answer:
    """The answer that a response object holds, as far as it came. ``poll_after`` is in seconds.

    ``secrets`` never appear in what is told of a failure.

    Raises ``UpstreamError`` of kind ``bad_upstream_response`` when it is not a response: no id, a status nobody knows,
    an output that is no list.
    """
    body = mapping(response)
    response_id, status, output = body.get("id"), _STATUSES.get(str(body.get("status"))), body.get("output")
    if not isinstance(response_id, str) or status is None or not isinstance(output, list | None):
        raise faults.bad_response("something that is not a response object", attempts=attempts)
    items = objects(cast("object", output))
    made = artifacts(response_id, items)
    results = found(items)
    ended = status in ENDED
    return Answer(
        status=status,
        text=_visible_text(items),
        response_id=response_id,
        previous_response_id=string(body.get("previous_response_id")),
        conversation=string(mapping(body.get("conversation")).get("id")),
        service_tier=string(body.get("service_tier")),
        model=string(body.get("model")),
        tool_calls=[call for _, call in open_calls(items)],
        citations=list(dict.fromkeys(_citations(items, results))),
        found=results,
        artifacts=made,
        reasoning_summary="\n\n".join(_summaries(items)) or None,
        refusal="".join(_parts(items, "refusal", "refusal")) or None,
        incomplete_reason=string(mapping(body.get("incomplete_details")).get("reason")),
        usage=_usage(body.get("usage")),
        output=items,
        steps=[] if ended else steps_of(items),
        poll_after_seconds=None if ended else poll_after,
        cache_key=string(body.get("prompt_cache_key")),
        failure=faults.failed_response(mapping(body.get("error")), attempts, secrets) if status == "failed" else None,
        warnings=lost(items, made),
        attempts=attempts,
    )


def _visible_text(items: list[JsonObject]) -> str:
    # Commentary is what a model says while it works; it stands in for the answer only when there is no other.
    final = [item for item in items if string(item.get("phase")) in {None, "final_answer"}]
    return "".join(_parts(final, "output_text", "text")) or "".join(_parts(items, "output_text", "text"))


def _contents(items: list[JsonObject]) -> Iterator[JsonObject]:
    for item in items:
        if item.get("type") == "message":
            yield from objects(item.get("content"))


def _parts(items: list[JsonObject], kind: str, field: str) -> Iterator[str]:
    for part in _contents(items):
        if part.get("type") == kind:
            yield string(part.get(field)) or ""


def _summaries(items: list[JsonObject]) -> Iterator[str]:
    for item in items:
        if item.get("type") == "reasoning":
            parts = objects(item.get("summary"))
            yield from (
                text for part in parts if part.get("type") == "summary_text" and (text := string(part.get("text")))
            )


def _citations(items: list[JsonObject], results: Found | None) -> Iterator[Citation]:
    for part in _contents(items):
        text = string(part.get("text")) or ""
        for note in objects(part.get("annotations")):
            if kind := string(note.get("type")):
                yield Citation(
                    type=kind,
                    title=string(note.get("title")),
                    url=string(note.get("url")),
                    filename=string(note.get("filename")),
                    file_id=string(note.get("file_id")),
                    container_id=string(note.get("container_id")),
                    quote=leaned_on(note, text, results),
                )


def _usage(value: object) -> Usage | None:
    usage = mapping(value)
    if not usage:
        return None
    received, sent = mapping(usage.get("input_tokens_details")), mapping(usage.get("output_tokens_details"))
    input_tokens, output_tokens = _count(usage, "input_tokens"), _count(usage, "output_tokens")
    return Usage(
        input_tokens=input_tokens,
        cached_tokens=_count(received, "cached_tokens"),
        cache_write_tokens=_count(received, "cache_write_tokens"),
        output_tokens=output_tokens,
        reasoning_tokens=_count(sent, "reasoning_tokens"),
        total_tokens=_count(usage, "total_tokens") or input_tokens + output_tokens,
    )


def _count(source: JsonObject, name: str) -> int:
    value = source.get(name)
    return value if isinstance(value, int) else 0
