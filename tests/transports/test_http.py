import asyncio
from itertools import product
from pathlib import Path

import anyio
import httpx2
import pytest
from mcp import Client, MCPError
from mcp.client.sse import sse_client

from mcp_server.errors import ConfigurationError
from mcp_server.transports.http import MAX_BODY_BYTES, check_bind
from tests.serving import Era, openai
from tests.transports.process import MEASURED, launched, served, variables
from tests.upstream_state import StatefulUpstream


async def test_the_official_client_gets_an_answer_with_progress_in_both_eras_over_http_and_sse(
    up: StatefulUpstream, tmp_path: Path
) -> None:
    said: list[str] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        said.append(message or "")

    eras: list[Era] = ["auto", "legacy"]
    with anyio.fail_after(90):
        async with served(variables(tmp_path, **openai(up.base_url)), "http") as address:
            for session, (era, transport) in enumerate(product(eras, ["http", "sse"])):
                target = f"{address}/mcp" if transport == "http" else sse_client(f"{address}/sse")
                async with Client(target, mode=era) as client:
                    assert len((await client.list_tools()).tools) == 9
                    for turn, text in enumerate(("Hi", "More"), 1):
                        said.clear()
                        arguments = {"input": text, "session": str(session)}
                        result = await client.call_tool("generate", arguments, progress_callback=note)
                        assert result.structured_content is not None
                        assert result.structured_content["text"] == f"Turn {turn}: {text}"
                        assert said, (era, transport)


async def test_only_names_of_this_machine_are_answered(up: StatefulUpstream, tmp_path: Path) -> None:
    async with (
        served(variables(tmp_path, **MEASURED, **openai(up.base_url)), "http") as address,
        httpx2.AsyncClient() as http,
    ):
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
        accept = {"Accept": "application/json, text/event-stream"}
        for path in ("/mcp", "/messages/?session_id=0"):
            evil = await http.post(address + path, json=body, headers={**accept, "Host": "evil.example"})
            assert evil.status_code == 421
            evil = await http.post(address + path, json=body, headers={**accept, "Origin": "https://evil.example"})
            assert evil.status_code == 403
        evil = await http.get(address + "/sse", headers={"Host": "evil.example"})
        assert evil.status_code == 421
        assert (await http.get(address + "/healthz")).json() == {"status": "ok"}
        assert (await http.get(address + "/readyz")).json() == {"status": "ready", "backend": "openai"}


async def test_the_text_that_a_call_may_hold_comes_through_and_more_does_not(
    up: StatefulUpstream, tmp_path: Path
) -> None:
    async with (
        served(variables(tmp_path, **MEASURED, **openai(up.base_url)), "http") as address,
        httpx2.AsyncClient() as http,
    ):
        async with Client(f"{address}/mcp") as client:
            result = await client.call_tool("generate", {"input": "x" * 6_000_000, "dry_run": True})
            assert not result.is_error
        for path in ("/mcp", "/messages/?session_id=0"):
            headers = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
            over = await http.post(address + path, content=b" " * (MAX_BODY_BYTES + 1), headers=headers)
            assert over.status_code == 413


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.com"])
def test_an_address_that_others_can_reach_is_refused(host: str) -> None:
    with pytest.raises(ConfigurationError, match="loopback"):
        check_bind(host)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_loopback_is_served(host: str) -> None:
    check_bind(host)


async def test_a_refused_bind_ends_with_1(tmp_path: Path) -> None:
    async with launched(variables(tmp_path), "serve", "--transport", "http", "--host", "0.0.0.0") as wire:
        assert await wire.gone() == 1


async def test_a_taken_port_ends_with_1(tmp_path: Path, up: StatefulUpstream) -> None:
    taken = up.base_url.rsplit(":", 1)[1].removesuffix("/v1")
    async with launched(variables(tmp_path, **MEASURED), "serve", "--transport", "http", "--port", taken) as wire:
        assert await wire.gone() == 1


@pytest.mark.parametrize(("transport", "era"), [("http", "auto"), ("sse", "legacy")])
async def test_sigterm_lets_a_call_in_flight_finish_and_takes_no_new_ones(
    up: StatefulUpstream, tmp_path: Path, era: Era, transport: str
) -> None:
    up.pause = pause = asyncio.Event()
    in_flight = anyio.Event()
    answers: list[object] = []

    async def use(address: str) -> None:
        async with Client(
            f"{address}/mcp" if transport == "http" else sse_client(f"{address}/sse"), mode=era
        ) as client:
            await client.list_tools()  # known from here on: the client checks results against it

            async def ask() -> None:
                result = await client.call_tool("generate", {"input": "Hi"})
                answers.append(result.structured_content and result.structured_content["text"])

            async with anyio.create_task_group() as calls:
                calls.start_soon(ask)
                await up.arrived(1)
                in_flight.set()
                with pytest.raises(MCPError, match="shutting down"):
                    await poll_for_ever(client)
                pause.set()

    with anyio.fail_after(90):
        environment = variables(tmp_path, **MEASURED, **openai(up.base_url))
        async with anyio.create_task_group() as tasks, served(environment, transport) as address:
            tasks.start_soon(use, address)
            await in_flight.wait()
            # Leaving the block sends SIGTERM and sees exit code 0.
    assert answers == ["Turn 1: Hi"]


async def poll_for_ever(client: Client) -> None:
    """Call until a call is refused."""
    while True:
        await client.call_tool("poll", {})


async def test_sigterm_cancels_a_call_that_does_not_end(up: StatefulUpstream, tmp_path: Path) -> None:
    up.pause = asyncio.Event()
    told: list[MCPError] = []

    async def call(address: str) -> None:
        async with Client(f"{address}/mcp") as client:
            try:
                await client.call_tool("generate", {"input": "Hi"})
            except MCPError as error:
                told.append(error)

    environment = variables(tmp_path, **MEASURED, **openai(up.base_url))
    with anyio.fail_after(90):
        async with anyio.create_task_group() as tasks, served(environment, "http") as address:
            tasks.start_soon(call, address)
            await up.arrived(1)
        up.pause.set()
    assert told
