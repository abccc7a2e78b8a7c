"""llama.cpp's own server, as its tools/server has it, and as the one in ``xllamacpp`` 2026.10 really answers."""

from collections.abc import Iterator, Mapping

from tests.backends.compatible import (
    ABSENT,
    COUNT,
    CREATE,
    EMBEDDINGS,
    MODELS,
    CompatibleUpstream,
    items_of,
    parts_of,
    without_format,
    without_names,
)
from tests.upstream_answers import Answer, JsonObject, Request, reply
from tests.upstream_shapes import page
from tests.upstream_shelves import Handler

MODEL = "qwen3-8b-q8_0.gguf"
KINDS = {400: "invalid_request_error", 404: "not_found_error", 500: "server_error", 501: "not_supported_error"}
UNHEARD = ("background", "conversation", "prompt", "metadata", "context_management")
SILENT = (
    *("background", "error", "incomplete_details", "instructions", "max_output_tokens", "metadata", "reasoning"),
    *("parallel_tool_calls", "previous_response_id", "prompt_cache_key", "service_tier", "store", "temperature"),
    *("text", "tool_choice", "tools", "top_p", "truncation"),
)
SPOKEN = ("user", "system", "developer")


class LlamaCppUpstream(CompatibleUpstream):
    """One model, whatever name is asked for. ``text.format`` is ignored; ``response_format`` of its chat is not."""

    serves = frozenset({MODELS, CREATE, COUNT})

    def routes(self) -> list[tuple[str, Handler]]:
        # Embeddings need a server that was started for them.
        return [*super().routes(), (EMBEDDINGS, self._no_embeddings)]

    def brand(self, request: Request) -> Mapping[str, str]:
        return {"server": "llama.cpp"}

    def entries(self) -> list[JsonObject]:
        meta = {"n_ctx_train": 40960, "n_params": 8_190_735_360}
        about = {"object": "model", "created": 1_790_000_000, "owned_by": "llamacpp", "meta": meta}
        return [{"id": MODEL, "aliases": [], "tags": [], **about}]

    def unknown(self, request: Request) -> Answer:
        return self.refuse("File Not Found", 404)

    def refuse(self, message: str, status: int = 400, param: str | None = None) -> Answer:
        return reply({"error": {"code": status, "message": message, "type": KINDS[status]}}, status)

    def wrong(self, body: JsonObject) -> Answer | None:
        problem = next(_problems(body), None)
        return self.refuse(problem) if problem else None

    def heard(self, body: JsonObject) -> JsonObject:
        plain = without_format(without_names(body, *UNHEARD), "json_schema", "json_object")
        plain["tools"] = [tool for tool in body.get("tools") or () if tool["type"] == "function"]
        asked = body.get("response_format") or {}
        if asked.get("type") != "json_schema":
            return plain
        return {**plain, "text": {"format": {"type": "json_schema", **asked["json_schema"]}}}

    def told(self, body: JsonObject) -> JsonObject:
        # The answer repeats nothing of the request.
        return {"model": MODEL, **dict.fromkeys(SILENT, ABSENT)}

    def events(self, told: list[JsonObject]) -> list[JsonObject]:
        # Nothing is numbered, and the beginning is told again after the first words.
        plain = [without_names(event, "sequence_number", "output_index") for event in told]
        words = [place for place, event in enumerate(plain) if event["type"].endswith(".delta")][:1]
        return plain[: words[0] + 1] + plain[:2] + plain[words[0] + 1 :] if words else plain

    def _models(self, request: Request) -> Answer:
        return reply(page(self.entries(), models=[{"name": MODEL, "model": MODEL}]))

    def _no_embeddings(self, request: Request) -> Answer:
        return self.refuse("This server does not support embeddings. Start it with `--embeddings`", 501)


def _problems(body: JsonObject) -> Iterator[str]:
    if body.get("previous_response_id"):
        yield "llama.cpp does not support 'previous_response_id'."
    for item in items_of(body):
        yield from _item_problems(item)
    if body.get("top_logprobs"):
        yield "top_logprobs requires logprobs to be set to true"


def _item_problems(item: JsonObject) -> Iterator[str]:
    kind, role = item.get("type"), item.get("role")
    if role in SPOKEN:
        yield from _part_problems(item)
    elif role == "assistant" and kind == "message":
        if any(part["type"] not in ("output_text", "input_text", "refusal") for part in parts_of(item)):
            yield "'type' must be one of 'output_text' or 'refusal'"
    elif kind == "reasoning" and "summary" in item:
        yield from [] if item.get("content") else ["item['content'] is not an array"]
    elif kind not in ("function_call", "function_call_output"):
        yield "Cannot determine type of 'item'"


def _part_problems(item: JsonObject) -> Iterator[str]:
    for part in parts_of(item):
        if part["type"] == "input_file":
            yield "'input_file' is not supported by llamacpp at this moment"
        elif part["type"] not in ("input_text", "input_image"):
            yield "'type' must be one of 'input_text', 'input_image', or 'input_file'"
