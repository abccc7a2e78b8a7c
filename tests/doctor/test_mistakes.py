"""What people set wrong, and that the first row that fails says so."""

import asyncio
from collections.abc import Callable

import pytest

from mcp_server.backends.responses import bedrock
from mcp_server.doctor import endpoint
from tests.backends import azure, mantle
from tests.backends.ollama import OllamaUpstream
from tests.doctor.conftest import Use
from tests.doctor.ran import Doctor, Ran
from tests.serving import openai
from tests.upstream import serving


def failed(ran: Ran) -> tuple[str, str, str]:
    """The one check that failed, what it found and what it advises."""
    (name,) = (name for name, status in ran.statuses.items() if status == "fail")
    return name, ran.checks[name]["found"], ran.checks[name]["advice"]


async def test_a_cloud_without_credentials_says_which_to_set(
    use: Use, run: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody() -> object:
        raise bedrock.no_credentials("There are no AWS credentials on this machine; set some.")

    monkeypatch.setattr(bedrock, "installed", lambda module: True)
    monkeypatch.setattr(bedrock, "_credentials", lambda: nobody)
    async with serving(mantle.MantleUpstream()) as up:
        use({name: value for name, value in mantle.variables(up.base_url).items() if "TOKEN" not in name})
        ran = await run("--json")
        assert up.requests == []
    assert failed(ran) == ("reachable", "There are no AWS credentials on this machine", "set some")
    assert ran.checks["cleanup"]["found"] == "nothing was made"


@pytest.mark.parametrize("patient", [True, False], ids=["we give up", "the settings give up"])
async def test_a_server_that_takes_connections_and_says_nothing_is_not_waited_for(
    use: Use, run: Doctor, monkeypatch: pytest.MonkeyPatch, patient: bool
) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    monkeypatch.setattr(endpoint, "LIST_SECONDS", 0.3 if patient else 30.0)
    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        use(openai(f"http://127.0.0.1:{port}/v1", RESPONSES_MCP_TIMEOUT_SECONDS="600" if patient else "1"))
        name, found, _ = failed(await run("--json"))
    assert (name, found) == ("reachable", "it takes connections, and does not answer")


@pytest.mark.parametrize("pasted", ["", "/", "/v1/", "/v1/responses", "/v1/chat/completions", "/responses"])
async def test_the_address_of_a_compatible_server_may_be_pasted_with_too_little_or_too_much(
    use: Use, run: Doctor, pasted: str
) -> None:
    async with serving(OllamaUpstream()) as up:
        use({"OPENAI_BASE_URL": up.base_url.removesuffix("/v1") + pasted})
        ran = await run("--json", "--offline")
    assert ran.checks["backend"]["data"]["address"] == up.base_url


async def test_an_address_at_which_nothing_is_found_is_told_before_anything_is_paid_for(
    use: Use, run: Doctor, words_only: None
) -> None:
    async with serving(OllamaUpstream()) as up:
        use({"OPENAI_BASE_URL": up.base_url.replace("/v1", "/api")})
        ran = await run("--json")
    assert (ran.statuses["reachable"], ran.checks["reachable"]["advice"]) == ("warn", endpoint.ELSEWHERE)


@pytest.mark.parametrize(
    ("upstream", "variables", "missing"),
    [
        (azure.AzureUpstream, azure.variables, "AZURE_OPENAI_DEPLOYMENT_NAME"),
        (mantle.MantleUpstream, mantle.variables, "BEDROCK_MODEL"),
    ],
    ids=["Azure OpenAI", "Bedrock"],
)
async def test_a_model_that_is_not_named_is_asked_for_by_the_providers_own_variable(
    upstream: type[azure.CloudUpstream],
    variables: Callable[[str], dict[str, str]],
    missing: str,
    use: Use,
    run: Doctor,
    words_only: None,
) -> None:
    async with serving(upstream()) as up:
        use({name: value for name, value in variables(up.base_url).items() if name != missing})
        name, _, advice = failed(await run("--json"))
        assert up.posts() == []
    assert (name, advice) == ("model", f"name one in {missing}")


async def test_a_deployment_is_not_missed_on_azures_catalogue(use: Use, run: Doctor, words_only: None) -> None:
    async with serving(azure.AzureUpstream()) as up:
        use(azure.variables(up.base_url))
        assert (await run("--json")).checks["model"]["found"] == "desk, as configured"


async def test_what_chose_the_backend_is_told_and_what_is_set_for_another_one(use: Use, run: Doctor) -> None:
    use({"OPENAI_API_KEY": "sk-test-0123456789abcdef", "AWS_BEARER_TOKEN_BEDROCK": "token"})
    ran = await run("--json", "--offline")
    found = ran.checks["settings"]["found"]
    assert found.startswith("backend bedrock, chosen by AWS_BEARER_TOKEN_BEDROCK (OPENAI_API_KEY not used)")
    assert {"name": "RESPONSES_MCP_BACKEND", "value": "auto", "source": "default"} in ran.told["settings"]
