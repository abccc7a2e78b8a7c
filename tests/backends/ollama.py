"""Ollama, as openai/responses.go, middleware/openai.go and server/routes.go have it (August 2026)."""

from collections.abc import Iterator

from tests.backends.compatible import (
    CREATE,
    EMBEDDER,
    EMBEDDINGS,
    MODEL,
    MODELS,
    CompatibleUpstream,
    items_of,
    only,
    parts_of,
    without_format,
)
from tests.upstream_answers import Answer, JsonObject, Request, reply

READ = (
    *("model", "input", "instructions", "max_output_tokens", "reasoning", "temperature", "text", "top_p"),
    *("truncation", "tools", "stream", "background", "include"),
)
ITEMS = frozenset({"message", "function_call", "function_call_output", "reasoning", "web_search_call"})
PARTS = frozenset({"input_text", "input_image", "output_text", "input_file"})
EFFORTS = frozenset({"none", "minimal", "low", "medium", "high", "xhigh", "ultra", "max"})
IMAGES = tuple(f"data:image/{kind};base64," for kind in ("jpeg", "jpg", "png", "webp"))


class OllamaUpstream(CompatibleUpstream):
    """Keeps nothing, and ignores without a word every parameter that it does not know."""

    serves = frozenset({MODELS, CREATE, EMBEDDINGS})

    def entries(self) -> list[JsonObject]:
        about = {"object": "model", "created": 1_790_000_000, "owned_by": "library"}
        return [{"id": MODEL, **about}, {"id": EMBEDDER, **about}]

    def unknown(self, request: Request) -> Answer:
        if f"POST {request.path}" in self.serves or f"GET {request.path}" in self.serves:
            return reply("405 method not allowed", 405, {"content-type": "text/plain"})
        return reply("404 page not found", 404, {"content-type": "text/plain"})

    def refuse(self, message: str, status: int = 400, param: str | None = None) -> Answer:
        kind = {400: "invalid_request_error", 404: "not_found_error"}.get(status, "api_error")
        return reply({"error": {"message": message, "type": kind, "param": None, "code": None}}, status)

    def wrong(self, body: JsonObject) -> Answer | None:
        if problem := next(_problems(body), None):
            return self.refuse(problem)
        if body.get("model") != MODEL:
            return self.refuse(f"model {body.get('model')!r} not found, try pulling it first", 404)
        return None

    def heard(self, body: JsonObject) -> JsonObject:
        return without_format({**only(body, READ), "background": False}, "json_object")

    def told(self, body: JsonObject) -> JsonObject:
        # Whether it was asked to work in the background is repeated, though it did not.
        fixed = {"previous_response_id": None, "prompt_cache_key": None, "metadata": {}, "service_tier": "default"}
        return {**fixed, "store": False, "tool_choice": "auto", "parallel_tool_calls": True}


def _problems(body: JsonObject) -> Iterator[str]:
    for number, item in enumerate(items_of(body)):
        kind = item.get("type") or ("message" if "role" in item else "")
        if kind not in ITEMS:
            yield f'input[{number}]: unknown input item type: "{kind}"'
        for place, part in enumerate(parts_of(item) if kind == "message" else ()):
            if part["type"] not in PARTS:
                yield f"input[{number}]: content[{place}]: unknown content type: {part['type']}"
            elif part["type"] == "input_file":
                yield "file inputs are not currently supported"
            elif part["type"] == "input_image":
                yield from _image_problems(part.get("image_url") or IMAGES[0])
    effort = (body.get("reasoning") or {}).get("effort")
    if effort and effort not in EFFORTS:
        yield f'invalid reasoning value: "{effort}"'


def _image_problems(url: str) -> Iterator[str]:
    if url.startswith(("http://", "https://")):
        yield "image URLs are not currently supported, please use base64 encoded data instead"
    elif not url.startswith(IMAGES):
        yield "invalid image input"
