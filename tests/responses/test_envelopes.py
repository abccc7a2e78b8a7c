"""Whatever server it was, and however it wraps its errors, they end in one shape."""

from typing import NamedTuple

import pytest

from mcp_server.backends.responses.backend import ResponsesBackend
from mcp_server.backends.responses.quoting import quoted
from mcp_server.errors import UpstreamError
from tests.responses.talk import answer, fault
from tests.upstream import ScriptedUpstream
from tests.upstream_answers import Answer, error, reply, stream
from tests.upstream_errors import (
    AWS,
    KNOWN_ENDPOINT,
    UNKNOWN_ENDPOINT,
    aws,
    azure,
    litellm,
    llama_cpp,
    lm_studio,
    mantle,
    ollama,
    openrouter,
    raw,
    vllm,
)
from tests.upstream_shapes import text_events

POST = "POST", "/v1/responses"
GET = "GET", "/v1/responses/resp_1"
AWS_ID = AWS["x-amzn-requestid"]

CONTENT_POLICY = "The response was filtered due to the prompt triggering Azure OpenAI's content management policy."
FULL_MODEL = "deepseek-ai/DeepSeek-R1-Distill-Qwen-32B"


class Row(NamedTuple):
    """An error and what it becomes; ``says`` stands in the message."""

    told: Answer
    kind: str
    says: str
    retryable: bool = False
    request_id: str | None = None
    posts: int = 1
    missing: bool = False


