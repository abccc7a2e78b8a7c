"""What a response made besides text: images, which stand as base64 in its output items.

They stay there, in the stored output, and are read from there: an artifact's id is the response's id and the place of
the item in the output (``resp_123.0``), so it means the same after a restart, and nothing to another owner.
"""

import binascii
import re
from base64 import b64decode
from collections.abc import Sequence
from typing import Any, cast

from mcp_server.model.answer import Artifact
from mcp_server.model.media import image_type
from mcp_server.model.value import JsonObject

IMAGE = "image_generation_call"
FORMATS = {"svg": "image/svg+xml", **{kind: f"image/{kind}" for kind in ("png", "webp", "jpeg", "gif")}}

_BASE64 = re.compile(r"(data:[^,\s]{1,100},)?[A-Za-z0-9+/=_-]{200,}")
_HOLD_BYTES = ("result", "data", "file_data", "encrypted_content")


def artifacts(response_id: str, items: Sequence[JsonObject]) -> list[Artifact]:
    """The images among the output items of a response, but for those that cannot be read (``lost`` tells of them)."""
    return [
        Artifact(id=f"{response_id}.{place}", kind="image", mime_type=mime_type, bytes=len(content))
        for place, item in enumerate(items)
        if (read := read_image(item))
        for mime_type, content in [read]
    ]


def lost(items: Sequence[JsonObject], made: Sequence[Artifact]) -> list[str]:
    """A warning when there were more images in ``items`` than were ``made`` of them; else nothing."""
    count = sum(1 for item in items if item.get("type") == IMAGE and item.get("result")) - len(made)
    return [f"{count} generated image(s) came in a form that cannot be read and are left out."] if count else []


def read_image(item: JsonObject) -> tuple[str, bytes] | None:
    """Media type and content of the image in an output item; None when it has none or its base64 is broken.

    The type is told by the content, as far as that can tell: some servers name another one, or none.
    """
    encoded = item.get("result")
    if item.get("type") != IMAGE or not isinstance(encoded, str):
        return None
    try:
        # Some servers send a data URL, some break the lines.
        content = b64decode("".join(encoded.rpartition(",")[2].split()), validate=True)
    except binascii.Error:
        return None
    named = FORMATS.get(str(item.get("output_format")), "application/octet-stream")
    return (image_type(content) or named, content) if content else None


def file_artifact_id(response_id: str, file_id: str) -> str:
    """The id of a file that a response wrote; unlike an image's it does not end with a place in the output."""
    return f"{response_id}.{file_id}"


def cited_files(items: Sequence[JsonObject]) -> list[str]:
    """The ids of the files in containers that the output items cite."""
    contents = [item.get("content") for item in items]
    parts = [part for content in contents if isinstance(content, list) for part in cast("list[JsonObject]", content)]
    notes = [note for part in parts for note in cast("list[JsonObject]", part.get("annotations") or [])]
    return [str(note.get("file_id")) for note in notes if note.get("type") == "container_file_citation"]


def place_of(artifact_id: str) -> tuple[str, int] | None:
    """The response id and the place in its output that an artifact's id names; None for anything else."""
    response_id, _, place = artifact_id.rpartition(".")
    return (response_id, int(place)) if response_id and place.isascii() and place.isdecimal() else None


def shown(response_id: str, items: Sequence[JsonObject]) -> list[JsonObject]:
    """The output items of a response for a reader: an artifact's uri in the place of each image, and no base64."""
    return [
        light({**item, "result": f"artifact://{response_id}.{place}"})
        if item.get("type") == IMAGE and item.get("result")
        else light(item)
        for place, item in enumerate(items)
    ]


def light(value: Any) -> Any:
    """JSON for a reader: long base64 (data URLs, files, encrypted reasoning) gives way to its length."""
    if isinstance(value, dict):
        pairs = cast("JsonObject", value).items()
        return {key: _left_out(key, part) if isinstance(part, str) else light(part) for key, part in pairs}
    if isinstance(value, list):
        return [light(part) for part in cast("list[Any]", value)]
    return value


def _left_out(key: str, text: str) -> str:
    found = _BASE64.fullmatch(text)
    if found is None or not (found[1] or key in _HOLD_BYTES):
        return text
    return f"{found[1] or ''}[{len(text):,} characters left out]"
