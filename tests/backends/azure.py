"""Azure OpenAI's v1 API as its pages describe it: deployments instead of models, no ``user_data``, no images by id.

A model is asked by the name of its deployment and answers under its own; the list of models is the catalogue of the
region, whatever is deployed. The pages name no endpoint that counts input tokens.
"""

from tests.backends.cloud import ROUTE, CloudUpstream, creates, parts, plain, said
from tests.upstream_answers import Answer, JsonObject, Request, reply
from tests.upstream_shapes import model, page
from tests.upstream_shelves import Handler

KEY = "0123456789abcdef0123456789abcdef"
DEPLOYMENT = "desk"
EMBEDDINGS = "desk-embeddings"
HEADERS = {"apim-request-id": "9c5f1d2e-azure", "x-request-id": "9c5f1d2e-azure", "x-ms-region": "East US 2"}

NO_DEPLOYMENT = (
    "The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, "
    "please wait a moment and try again."
)
NO_ACCESS = (
    "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an "
    "active subscription and use a correct regional API endpoint for your resource."
)
TOOLS = (
    *("function", "custom", "web_search", "web_search_preview", "file_search", "code_interpreter"),
    *("image_generation", "mcp", "computer_use_preview"),
)
ASKS_A_MODEL = ("/v1/responses", "/v1/responses/compact", "/v1/embeddings")


def variables(base_url: str) -> dict[str, str]:
    """The settings of a user with a key, who pastes the endpoint as the portal shows it: without a path."""
    return {
        "AZURE_OPENAI_ENDPOINT": base_url.removesuffix("/v1"),
        "AZURE_OPENAI_API_KEY": KEY,
        "AZURE_OPENAI_DEPLOYMENT_NAME": DEPLOYMENT,
    }


class AzureUpstream(CloudUpstream):
    """``deployments`` are the models by the names that the user gave them. ``keys`` are what it lets in."""

    def __init__(self) -> None:
        super().__init__()
        self.deployments = {DEPLOYMENT: "gpt-5.4-2026-03-05", EMBEDDINGS: "text-embedding-3-small"}
        self.keys = {KEY}

    def routes(self) -> list[tuple[str, Handler]]:
        """All that OpenAI has but the count of input tokens."""
        return [(path, handler) for path, handler in super().routes() if not path.endswith("/input_tokens")]

    def refusal(self, request: Request) -> Answer | None:
        """A wrong key, path or version, and what the service does not take."""
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not {bearer, request.headers.get("api-key")} & self.keys:
            return failed(401, "401", NO_ACCESS)
        if not request.path.startswith(f"{ROUTE}/") or "api-version" in request.query:
            return self.nowhere()
        asked = plain(request.path) if request.method == "POST" else ""
        if asked in ASKS_A_MODEL and request.json.get("model") not in self.deployments:
            return failed(404, "DeploymentNotFound", NO_DEPLOYMENT)
        if asked == "/v1/files" and not _purpose(request) & {b"assistants", b"batch", b"fine-tune"}:
            return failed(400, "invalidPayload", "Invalid value for purpose.")
        body = creates(request)
        return None if body is None else _wrong(body)

    def nowhere(self) -> Answer:
        """A path that nothing is at."""
        return failed(404, "404", "Resource not found")

    def _respond(self, body: JsonObject, known: list[JsonObject]) -> JsonObject:
        return super()._respond({**body, "model": self.deployments[body["model"]]}, known)

    def _models(self, request: Request) -> Answer:
        # The newest is nothing that this user has deployed.
        names = ["gpt-5.4-2026-03-05", "text-embedding-3-small", "gpt-6-sol-2026-09-14"]
        return reply(page([model(name, 1_770_000_000 + at, owned_by="system") for at, name in enumerate(names)]))


def failed(status: int, code: str, message: str, **fields: str) -> Answer:
    """An error in Azure's envelope, which has no more than what is given."""
    return said(status, {"error": {"code": code, "message": message, **fields}}, HEADERS)


def _wrong(body: JsonObject) -> Answer | None:
    for number, tool in enumerate(body.get("tools") or ()):
        if tool["type"] not in TOOLS:
            place, words = f"tools[{number}].type", f"Invalid value: '{tool['type']}'."
            return failed(400, "invalid_value", words, param=place, type="invalid_request_error")
    if any(part["type"] == "input_image" and part.get("file_id") for part in parts(body)):
        words = "Images cannot be referenced by file id."
        return failed(400, "invalid_value", words, param="input", type="invalid_request_error")
    return None


def _purpose(request: Request) -> set[bytes]:
    """The field of the form, found without parsing the file beside it."""
    after = request.content.partition(b'name="purpose"')[2]
    return set(after.split(b"\r\n", 3)[2:3])
