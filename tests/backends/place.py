"""A user of one kind of backend, with the product in front of it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest

from mcp_server.backends.protocol import Backend
from mcp_server.turns import compaction
from tests.backends.kinds import Kind
from tests.backends.matrix import pinned
from tests.serving import House, house, told
from tests.upstream import serving
from tests.upstream_answers import JsonObject, Request
from tests.upstream_state import StatefulUpstream


@dataclass
class Place:
    """``sent`` is what came upstream since the flow began; the embedded engine has no upstream."""

    kind: Kind
    house: House
    up: StatefulUpstream | None
    began: int = 0

    @property
    def sent(self) -> list[Request]:
        """The requests of this flow."""
        return self.up.requests[self.began :] if self.up else []

    @property
    def enforces(self) -> bool:
        """Whether a schema holds while it generates."""
        return getattr(self.up, "enforces", True)

    @property
    def short(self) -> JsonObject:
        """Arguments for an answer whose words nobody reads; 16 is the least that servers take."""
        return {"max_output_tokens": 16 if self.up else 4}

    def anew(self) -> "Place":
        """Forget what was sent so far."""
        self.began = len(self.up.requests) if self.up else 0
        self.house.progress.clear()
        return self

    def posts(self, path: str = "/v1/responses") -> list[Request]:
        """The POST requests of this flow to ``path``, by whichever route."""
        here = {id(one) for one in self.sent}
        return [one for one in self.up.posts(path) if id(one) in here] if self.up else []

    def bodies(self) -> list[JsonObject]:
        """What was asked for and paid for in this flow."""
        return [one.json for one in self.posts()]

    def say(self, *outputs: Any) -> None:
        """What a scripted model says next."""
        if self.up:
            self.up.say(*outputs)

    def put(self, name: str, content: bytes) -> str:
        """A file that may be read; returns its path."""
        path = self.house.app.roots.folders[0] / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        return str(path)

    def answered(self, done: JsonObject, text: str) -> None:
        """It is answered, by a scripted model with this text; a real one's prose is nobody's business."""
        assert done["status"] in ("completed", "incomplete")
        assert done["text"] == text if self.up else done["usage"]["output_tokens"] > 0

    def pin(self, column: str, found: str) -> None:
        """Hold the matrix to what was found."""
        pinned(self.kind.name, column, found)

    async def begun(self, job_id: str) -> None:
        """Wait until a job has an answer that is being written."""
        with anyio.fail_after(30):
            job: JsonObject = {}
            while not job.get("response_id"):
                (job,) = (await self.house.call("poll", ids=[job_id], wait_seconds=0.2))["jobs"]


@asynccontextmanager
async def opened_for(kind: Kind, home: Path, models: Path | None) -> AsyncGenerator[Place]:
    """The product on the settings of such a user; ``models`` are the embedded engine's."""
    if kind.upstream is None:
        (home / "models").symlink_to(models or home)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(compaction, "EMBEDDED_TOKENS", 16)
            async with house(told(home, **kind.variables(""))) as served:
                yield Place(kind, served, None)
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mcp_server.app.open_embedder", _its_own)
        async with serving(kind.upstream()) as up, house(told(home, **kind.variables(up.base_url))) as served:
            yield Place(kind, served, up)


def _its_own(backend: Backend, _: object) -> Backend | None:
    """The backend's embeddings or none: the packaged model belongs to the embedded engine's row."""
    return backend if backend.profile.embeddings else None
