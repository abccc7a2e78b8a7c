"""How the settings of each kind of backend lead into its server, and what is told when they do not."""

import sys
import threading
import time
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import anyio.to_thread
import pytest

from mcp_server import settings
from mcp_server.backends.choose import open_backend
from mcp_server.backends.protocol import Backend
from mcp_server.backends.responses import access, bedrock
from mcp_server.backends.responses.access import ENTRA_SCOPE, EntraAccess, EntraTokens
from mcp_server.backends.responses.backend import ResponsesBackend
from mcp_server.backends.responses.bedrock import NEWER, OLDER, BedrockAccess
from mcp_server.errors import ConfigurationError, UpstreamError
from tests.responses.conftest import Connect
from tests.responses.talk import answer, fault, layout
from tests.upstream import ScriptedUpstream
from tests.upstream_answers import error, reply, stream
from tests.upstream_shapes import page, text_events

TOKEN = "ABSKscripted0123456789"


def opened(home: Path, **variables: str) -> Backend:
    return open_backend(settings.load({"RESPONSES_MCP_HOME": str(home), **variables}))


@pytest.mark.parametrize(
    "pasted",
    [
        "https://res.openai.azure.com",
        "https://res.openai.azure.com/",
        "https://res.openai.azure.com/openai",
        "https://res.openai.azure.com/openai/",
        "https://res.openai.azure.com/openai/v1",
        "https://res.openai.azure.com/openai/v1/",
        "https://res.openai.azure.com/openai/v1/responses",
        "https://res.openai.azure.com/openai/responses?api-version=2025-04-01-preview",
        "https://res.openai.azure.com/openai/deployments/gpt/chat/completions?api-version=2024-10-21",
        "res.openai.azure.com",
    ],
)
def test_whatever_azure_address_is_pasted_leads_to_the_v1_endpoint(tmp_path: Path, pasted: str) -> None:
    found = opened(tmp_path, AZURE_OPENAI_ENDPOINT=pasted, AZURE_OPENAI_API_KEY="k")
    assert found.address == "https://res.openai.azure.com/openai/v1"


