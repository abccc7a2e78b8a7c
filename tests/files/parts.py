"""Small things for the tests of this room: a picture, a file as it was read, a backend that only takes uploads."""

from base64 import b64decode
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import anyio

from mcp_server.backends.profile import Profile
from mcp_server.files.kinds import HEAD, kind_of
from mcp_server.files.reading import Source
from tests.files.made import pdf

__all__ = ["PIXEL", "Uploading", "as_read", "pdf"]

PIXEL = b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")


def as_read(name: str, content: bytes) -> Source:
    """A file as ``reading.read`` gives it, without a disk."""
    path = Path(name)
    return Source(path, kind_of(path, content[:HEAD]), content, sha256(content).hexdigest())


@dataclass
class Uploading:
    """A backend of which only the profile and ``upload`` are there; anything else is an AttributeError.

    While ``gate`` is closed, uploads wait.
    """

    profile: Profile = field(default_factory=Profile)
    uploaded: list[tuple[str, bytes, str]] = field(default_factory=list)
    lasting: list[int | None] = field(default_factory=list)
    gate: anyio.Event | None = None
    failure: Exception | None = None
    name: str = "test"

    async def upload(self, filename: str, content: bytes, purpose: str, *, expires_seconds: int | None = None) -> str:
        self.uploaded.append((filename, content, purpose))
        self.lasting.append(expires_seconds)
        number = len(self.uploaded)
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return f"file-{number}"

    def as_backend(self) -> Any:
        return self
