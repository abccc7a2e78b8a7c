"""Small real things for the tests of this room: PDF files, a picture, a backend that only takes uploads."""

from base64 import b64decode
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import anyio

from mcp_server.backends.profile import Profile

PIXEL = b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")


def pdf(*pages: str, password: str | None = None) -> bytes:
    from reportlab.lib.pdfencrypt import StandardEncryption
    from reportlab.pdfgen.canvas import Canvas

    target = BytesIO()
    canvas = Canvas(target, encrypt=StandardEncryption(password) if password is not None else None)
    for page in pages:
        for number, line in enumerate(page.splitlines()):
            canvas.drawString(72, 750 - 14 * number, line)
        canvas.showPage()
    canvas.save()
    return target.getvalue()


@dataclass
class Uploading:
    """A backend of which only the profile and ``upload`` are there; anything else is an AttributeError.

    While ``gate`` is closed, uploads wait.
    """

    profile: Profile = field(default_factory=Profile)
    uploaded: list[tuple[str, bytes, str]] = field(default_factory=list)
    gate: anyio.Event | None = None
    failure: Exception | None = None
    name: str = "test"

    async def upload(self, filename: str, content: bytes, purpose: str) -> str:
        self.uploaded.append((filename, content, purpose))
        number = len(self.uploaded)
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return f"file-{number}"

    def as_backend(self) -> Any:
        return self