@pytest.mark.parametrize(
    ("pasted", "address"),
    [
        ("https://res.services.ai.azure.com/api/projects/one", "https://res.services.ai.azure.com/openai/v1"),
        ("https://res.services.ai.azure.com/models", "https://res.services.ai.azure.com/openai/v1"),
        (
            "https://res.services.ai.azure.com/api/projects/one/openai/v1/",
            "https://res.services.ai.azure.com/api/projects/one/openai/v1",
        ),
        ("https://gate.example/team/openai/v1", "https://gate.example/team/openai/v1"),
        ("https://gate.example/team", "https://gate.example/team/openai/v1"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/openai/v1"),
        ("https://me:pw@gate.example", "https://gate.example/openai/v1"),
    ],
)
def test_an_azure_address_keeps_its_gateway_and_loses_other_apis(tmp_path: Path, pasted: str, address: str) -> None:
    assert opened(tmp_path, AZURE_OPENAI_ENDPOINT=pasted, AZURE_OPENAI_API_KEY="k").address == address


@pytest.mark.parametrize(
    ("variables", "address", "hosted"),
    [
        ({}, "https://bedrock-mantle.us-west-2.api.aws/openai/v1", {"web_search"}),
        ({"AWS_REGION": "eu-north-1"}, "https://bedrock-mantle.eu-north-1.api.aws/openai/v1", {"web_search"}),
        ({"AWS_DEFAULT_REGION": "eu-west-2"}, "https://bedrock-mantle.eu-west-2.api.aws/openai/v1", {"web_search"}),
        (
            {"BEDROCK_BASE_URL": "https://bedrock-mantle.us-east-1.api.aws/v1/"},
            "https://bedrock-mantle.us-east-1.api.aws/v1",
            {"web_search"},
        ),
        (
            {"AWS_BEDROCK_BASE_URL": "https://bedrock-runtime.us-east-1.amazonaws.com/openai/v1/responses"},
            "https://bedrock-runtime.us-east-1.amazonaws.com/openai/v1",
            set(),
        ),
        (
            {"BEDROCK_BASE_URL": "https://bedrock-runtime-fips.us-gov-west-1.amazonaws.com"},
            "https://bedrock-runtime-fips.us-gov-west-1.amazonaws.com/openai/v1",
            set(),
        ),
        (
            {"BEDROCK_BASE_URL": "http://vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com"},
            "http://vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com/openai/v1",
            set(),
        ),
        ({"BEDROCK_BASE_URL": "https://gate.example/aws/v1"}, "https://gate.example/aws/v1", {"web_search"}),
    ],
)
def test_bedrocks_endpoint_is_told_by_its_host(
    tmp_path: Path, variables: dict[str, str], address: str, hosted: set[str]
) -> None:
    found = opened(tmp_path, AWS_BEARER_TOKEN_BEDROCK=TOKEN, **variables)
    assert found.address == address
    assert found.profile.hosted_tools == hosted


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"RESPONSES_MCP_BACKEND": "openai"}, "OPENAI_API_KEY is not set"),
        ({"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "localhost:8000/v1"}, "OPENAI_BASE_URL is not the address"),
        ({"OPENAI_BASE_URL": "http://[::1/v1"}, "OPENAI_BASE_URL is not the address"),
        ({"RESPONSES_MCP_BACKEND": "compatible"}, "OPENAI_BASE_URL is not set; set it to .*127.0.0.1"),
        ({"RESPONSES_MCP_BACKEND": "azure"}, "AZURE_OPENAI_ENDPOINT is not set; set it to .*openai.azure.com"),
        ({"AZURE_OPENAI_ENDPOINT": "https://x.example"}, r"AZURE_OPENAI_API_KEY is not set; .*responses-mcp\[azure\]"),
        ({"RESPONSES_MCP_BACKEND": "bedrock"}, r"AWS_BEARER_TOKEN_BEDROCK is not set; .*responses-mcp\[bedrock\]"),
        ({"AWS_BEARER_TOKEN_BEDROCK": "t", "AWS_REGION": "Oregon"}, "AWS_REGION is 'Oregon'; set it to a region"),
        (
            {
                "AWS_BEARER_TOKEN_BEDROCK": "t",
                "AWS_REGION": "us-west-2",
                "BEDROCK_BASE_URL": "https://bedrock-mantle.us-east-1.api.aws/openai/v1",
            },
            "BEDROCK_BASE_URL is in us-east-1, but AWS_REGION is us-west-2",
        ),
        (
            {"AWS_BEARER_TOKEN_BEDROCK": "t", "BEDROCK_BASE_URL": "http://bedrock-mantle.us-east-1.api.aws"},
            "BEDROCK_BASE_URL begins with http://",
        ),
        ({"AWS_BEARER_TOKEN_BEDROCK": "t", "BEDROCK_BASE_URL": "bedrock"}, "BEDROCK_BASE_URL is not the address"),
    ],
)
async def test_what_is_missing_or_wrong_is_told_when_it_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], sentence: str
) -> None:
    monkeypatch.setattr(access, "installed", lambda module: False)
    monkeypatch.setattr(bedrock, "installed", lambda module: False)
    lacking = opened(tmp_path, **variables)
    with pytest.raises(ConfigurationError, match=sentence):
        await lacking.models()
    await lacking.close()


def test_an_extra_is_looked_for_by_its_module() -> None:
    assert access.installed("email.mime")
    assert not access.installed("email.nowhere")
    assert not access.installed("nowhere.at.all")


def test_keys_are_not_shown() -> None:
    kinds = [
        access.KeyAccess.to("https://me:hunter2@x.example/v1", "sk-secret"),
        EntraAccess("https://x.example", lambda: "secret"),
        BedrockAccess("https://x.example", token="secret"),
    ]
    assert not [kind for kind in kinds if "secret" in repr(kind) or "hunter2" in repr(kind)]


@pytest.fixture
async def mantle(up: ScriptedUpstream, connect: Connect) -> ResponsesBackend:
    """A backend that was given a host and no path."""
    origin = up.base_url.removesuffix("/v1")
    return connect(access=BedrockAccess(origin + NEWER, token=TOKEN))


def wrong_route(model: str) -> Any:
    return error(400, f"model `{model}` isn't supported on this route")