ERRORS: dict[str, Row] = {
    # OpenAI: facts of the API's errors; billing_not_active comes with 429.
    "openai, unpaid": Row(
        error(429, "not active", code="billing_not_active"), "quota", "credit", request_id="req_scripted"
    ),
    "openai, model": Row(
        error(404, "The model `gpt-x` does not exist"), "not_found", "check its name", request_id="req_scripted"
    ),
    # Azure: BotSharp #386, chatbox #861, dbchatprov2 #2, and the documented content filter.
    "azure, key": Row(
        azure(401, "401", "Access denied due to invalid subscription key"),
        "auth",
        "check OPENAI_API_KEY",
        request_id="apim-1",
    ),
    "azure, deployment": Row(
        azure(404, "DeploymentNotFound", "The API deployment for this resource does not exist."),
        "not_found",
        "deployed",
        request_id="apim-1",
    ),
    "azure, rate": Row(
        azure(429, "429", "have exceeded token rate limit"), "rate_limited", "HTTP 429", True, "apim-1", 3
    ),
    "azure, filter": Row(
        azure(
            400, "content_filter", CONTENT_POLICY, param="prompt", innererror={"code": "ResponsibleAIPolicyViolation"}
        ),
        "content_filter",
        "content management policy",
        request_id="apim-1",
    ),
    "azure, filter inside": Row(
        azure(400, None, "no", innererror={"code": "ResponsibleAIPolicyViolation"}),
        "content_filter",
        "filter",
        request_id="apim-1",
    ),
    # Bedrock's runtime.
    "bedrock, throttled": Row(
        aws(429, "ThrottlingException", "Too many tokens"), "rate_limited", "try again", True, AWS_ID, 3
    ),
    "bedrock, not ready": Row(
        aws(429, "ModelNotReadyException", "later"), "upstream_unavailable", "not ready", True, AWS_ID, 3
    ),
    "bedrock, quota": Row(
        aws(400, "ServiceQuotaExceededException", "too much"), "rate_limited", "try again", True, AWS_ID
    ),
    "bedrock, conflict": Row(aws(400, "ConflictException", "busy"), "conflict", '"busy"', True, AWS_ID),
    "bedrock, expired": Row(
        aws(403, "ExpiredTokenException", "The security token included in the request is expired"),
        "auth",
        "expired",
        request_id=AWS_ID,
    ),
    "bedrock, expired in words": Row(
        raw({"Message": "Bearer Token has expired"}, 403, AWS), "auth", "expired", request_id=AWS_ID
    ),
    "bedrock, denied": Row(aws(403, "AccessDeniedException", "no"), "auth", "enabled", request_id=AWS_ID),
    "bedrock, invalid": Row(
        aws(400, "ValidationException", "The background parameter is not supported"),
        "invalid_request",
        "background",
        request_id=AWS_ID,
    ),
    "bedrock, model id": Row(
        aws(400, "ValidationException", "The provided model identifier is invalid."),
        "not_found",
        "check its name",
        request_id=AWS_ID,
    ),
    "bedrock, model failed": Row(
        aws(424, "ModelErrorException", "model"), "upstream_unavailable", "HTTP 424", True, AWS_ID
    ),
    "bedrock, by type": Row(
        raw({"__type": "com.amazon.bedrock#ThrottlingException", "message": "slow"}, 400, AWS),
        "rate_limited",
        "try again",
        True,
        AWS_ID,
    ),
    # Bedrock's mantle: both are 401.
    "mantle, token": Row(mantle(401, "invalid_api_key", "Invalid bearer token"), "auth", "API key", request_id=AWS_ID),
    "mantle, model": Row(
        mantle(401, "access_denied", "openai.gpt-5.5 is not available for this account."),
        "auth",
        "enabled",
        request_id=AWS_ID,
    ),
    "mantle, route": Row(
        mantle(400, "validation_error", "model `xai.grok-4.3` isn't supported on this route"),
        "invalid_request",
        "this route",
        request_id=AWS_ID,
    ),
    # OpenRouter: open-webui/computer #293, open-assistant #80, its documentation.
    "openrouter, credits": Row(
        openrouter(402, "Insufficient credits", limit_source="openrouter_credits"), "quota", "credit"
    ),
    "openrouter, in flight": Row(
        openrouter(402, "Too much", limit_source="openrouter_in_flight_budget"),
        "rate_limited",
        "HTTP 402",
        True,
        posts=3,
    ),
    "openrouter, flagged": Row(
        openrouter(403, "flagged", reasons=["violence"], flagged_input="the words"), "content_filter", "filter"
    ),
    "openrouter, slow": Row(openrouter(408, "Timed out"), "timeout", "in time"),
    "openrouter, down": Row(openrouter(502, "Provider returned error", raw="boom"), "upstream_unavailable", "gateway"),
    "openrouter, nobody": Row(openrouter(503, "No provider"), "upstream_unavailable", "HTTP 503", True, posts=3),
    "openrouter, raw": Row(
        openrouter(400, "Provider returned error", raw='{"error":{"message":"bad tool"}}'),
        "invalid_request",
        '"bad tool"',
    ),
    "openrouter, model": Row(openrouter(400, "claude-9 is not a valid model ID"), "not_found", "claude-9"),
    "openrouter, tools": Row(
        openrouter(404, "No endpoints found that support tool use."), "invalid_request", "tool use"
    ),
    "openrouter, 200": Row(openrouter(429, "slow down", http=200), "rate_limited", "try again", True),
    # vLLM: facts and issues.
    "vllm, model": Row(
        vllm(404, "NotFoundError", f"The model `{FULL_MODEL}` does not exist."), "not_found", FULL_MODEL
    ),
    "vllm, flat": Row(
        vllm(400, "BadRequestError", "max_tokens is too large", old=True), "invalid_request", "max_tokens"
    ),
    "vllm, context": Row(
        vllm(400, "BadRequestError", "maximum context length is 8192 tokens"), "context_length", "8192"
    ),
    "fastapi": Row(
        raw({"detail": [{"loc": ["body", "service_tier"], "msg": "Input should be 'auto'"}]}, 422),
        "invalid_request",
        "service_tier",
    ),
    "fastapi, wrapped": Row(
        raw({"detail": '{"error": {"message": "too big", "type": "exceed_context_size_error"}}'}, 400),
        "context_length",
        "too big",
    ),
    # Ollama: server/routes.go.
    "ollama, model": Row(ollama(404, "model 'llama9' not found"), "not_found", "pulled"),
    "ollama, native": Row(
        raw({"error": 'model "llama9" not found, try pulling it first'}, 404), "not_found", "try pulling it"
    ),
    "ollama, busy": Row(
        ollama(503, "server busy, please try again.  maximum pending requests exceeded"),
        "upstream_unavailable",
        "try again",
        True,
        posts=3,
    ),
    "lm studio, model": Row(lm_studio("No models loaded. Please load a model."), "not_found", "loaded"),
    "llama.cpp, loading": Row(
        llama_cpp(503, "unavailable_error", "Loading model"), "upstream_unavailable", "not ready", True, posts=3
    ),
    "llama.cpp, context": Row(
        llama_cpp(400, "exceed_context_size_error", "request (9 tokens) exceeds the available context size"),
        "context_length",
        "9 tokens",
    ),
    "llama.cpp, key": Row(llama_cpp(401, "authentication_error", "Invalid API Key"), "auth", "API key"),
    # LiteLLM: litellm #40002, #14144, #20867.
    "litellm, budget": Row(
        litellm(429, "Budget has been exceeded! Current cost: 1", "budget_exceeded"),
        "quota",
        "credit",
        request_id="call-litellm",
    ),
    "litellm, budget in words": Row(
        litellm(400, "litellm.BadRequestError: OpenAIException - Budget has been exceeded!"),
        "quota",
        "credit",
        request_id="call-litellm",
    ),
    "litellm, rate": Row(
        litellm(429, "No deployments available for selected model"),
        "rate_limited",
        "try again",
        True,
        "call-litellm",
        3,
    ),
    "litellm, context": Row(
        litellm(400, "litellm.ContextWindowExceededError: too long"),
        "context_length",
        "too long",
        request_id="call-litellm",
    ),
    "litellm, model": Row(
        litellm(404, "litellm.NotFoundError: OpenAIException - Model 'x/y' is not recognised."),
        "not_found",
        "check its name",
        request_id="call-litellm",
    ),
    "litellm, model in words": Row(
        litellm(400, "/responses: Invalid model name passed in model=x. Call `/v1/models` to view available models"),
        "not_found",
        "check its name",
        request_id="call-litellm",
    ),
    "litellm, budget of a model": Row(
        litellm(429, "User: engineer-1, exceeded budget for model=x", "budget_exceeded"),
        "quota",
        "credit",
        request_id="call-litellm",
    ),
    "litellm, around llama.cpp": Row(
        litellm(400, "request (9 tokens) exceeds the available context size"),
        "context_length",
        "9 tokens",
        request_id="call-litellm",
    ),
    "litellm, filter": Row(
        litellm(400, "litellm.ContentPolicyViolationError: no"), "content_filter", "filter", request_id="call-litellm"
    ),
    "openrouter, no endpoint": Row(
        openrouter(404, "No endpoints found for nousresearch/hermes-3."), "not_found", "check its name"
    ),
    "bedrock, expired by name": Row(aws(400, "ExpiredTokenException", "no"), "auth", "expired", request_id=AWS_ID),
    "bedrock, denied with 400": Row(aws(400, "AccessDeniedException", "no"), "auth", "enabled", request_id=AWS_ID),
    "azure, deployment by name": Row(
        azure(404, "DeploymentNotFound", "None such."), "not_found", "check its name", request_id="apim-1"
    ),
    "azure, deployment in words": Row(
        azure(404, None, "The API deployment for this resource does not exist."),
        "not_found",
        "check its name",
        request_id="apim-1",
    ),
    "azure, filter in words": Row(azure(400, None, CONTENT_POLICY), "content_filter", "filter", request_id="apim-1"),
    "llama.cpp, not on": Row(
        llama_cpp(501, "not_supported_error", "This server does not support embeddings."),
        "invalid_request",
        "embeddings",
        missing=True,
    ),
    "overloaded": Row(
        error(529, "Overloaded", type="overloaded_error"), "upstream_unavailable", "HTTP 529", True, "req_scripted"
    ),
    "too large": Row(raw("<html>413</html>", 413, kind="text/html"), "invalid_request", "larger than"),
    "plain text": Row(
        raw("upstream connect error", 503, kind="text/plain"), "upstream_unavailable", "HTTP 503", True, posts=3
    ),
    "nothing": Row(raw("", 500), "upstream_unavailable", "HTTP 500", True),
}


