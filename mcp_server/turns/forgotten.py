"""Uploaded files that the upstream has forgotten before their time."""

import re
from collections.abc import Sequence

from mcp_server.errors import UpstreamError
from mcp_server.files.uploads import KIND
from mcp_server.model.answer import SentFile
from mcp_server.model.value import Scope
from mcp_server.store.protocol import Store

_GONE = re.compile(r"not found|not exist|no such|no file|could ?n[o']t find|cannot find|expired|deleted", re.IGNORECASE)


async def forget_lost(
    store: Store, scope: Scope, sent: Sequence[SentFile], error: UpstreamError, since: float
) -> set[str]:
    """Forget the files that a request was refused for; returns their ids.

    Only ids that stand in the refusal count, of files uploaded before the moment ``since``: a file that came along just
    now is there, and what is wrong with it is for the caller to know.
    """
    if error.http_status not in (400, 404) or not (error.kind == "not_found" or _GONE.search(error.message)):
        return set()
    said = f"{error.message} {error.param or ''}"
    lost: set[str] = set()
    for file in sent:
        if not file.sha256 or not file.file_id or not re.search(rf"{re.escape(file.file_id)}(?![\w-])", said):
            continue
        kept = await store.objects.get(scope, KIND, file.sha256)
        if kept is not None and kept.id == file.file_id and kept.created_at < since:
            await store.objects.delete(scope, KIND, file.sha256)
            lost.add(file.file_id)
    return lost
