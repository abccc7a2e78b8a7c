"""The bodies and headers of errors, which every server wraps in its own way, read into one shape.

Shapes that occur: ``{"error": {…}}`` (OpenAI, Azure with ``innererror``, OpenRouter with ``metadata``, Ollama, LM
Studio, llama.cpp, LiteLLM, vLLM), ``{"error": "words"}``, flat ``{"object": "error", …}`` (older vLLM),
``{"detail": …}`` (FastAPI), ``{"message": …}``, ``{"Message": …}`` and ``{"Output": {"__type": …}}`` (AWS).
"""

import json
from collections.abc import Mapping
from typing import NamedTuple, cast

from mcp_server.backends.responses.shape import mapping, objects, string

REQUEST_IDS = ("x-request-id", "apim-request-id", "x-ms-request-id", "x-amzn-requestid", "x-litellm-call-id")
"""Where a server says which request it was: OpenAI and most others, Azure twice, AWS, LiteLLM."""


class Said(NamedTuple):
    """What an error body says: its codes and types, the most telling first; its sentence; the parameter it is about."""

    names: tuple[str, ...] = ()
    message: str = ""
    param: str | None = None


def request_id(headers: Mapping[str, str]) -> str | None:
    """The upstream's name for the request, by which its makers find it."""
    return next((headers[name] for name in REQUEST_IDS if headers.get(name)), None)


def parsed(text: str) -> object:
    """``text`` as JSON, None when it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def read(body: object, headers: Mapping[str, str] | None = None) -> Said:
    """An error's parsed body, of any shape; ``headers`` may name it too (AWS)."""
    outer = mapping(body)
    wrapped = outer.get("error")
    fields = mapping(wrapped) or mapping(outer.get("Output")) or outer
    metadata, deeper = mapping(fields.get("metadata")), _deeper(fields.get("detail"))
    found = (
        (headers or {}).get("x-amzn-errortype"),
        fields.get("code"),
        mapping(fields.get("innererror")).get("code"),
        "content_filter" if "flagged_input" in metadata else metadata.get("limit_source"),
        fields.get("type"),
        fields.get("__type"),
        *deeper.names,
    )
    words = string(wrapped) or string(fields.get("message")) or string(fields.get("Message")) or deeper.message
    # OpenRouter's own sentence says nothing; the provider's stands beside it.
    raw = _deeper(metadata.get("raw")).message if words == "Provider returned error" else ""
    return Said(tuple(filter(None, map(_name, found))), raw or words, string(fields.get("param")) or deeper.param)


def _deeper(detail: object) -> Said:
    # A sentence, a JSON text, an error again, or FastAPI's list of {loc, msg}.
    inner = mapping(parsed(detail) if isinstance(detail, str) else detail)
    if inner:
        return read(inner)
    if isinstance(detail, str):
        return Said(message=detail)
    places = [(_place(item.get("loc")), item.get("msg")) for item in objects(detail)]
    words = "; ".join(f"{'.'.join(place)}: {message}" for place, message in places)
    return Said(message=words, param=next((part for place, _ in places[:1] for part in place if part != "body"), None))


def _place(loc: object) -> list[str]:
    return [str(part) for part in cast("list[object]", loc)] if isinstance(loc, list) else []


def _name(found: object) -> str | None:
    # AWS writes "ThrottlingException:http://…" and "com.amazon.coral.service#UnknownOperationException".
    if found == "error" or not isinstance(found, str | int):
        return None
    return str(found).partition(":")[0].rpartition("#")[2] or None
