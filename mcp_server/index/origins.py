"""From an upstream's passages back to the local files they came from."""

from collections.abc import Sequence
from pathlib import Path

import anyio

from mcp_server.index.locate import located
from mcp_server.model.document import IndexedFile, Passage
from mcp_server.model.value import Scope
from mcp_server.store.protocol import Store

LOCATING_SECONDS = 10.0
"""Passages that are not found in their local files within this time are returned without a line or page."""


async def led_back(
    store: Store, scope: Scope, passages: Sequence[Passage], store_name: str | None = None
) -> list[Passage]:
    """The passages under the names of the caller's local files, with the lines or the page where each stands there.

    The same upload may stand in several stores, under other names: ``store_name`` says which one was searched.
    """
    ids = sorted({passage.file_id for passage in passages})
    files: dict[str, IndexedFile] = {}
    for file in await store.index.located(scope, ids) if ids else ():
        if file.file_id not in files or file.store == store_name:
            files[file.file_id] = file
    led = [_named(passage, files.get(passage.file_id)) for passage in passages]
    with anyio.move_on_after(LOCATING_SECONDS):
        for number, passage in enumerate(led):
            file = files.get(passage.file_id)
            place = await located(Path(file.path), file.sha256, passage.text) if file and passage.text else None
            if place:
                led[number] = passage.model_copy(update=place._asdict())
    return led


def _named(passage: Passage, file: IndexedFile | None) -> Passage:
    if file is None:
        return passage
    named = {"filename": Path(file.path).name, "path": file.path}
    return passage.model_copy(update={**named, "attributes": passage.attributes or file.attributes})
