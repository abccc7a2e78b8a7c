"""A tap on the line to a real server: everything passes, and a test sees what was asked and how it was answered."""

from typing import NamedTuple

import httpx2

from tests.upstream import ScriptedUpstream
from tests.upstream_answers import Answer, Exchange, Request

HOPS = frozenset({"connection", "content-length", "host", "keep-alive", "transfer-encoding"})
SECONDS = 120.0


class Passed(NamedTuple):
    """A request that was passed on, and the status it was answered with."""

    request: Request
    status: int


class Tap(ScriptedUpstream):
    """Passes all requests on to ``origin``."""

    def __init__(self, origin: str) -> None:
        super().__init__()
        self.passed: list[Passed] = []
        self._origin = origin.removesuffix("/v1")
        self._client = httpx2.AsyncClient(timeout=SECONDS, trust_env=False)

    def bodies(self, path: str = "/v1/responses") -> list[dict]:
        """What was posted to ``path`` and taken."""
        return [
            request.json
            for request, status in self.passed
            if (request.method, request.path) == ("POST", path) and status == httpx2.codes.OK
        ]

    def seen(self) -> list[tuple[str, str, int]]:
        """Method, path and status of everything that was passed on."""
        return [(request.method, request.path, status) for request, status in self.passed]

    async def asked(self) -> Request:
        """Wait until something was asked of the model; returns the last request that did."""
        async with self._came:
            await self._came.wait_for(self.posts)
        return self.posts()[-1]

    def otherwise(self, request: Request) -> Answer:
        return self._pass_on

    async def hang_up(self) -> None:
        await super().hang_up()
        await self._client.aclose()

    async def _pass_on(self, exchange: Exchange) -> None:
        request = exchange.request
        async with self._client.stream(
            request.method,
            self._origin + request.path,
            params=request.query,
            headers={name: value for name, value in request.headers.items() if name not in HOPS},
            content=request.content,
        ) as response:
            self.passed.append(Passed(request, response.status_code))
            kept = {name: value for name, value in response.headers.items() if name not in HOPS}
            await exchange.start(response.status_code, {**kept, "transfer-encoding": "chunked"})
            async for piece in response.aiter_raw():
                if piece:
                    await exchange.chunk(piece)
            await exchange.chunk(b"")
