"""OpenRouter's Responses API, as its OpenAPI file (August 2026) and its page on errors have it."""

from typing import Any

from tests.backends.compatible import CREATE, EMBEDDINGS, MODELS, CompatibleUpstream
from tests.upstream_answers import Answer, JsonObject, Request, reply, web_page

MODEL = "openai/gpt-5.6-sol"
EMBEDDER = "openai/text-embedding-3-small"
TIERS = frozenset({"auto", "default", "fast", "flex", "priority", "scale"})


class OpenRouterUpstream(CompatibleUpstream):
    """Stateless, and says so; its errors have few codes, and beside them the exact type."""

    serves = frozenset({MODELS, CREATE, EMBEDDINGS})

    def entries(self) -> list[JsonObject]:
        about: dict[str, Any] = {
            "created": 1_790_000_000,
            "context_length": 272_000,
            "architecture": {"input_modalities": ["text", "image", "file"], "output_modalities": ["text"]},
            "pricing": {"prompt": "0.000004", "completion": "0.00002"},
            "supported_parameters": ["max_tokens", "structured_outputs", "tools"],
        }
        return [{"id": one, "canonical_slug": one, "name": one, **about} for one in (MODEL, EMBEDDER)]

    def unknown(self, request: Request) -> Answer:
        return web_page(404)

    def refuse(self, message: str, status: int = 400, param: str | None = None) -> Answer:
        code, kind = ("invalid_prompt", "invalid_request") if status < 500 else ("server_error", "server")
        return reply({"error": {"code": code, "message": message}, "metadata": None, "error_type": kind}, status)

    def wrong(self, body: JsonObject) -> Answer | None:
        if body.get("store"):
            return self.refuse("Invalid input: store: expected false. This API is stateless.")
        if body.get("previous_response_id") is not None:
            return self.refuse("Invalid input: previous_response_id: expected null. This API is stateless.")
        if (body.get("service_tier") or "auto") not in TIERS:
            return self.refuse("Invalid input: service_tier: Invalid option")
        if body.get("model") != MODEL:
            return self.refuse(f"{body.get('model')} is not a valid model ID")
        return None

    def heard(self, body: JsonObject) -> JsonObject:
        # Named in its schema without a meaning; nothing could be polled.
        return {name: value for name, value in body.items() if name not in ("background", "conversation")}

    def told(self, body: JsonObject) -> JsonObject:
        return {"store": False, "previous_response_id": None, "background": False}

    def _models(self, request: Request) -> Answer:
        return reply({"data": self.entries()})
