"""What the clouds' servers have in common: a gate before everything, prefixed paths, endpoints that are not there."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tests.upstream_answers import Answer, Exchange, JsonObject, Request
from tests.upstream_state import StatefulUpstream

ROUTE = "/openai/v1"
"""Where all three serve the API; Mantle has ``/v1`` beside it."""


class CloudUpstream(StatefulUpstream):
    """``refusal`` looks at every request first, also at one that an answer was planned for.

    ``requests`` hold the paths as they came; planned answers and ``posts`` know them as ``/v1/…``.
    """

    def posts(self, path: str = "/v1/responses") -> list[Request]:
        """The POST requests to ``path``, by whichever route."""
        return [one for one in self.requests if one.method == "POST" and plain(one.path) == path]

    def route(self) -> str:
        """The base URL as a user of this cloud pastes it."""
        return self.base_url.removesuffix("/v1") + ROUTE

    def refusal(self, request: Request) -> Answer | None:
        """What the gate says; None lets the request in."""
        raise NotImplementedError

    def nowhere(self) -> Answer:
        """The answer to a path that nothing is at."""
        raise NotImplementedError

    def otherwise(self, request: Request) -> Answer | None:
        """Answer from memory, and a path that nothing is at as this cloud does."""
        return super().otherwise(request) or self.nowhere()

    def _answer(self, request: Request) -> Answer:
        return self.refusal(request) or super()._answer(replace(request, path=plain(request.path)))


def said(status: int, body: JsonObject, headers: Mapping[str, str]) -> Answer:
    """A JSON body with just these headers."""
    content = json.dumps(body).encode()

    async def answer(exchange: Exchange) -> None:
        about = {"content-type": "application/json", "content-length": str(len(content))}
        await exchange.start(status, {**about, **headers})
        await exchange.send(content)

    return answer


def plain(path: str) -> str:
    """The path as OpenAI has it."""
    return path.removeprefix("/openai")


def creates(request: Request) -> JsonObject | None:
    """The body of a request that asks for a response; None for any other request."""
    return request.json if (request.method, plain(request.path)) == ("POST", "/v1/responses") else None


def parts(body: JsonObject) -> list[JsonObject]:
    """All content parts of the input."""
    asked: Any = body.get("input")
    contents = [item.get("content") for item in asked] if isinstance(asked, list) else []
    return [part for content in contents if isinstance(content, list) for part in content]
