"""What keeps a prompt cache from hitting, said before it costs: a prefix that changes, or one that is too short."""

import hashlib
import json
import re

from mcp_server.model.request import Layout
from mcp_server.model.value import JsonObject

SHORTEST_PREFIX_TOKENS = 1024
"""A shorter prompt is never cached."""

_CHURNING = {
    "a timestamp": re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d|\b\d\d:\d\d:\d\d\b|\b1[6-9]\d{8}(?:\d{3})?\b"),
    "a UUID": re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE),
    "a long random-looking id": re.compile(r"\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{24,}\b", re.IGNORECASE),
}


def static_parts(layout: Layout) -> dict[str, str]:
    """A short hash of each part of the request that stands before the conversation in the cached prefix."""
    text: JsonObject = layout.params.get("text") or {}
    reasoning: JsonObject = layout.params.get("reasoning") or {}
    parts: dict[str, object] = {
        "model": layout.model,
        "instructions": layout.instructions,
        "tools": layout.params.get("tools"),
        "text format": layout.json_schema or text.get("format"),
        "verbosity": text.get("verbosity"),
        "reasoning effort": reasoning.get("effort"),
        "parallel_tool_calls": layout.params.get("parallel_tool_calls"),
        "service_tier": layout.params.get("service_tier"),
    }
    return {name: _hash(part) for name, part in parts.items() if part is not None}


def changed(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """A warning when the static part is not the one of the turn before, so that nothing before it can be reused."""
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    if not before or not names:
        return []
    advice = "keep them the same"
    if "tools" in names:
        advice += "; tool_choice can narrow the tools without changing them"
    return [f"prompt cache: {_listed(names)} changed since the turn before, so its prefix is read anew; {advice}."]


def churn(layout: Layout) -> list[str]:
    """A warning for each kind of text in the static part that looks as if it changed with every call."""
    static = [layout.instructions or "", json.dumps(layout.params.get("tools") or [])]
    for item in layout.input:
        if item.get("role") not in ("system", "developer"):
            break
        static.append(_text(item))
    text = "\n".join(static)
    return [
        f"prompt cache: the static part holds {what} ({found[0][:40]!r}); move it to the end of the input, "
        "or the prefix is read anew each time."
        for what, pattern in _CHURNING.items()
        if (found := pattern.search(text))
    ]


def short(input_tokens: int | None) -> list[str]:
    """A warning when the prompt is too short to be cached at all."""
    if input_tokens is None or input_tokens >= SHORTEST_PREFIX_TOKENS:
        return []
    return [f"prompt cache: {input_tokens} input tokens are too few; caching begins at {SHORTEST_PREFIX_TOKENS}."]


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _text(item: JsonObject) -> str:
    content = item.get("content")
    return content if isinstance(content, str) else json.dumps(content)


def _hash(part: object) -> str:
    return hashlib.sha256(json.dumps(part, sort_keys=True).encode()).hexdigest()[:12]