@pytest.mark.parametrize("row", ERRORS.values(), ids=ERRORS)
async def test_an_error_of_any_server_ends_in_one_shape(
    up: ScriptedUpstream, backend: ResponsesBackend, row: Row
) -> None:
    up.always(*POST, row.told)
    failed = await fault(backend)
    assert (failed.kind, failed.retryable, failed.missing) == (row.kind, row.retryable, row.missing)
    assert row.says in failed.message
    assert (failed.request_id or None) == row.request_id
    assert len(up.posts()) == row.posts
    assert failed.outcome == ("unknown" if failed.http_status in {408, 502, 504} else "failed")
    if failed.http_status in {401, 402, 403, 408, 429, 500, 502, 503, 529}:
        assert "it said" not in failed.message


async def test_a_busy_account_of_openrouter_is_asked_again(up: ScriptedUpstream, backend: ResponsesBackend) -> None:
    up.on(*POST, openrouter(402, "Too much", limit_source="openrouter_in_flight_budget"), stream(text_events("ok")))
    assert (await answer(backend)).attempts == 2


async def test_a_code_of_a_rate_limit_does_not_repeat_a_request_that_broke(
    up: ScriptedUpstream, backend: ResponsesBackend
) -> None:
    up.on(*POST, aws(500, "ThrottlingException", "slow"))
    assert (await fault(backend)).attempts == 1


