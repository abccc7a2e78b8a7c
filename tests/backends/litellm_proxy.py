"""LiteLLM's proxy as version 1.106 really answers before a provider that has only chat: a bridge, and its ways."""

from collections.abc import Mapping

from tests.backends.compatible import (
    COUNT,
    CREATE,
    EMBEDDINGS,
    MODELS,
    CompatibleUpstream,
    data_only,
    items_of,
    parts_of,
    without_format,
    without_names,
)
from tests.upstream_answers import Answer, JsonObject, Request, reply

MODEL = "house-model"
EMBEDDER = "house-embedder"
CREATED = 1_677_610_602
UNHEARD = (
    *("background", "conversation", "context_management", "previous_response_id", "prompt", "prompt_cache_key"),
    *("prompt_cache_options", "prompt_cache_retention", "safety_identifier", "service_tier", "user"),
)
TOOLS = frozenset({"function", "custom", "web_search", "file_search", "mcp"})


class LitellmUpstream(CompatibleUpstream):
    """It repeats the ``previous_response_id`` that it does not use, and has endpoints that only fail."""

    serves = frozenset({MODELS, CREATE, COUNT, EMBEDDINGS})

    def brand(self, request: Request) -> Mapping[str, str]:
        if request.path == "/v1/models":
            return {"vary": "Origin"}
        return {"x-litellm-version": "1.106.0", "x-litellm-call-id": "148072b9-ef13-4a50-953c-0b990816575f"}

    def entries(self) -> list[JsonObject]:
        about = {"object": "model", "created": CREATED, "owned_by": "openai"}
        return [{"id": one, **about} for one in (MODEL, EMBEDDER)]

    def unknown(self, request: Request) -> Answer:
        if request.path.startswith("/v1/responses/"):
            words = f"{request.method} responses is not supported for lm_studio"
            return self.refuse(f"litellm.APIConnectionError: APIConnectionError: Lm_studioException - {words}", 500)
        if request.path.startswith("/v1/files"):
            return self.refuse("files_settings is not set, set it on your config.yaml file.", 500)
        if request.path.startswith("/v1/vector_stores"):
            return self.refuse("Cannot connect to host api.openai.com:443", 500)
        return reply({"detail": "Not Found"}, 404)

    def refuse(self, message: str, status: int = 400, param: str | None = None) -> Answer:
        kind = "internal_server_error" if status >= 500 else "invalid_request_error"
        return reply({"error": {"message": message, "type": kind, "param": None, "code": str(status)}}, status)

    def wrong(self, body: JsonObject) -> Answer | None:
        if (model := body.get("model")) != MODEL:
            words = (
                f"/responses: Invalid model name passed in model={model}. Call `/v1/models` to view available models."
            )
            return self.refuse(words)
        if (body.get("reasoning") or {}).get("effort"):
            words = f"lm_studio does not support parameters: ['reasoning_effort'], for model={MODEL}."
            return self._failed(f"UnsupportedParamsError: {words}")
        if any(part["type"] == "input_file" for item in items_of(body) for part in parts_of(item)):
            return self._failed("BadRequestError: Lm_studioException - unsupported content[].type")
        if any(tool["type"] not in TOOLS for tool in body.get("tools") or ()):
            return self.refuse("litellm.InternalServerError: Lm_studioException", 500)
        return None

    def heard(self, body: JsonObject) -> JsonObject:
        return without_format(without_names(body, *UNHEARD), "json_object")

    def told(self, body: JsonObject) -> JsonObject:
        return {"prompt_cache_key": None, "background": None, "service_tier": None}

    def _respond(self, body: JsonObject, known: list[JsonObject]) -> JsonObject:
        return {**super()._respond(body, known), "previous_response_id": self._previous}

    def new_id(self, prefix: str) -> str:
        # Where it was routed to is part of its ids.
        return super().new_id(prefix) + ("j2eYP3xPnip-L0MVzwdtzDftg0_z" * 18 + "=" if prefix == "resp_" else "")

    def _create(self, request: Request) -> Answer:
        self._previous = request.json.get("previous_response_id")
        return super()._create(request)

    def events(self, told: list[JsonObject]) -> list[str]:
        return data_only([without_names(event, "sequence_number") for event in told])

    def _failed(self, words: str) -> Answer:
        after = f"LiteLLM: model group '{MODEL}' failed with the error above. No fallback was attempted."
        return self.refuse(f"litellm.{words}\n\n{after}")