@pytest.mark.parametrize(
    ("model", "route"),
    [
        ("openai.gpt-oss-120b", OLDER),
        ("openai.gpt-5", OLDER),
        ("openai.gpt-5.4", NEWER),
        ("openai.gpt-5.10", NEWER),
        ("us.openai.gpt-5.6-sol", NEWER),
        ("openai.gpt-6-astra", NEWER),
        ("qwen.qwen3-32b", OLDER),
    ],
)
async def test_a_models_name_suggests_its_route(
    up: ScriptedUpstream, mantle: ResponsesBackend, model: str, route: str
) -> None:
    up.on("POST", f"{route}/responses", stream(text_events("ok")))
    assert (await answer(mantle, layout(model=model))).attempts == 1


@pytest.mark.parametrize(
    "refusal",
    [
        wrong_route("openai.gpt-7"),
        error(400, "The model 'openai.gpt-7' does not support the '/openai/v1/responses' API"),
        error(401, "The model is not enabled for this account"),
    ],
)
async def test_the_other_route_is_found_once_and_remembered(
    up: ScriptedUpstream, mantle: ResponsesBackend, refusal: Any
) -> None:
    up.on("POST", f"{NEWER}/responses", refusal)
    up.always("POST", f"{OLDER}/responses", stream(text_events("ok")))
    attempts = [(await answer(mantle, layout(model="openai.gpt-7"))).attempts for _ in range(3)]
    assert attempts == [2, 1, 1]
    (noted,) = mantle.observed.standing()
    assert (noted.about, noted.found, noted.model) == ("route", OLDER, "openai.gpt-7")


async def test_a_route_that_the_user_named_is_tried_first(up: ScriptedUpstream, connect: Connect) -> None:
    mantle = connect(access=BedrockAccess(up.base_url, given=True, token=TOKEN))
    up.on("POST", f"{OLDER}/responses", wrong_route("openai.gpt-6-astra"))
    up.on("POST", f"{NEWER}/responses", stream(text_events("ok")))
    assert (await answer(mantle, layout(model="openai.gpt-6-astra"))).attempts == 2


async def test_a_refusal_for_another_reason_is_not_carried_to_the_other_route(
    up: ScriptedUpstream, mantle: ResponsesBackend
) -> None:
    up.on("POST", f"{NEWER}/responses", error(400, "top_p is not supported"), error(404, "no such response"))
    assert (await fault(mantle, layout(model="openai.gpt-6-astra"))).attempts == 1
    assert (await fault(mantle, layout(model="openai.gpt-6-astra"))).attempts == 1


async def test_a_model_on_neither_route_is_refused_with_both_requests_counted(
    up: ScriptedUpstream, mantle: ResponsesBackend
) -> None:
    up.on("POST", f"{NEWER}/responses", wrong_route("openai.gpt-9"))
    up.on("POST", f"{OLDER}/responses", error(404, "there is no such model"))
    refused = await fault(mantle, layout(model="openai.gpt-9"))
    assert (refused.http_status, refused.attempts) == (404, 2)
    assert not mantle.observed.standing()


async def test_an_id_is_looked_for_on_both_routes_and_then_where_it_was(
    up: ScriptedUpstream, mantle: ResponsesBackend
) -> None:
    up.on("GET", f"{NEWER}/responses/resp_1", error(404))
    up.on("GET", f"{OLDER}/responses/resp_1", *2 * [reply({"id": "resp_1", "object": "response", "status": "queued"})])
    assert (await mantle.retrieve("resp_1")).status == "queued"
    assert (await mantle.retrieve("resp_1")).status == "queued"
    up.on("DELETE", f"{OLDER}/responses/resp_1", error(404))
    up.on("DELETE", f"{NEWER}/responses/resp_1", error(404))
    assert await mantle.delete("resp_1") is False


async def test_models_are_listed_on_the_route_that_has_the_list(up: ScriptedUpstream, mantle: ResponsesBackend) -> None:
    up.on("GET", f"{NEWER}/models", error(404))
    up.on("GET", f"{OLDER}/models", reply(page([{"id": "openai.gpt-6-astra"}])))
    assert await mantle.models() == ["openai.gpt-6-astra"]


