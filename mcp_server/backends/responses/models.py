"""Which model is the default when nobody chose one: a rule over what the server lists, never a name of ours."""

import re
from datetime import UTC, date, datetime, timedelta

from mcp_server.backends.responses.shape import string
from mcp_server.model.value import JsonObject

_GENERAL = re.compile(r"(?:[a-z-]+\.)?(?:openai[./])?gpt-\d+(\.\d+)?(-[a-z]+)?\Z")
_SPECIAL = re.compile(r"audio|realtime|image|transcribe|tts|search|codex|mini|nano|pro|chat")
_EMBEDDING = "text-embedding-"
NOTICE = timedelta(days=30)
"""A model that shuts down within this time is not chosen any more."""


def in_order(listed: list[JsonObject], today: date) -> list[str]:
    """Ids, the default first: the newest general text model that stays for another month.

    General means a name like ``gpt-6`` or ``gpt-5.6-sol``, as others call it too (``us.openai.gpt-6``,
    ``openai/gpt-6``), but no small, audio, image or other variant. Where none has such a name, the server's own order
    stands.
    """
    known = [model for model in listed if string(model.get("id"))]
    general = [model for model in known if _is_general(str(model["id"])) and _stays(model, today)]
    first = sorted(general, key=_created, reverse=True)[:1]
    return list(dict.fromkeys(str(model["id"]) for model in first + known))


def ends(listed: list[JsonObject]) -> dict[str, date | None]:
    """Each model's id with the day on which it shuts down, None where that is not told."""
    return {str(model["id"]): _end(model) for model in listed if string(model.get("id"))}


def embedding_model(listed: list[JsonObject], today: date) -> str | None:
    """The newest embedding model that stays, a small one before a large one; None when there is none."""
    found = [m for m in listed if (string(m.get("id")) or "").startswith(_EMBEDDING) and _stays(m, today)]
    found.sort(key=lambda model: ("small" in str(model["id"]), _created(model)), reverse=True)
    return str(found[0]["id"]) if found else None


def today() -> date:
    """The date by which models come and go."""
    return datetime.now(UTC).date()


def _is_general(model: str) -> bool:
    return bool(_GENERAL.match(model)) and not _SPECIAL.search(model)


def _stays(model: JsonObject, today: date) -> bool:
    end = _end(model)
    return end is None or end - today > NOTICE


def _end(model: JsonObject) -> date | None:
    try:
        return date.fromisoformat((string(model.get("shutdown_date")) or "")[:10])
    except ValueError:
        return None


def _created(model: JsonObject) -> float:
    created = model.get("created")
    return created if isinstance(created, int | float) else 0
