"""Files that a response wrote in its container: fetched at once, because the container is gone after minutes."""

import mimetypes
from base64 import b64encode

from mcp_server.backends.artifacts import file_artifact_id
from mcp_server.errors import UpstreamError
from mcp_server.model.answer import Answer, Artifact, Citation
from mcp_server.model.session import KeptObject
from mcp_server.model.value import Scope
from mcp_server.turns.ground import Ground

MOST_BYTES = 20_000_000
"""A larger file stays in its container, where its citation tells how to find it."""


async def with_files(ground: Ground, scope: Scope, answer: Answer) -> Answer:
    """The answer with the files it cites from containers among its artifacts, kept for the caller.

    One that cannot be had is a warning: the answer was paid for.
    """
    cited = {citation.file_id: citation for citation in answer.citations if citation.container_id and citation.file_id}
    if not (ground.backend.profile.containers and answer.response_id and cited):
        return answer
    made: list[Artifact] = []
    warnings: list[str] = []
    for citation in cited.values():
        name = citation.filename or citation.file_id
        try:
            content = await ground.backend.container_file(citation.container_id or "", citation.file_id or "")
        except UpstreamError as error:
            warnings.append(f"The file {name} could not be fetched from its container. {error.message}")
            continue
        if len(content) > MOST_BYTES:
            warnings.append(f"The file {name} is larger than {MOST_BYTES:,} bytes and was left in its container.")
            continue
        made.append(await _kept(ground, scope, answer.response_id, citation, content))
    return answer.model_copy(
        update={"artifacts": [*answer.artifacts, *made], "warnings": [*answer.warnings, *warnings]}
    )


async def _kept(ground: Ground, scope: Scope, response_id: str, citation: Citation, content: bytes) -> Artifact:
    artifact = Artifact(
        id=file_artifact_id(response_id, citation.file_id or ""),
        kind="file",
        mime_type=mimetypes.guess_type(citation.filename or "")[0] or "application/octet-stream",
        bytes=len(content),
        name=citation.filename,
    )
    kept = KeptObject(
        scope=scope,
        kind="artifact",
        key=artifact.id,
        id=response_id,
        data={"mime_type": artifact.mime_type, "base64": b64encode(content).decode()},
        created_at=ground.now(),
    )
    await ground.store.objects.put(kept)
    return artifact
