"""Artifacts for their owner: read where they were stored, and small images shown at once."""

from base64 import b64decode, b64encode
from collections.abc import Sequence

import structlog
from mcp.types import ImageContent

from mcp_server.app import App
from mcp_server.backends.artifacts import place_of, read_image
from mcp_server.errors import StoreError
from mcp_server.model.media import image_type
from mcp_server.model.value import JsonObject, Scope
from mcp_server.tools.result import ArtifactLink

INLINE_BYTES = 256 * 1024
"""The largest image that is shown in a result; larger ones are links alone."""
ALL_INLINE_BYTES = 2 * INLINE_BYTES
"""What all images of one result may come to: clients break on results beyond 1 MiB, base64 included."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger("responses_mcp.server")


async def read_artifact(app: App, scope: Scope, artifact_id: str) -> tuple[str, bytes] | None:
    """Media type and content; None when the caller has no such artifact.

    Raises:
        StoreError: the store cannot be read.
    """
    named = place_of(artifact_id)
    if named is None:
        kept = await app.store.objects.get(scope, "artifact", artifact_id)
        return (kept.data["mime_type"], b64decode(kept.data["base64"])) if kept else None
    response_id, place = named
    items = await _output(app, scope, response_id)
    return read_image(items[place]) if place < len(items) else None


async def _output(app: App, scope: Scope, response_id: str) -> list[JsonObject]:
    for job in reversed(await app.store.jobs.find(scope, [response_id])):
        if job.answer and job.answer.response_id == response_id and job.answer.output:
            return job.answer.output
    # What became a turn of a conversation stands there alone.
    turns = await app.store.sessions.turns(scope, response_id)
    return turns[-1].output if turns else []


async def inline_images(app: App, scope: Scope, links: Sequence[ArtifactLink]) -> list[ImageContent]:
    """The small images among ``links``. What cannot be read stays a link: the answer was paid for and must go out."""
    images: list[ImageContent] = []
    left = ALL_INLINE_BYTES
    for link in links:
        if link.size > min(left, INLINE_BYTES):
            continue
        try:
            found = await read_artifact(app, scope, link.uri.removeprefix("artifact://"))
        except StoreError as error:
            _log.warning("artifact_not_read", uri=link.uri, reason=error.message)
            break
        # A host passes the image on to its model, and one that is not what it says can end the conversation there.
        if found and (mime_type := image_type(found[1])):
            images.append(ImageContent(type="image", data=b64encode(found[1]).decode(), mime_type=mime_type))
            left -= len(found[1])
    return images
