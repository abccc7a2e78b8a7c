"""LM Studio's server, from its documentation, its users' captures and its issue tracker (0.3.29 to 0.4.23)."""

from collections.abc import Mapping

from tests.backends.compatible import (
    CREATE,
    EMBEDDINGS,
    MODELS,
    CompatibleUpstream,
    items_of,
    only,
    without_format,
)
from tests.upstream_answers import Answer, JsonObject, Request, reply

MODEL = "qwen/qwen3-8b"
EMBEDDER = "text-embedding-nomic-embed-text-v1.5"
READ = (
    *("input", "instructions", "max_output_tokens", "model", "previous_response_id", "reasoning", "stream"),
    *("store", "temperature", "text", "tool_choice", "tools", "top_p"),
)
ITEMS = frozenset({"message", "function_call", "function_call_output", "reasoning", "item_reference"})


class LmStudioUpstream(CompatibleUpstream):
    """Chains in memory, serves nothing of what it keeps, and answers 200 at every address that it does not have."""

    serves = frozenset({MODELS, CREATE, EMBEDDINGS})
    keeps = True
    enforces = False  # lmstudio-bug-tracker 1396 and 2403: the schema is taken and ignored

    def brand(self, request: Request) -> Mapping[str, str]:
        return {"x-powered-by": "Express"}

    def entries(self) -> list[JsonObject]:
        about = {"object": "model", "owned_by": "organization_owner"}
        return [{"id": MODEL, **about}, {"id": EMBEDDER, **about}]

    def unknown(self, request: Request) -> Answer:
        return reply({"error": f"Unexpected endpoint or method. ({request.method} {request.path})"})

    def refuse(self, message: str, status: int = 400, param: str | None = None, code: str | None = None) -> Answer:
        about = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
        return reply({"error": about}, status)

    def wrong(self, body: JsonObject) -> Answer | None:
        text = body.get("text")
        if text is not None and "format" not in text:
            return self.refuse("Required", param="text.format", code="missing_required_parameter")
        if text and text["format"].get("type") == "json_object":
            return self.refuse("'text.format.type' must be 'json_schema' or 'text'", param="text.format.type")
        if any(item.get("type", "message") not in ITEMS for item in items_of(body)):
            return self.refuse("Invalid type for 'input'.", param="input", code="invalid_union")
        if body.get("model") != MODEL:
            words = f'Invalid model identifier "{body.get("model")}". Please specify a valid downloaded model.'
            return self.refuse(words, param="model", code="model_not_found")
        return None

    def heard(self, body: JsonObject) -> JsonObject:
        return without_format(only(body, READ), "json_schema")

    def told(self, body: JsonObject) -> JsonObject:
        return {"background": False}
