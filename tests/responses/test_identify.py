"""Which compatible server answers, by lists of models as the servers send them."""

from typing import Any

import anyio
import pytest

from mcp_server.backends.observed import SERVER
from mcp_server.backends.responses import identify
from mcp_server.backends.responses.backend import ResponsesBackend
from mcp_server.backends.responses.identify import by_address, by_models
from mcp_server.backends.responses.profiles import COMPATIBLE
from tests.responses.conftest import Connect
from tests.upstream import ScriptedUpstream
from tests.upstream_answers import black_hole, error, reply


def listed(**model: Any) -> dict[str, Any]:
    return {"object": "list", "data": [{"id": "some-model", "object": "model", **model}]}


@pytest.mark.parametrize(
    ("body", "headers", "name"),
    [
        (listed(created=1, owned_by="library"), {}, "ollama"),
        ({"object": "list", "data": None}, {}, "ollama"),
        (listed(created=1, owned_by="vllm", root="some-model", max_model_len=4096), {"server": "uvicorn"}, "vllm"),
        (listed(owned_by="organization_owner"), {"x-powered-by": "Express"}, "lm-studio"),
        (listed(created=1, owned_by="llamacpp", meta={}), {"server": "llama.cpp"}, "llama.cpp"),
        ({"object": "list", "data": []}, {"server": "llama.cpp"}, "llama.cpp"),
        (listed(created=1_677_610_602, owned_by="openai"), {}, "litellm"),
        (listed(created=1, owned_by="ogx", custom_metadata={"model_type": "llm"}), {"server": "uvicorn"}, "ogx"),
        ({"data": [{"id": "openai/gpt-5", "canonical_slug": "x", "supported_parameters": []}]}, {}, "openrouter"),
        (listed(created=1, owned_by="openai"), {}, None),
        (listed(created=1, owned_by="system"), {"server": "uvicorn"}, None),
        ({"object": "list", "data": []}, {}, None),
        ({}, {}, None),
    ],
    ids=lambda value: None if isinstance(value, dict) else str(value),
)
def test_a_server_is_known_by_its_list(body: dict[str, Any], headers: dict[str, str], name: str | None) -> None:
    assert by_models(body, headers) == name


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://openrouter.ai/api/v1", "openrouter"),
        ("https://eu.openrouter.ai/api/v1", "openrouter"),
        ("https://notopenrouter.ai/api/v1", None),
        ("http://127.0.0.1:11434/v1", None),
    ],
)
def test_one_server_is_known_by_its_address(url: str, name: str | None) -> None:
    assert by_address(url) == name


@pytest.fixture
def compatible(connect: Connect) -> ResponsesBackend:
    return connect(name="compatible", profile=COMPATIBLE, max_retries=0)


async def test_a_server_whose_list_does_not_come_is_waited_for_once(
    up: ScriptedUpstream, compatible: ResponsesBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identify, "PATIENCE_SECONDS", 0.3)
    await compatible._connection.ready()
    up.always("GET", "/v1/models", black_hole())
    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(compatible.acquaint)
    await compatible.acquaint()
    assert len(up.requests) == 1


async def test_a_server_that_is_not_ready_is_asked_again(
    up: ScriptedUpstream, compatible: ResponsesBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identify, "AGAIN_SECONDS", 0.0)
    up.on("GET", "/v1/models", error(503, "Loading model"), reply(listed(owned_by="llamacpp")))
    await compatible.acquaint()
    await compatible.acquaint()
    assert compatible.observed.find(SERVER) == "llama.cpp"
