"""Errors as each server really sends them. Where each was seen stands beside it."""

import json
from collections.abc import Mapping
from typing import Any

from tests.upstream_answers import Answer, error, reply, web_page

JsonObject = dict[str, Any]

OPENAI = {"x-request-id": "req_openai"}
AZURE = {"apim-request-id": "apim-1", "x-ms-request-id": "ms-1"}
AWS = {"x-amzn-requestid": "158a2e26-c851-4440-9f98-e3065df1de46"}
LITELLM = {"x-litellm-call-id": "call-litellm"}


def raw(body: object, status: int, headers: Mapping[str, str] | None = None, kind: str = "application/json") -> Answer:
    """An answer without the headers that a test upstream adds."""
    content = body if isinstance(body, str) else json.dumps(body)
    return reply(content, status, {"content-type": kind, "x-request-id": "", **(headers or {})})


def aws(status: int, name: str, message: str) -> Answer:
    """Bedrock's runtime: botocore's model of bedrock-runtime has names and statuses, its issue trackers the headers."""
    named = {"x-amzn-errortype": f"{name}:http://internal.amazon.com/coral/com.amazon.bedrock/"}
    return raw({"message": message}, status, {**AWS, **named})


def mantle(status: int, code: str, message: str) -> Answer:
    """Bedrock's mantle, as captured live in July and August 2026 (2nb's tests, hermes-agent #52316 and #87190)."""
    fields = {"code": code, "message": message, "param": None, "type": "permission_denied_error"}
    return raw({"error": fields}, status, AWS)


def azure(status: int, code: str | None, message: str, **fields: Any) -> Answer:
    """Azure: its gateway's envelope has a code and a message only."""
    return raw({"error": {"code": code, "message": message, **fields}}, status, AZURE)


def openrouter(status: int, message: str, *, http: int | None = None, **metadata: Any) -> Answer:
    """OpenRouter's documentation, errors and debugging: the code is the HTTP status, details in ``metadata``."""
    return raw(
        {"error": {"message": message, "code": status, "metadata": metadata}, "user_id": "user_1"}, http or status
    )


def ollama(status: int, message: str) -> Answer:
    """ollama ``openai/openai.go``, ``NewError``."""
    kind = {400: "invalid_request_error", 404: "not_found_error"}.get(status, "api_error")
    return raw({"error": {"message": message, "type": kind, "param": None, "code": None}}, status)


def llama_cpp(status: int, kind: str, message: str) -> Answer:
    """llama.cpp ``tools/server/server-common.cpp``, ``format_error_response``, and ``server-http.cpp``."""
    return raw({"error": {"code": status, "message": message, "type": kind}}, status, {"server": "llama.cpp"})


def vllm(status: int, kind: str, message: str, param: str | None = None, *, old: bool = False) -> Answer:
    """VLLM ``serving.py``, ``create_error_response``; flat before 0.11 (vllm #3485)."""
    fields = {"message": message, "type": kind, "param": param, "code": status}
    return raw({"object": "error", **fields} if old else {"error": fields}, status)


def litellm(status: int, message: str, kind: str | None = None) -> Answer:
    """LiteLLM ``ProxyException``: the code is a string (litellm #40002, graphiti's logs)."""
    return raw({"error": {"message": message, "type": kind, "param": None, "code": str(status)}}, status, LITELLM)


def lm_studio(message: str) -> Answer:
    """LM Studio for a model that is not there (Orpheus-TTS #229, letta #1876)."""
    return raw(
        {"error": {"message": message, "type": "invalid_request_error", "param": "model", "code": "model_not_found"}},
        404,
    )


UNKNOWN_ENDPOINT: dict[str, Answer] = {
    # openai-python users' logs since 2023: MoneyPrinterTurbo #57; the newer form: MindSearch #150.
    "openai": error(404, "Invalid URL (POST /v1/responses/compact)"),
    "openai with a code": error(
        404, "Unknown request URL: POST /v1. Please check the URL for typos", code="unknown_url"
    ),
    # microsoft/autogen #3953 and many others.
    "azure": azure(404, "404", "Resource not found"),
    # karate's and claude-code's notes on Coral services; the status is really 200.
    "bedrock": raw({"Output": {"__type": "com.amazon.coral.service#UnknownOperationException"}, "Version": "1.0"}, 200),
    "bedrock, by header": raw("", 404, {"x-amzn-errortype": "UnknownOperationException", **AWS}),
    # Starlette's default for a path without a route, and for a method.
    "fastapi": raw({"detail": "Not Found"}, 404),
    "fastapi, method": raw({"detail": "Method Not Allowed"}, 405),
    # vLLM wraps Starlette's exceptions into its own envelope.
    "vllm": vllm(404, "NotFoundError", "Not Found"),
    # Gin's default, which ollama serves as it is; HandleMethodNotAllowed is on in server/routes.go.
    "ollama": raw("404 page not found", 404, kind="text/plain"),
    "ollama, method": raw("405 method not allowed", 405, kind="text/plain"),
    # lmstudio-bug-tracker #618 and #2085: with status 200.
    "lm studio": raw({"error": "Unexpected endpoint or method. (POST /chat/completions)"}, 200),
    # set_error_handler in llama.cpp's server-http.cpp, and what it says of a part that was not switched on.
    "llama.cpp": llama_cpp(404, "not_found_error", "File Not Found"),
    "llama.cpp, not on": llama_cpp(501, "not_supported_error", "This server does not support embeddings."),
    # Fastify's default.
    "fastify": raw({"message": "Route POST:/v1/files not found", "error": "Not Found", "statusCode": 404}, 404),
    "a web page": web_page(404),
    "a web page that claims success": web_page(200),
    "nothing": raw("", 404),
}
"""What a server says that has no such endpoint."""

KNOWN_ENDPOINT: dict[str, Answer] = {
    # vLLM serving.py, _make_not_found_error.
    "vllm": vllm(404, "invalid_request_error", "Response with id 'resp_1' not found.", "response_id"),
    "vllm, model": vllm(404, "NotFoundError", "The model `qwen` does not exist.", "model"),
    "vllm, model, old": vllm(404, "NotFoundError", "The model `qwen` does not exist.", old=True),
    # The real API's words for a file and a response.
    "openai, file": error(404, "No such File object: file-1", param="id"),
    "openai, response": error(404, "Response with id 'resp_1' not found."),
    "openai, model": error(
        404, "The model `gpt-x` does not exist or you do not have access to it.", code="model_not_found"
    ),
    # mantle: a code on every error (2nb).
    "bedrock": mantle(404, "not_found_error", ""),
    "ollama": ollama(404, "model 'llama9' not found"),
    "ollama, native": raw({"error": 'model "llama9" not found, try pulling it first'}, 404),
    "azure": azure(404, "DeploymentNotFound", "The API deployment for this resource does not exist."),
    "lm studio": lm_studio('Model "x" not found. Please specify a valid model.'),
    "openrouter": openrouter(404, "No endpoints found for nousresearch/hermes-3."),
    "a file of that name": error(404, "File not found: notes.txt"),
}
"""404s that are about an id or a model: the endpoint is there."""