@pytest.mark.parametrize(("path", "endpoint"), [("/aws/v1", "mantle"), (NEWER, "runtime")])
async def test_a_gateways_path_and_the_runtime_endpoint_have_one_route(
    up: ScriptedUpstream, connect: Connect, path: str, endpoint: Any
) -> None:
    base_url = up.base_url.removesuffix("/v1") + path
    only = connect(access=BedrockAccess(base_url, endpoint=endpoint, given=True, token=TOKEN))
    up.on("GET", f"{path}/responses/resp_1", error(404))
    with pytest.raises(UpstreamError, match="404"):
        await only.retrieve("resp_1")


class Identity:
    """What ``azure-identity`` gives for a signed-in machine: tokens that soon want to be renewed."""

    def __init__(self, *, lasts_seconds: float) -> None:
        self.lasts_seconds = lasts_seconds
        self.asked: list[str] = []

    def get_token(self, *scopes: str, **more: Any) -> Any:
        self.asked += scopes
        return SimpleNamespace(token=f"entra-{len(self.asked)}", expires_on=int(time.time() + self.lasts_seconds))


@pytest.mark.parametrize(("lasts_seconds", "sent"), [(3600, ["entra-1", "entra-1"]), (1, ["entra-1", "entra-2"])])
async def test_an_entra_token_is_kept_while_it_lasts(
    up: ScriptedUpstream,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
    lasts_seconds: float,
    sent: list[str],
) -> None:
    identity = import_module("azure.identity")
    machine = Identity(lasts_seconds=lasts_seconds)
    monkeypatch.setattr(identity, "DefaultAzureCredential", lambda: machine)
    backend = connect(access=EntraAccess(up.base_url))
    up.always("GET", "/v1/models", reply(page([])))
    for _ in sent:
        await backend.models()
    assert [request.headers["authorization"] for request in up.requests] == [f"Bearer {token}" for token in sent]
    assert set(machine.asked) == {ENTRA_SCOPE}


async def test_a_machine_without_an_entra_identity_is_told_how_to_get_one(
    up: ScriptedUpstream, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    class AzureError(Exception):
        pass

    def unknown(*_: Any) -> Any:
        raise AzureError("DefaultAzureCredential failed to retrieve a token from the included credentials.")

    made = SimpleNamespace(DefaultAzureCredential=object, get_bearer_token_provider=unknown)
    monkeypatch.setitem(sys.modules, "azure", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "azure.identity", made)
    monkeypatch.setitem(sys.modules, "azure.core.exceptions", SimpleNamespace(AzureError=AzureError))
    backend = connect(access=EntraAccess(up.base_url, EntraTokens()))
    refused = await fault(backend)
    assert "az login" in refused.message
    assert (refused.kind, refused.outcome, refused.attempts) == ("auth", "not_sent", 0)
    assert not up.requests


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [({}, "no AWS credentials on this machine"), ({"AWS_PROFILE": "nobody"}, "could not be read.*ProfileNotFound")],
)
async def test_a_machine_without_aws_credentials_is_told_what_to_set(
    up: ScriptedUpstream,
    connect: Connect,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    sentence: str,
) -> None:
    files = {name: str(tmp_path / name) for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")}
    for name, value in {**files, "AWS_EC2_METADATA_DISABLED": "true", **variables}.items():
        monkeypatch.setenv(name, value)
    backend = connect(access=BedrockAccess(up.base_url.removesuffix("/v1") + NEWER))
    with pytest.raises(UpstreamError, match=sentence) as raised:
        await backend.models()
    assert (raised.value.kind, raised.value.outcome, raised.value.attempts) == ("auth", "not_sent", 0)
    assert not up.requests


async def test_those_who_wait_for_a_token_hold_up_no_other_work() -> None:
    given = threading.Event()

    def token() -> str:
        given.wait(20)
        return "late"

    entra = EntraAccess("https://x.example", token)
    async with anyio.create_task_group() as tasks:
        for _ in range(50):  # there are 40 threads
            tasks.start_soon(entra.authorization)
        await anyio.wait_all_tasks_blocked()
        with anyio.fail_after(10):
            await anyio.to_thread.run_sync(given.set)
