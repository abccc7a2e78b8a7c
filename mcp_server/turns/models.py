"""Which model answers when the caller names none."""

import time
from collections.abc import Callable

from mcp_server.backends.protocol import Backend
from mcp_server.errors import InvalidArgument
from mcp_server.settings import model_variable

REMEMBERED_SECONDS = 3600.0
"""A backend's list of models changes rarely; a call should not wait for it each time."""


class DefaultModel:
    """The configured model, else the first that the backend offers, remembered for an hour."""

    def __init__(self, backend: Backend, configured: str | None, now: Callable[[], float] = time.time) -> None:
        self._backend = backend
        self._configured = configured
        self._now = now
        self._found: str | None = None
        self._until = 0.0

    async def choose(self, asked: str | None) -> str:
        """``asked`` when there is one, else the default.

        Raises:
            InvalidArgument: the backend offers none.
            UpstreamError: its list cannot be read.
        """
        if known := asked or self._configured:
            return known
        if self._found is None or self._now() >= self._until:
            models = await self._backend.models()
            if not models:
                where = model_variable(self._backend.name)
                raise InvalidArgument(
                    f"model: the backend does not tell which one to ask; name one here or in {where}."
                )
            self._found, self._until = models[0], self._now() + REMEMBERED_SECONDS
        return self._found
