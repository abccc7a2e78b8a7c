"""What the caller is told of a failed backend has one shape, whichever backend it is."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.serving import house, openai, told
from tests.upstream import ScriptedUpstream, scripted
from tests.upstream_answers import Answer, error
from tests.upstream_errors import AWS, aws, azure, mantle, openrouter

KEY = "sk-proj-scripted0123456789abcdefABCDEF"
SECRET_WORDS = f"raw words of the body with {KEY} in them"
FIELDS = {"code", "retryable", "http_status", "request_id", "attempts", "outcome"}


@pytest.fixture
async def up() -> AsyncGenerator[ScriptedUpstream]:
    async with scripted() as upstream:
        yield upstream


def variables(backend: str, base_url: str) -> dict[str, str]:
    """What a user of this backend sets. ``base_url`` ends in ``/v1``."""
    root = base_url.removesuffix("/v1")
    given = {
        "azure": {"AZURE_OPENAI_ENDPOINT": root, "AZURE_OPENAI_API_KEY": KEY},
        "bedrock": {"BEDROCK_BASE_URL": f"{root}/openai/v1", "AWS_BEARER_TOKEN_BEDROCK": KEY},
        "compatible": openai(base_url, OPENAI_API_KEY=KEY),
        "openai": openai(base_url, OPENAI_API_KEY=KEY),
    }[backend]
    return {**given, "RESPONSES_MCP_BACKEND": backend, "RESPONSES_MCP_MODEL": "gpt-5.6-sol"}


REFUSED: list[tuple[str, Answer, str, int, str | None]] = [
    ("openai", error(401, SECRET_WORDS, code="invalid_api_key"), "auth", 401, "req_scripted"),
    ("azure", azure(401, "401", SECRET_WORDS), "auth", 401, "apim-1"),
    ("bedrock", mantle(401, "access_denied", SECRET_WORDS), "auth", 401, AWS["x-amzn-requestid"]),
    ("bedrock", aws(403, "ExpiredTokenException", SECRET_WORDS), "auth", 403, AWS["x-amzn-requestid"]),
    ("compatible", openrouter(402, SECRET_WORDS, limit_source="openrouter_credits"), "quota", 402, None),
]


@pytest.mark.parametrize(("backend", "refused", "code", "status", "request_id"), REFUSED)
async def test_every_backend_fails_in_the_same_shape(
    up: ScriptedUpstream, tmp_path: Path, backend: str, refused: Answer, code: str, status: int, request_id: str | None
) -> None:
    for prefix in ("/v1", "/openai/v1"):
        up.always("POST", f"{prefix}/responses", refused)
        up.always("GET", f"{prefix}/models", error(404))
    async with house(told(tmp_path, **variables(backend, up.base_url))) as served:
        words, about = await served.refused("generate", input="Hi")
    expected = {"code": code, "retryable": False, "http_status": status, "attempts": 1, "outcome": "failed"}
    assert {name: about.get(name) for name in expected} == expected
    assert (about.get("request_id") or None) == request_id
    assert set(about) <= FIELDS | {"job_id"}
    assert KEY not in f"{words} {about}"
    assert "raw words" not in f"{words} {about}"
    assert f"(HTTP {status})" in words
    assert "\n" not in words
