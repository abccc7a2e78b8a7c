"""One hosted store: files are uploaded, attached and indexed, each by itself, whatever breaks off in between.

What was uploaded before is used, what is attached already is not attached again.
"""

import json
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from anyio import to_thread

from mcp_server.backends.protocol import Attachment, Backend
from mcp_server.errors import InvalidArgument, NotThere, ServerError, UpstreamError
from mcp_server.files.uploads import KIND, Upload, Uploads
from mcp_server.index.changes import Tally, Work, work
from mcp_server.index.holdings import Holdings
from mcp_server.index.locks import Locks
from mcp_server.index.pacing import Pace, Patience, each
from mcp_server.index.wares import key_of, wares_of
from mcp_server.model.document import IndexedFile
from mcp_server.model.session import KeptObject
from mcp_server.model.value import JsonObject
from mcp_server.store.protocol import Store

REFUSED = (400, 413, 415, 422)
"""HTTP statuses that are about the file, not about the backend."""


class StoreGone(NotThere):
    """The upstream does not have the store any more."""


class FileGone(NotThere):
    """The upstream does not have the uploaded file any more."""


class Underway(InvalidArgument):
    """The upstream is still indexing the file."""


class Shelf:
    """What one update does to the store ``kept``. ``attached`` says whether it put anything in."""

    def __init__(
        self, backend: Backend, store: Store, kept: KeptObject, uploads: Uploads, pace: Pace, patience: Patience
    ) -> None:
        self._backend = backend
        self._store = store
        self._scope, self._name, self._id = kept.scope, kept.key, kept.id
        self._chunking = chunking_of(kept)
        self._uploads = uploads
        self._pace = pace
        self._patience = patience
        self._holdings = Holdings(backend, store, kept, patience)
        self._locks = Locks()
        self._rows: dict[str, IndexedFile] = {}
        self._paths: defaultdict[str, set[str]] = defaultdict(set)
        self._named: frozenset[str] = frozenset()
        self.attached = False

    async def load(self) -> list[IndexedFile]:
        """The files that are in it; rows of files deleted since are forgotten."""
        ours = {kept.id for kept in await self._store.objects.all(self._scope, KIND)}
        files = await self._store.index.files(self._scope, self._name)
        lost = [file.file_id for file in files if file.file_id not in ours]
        if lost:
            await self._store.index.drop(self._scope, self._name, lost)
        for file in files:
            if file.file_id in ours:
                self._note(file)
        return list(self._rows.values())

    async def refit(self) -> None:
        """See to it that every indexed file is attached, and cut as it is to be; what the upstream lost is forgotten.

        Files that are attached so already cost one look each: after a failure it goes on where it ended.
        """

        async def fit(file: IndexedFile) -> None:
            try:
                await self._attach(file.file_id, file.path, file.attributes, fresh=False)
            except (InvalidArgument, FileGone):
                await self._store.index.drop(self._scope, self._name, [file.file_id])
                for path in self._paths.pop(file.file_id, ()):
                    del self._rows[path]
            else:
                await self._holdings.settle(file.file_id)

        await each(list({file.file_id: file for file in self._rows.values()}.values()), fit)

    async def take_out(self, gone: IndexedFile) -> None:
        """Forget a file; ``fill`` takes it out of the store in the end."""
        await self._holdings.loosen(gone.file_id, gone.path, obsolete=True)
        await self._store.index.remove(self._scope, self._name, gone.path)
        self._forget(gone)

    async def fill(self, files: Sequence[Path], attributes: Mapping[str, Any], tally: Tally) -> None:
        """Bring the files in, a few at once, and take out what is obsolete, even if one of them failed the update."""
        # What is named here gets the same attributes, so that it can share an attachment.
        self._named = frozenset(map(str, files)) if attributes else frozenset()
        try:
            await each(files, lambda path: self._bring(path, attributes, tally))
        except StoreGone:
            raise
        except ServerError:
            await self._holdings.sweep()
            raise
        await self._holdings.sweep()

    async def _bring(self, path: Path, attributes: Mapping[str, Any], tally: Tally) -> None:
        before = self._rows.get(str(path))
        try:
            wanted = await to_thread.run_sync(work, path, before, attributes)
            if wanted is None:
                await tally.count("unchanged", str(path))
                return
            async with self._locks.of(self._scope, key_of(wanted.source)):
                await self._shelve(wanted)
        except (InvalidArgument, UpstreamError) as error:
            if isinstance(error, UpstreamError) and error.http_status not in REFUSED:
                raise
            if before and not isinstance(error, Underway):
                # What stands in the store is not what the file says any more.
                await self.take_out(before)
            await tally.fail(str(path), error)
        else:
            await tally.count(wanted.outcome, str(path))

    async def _shelve(self, wanted: Work) -> None:
        path, attributes = str(wanted.source.path), dict(wanted.attributes)
        upload = Upload(await self._key(wanted), "assistants", None, partial(wares_of, wanted.source))
        kept, fresh = await self._uploaded(upload)
        try:
            await self._attach(kept.id, path, attributes, fresh=fresh)
        except FileGone:
            if fresh:
                raise
            await self._store.objects.delete(self._scope, KIND, kept.key)
            kept, _ = await self._uploaded(upload)
            await self._attach(kept.id, path, attributes, fresh=True)
        before = self._rows.get(path)
        if before is not None and before.file_id != kept.id:
            await self._holdings.loosen(before.file_id, path, obsolete=True)
        file = wanted.indexed(self._name, kept.id, time.time())
        await self._store.index.replace(self._scope, file, [])
        self._note(file)
        await self._holdings.settle(kept.id)

    async def _key(self, wanted: Work) -> str:
        """What tells which upload is the same.

        A file is in a store once, with one set of attributes: where another path needs other ones than this, this gets
        an upload of its own.
        """
        key = key_of(wanted.source)
        kept = await self._store.objects.get(self._scope, KIND, key)
        others = self._paths.get(kept.id, set()) - {str(wanted.source.path)} - self._named if kept else set[str]()
        if all(self._rows[path].attributes == wanted.attributes for path in others):
            return key
        return f"{key}:{sha256(json.dumps(dict(wanted.attributes), sort_keys=True).encode()).hexdigest()}"

    async def _uploaded(self, upload: Upload) -> tuple[KeptObject, bool]:
        return await self._patience.through(lambda: self._uploads.kept(upload, self._scope, self._backend, self._store))

    async def _attach(self, file_id: str, path: str, attributes: JsonObject, *, fresh: bool) -> None:
        """See to it that a file is in the store as it is to be; one that is not ``fresh`` may be in it already.

        Raises:
            FileGone, StoreGone: the upstream does not have it any more.
            InvalidArgument: the upstream cannot index it, or is still at it.
        """
        await self._holdings.loosen(file_id, path, obsolete=False)
        stores, through = self._backend.stores, self._patience.through
        found = None if fresh else await through(lambda: stores.attached(self._id, file_id))
        if found and not self._fits(found):
            await through(lambda: stores.detach(self._id, file_id))
            found = None
        if found is None:
            found = await self._put_in(file_id, attributes)
        elif found.attributes != attributes:
            await through(lambda: stores.describe(self._id, file_id, attributes))
        name = Path(path).name
        if found.status == "in_progress":
            raise Underway(f"{name} is still being indexed by the backend: the same call again goes on.")
        if found.status != "completed":
            await self._holdings.loosen(file_id, path, obsolete=True)
            raise InvalidArgument(f"{name} could not be indexed by the backend: {found.reason}")

    async def _put_in(self, file_id: str, attributes: JsonObject) -> Attachment:
        stores = self._backend.stores

        async def attach() -> Attachment:
            await self._pace.turn()
            return await stores.attach(self._id, file_id, attributes, self._chunking)

        try:
            found = await self._patience.through(attach)
        except UpstreamError as error:
            if error.http_status != 404:
                raise
            if not await stores.alive(self._id):
                raise StoreGone(f"The store {self._name!r} is gone upstream: call again to make it anew.") from error
            raise FileGone(f"The upstream has lost the file {file_id}: call again to upload it anew.") from error
        self.attached = True
        if found.status == "in_progress":
            looked = await self._patience.through(lambda: stores.attached(self._id, file_id))
            found = looked or Attachment("failed", attributes, None, "it is not in the store")
        return found

    def _fits(self, found: Attachment) -> bool:
        return found.status != "failed" and self._chunking in (None, found.chunking)

    def _note(self, file: IndexedFile) -> None:
        if before := self._rows.get(file.path):
            self._forget(before)
        self._rows[file.path] = file
        self._paths[file.file_id].add(file.path)

    def _forget(self, file: IndexedFile) -> None:
        del self._rows[file.path]
        self._paths[file.file_id].discard(file.path)


def chunking_of(kept: KeptObject) -> tuple[int, int] | None:
    """The tokens of a passage and of its overlap that the store was made with; None is as the backend does."""
    chunking = kept.data.get("chunking")
    return (chunking[0], chunking[1]) if chunking else None
