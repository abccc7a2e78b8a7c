"""The backend's own eyes: what a failure says about the server is noted, and the failure says that it was."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from mcp_server.backends.observed import Observed
from mcp_server.backends.responses.lessons import of_refusal
from mcp_server.errors import UpstreamError
from mcp_server.model.value import JsonObject


class Learning:
    """Notes what failures teach in ``observed``."""

    def __init__(self, observed: Observed) -> None:
        self._observed = observed

    @asynccontextmanager
    async def needs(self, capability: str) -> AsyncGenerator[None]:
        """What runs inside uses an endpoint that comes with ``capability``, a field of ``Profile``."""
        try:
            yield
        except UpstreamError as fault:
            # A web page may be a network's that asks for a login: what is kept upstream is not given up for it.
            if fault.missing and (fault.http_status or capability not in ("retrieve", "delete")):
                await self._note(capability, False, fault)
            raise

    @asynccontextmanager
    async def asks(self, body: JsonObject) -> AsyncGenerator[None]:
        """What runs inside sends ``body`` to ``/responses``."""
        try:
            yield
        except UpstreamError as fault:
            model = body.get("model")
            if fault.kind == "not_continued":
                await self._note("chain", False, fault)
            elif lesson := of_refusal(fault, body):
                await self._note(lesson.about, lesson.found, fault, model=model if lesson.of_model else None)
            raise

    async def _note(self, about: str, found: object, fault: UpstreamError, *, model: str | None = None) -> None:
        if self._observed.find(about, model) is None:
            await self._observed.note(about, found, fault.message, model=model)
        # Also where another request has found it out since this one was laid out.
        fault.corrected = True
