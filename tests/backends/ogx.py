"""ogx (once llama-stack) over llama.cpp, as version 1.5 really answers: nearly everything, and odd in few places."""

import re
from collections.abc import Iterator, Mapping

from tests.backends.compatible import COUNT, CompatibleUpstream, data_only, items_of, parts_of
from tests.upstream_answers import Answer, JsonObject, Request, reply
from tests.upstream_shelves import ONE, Handler
from tests.upstream_state import StatefulUpstream

MODEL = "chat/qwen3-8b"
EMBEDDER = "embed/minilm"
CANCEL = f"POST /v1/responses/{ONE}/cancel"
TIERS = frozenset({"auto", "default", "flex", "priority"})
TOOLS = frozenset({"function", "file_search", "mcp"})
NOT_BOTH = "OGX does not yet support 'stream' and 'background' together."


class OgxUpstream(CompatibleUpstream):
    """Keeps responses, conversations, files and vector stores; what it says of ``tools`` depends on its providers."""

    keeps = True

    def routes(self) -> list[tuple[str, Handler]]:
        kept = [(pattern, handler) for pattern, handler in StatefulUpstream.routes(self) if pattern != COUNT]
        return [(CANCEL, self._cancel_background), *kept]

    def brand(self, request: Request) -> Mapping[str, str]:
        return {"server": "uvicorn"}

    def entries(self) -> list[JsonObject]:
        about = {"object": "model", "created": 1_790_000_000, "owned_by": "ogx"}
        kinds = {MODEL: "llm", EMBEDDER: "embedding"}
        return [{"id": one, **about, "custom_metadata": {"model_type": kind}} for one, kind in kinds.items()]

    def unknown(self, request: Request) -> Answer:
        kept = request.path.startswith("/v1/responses/")
        return self.refuse("Method Not Allowed" if kept else "Not Found", 405 if kept else 404)

    def refuse(self, message: str, status: int = 400, param: str | None = None) -> Answer:
        if param is None:
            return reply({"detail": message}, status)
        # What the types of its fields do not take is said in pydantic's words.
        told = {"errors": [{"loc": ["body", param], "msg": message, "type": "value_error"}]}
        return reply({"error": {"message": str(told)}}, status)

    def told(self, body: JsonObject) -> JsonObject:
        return {"conversation": None}

    def wrong(self, body: JsonObject) -> Answer | None:
        if found := next(_invalid(body), None):
            return self.refuse(found[1], param=found[0])
        if body.get("model") != MODEL:
            words = f"Model '{body.get('model')}' not found. Use 'client.models.list()' to list available Models."
            return self.refuse(words, 404)
        previous = body.get("previous_response_id")
        if previous is not None and previous not in self.kept():
            words = f"Response '{previous}' not found. Use 'client.responses.list()' to list available Responses."
            return self.refuse(words, 404)
        problem = next(_problems(body), None)
        return self.refuse(problem) if problem else None

    def otherwise(self, request: Request) -> Answer | None:
        named = re.match(r"/v1/vector_stores/([^/]+)", request.path)
        if named and named.group(1) not in self.stores:
            return reply({"error": {"message": f"Vector_store '{named.group(1)}' not found"}}, 400)
        return super().otherwise(request)

    def events(self, told: list[JsonObject]) -> list[str]:
        return data_only(told)

    def best(self, store_id: str, queries: list[str], options: JsonObject) -> list[JsonObject]:
        # What stands as a passage's file is a document of its own; the file's id is among the attributes.
        found = super().best(store_id, queries, options)
        return [
            {**one, "file_id": f"doc-{one['file_id']}", "attributes": {**one["attributes"], "file_id": one["file_id"]}}
            for one in found
        ]

    def _cancel_background(self, request: Request, response_id: str) -> Answer:
        if response_id not in self.kept():
            words = f"Response '{response_id}' not found. Use 'client.responses.list()' to list available Responses."
            return self.refuse(words, 404)
        if not self.responses[response_id]["background"]:
            words = f"Cannot cancel response '{response_id}': only background responses can be cancelled"
            return self.refuse(words, 409)
        return self._cancel(request, response_id)


def _invalid(body: JsonObject) -> Iterator[tuple[str, str]]:
    if (body.get("service_tier") or "auto") not in TIERS:
        yield "service_tier", "Input should be 'auto', 'default', 'flex' or 'priority'"
    if (body.get("max_output_tokens") or 16) < 16:
        yield "max_output_tokens", "Input should be greater than or equal to 16"
    if not isinstance(body.get("conversation") or "", str):
        yield "conversation", "Input should be a valid string"
    for tool in body.get("tools") or ():
        if tool["type"] not in TOOLS and not tool["type"].startswith("web_search"):
            yield "tools", f"Input tag '{tool['type']}' found using 'type' does not match any of the expected tags"


def _problems(body: JsonObject) -> Iterator[str]:
    if body.get("background") and body.get("store") is False:
        yield "Cannot use 'background' with 'store=False'. Background responses must be stored."
    if body.get("background") and body.get("stream"):
        yield NOT_BOTH
    named = body.get("conversation")
    if named and not re.fullmatch(r"conv_[0-9a-f]{48}", named):
        words = "Must match format 'conv_' followed by 48 lowercase hex characters."
        yield f"Invalid value for 'conversation': {named}. {words}"
    for tool in body.get("tools") or ():
        if tool["type"].startswith("web_search"):
            yield f"Tool '{tool['type']}' not found"
    for item in items_of(body):
        if any(part["type"] == "input_file" for part in (parts_of(item) if "role" in item else ())):
            yield f"Invalid value for 'model': {body['model']}. unsupported content[].type"
