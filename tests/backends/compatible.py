"""What compatible servers are made of here: fewer endpoints, their own words for refusals, and much that is ignored.

A server hears only the part of a request that its original reads (``heard``), so what it ignores cannot matter, and
shows in its answer what its original shows (``told``). ``enforces`` says whether a schema holds while it generates,
``keeps`` whether it keeps what it has answered.
"""

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from tests.upstream_answers import Answer, Exchange, JsonObject, Request, reply
from tests.upstream_shapes import page
from tests.upstream_shelves import Handler
from tests.upstream_state import StatefulUpstream

MODEL = "qwen3:8b"
EMBEDDER = "all-minilm:latest"

MODELS, CREATE, EMBEDDINGS = "GET /v1/models", "POST /v1/responses", "POST /v1/embeddings"
COUNT = "POST /v1/responses/input_tokens"
SHOWN = (
    *("max_output_tokens", "max_tool_calls", "metadata", "parallel_tool_calls", "safety_identifier", "service_tier"),
    *("temperature", "tool_choice", "top_logprobs", "top_p", "truncation"),
)
"""What an answer repeats of the request, as far as the server has heard it."""


@dataclass
class _Branded(Exchange):
    """An exchange whose answer carries a server's own headers."""

    brand: Mapping[str, str]

    async def start(self, status: int, headers: Mapping[str, str]) -> None:
        plain = {name: value for name, value in headers.items() if name != "x-request-id"}
        await super().start(status, {**plain, **self.brand})


class CompatibleUpstream(StatefulUpstream):
    """A server with one stateless endpoint, which subclasses narrow or widen."""

    serves: ClassVar[frozenset[str]] = frozenset({MODELS, CREATE})
    enforces: ClassVar[bool] = True
    keeps: ClassVar[bool] = False

    def routes(self) -> list[tuple[str, Handler]]:
        return [(pattern, handler) for pattern, handler in super().routes() if pattern in self.serves]

    def otherwise(self, request: Request) -> Answer | None:
        answer = super().otherwise(request) or self.unknown(request)

        async def branded(exchange: Exchange) -> None:
            # What an answer shows of the request is this server's own affair, so the answer does not see it.
            unseen = replace(exchange.request, content=b"")
            await answer(_Branded(unseen, exchange.writer, self.brand(request)))

        return branded

    def brand(self, request: Request) -> Mapping[str, str]:
        """Headers that this server's answers carry."""
        return {}

    def unknown(self, request: Request) -> Answer:
        """The answer at an address where nothing is."""
        return reply({"detail": "Not Found"}, 404)

    def refuse(self, message: str, status: int = 400, param: str | None = None) -> Answer:
        """An error in the server's own envelope."""
        return reply({"error": {"message": message, "type": "invalid_request_error", "param": param}}, status)

    def wrong(self, body: JsonObject) -> Answer | None:
        """The refusal of a request; None when it is taken."""
        return None

    def heard(self, body: JsonObject) -> JsonObject:
        """What the original reads of a request."""
        return body

    def told(self, body: JsonObject) -> JsonObject:
        """Fields of the answer that differ from the real API's; those that are not there at all are ``ABSENT``."""
        return {}

    def entries(self) -> list[JsonObject]:
        """Its models as it lists them."""
        return [{"id": MODEL, "object": "model", "created": 1_790_000_000, "owned_by": "someone"}]

    def _models(self, request: Request) -> Answer:
        return reply(page(self.entries()))

    def _create(self, request: Request) -> Answer:
        body = request.json
        known = self.heard(body) if self.keeps else {**self.heard(body), "store": False}
        heard = replace(request, content=json.dumps(known).encode())
        return self.wrong(body) or super()._create(heard)

    def _respond(self, body: JsonObject, known: list[JsonObject]) -> JsonObject:
        final = self._as_told(super()._respond(body, known), body)
        self.responses[final["id"]] = self._as_told(self.responses[final["id"]], body)
        return final

    def events(self, told: list[JsonObject]) -> list[Any]:
        """The stream as this server writes it: events, or strings that go out as they are."""
        return told

    def _streamed(self, final: JsonObject, told: list[JsonObject], pause: asyncio.Event | None = None) -> Answer:
        return super()._streamed(final, self.events(told), pause)

    def _as_told(self, final: JsonObject, body: JsonObject) -> JsonObject:
        shown = {**final, **only(body, SHOWN), **self.told(body)}
        return {name: value for name, value in shown.items() if value is not ABSENT}


def data_only(events: list[JsonObject]) -> list[str]:
    """A stream without the lines that name its events."""
    return [f"data: {json.dumps(event)}\n\n" for event in events]


class _Absent:
    """A field that is not there."""


ABSENT: Any = _Absent()


def without_names(body: JsonObject, *names: str) -> JsonObject:
    """The fields of an object without these."""
    return {name: value for name, value in body.items() if name not in names}


def only(body: JsonObject, names: Iterable[str]) -> JsonObject:
    """The fields of a request with these names."""
    return {name: body[name] for name in names if name in body}


def without_format(body: JsonObject, *kinds: str) -> JsonObject:
    """The request without an output format of these kinds."""
    text = body.get("text") or {}
    if (text.get("format") or {}).get("type") not in kinds:
        return body
    return {**body, "text": without_names(text, "format")}


def items_of(body: JsonObject) -> list[JsonObject]:
    """The input as items."""
    asked = body.get("input") or []
    return [{"role": "user", "content": asked}] if isinstance(asked, str) else asked


def parts_of(item: JsonObject) -> list[JsonObject]:
    """The content of a message as parts."""
    content = item.get("content") or []
    return [{"type": "input_text", "text": content}] if isinstance(content, str) else content
