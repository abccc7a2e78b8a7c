"""JSON values: what kind they are, and how they look in a sentence."""

import json
from typing import Any, TypeGuard

from mcp_server.model.value import JsonObject


def is_object(value: Any) -> TypeGuard[JsonObject]:
    """True for a JSON object."""
    return isinstance(value, dict)


def is_list(value: Any) -> TypeGuard[list[Any]]:
    """True for a JSON list."""
    return isinstance(value, list)


def brief(text: str, limit: int) -> str:
    """``text`` in at most ``limit`` characters, on one line."""
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def as_json(value: Any, limit: int = 80) -> str:
    """A value as it looks in JSON, shortened to ``limit`` characters."""
    return brief(json.dumps(value, ensure_ascii=False), limit)