@pytest.mark.parametrize("told", UNKNOWN_ENDPOINT.values(), ids=UNKNOWN_ENDPOINT)
async def test_an_endpoint_that_a_server_does_not_know_is_missing(
    up: ScriptedUpstream, backend: ResponsesBackend, told: Answer
) -> None:
    up.always(*GET, told)
    up.always(*POST, told)
    failed = await unread(backend)
    assert (failed.missing, failed.outcome, len(up.requests)) == (True, "failed", 1)
    posted = await fault(backend)
    assert posted.missing
    assert "base URL" in posted.message


@pytest.mark.parametrize("told", KNOWN_ENDPOINT.values(), ids=KNOWN_ENDPOINT)
async def test_an_id_or_model_that_a_server_does_not_know_says_nothing_of_the_endpoint(
    up: ScriptedUpstream, backend: ResponsesBackend, told: Answer
) -> None:
    up.on(*GET, told)
    failed = await unread(backend)
    assert (failed.kind, failed.missing) == ("not_found", False)


@pytest.mark.parametrize("told", [reply({"detail": "Not Found"}, 404), raw({"detail": "Method Not Allowed"}, 405)])
async def test_what_cannot_be_deleted_is_not_called_gone(
    up: ScriptedUpstream, backend: ResponsesBackend, told: Answer
) -> None:
    up.on("DELETE", "/v1/responses/resp_1", told, error(404, "Response with id 'resp_1' not found."))
    with pytest.raises(UpstreamError) as raised:
        await backend.delete("resp_1")
    assert raised.value.missing
    assert await backend.delete("resp_1") is False


async def test_a_list_of_wrong_fields_names_the_first(up: ScriptedUpstream, backend: ResponsesBackend) -> None:
    up.on(*POST, raw({"detail": [{"loc": ["body", "reasoning", "effort"], "msg": "no"}]}, 422))
    assert (await fault(backend)).param == "reasoning"


@pytest.mark.parametrize(
    ("code", "kind"),
    [("429", "rate_limited"), ("402", "quota"), ("502", "upstream_unavailable"), (400, "invalid_request")],
)
async def test_a_number_in_a_stream_means_what_the_status_would(
    up: ScriptedUpstream, backend: ResponsesBackend, code: str | int, kind: str
) -> None:
    up.on(*POST, stream([text_events("Hi")[0], {"type": "error", "error": {"code": code, "message": "no"}}]))
    assert (await fault(backend)).kind == kind


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (f"The model `{FULL_MODEL}` does not exist", True),
        ("text-embedding-nomic-embed-text-v1.5", True),
        ("gpt-oss-120b-instruct-preview-20250807-eu", True),
        ("158a2e26-c851-4440-9f98-e3065df1de46", False),
        ("tok-A8sKq2LmZ9xQ4rT7-vB1nM3cX5zL8kJ6hG4f", False),
    ],
)
def test_the_name_of_a_model_is_shown_and_a_token_is_not(words: str, shown: bool) -> None:
    assert (quoted(words) == words) is shown


async def unread(backend: ResponsesBackend) -> UpstreamError:
    """How reading a response fails."""
    with pytest.raises(UpstreamError) as raised:
        await backend.retrieve("resp_1")
    return raised.value
