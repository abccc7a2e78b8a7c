"""Bodies as the Responses API sends them: responses, stream events, files, vector stores, models, embeddings."""

import re
from collections.abc import Iterator
from functools import reduce
from itertools import count
from typing import Any

JsonObject = dict[str, Any]

RESPONSE_ID = "resp_686dffb6d22881969eb59ec7c4600fe30657c7ac9876bb5f"
MODEL = "gpt-6-sol"


def usage(
    input_tokens: int = 36, output_tokens: int = 12, *, cached: int = 0, written: int = 0, reasoning: int = 0
) -> JsonObject:
    """Token counts with all details."""
    return {
        "input_tokens": input_tokens,
        "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written},
        "output_tokens": output_tokens,
        "output_tokens_details": {"reasoning_tokens": reasoning},
        "total_tokens": input_tokens + output_tokens,
    }


def message(
    text: str, *, annotations: list[JsonObject] | None = None, phase: str | None = None, item_id: str = "msg_1"
) -> JsonObject:
    """A message of the assistant."""
    part = {"type": "output_text", "text": text, "annotations": annotations or [], "logprobs": []}
    item = {"id": item_id, "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    return item if phase is None else {**item, "phase": phase}


def refusal(words: str) -> JsonObject:
    """A message that declines."""
    return {**message(""), "content": [{"type": "refusal", "refusal": words}]}


def reasoning(item_id: str = "rs_1") -> JsonObject:
    """A reasoning item with nothing to see in it."""
    return {"id": item_id, "type": "reasoning", "summary": [], "encrypted_content": "gAAAAA"}


def function_call(name: str, arguments: str, *, call_id: str = "call_1") -> JsonObject:
    """The model wants a function to be run."""
    return {
        "id": "fc_1",
        "type": "function_call",
        "status": "completed",
        "call_id": call_id,
        "name": name,
        "arguments": arguments,
    }


def custom_call(name: str, text: str, *, call_id: str = "call_2") -> JsonObject:
    """The model wants a custom tool to be run."""
    return {"id": "ctc_1", "type": "custom_tool_call", "call_id": call_id, "name": name, "input": text}


def response(text: str | None = None, **fields: Any) -> JsonObject:
    """A whole response; ``text`` makes its one message, ``fields`` replace anything."""
    return {
        "id": RESPONSE_ID,
        "object": "response",
        "created_at": 1_793_000_000,
        "status": "completed",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": None,
        "metadata": {},
        "model": MODEL,
        "output": [] if text is None else [message(text)],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "prompt_cache_key": None,
        "reasoning": {"effort": "medium", "summary": None},
        "service_tier": "default",
        "store": True,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}, "verbosity": "medium"},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": usage(),
        **fields,
    }


def events(final: JsonObject) -> list[JsonObject]:
    """The stream of a response, from ``response.created`` to its terminal event, every kind numbered in sequence."""
    numbers = count()
    open_one = {**final, "status": "in_progress", "output": [], "usage": None}
    return [{**event, "sequence_number": next(numbers)} for event in _events(open_one, final)]


def text_events(text: str, **fields: Any) -> list[JsonObject]:
    """The stream of a response with one message."""
    return events(response(text, **fields))


def _events(open_one: JsonObject, final: JsonObject) -> Iterator[JsonObject]:
    yield {"type": "response.created", "response": open_one}
    yield {"type": "response.in_progress", "response": open_one}
    for index, item in enumerate(final["output"] or []):
        yield {"type": "response.output_item.added", "output_index": index, "item": {**item, "status": "in_progress"}}
        yield from _parts(index, item)
        yield {"type": "response.output_item.done", "output_index": index, "item": item}
    yield {"type": f"response.{final['status']}", "response": final}


def _parts(index: int, item: JsonObject) -> Iterator[JsonObject]:
    place = {"item_id": item.get("id"), "output_index": index}
    if item["type"] == "function_call":
        yield {"type": "response.function_call_arguments.delta", **place, "delta": item["arguments"]}
        yield {"type": "response.function_call_arguments.done", **place, "arguments": item["arguments"]}
    if item["type"] == "web_search_call":
        for step in ("in_progress", "searching", "completed"):
            yield {"type": f"response.web_search_call.{step}", **place}
    for content_index, part in enumerate(item.get("content") or [] if item["type"] == "message" else []):
        yield from _content({**place, "content_index": content_index}, part)


