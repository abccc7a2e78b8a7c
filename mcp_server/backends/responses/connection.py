"""The one door to the HTTP API: every request goes through here, is tried again by one rule, and is checked.

The SDK's own client carries it (its addresses, headers and connections), but not its models and not its retries: a
model takes any shape for a response, and a retry after a lost answer can pay twice. The SDK is imported when the first
request needs it, in a thread, because that takes most of a second.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import quote

import anyio
import anyio.to_thread

from mcp_server.backends.responses import faults
from mcp_server.backends.responses.quoting import quoted
from mcp_server.backends.responses.retries import Retries
from mcp_server.errors import UpstreamError
from mcp_server.model.value import JsonObject
from mcp_server.settings import is_openai

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI, AsyncStream

OPENAI_URL = "https://api.openai.com/v1"
CONNECT_SECONDS = 5.0

logger = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True)
class Reply:
    """A JSON object, its headers, and how many requests it took."""

    body: JsonObject
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    attempts: int = 1


def path(*parts: str) -> str:
    """A path of the API. No part can leave its place: an id comes from a caller."""
    # ".." would climb, and an empty part would name the whole collection.
    return "/" + "/".join(quote(part or "-", safe="").replace(".", "%2E") for part in parts)


class Connection:
    """A lazily made client of one server. ``timeout_seconds`` is the longest silence of one request."""

    def __init__(self, *, api_key: str, base_url: str | None, timeout_seconds: float, retries: Retries) -> None:
        self.timeout_seconds = timeout_seconds
        self._api_key = api_key
        self._base_url = base_url or OPENAI_URL
        self._retries = retries
        self._client: AsyncOpenAI | None = None
        self._making = anyio.Lock()

    async def get(self, url: str, params: JsonObject | None = None) -> Reply:
        """Read something; tried again after any failure that may pass."""
        return await self.request("get", url, options={"params": params or {}}, repeatable=True)

    async def post(self, url: str, body: JsonObject, *, repeatable: bool, **more: Any) -> Reply:
        """Send a JSON object. ``repeatable`` says that it creates nothing, so that doing it twice does no harm."""
        return await self.request("post", url, body=body, repeatable=repeatable, **more)

    async def delete(self, url: str, **more: Any) -> bool:
        """Delete something; False when the server does not have it."""
        try:
            await self.request("delete", url, repeatable=True, **more)
        except UpstreamError as fault:
            if fault.kind == "not_found":
                return False
            raise
        return True

    async def request(self, method: str, url: str, *, repeatable: bool, **arguments: Any) -> Reply:
        """Send one request and read its answer, an object or nothing.

        Raises ``UpstreamError``.
        """

        async def send(client: "AsyncOpenAI") -> "httpx2.Response":
            import httpx2  # noqa: PLC0415 - off the start-up path

            return await getattr(client, method)(url, cast_to=httpx2.Response, **arguments)

        response, attempts = await self._tried(send, repeatable=repeatable)
        return Reply(_json_object(response, attempts, repeatable=repeatable), response.headers, attempts)

    async def content(self, url: str) -> bytes:
        """Read something that is not JSON; tried again after any failure that may pass."""

        async def send(client: "AsyncOpenAI") -> "httpx2.Response":
            import httpx2  # noqa: PLC0415 - off the start-up path

            return await client.get(url, cast_to=httpx2.Response)

        response, _ = await self._tried(send, repeatable=True)
        return response.content

    async def stream(self, url: str, body: JsonObject, *, attempts: int = 0) -> "tuple[AsyncStream[object], int]":
        """Send a JSON object and return its open answer, which the caller must close, and the number of requests.

        ``attempts`` is how many were sent before.
        """
        return await self._open("post", url, repeatable=False, attempts=attempts, body=body)

    async def reread(self, url: str, params: JsonObject) -> "tuple[AsyncStream[object], int]":
        """Read a stream again that a request opened before; like ``stream``, but it creates nothing."""
        return await self._open("get", url, repeatable=True, options={"params": params})

    async def _open(
        self, method: str, url: str, *, repeatable: bool, attempts: int = 0, **arguments: Any
    ) -> "tuple[AsyncStream[object], int]":
        async def send(client: "AsyncOpenAI") -> "AsyncStream[object]":
            from openai import AsyncStream  # noqa: PLC0415 - off the start-up path

            asked = getattr(client, method)
            return await asked(url, cast_to=object, stream=True, stream_cls=AsyncStream[object], **arguments)

        return await self._tried(send, repeatable=repeatable, attempts=attempts)

    async def ready(self) -> None:
        """Make the client now, so that the next request leaves at once."""
        await self._made()

    async def close(self) -> None:
        """Close what connections there are."""
        if self._client is not None:
            await self._client.close()

    async def _tried(
        self, send: "Callable[[AsyncOpenAI], Awaitable[T]]", *, repeatable: bool, attempts: int = 0
    ) -> tuple[T, int]:
        client = await self._made()
        while True:
            attempts += 1
            try:
                with anyio.fail_after(self.timeout_seconds):
                    return await send(client), attempts
            except faults.foreign() as error:
                fault = faults.translated(error, attempts=attempts, repeatable=repeatable, secrets=[self._api_key])
                pause = self._retries.pause(fault, faults.headers_of(error), repeatable=repeatable)
                if pause is None:
                    raise fault from error
            await anyio.sleep(pause)

    async def _made(self) -> "AsyncOpenAI":
        async with self._making:
            client = self._client = self._client or await anyio.to_thread.run_sync(self._make)
        return client

    def _make(self) -> "AsyncOpenAI":
        import httpx2  # noqa: PLC0415 - off the start-up path
        import openai  # noqa: PLC0415 - off the start-up path

        # Silence is timed here and not by the HTTP client, whose clock starts anew with every byte.
        timeout = httpx2.Timeout(None, connect=min(CONNECT_SECONDS, self.timeout_seconds))
        hooks = [] if is_openai(self._base_url) else [_keep_to_yourself]
        return openai.AsyncOpenAI(
            # A server without keys still needs the header, and an empty key would let the SDK look for another one.
            api_key=self._api_key or "unused",
            base_url=self._base_url,
            max_retries=0,
            default_headers={"Authorization": f"Bearer {self._api_key or 'unused'}"},
            http_client=openai.DefaultAsyncHttpxClient(timeout=timeout, event_hooks={"request": hooks}),
            timeout=timeout,
        )


_SENT_TO_ANYBODY = ("accept", "authorization", "connection", "content-", "host", "transfer-encoding", "user-agent")
_SENT_BY_US = ("openai-beta", "x-stainless-")


async def _keep_to_yourself(request: "httpx2.Request") -> None:
    # The SDK adds OPENAI_ORG_ID, OPENAI_PROJECT_ID and OPENAI_CUSTOM_HEADERS to whatever server it talks to.
    for name in list(request.headers):
        if not name.startswith(_SENT_TO_ANYBODY + _SENT_BY_US):
            del request.headers[name]


def _json_object(response: "httpx2.Response", attempts: int, *, repeatable: bool) -> JsonObject:
    if not response.content:
        return {}
    try:
        body: object = response.json()
    except ValueError as error:
        what = "a web page" if "html" in response.headers.get("content-type", "") else "something that is not JSON"
        raise _bad(what, response, attempts, repeatable=repeatable) from error
    if not isinstance(body, dict):
        raise _bad("JSON of another shape", response, attempts, repeatable=repeatable)
    return cast("JsonObject", body)


def _bad(what: str, response: "httpx2.Response", attempts: int, *, repeatable: bool) -> UpstreamError:
    logger.warning("%s: %s", what, quoted(response.text[:200]))
    return faults.bad_response(
        what,
        attempts=attempts,
        request_id=response.headers.get("x-request-id"),
        outcome="failed" if repeatable else "unknown",
    )
