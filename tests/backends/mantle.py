"""Bedrock's Mantle endpoint: background mode, web search, and two routes.

GPT-5.4 and newer stand under ``/openai/v1``, the open weights under ``/v1``; either refuses the other's models, in one
of three wordings that people have seen.
"""

from tests.backends.bedrock import TOKEN, BedrockUpstream
from tests.backends.cloud import ROUTE
from tests.upstream_answers import Answer, JsonObject, Request, reply
from tests.upstream_shapes import model, page
from tests.upstream_shelves import Handler

MODEL = "openai.gpt-5.4"
OLD = "/v1"
CATALOGUE = {
    MODEL: ROUTE,
    "openai.gpt-5.5": ROUTE,
    "openai.gpt-5.6-sol": ROUTE,
    "openai.gpt-6-astra": ROUTE,
    "openai.gpt-oss-20b": OLD,
    "openai.gpt-oss-120b": OLD,
}
"""The models, and where each of them stands."""
TOOLS = ("function", "custom", "web_search")


def variables(base_url: str) -> dict[str, str]:
    """The settings of a user who follows the cookbook."""
    return {
        "AWS_BEARER_TOKEN_BEDROCK": TOKEN,
        "AWS_REGION": "us-west-2",
        "BEDROCK_MODEL": MODEL,
        "BEDROCK_BASE_URL": base_url.removesuffix("/v1") + ROUTE,
    }


class MantleUpstream(BedrockUpstream):
    """``retention`` is the account's: ``none`` keeps nothing. ``lists_models`` has it list them, on the older route."""

    def __init__(self) -> None:
        super().__init__()
        self.retention = "default"
        self.lists_models = False
        self._route = ROUTE
        self._made_on: dict[str, str] = {}

    def routes(self) -> list[tuple[str, Handler]]:
        """Responses and, if it lists them, models."""
        models = [("GET /v1/models", self._models)] if self.lists_models and self._route == OLD else []
        return [*models, *super().routes()]

    def refusal(self, request: Request) -> Answer | None:
        """As both endpoints do."""
        self._route = ROUTE if request.path.startswith(f"{ROUTE}/") else OLD
        return super().refusal(request)

    def wrong(self, body: JsonObject) -> Answer | None:
        """Why a request for a response is refused."""
        name = body.get("model", MODEL)
        if name not in CATALOGUE:
            return self.failed(404, f"The model '{name}' does not exist.", code="model_not_found", param="model")
        if CATALOGUE[name] != self._route:
            return self._elsewhere(name)
        for number, tool in enumerate(body.get("tools") or ()):
            if tool["type"] not in TOOLS:
                words = f"Invalid value: '{tool['type']}'. Supported values are: {', '.join(TOOLS)}."
                return self.failed(400, words, param=f"tools[{number}].type")
        for kept in ("store", "background"):
            if self.retention == "none" and body.get(kept):
                return self.failed(400, f"'{kept}' cannot be true in the data retention mode 'none'.", param=kept)
        return super().wrong(body)

    def _elsewhere(self, name: str) -> Answer:
        if name == "openai.gpt-5.5":
            return self.failed(400, f"The model '{name}' does not support the '{self._route}/responses' API")
        if name == "openai.gpt-oss-20b":
            return self.failed(401, f"{name} is not enabled.", code="access_denied", type="permission_denied_error")
        return self.failed(400, f"model `{name}` isn't supported on this route")

    def holds(self, response_id: str) -> bool:
        """Nobody says whether one route finds what the other made; here it does not."""
        return super().holds(response_id) and self._made_on.get(response_id, self._route) == self._route

    def _respond(self, body: JsonObject, known: list[JsonObject]) -> JsonObject:
        final = super()._respond({"store": self.retention != "none", **body}, known)
        self._made_on[final["id"]] = self._route
        return final

    def _models(self, request: Request) -> Answer:
        return reply(page([model(name, 1_790_000_000, data_retention="default") for name in CATALOGUE]))