def _content(place: JsonObject, part: JsonObject) -> Iterator[JsonObject]:
    kind, field = ("refusal", "refusal") if part["type"] == "refusal" else ("output_text", "text")
    yield {"type": "response.content_part.added", **place, "part": {**part, field: ""}}
    for word in re.findall(r"\s*\S+|\s+\Z", part[field]):
        yield {"type": f"response.{kind}.delta", **place, "delta": word, "obfuscation": "xyz"}
    for number, annotation in enumerate(part.get("annotations") or []):
        added = {"annotation_index": number, "annotation": annotation}
        yield {"type": "response.output_text.annotation.added", **place, **added}
    yield {"type": f"response.{kind}.done", **place, field: part[field]}
    yield {"type": "response.content_part.done", **place, "part": part}


def page(items: list[JsonObject], **fields: Any) -> JsonObject:
    """A list of the API."""
    return {"object": "list", "data": items, "has_more": False, **fields}


def model(model_id: str, created: int, **fields: Any) -> JsonObject:
    """An entry of the list of models."""
    return {"id": model_id, "object": "model", "created": created, "owned_by": "openai", **fields}


def embeddings(*vectors: list[float], model: str = "text-embedding-3-small") -> JsonObject:
    """Vectors, in order."""
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)]
    return {"object": "list", "data": data, "model": model, "usage": {"prompt_tokens": 8, "total_tokens": 8}}


def file(file_id: str = "file-1", **fields: Any) -> JsonObject:
    """An uploaded file."""
    about = {
        "bytes": 5,
        "created_at": 1_793_000_000,
        "filename": "a.txt",
        "purpose": "user_data",
        "status": "processed",
    }
    return {"id": file_id, "object": "file", **about, **fields}


def vector_store(store_id: str = "vs_1", **fields: Any) -> JsonObject:
    """A vector store."""
    counts = {"in_progress": 0, "completed": 0, "failed": 0, "cancelled": 0, "total": 0}
    about = {
        "created_at": 1_793_000_000,
        "name": "docs",
        "status": "completed",
        "usage_bytes": 0,
        "file_counts": counts,
    }
    return {"id": store_id, "object": "vector_store", **about, **fields}


def store_file(status: str = "completed", *, file_id: str = "file-1", **fields: Any) -> JsonObject:
    """A file of a vector store."""
    about = {"created_at": 1_793_000_000, "usage_bytes": 0, "last_error": None, "attributes": {}}
    return {"id": file_id, "object": "vector_store.file", "status": status, **about, **fields}


def search_page(*found: JsonObject, query: str | list[str] = "q") -> JsonObject:
    """The results of a search."""
    asked = [query] if isinstance(query, str) else query
    about = {"search_query": asked, "data": list(found), "has_more": False, "next_page": None}
    return {"object": "vector_store.search_results.page", **about}


def hit(
    text: str, score: float = 0.9, *, file_id: str = "file-1", filename: str = "a.txt", **attributes: Any
) -> JsonObject:
    """One search result."""
    about = {"file_id": file_id, "filename": filename, "score": score, "attributes": attributes}
    return {**about, "content": [{"type": "text", "text": text}]}


def smallest(schema: Any, root: Any) -> Any:
    """A small instance of a schema of the strict subset: what a model would fill in without thinking."""
    if "$ref" in schema:
        return smallest(reduce(lambda node, key: node[key], schema["$ref"].split("/")[1:], root), root)
    if "const" in schema or "enum" in schema:
        return schema["const"] if "const" in schema else schema["enum"][0]
    if "anyOf" in schema:
        return smallest(schema["anyOf"][-1], root)
    kind = schema.get("type", "object")
    kind = kind if isinstance(kind, str) else kind[-1]
    if kind == "object":
        return {name: smallest(part, root) for name, part in schema.get("properties", {}).items()}
    if kind == "array":
        return [smallest(schema["items"], root) for _ in range(schema.get("minItems", 0))]
    least = schema.get("minimum", 0)
    return {"string": "x", "integer": least, "number": least, "boolean": False, "null": None}[kind]
