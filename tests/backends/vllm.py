"""vLLM as it starts by default, as its entrypoints/openai/responses has it: protocol.py, serving.py, api_router.py."""

from collections.abc import Iterator, Mapping

from tests.backends.compatible import (
    ABSENT,
    CREATE,
    EMBEDDINGS,
    MODELS,
    CompatibleUpstream,
    items_of,
    only,
    parts_of,
)
from tests.upstream_answers import Answer, JsonObject, Request, reply
from tests.upstream_shelves import ONE, Handler

MODEL = "Qwen/Qwen3-8B"
READ = (
    *("background", "include", "input", "instructions", "max_output_tokens", "max_tool_calls", "metadata", "model"),
    *("parallel_tool_calls", "previous_response_id", "reasoning", "service_tier", "store", "stream", "temperature"),
    *("text", "tool_choice", "tools", "top_logprobs", "top_p", "truncation", "user"),
)
TIERS = frozenset({"auto", "default", "flex", "scale", "priority"})
INCLUDED = frozenset(
    {
        "code_interpreter_call.outputs",
        "computer_call_output.output.image_url",
        "file_search_call.results",
        "message.input_image.image_url",
        "message.output_text.logprobs",
        "reasoning.encrypted_content",
    }
)
BACKGROUND = (
    "This vLLM engine does not support `store=True` and therefore does not support the background mode. To enable "
    "these features, set the environment variable `VLLM_ENABLE_RESPONSES_API_STORE=1` when launching the vLLM server."
)
RETRIEVE, CANCEL = f"GET /v1/responses/{ONE}", f"POST /v1/responses/{ONE}/cancel"


class VllmUpstream(CompatibleUpstream):
    """Its store is off unless a variable turns it on: it takes ``store`` and keeps nothing."""

    serves = frozenset({MODELS, CREATE})

    def routes(self) -> list[tuple[str, Handler]]:
        # One server has one model: where this one generates, the other endpoint says so.
        gone = [(RETRIEVE, self._nothing_kept), (CANCEL, self._nothing_kept), (EMBEDDINGS, self._no_embeddings)]
        return [*super().routes(), *gone]

    def brand(self, request: Request) -> Mapping[str, str]:
        return {"server": "uvicorn"}

    def entries(self) -> list[JsonObject]:
        about = {"object": "model", "created": 1_790_000_000, "owned_by": "vllm"}
        return [{"id": MODEL, **about, "root": MODEL, "parent": None, "max_model_len": 40960, "permission": []}]

    def unknown(self, request: Request) -> Answer:
        kept = request.path.startswith("/v1/responses/")
        return reply({"detail": "Method Not Allowed" if kept else "Not Found"}, 405 if kept else 404)

    def refuse(self, message: str, status: int = 400, param: str | None = None) -> Answer:
        kinds = {404: "NotFoundError", 501: "NotImplementedError"}
        about = {"message": message, "type": kinds.get(status, "BadRequestError"), "param": param, "code": status}
        return reply({"error": about}, status)

    def wrong(self, body: JsonObject) -> Answer | None:
        if found := next(_problems(body), None):
            return self.refuse(found[1], param=found[0])
        if body.get("model") != MODEL:
            return self.refuse(f"The model `{body.get('model')}` does not exist.", 404, "model")
        if body.get("background") and body.get("store", True):
            return self.refuse(BACKGROUND, param="background")
        if previous := body.get("previous_response_id"):
            return self._nothing_kept(None, previous)
        if ((body.get("text") or {}).get("format") or {}).get("type") == "json_object":
            return self.refuse("json_object is not supported", 501)
        return None

    def heard(self, body: JsonObject) -> JsonObject:
        return only(body, READ)

    def told(self, body: JsonObject) -> JsonObject:
        # Its answers have no such fields.
        return dict.fromkeys(("store", "error", "prompt_cache_key", "conversation"), ABSENT)

    def _nothing_kept(self, request: Request | None, response_id: str) -> Answer:
        return self.refuse(f"Response with id '{response_id}' not found.", 404, "response_id")

    def _no_embeddings(self, request: Request) -> Answer:
        return self.refuse("The model does not support Embeddings API")


def _problems(body: JsonObject) -> Iterator[tuple[str, str]]:
    """Fields that are wrong, and what is said of them."""
    if body.get("prompt"):
        yield "prompt", "prompt template is not supported"
    if body.get("service_tier", "auto") not in TIERS:
        yield "service_tier", "Input should be 'auto', 'default', 'flex', 'scale' or 'priority'"
    if not INCLUDED.issuperset(body.get("include") or ()):
        yield "include", "1 validation error: Input should be 'code_interpreter_call.outputs', …"
    if body.get("background") and body.get("store") is False:
        yield "background", "background can only be used when `store` is true"
    yield from _input_problems(body)


def _input_problems(body: JsonObject) -> Iterator[tuple[str, str]]:
    for item in items_of(body):
        if item.get("type") == "reasoning" and item.get("encrypted_content"):
            yield "input", "Encrypted content is not supported."
        for part in parts_of(item) if "role" in item else ():
            if part["type"] == "input_file":
                yield "input", "Unknown part type: input_file"
