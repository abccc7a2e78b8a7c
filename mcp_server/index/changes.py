"""What an update has to do: which files are meant, which of them changed, and which are gone."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from mcp_server.errors import ServerError
from mcp_server.files.reading import Source, read
from mcp_server.files.roots import files_below
from mcp_server.index.protocol import FailedFile, IndexReport, Progress
from mcp_server.model.document import IndexedFile

Outcome = Literal["added", "updated", "removed", "unchanged"]


class Changes(NamedTuple):
    """``files`` are to be looked at, each with what is indexed of it; ``gone`` are to be taken out."""

    files: list[tuple[Path, IndexedFile | None]]
    gone: list[IndexedFile]


class Work(NamedTuple):
    """A new or changed file, and the attributes it is to have."""

    source: Source
    before: IndexedFile | None
    attributes: Mapping[str, Any]

    @property
    def content_changed(self) -> bool:
        """False when only the attributes are new, so that what was made of its content can stay."""
        return self.before is None or self.before.sha256 != self.source.sha256

    @property
    def outcome(self) -> Outcome:
        """How it counts when it is done."""
        return "added" if self.before is None else "updated"

    def indexed(self, store_name: str, file_id: str, moment: float) -> IndexedFile:
        """The row that says it is indexed."""
        return IndexedFile(
            store=store_name,
            file_id=file_id,
            path=str(self.source.path),
            sha256=self.source.sha256,
            bytes=len(self.source.content),
            attributes=dict(self.attributes),
            indexed_at=moment,
        )


def changes(paths: Sequence[Path], indexed: Sequence[IndexedFile]) -> Changes:
    """Find the files below ``paths`` and those that are gone from there. Call it in a worker thread."""
    by_path = {file.path: file for file in indexed}
    folders = {path if path.is_dir() else path.parent for path in paths}
    gone = {
        file.path: file
        for file in indexed
        if not os.path.lexists(file.path) and any(Path(file.path).is_relative_to(folder) for folder in folders)
    }
    files = dict.fromkeys(file for path in paths for file in (files_below(path, (path,)) if path.is_dir() else (path,)))
    looked_at = [(file, by_path.get(str(file))) for file in files if str(file) not in gone]
    return Changes(looked_at, list(gone.values()))


def work(path: Path, before: IndexedFile | None, attributes: Mapping[str, Any]) -> Work | None:
    """Read a file; None when it is indexed as it is. Call it in a worker thread.

    Raises:
        InvalidArgument: it cannot be read.
    """
    source = read(path, searchable=True)
    if before is None:
        return Work(source, None, attributes)
    wanted = attributes or before.attributes
    return None if (source.sha256, wanted) == (before.sha256, before.attributes) else Work(source, before, wanted)


class Tally:
    """Counts what became of each file, and tells."""

    def __init__(self, total: int, progress: Progress) -> None:
        self._total = total
        self._progress = progress
        self._counts: dict[Outcome, int] = {}
        self._failed: list[FailedFile] = []

    async def count(self, outcome: Outcome, path: str) -> None:
        """One more file is done."""
        self._counts[outcome] = self._counts.get(outcome, 0) + 1
        await self.say(f"{Path(path).name} {outcome}")

    async def fail(self, path: str, error: ServerError) -> None:
        """One more file cannot be indexed."""
        self._failed.append(FailedFile(path=path, reason=error.message))
        await self.say(f"{Path(path).name} failed")

    def report(self) -> IndexReport:
        """The sums."""
        return IndexReport(**self._counts, failed=sorted(self._failed, key=lambda file: file.path))

    async def say(self, message: str) -> None:
        """Tell something between two files."""
        await self._progress(sum(self._counts.values()) + len(self._failed), self._total, message)
