"""What Bedrock's two endpoints have in common, as their pages and their users' measurements describe it.

Responses are kept, chained, retrieved, deleted and cancelled; there are no files, stores, conversations, input items,
token counts or compaction. An id that cannot be found is the same 404 wherever it stands. Ids and usage look as the
cookbook prints them.
"""

import re

from tests.backends.cloud import CloudUpstream, creates, said
from tests.seeds.cookbook import name_of
from tests.upstream_answers import Answer, JsonObject, Request, reply
from tests.upstream_shelves import ONE, Handler

TOKEN = "bedrock-api-key-0123456789abcdef"


class BedrockUpstream(CloudUpstream):
    """``token`` is the bearer that it lets in."""

    def __init__(self) -> None:
        super().__init__()
        self.token = TOKEN

    def routes(self) -> list[tuple[str, Handler]]:
        """Responses, and what is done with one."""
        return [
            ("POST /v1/responses", self._create),
            (f"GET /v1/responses/{ONE}", self._retrieve),
            (f"DELETE /v1/responses/{ONE}", self._delete),
            (f"POST /v1/responses/{ONE}/cancel", self._cancel),
        ]

    def refusal(self, request: Request) -> Answer | None:
        """A wrong bearer or project, and what the endpoint or the model does not take."""
        if request.headers.get("authorization") != f"Bearer {self.token}":
            words = "The security token included in the request is invalid."
            return self.failed(401, words, code="invalid_api_key", type="permission_denied_error")
        if (project := request.headers.get("openai-project", "default")) != "default":
            return self.failed(400, f"The project '{project}' is not available.")
        body = creates(request)
        return None if body is None else self.wrong(body)

    def otherwise(self, request: Request) -> Answer | None:
        """Answer from memory, which has to hold the id that is named."""
        one, body = re.fullmatch(r"/v1/responses/(resp_\w+)(?:/cancel)?", request.path), creates(request)
        named = body.get("previous_response_id") if body else one.group(1) if one else None
        return self.unknown() if named and not self.holds(named) else super().otherwise(request)

    def wrong(self, body: JsonObject) -> Answer | None:
        """Why a request for a response is refused; None when it is not."""
        if not (name := body.get("model")):
            return self.failed(400, "Missing required parameter: 'model'.", param="model")
        if body.get("conversation") is not None:
            return self.failed(
                400, "Unknown parameter: 'conversation'.", param="conversation", code="unknown_parameter"
            )
        for wrong, param, words in _quirks(generation(name), body):
            if wrong:
                return self.failed(400, f"{words} with this model.", param=param, code="unsupported_parameter")
        return None

    def holds(self, response_id: str) -> bool:
        """Whether a response can be found."""
        return response_id in self.kept()

    def failed(self, status: int, message: str, **fields: str | None) -> Answer:
        """An error in OpenAI's envelope, as both endpoints wrap theirs."""
        body = {"code": "validation_error", "message": message, "param": None, "type": "invalid_request_error"}
        return said(status, {"error": {**body, **fields}}, self.headers())

    def headers(self) -> dict[str, str]:
        """What names a request that failed."""
        return {"x-request-id": self.new_id("req_")}

    def unknown(self) -> Answer:
        """An id that never was, is another account's, or was not kept: nobody can tell which."""
        return self.failed(404, "The requested response was not found.", code="not_found")

    def nowhere(self) -> Answer:
        """A path that nothing is at, in the gateway's own words."""
        return said(404, {"message": "Not Found"}, self.headers())

    def new_id(self, prefix: str) -> str:
        """An id that nothing has yet, as Bedrock forms them."""
        return prefix + name_of(next(self._numbers)).removeprefix("resp_")

    def _respond(self, body: JsonObject, known: list[JsonObject]) -> JsonObject:
        final = super()._respond(body, known)
        del final["usage"]["input_tokens_details"]["cache_write_tokens"]
        return final

    def _cancel(self, request: Request, response_id: str) -> Answer:
        # What has ended is shown as it is, whether it ran in the background or not.
        found = self.responses[response_id]
        return super()._cancel(request, response_id) if found["background"] else reply(found)


def generation(model: str) -> tuple[int, int]:
    """Of a GPT, as (5, 4); (0, 0) of open weights."""
    found = re.search(r"gpt-(\d+)(?:\.(\d+))?", model)
    return (int(found.group(1)), int(found.group(2) or 0)) if found else (0, 0)


def _quirks(of: tuple[int, int], body: JsonObject) -> list[tuple[bool, str, str]]:
    """What the models refuse, each as (whether it is there, which parameter, in which words)."""
    retention = body.get("prompt_cache_retention")
    summary = (body.get("reasoning") or {}).get("summary")
    return [
        (of >= (5, 5) and "top_p" in body, "top_p", "Unsupported parameter: 'top_p' is not supported"),
        (summary == "auto", "reasoning.summary", "Unsupported value: 'reasoning.summary' does not support 'auto'"),
        (
            of < (5, 6) and "prompt_cache_options" in body,
            "prompt_cache_options",
            "Unsupported parameter: 'prompt_cache_options' is not supported",
        ),
        (
            (of >= (6, 0) and retention is not None) or (of >= (5, 5) and retention == "in_memory"),
            "prompt_cache_retention",
            f"Unsupported value: 'prompt_cache_retention' does not support '{retention}'",
        ),
    ]
