"""The one door to the HTTP API: every request goes through here, is tried again by one rule, and is checked.

The SDK's own client carries it (its addresses, headers and connections), but not its models and not its retries: a
model takes any shape for a response, and a retry after a lost answer can pay twice. The SDK is imported when the first
request needs it, in a thread, because that takes most of a second.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import anyio
import anyio.to_thread

from mcp_server.backends.observed import Observed
from mcp_server.backends.responses import faults
from mcp_server.backends.responses.access import Access
from mcp_server.backends.responses.border import Border
from mcp_server.backends.responses.retries import Retries
from mcp_server.backends.responses.routes import Routes
from mcp_server.errors import UpstreamError
from mcp_server.model.value import JsonObject

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI, AsyncStream

CONNECT_SECONDS = 5.0

T = TypeVar("T")
Send = Callable[["AsyncOpenAI", str], Awaitable[T]]


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

    def __init__(
        self, *, access: Access, timeout_seconds: float, retries: Retries, observed: Observed | None = None
    ) -> None:
        self.base_url = access.base_url
        self.secrets = access.secrets
        self.timeout_seconds = timeout_seconds
        self._access = access
        self._routes = Routes(access, observed)
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
            if fault.kind == "not_found" and not fault.missing:
                return False
            raise
        return True

    async def request(self, method: str, url: str, *, repeatable: bool, **arguments: Any) -> Reply:
        """Send one request and read its answer, an object or nothing.

        Raises ``UpstreamError``, of the kind ``auth`` also when there are no credentials to send.
        """
        response, attempts = await self._response(method, url, repeatable=repeatable, **arguments)
        body = faults.object_in(response, attempts=attempts, repeatable=repeatable, secrets=self.secrets)
        return Reply(body, response.headers, attempts)

    async def content(self, url: str) -> bytes:
        """Read something that is not JSON; tried again after any failure that may pass."""
        response, _ = await self._response("get", url, repeatable=True)
        return response.content

    async def stream(self, url: str, body: JsonObject, *, attempts: int = 0) -> "tuple[AsyncStream[object], int]":
        """Send a JSON object and return its open answer, which the caller must close, and the number of requests.

        ``attempts`` is how many were sent before.
        """
        return await self._open("post", url, repeatable=False, attempts=attempts, body=body)

    async def reread(self, url: str, params: JsonObject) -> "tuple[AsyncStream[object], int]":
        """Read a stream again that a request opened before; like ``stream``, but it creates nothing."""
        return await self._open("get", url, repeatable=True, options={"params": params})

    async def ready(self) -> None:
        """Make the client now, so that the next request leaves at once."""
        await self._made()

    async def close(self) -> None:
        """Close what connections there are."""
        if self._client is not None:
            await self._client.close()

    async def _response(
        self, method: str, url: str, *, repeatable: bool, **arguments: Any
    ) -> "tuple[httpx2.Response, int]":
        async def send(client: "AsyncOpenAI", url: str) -> "httpx2.Response":
            import httpx2  # noqa: PLC0415 - off the start-up path

            return await getattr(client, method)(url, cast_to=httpx2.Response, **arguments)

        return await self._sent(send, url, arguments, repeatable=repeatable)

    async def _open(
        self, method: str, url: str, *, repeatable: bool, attempts: int = 0, **arguments: Any
    ) -> "tuple[AsyncStream[object], int]":
        async def send(client: "AsyncOpenAI", url: str) -> "AsyncStream[object]":
            from openai import AsyncStream  # noqa: PLC0415 - off the start-up path

            asked = getattr(client, method)
            return await asked(url, cast_to=object, stream=True, stream_cls=AsyncStream[object], **arguments)

        return await self._sent(send, url, arguments, repeatable=repeatable, attempts=attempts)

    async def _sent(
        self, send: Send[T], url: str, arguments: JsonObject, *, repeatable: bool, attempts: int = 0
    ) -> tuple[T, int]:
        model = arguments.get("body", {}).get("model")
        *likely, last = self._routes.order(model)
        refusal: UpstreamError | None = None
        for base in likely:
            try:
                return await self._tried(send, base + url, repeatable=repeatable, attempts=attempts)
            except UpstreamError as fault:
                if not self._routes.elsewhere(fault, model):
                    raise
                refusal, attempts = fault, fault.attempts
        done = await self._tried(send, last + url, repeatable=repeatable, attempts=attempts)
        if refusal:
            await self._routes.learn(last, model, refusal.message)
        return done

    async def _tried(self, send: Send[T], url: str, *, repeatable: bool, attempts: int) -> tuple[T, int]:
        while True:
            attempts += 1
            try:
                client = await self._made()
                with anyio.fail_after(self.timeout_seconds):
                    return await send(client, url), attempts
            except UpstreamError as refusal:  # the border's, or for want of credentials
                refusal.attempts += attempts - 1
                raise
            except faults.foreign() as error:
                refusal = error.__cause__
                if isinstance(refusal, UpstreamError):  # for want of credentials, through the SDK's signer
                    refusal.attempts += attempts - 1
                    raise refusal from None
                fault = faults.translated(
                    error,
                    attempts=attempts,
                    repeatable=repeatable,
                    secrets=self.secrets,
                    key_name=self._access.key_name,
                )
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
        border = Border(self._access)
        hooks = {"request": [border.leave], "response": [border.turn]}
        return openai.AsyncOpenAI(
            **self._access.options(),
            max_retries=0,
            http_client=openai.DefaultAsyncHttpxClient(timeout=timeout, event_hooks=hooks),
            timeout=timeout,
        )
