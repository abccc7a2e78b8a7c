import asyncio
import json
import signal
from pathlib import Path

import anyio
import pytest
from mcp import Client, StdioServerParameters

from mcp_server.model.job import Job
from mcp_server.model.value import Scope
from mcp_server.store.sqlite import open_sqlite
from tests.serving import Era, both_eras, openai
from tests.transports.process import COMMAND, MEASURED, launched, variables
from tests.upstream_state import StatefulUpstream


async def jobs_of(home: Path) -> list[Job]:
    """What the store of a server that has ended holds."""
    store = await open_sqlite(home / "store.db")
    try:
        return await store.jobs.recent(Scope(owner="local", backend="openai"), 0)
    finally:
        await store.close()


@both_eras
async def test_the_official_client_lists_the_tools_and_gets_an_answer(
    up: StatefulUpstream, tmp_path: Path, era: Era
) -> None:
    server = StdioServerParameters(command=COMMAND[0], args=COMMAND[1:], env=variables(tmp_path, **openai(up.base_url)))
    with anyio.fail_after(60):
        async with Client(server, mode=era) as client:
            assert len((await client.list_tools()).tools) == 9
            result = await client.call_tool("generate", {"input": "Hi"})
    assert result.structured_content is not None
    assert result.structured_content["text"] == "Turn 1: Hi"


@pytest.mark.parametrize("version", ["2024-11-05", "2025-11-25"])
async def test_every_line_of_a_full_run_is_protocol(up: StatefulUpstream, tmp_path: Path, version: str) -> None:
    noisy = variables(tmp_path, RESPONSES_MCP_LOG_LEVEL="debug", **openai(up.base_url))
    async with launched(noisy) as wire:
        await wire.hello(version)
        await wire.send("tools/list", number=1)
        assert len((await wire.answer(1))["result"]["tools"]) == 9
        await wire.call(2, "generate", input="Hi", session="s")
        assert "Turn 1: Hi" in json.dumps(await wire.answer(2))
        await wire.call(3, "generate", nonsense=1)
        assert (await wire.answer(3))["result"]["isError"] is True
        await wire.call(4, "no_such_tool")
        assert (await wire.answer(4))["error"]["code"] == -32602
        await wire.write("this is not JSON")
        await wire.send("ping", number=5)
        assert "result" in await wire.answer(5)
        await wire.send("no/such/method", number=6)
        assert (await wire.answer(6))["error"]["code"] == -32601
        await wire.send("resources/templates/list", number=7)
        assert len((await wire.answer(7))["result"]["resourceTemplates"]) == 5
        assert await wire.end() == 0
    assert len(wire.lines) >= 8


async def test_the_end_of_input_cancels_a_call_in_flight_and_leaves_nothing_half_done(
    up: StatefulUpstream, tmp_path: Path
) -> None:
    up.pause = asyncio.Event()
    async with launched(variables(tmp_path, **MEASURED, **openai(up.base_url))) as wire:
        await wire.hello("2025-03-26")
        await wire.call(1, "generate", input="Slow.")
        with anyio.fail_after(30):
            await up.arrived(1)
        assert await wire.end() == 0
    up.pause.set()
    (job,) = await jobs_of(tmp_path)
    assert job.status == "cancelled"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_while_a_call_is_in_flight(
    up: StatefulUpstream, tmp_path: Path, number: signal.Signals
) -> None:
    up.pause = asyncio.Event()
    async with launched(variables(tmp_path, **MEASURED, **openai(up.base_url))) as wire:
        await wire.hello()
        await wire.call(1, "generate", input="Slow.")
        with anyio.fail_after(30):
            await up.arrived(1)
        wire.process.send_signal(number)
        assert await wire.gone() == 0
    up.pause.set()
    (job,) = await jobs_of(tmp_path)
    assert job.status == "cancelled"


async def test_a_detached_call_is_let_go_of_and_collected_after_the_next_start(
    up: StatefulUpstream, tmp_path: Path
) -> None:
    up.pause = asyncio.Event()
    environment = variables(tmp_path, **openai(up.base_url))
    async with launched(environment) as wire:
        await wire.hello()
        await wire.call(1, "start_background", input="Long work.")
        job = (await wire.answer(1))["result"]["structuredContent"]
        events = 0
        with anyio.fail_after(30):
            while not events:  # from the first event on, the response id is in the store
                await wire.call(2, "poll", ids=[job["job_id"]], wait_seconds=0.1)
                (seen,) = (await wire.answer(2))["result"]["structuredContent"]["jobs"]
                events = seen.get("progress", {}).get("events", 0)
        wire.process.send_signal(signal.SIGTERM)
        assert await wire.gone() == 0
    (kept,) = await jobs_of(tmp_path)
    assert kept.status == "in_progress"
    up.pause.set()
    async with launched(environment) as wire:
        await wire.hello()
        await wire.call(1, "poll", ids=[job["job_id"]], wait_seconds=20)
        (done,) = (await wire.answer(1))["result"]["structuredContent"]["jobs"]
        assert done["status"] == "completed"
        assert done["result"]["text"] == "Turn 1: Long work."
        assert await wire.end() == 0
    assert len(up.posts()) == 1


async def test_a_store_that_cannot_be_opened_is_told_on_stderr_and_ends_with_1(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_bytes(b"this is no database, but it is long enough to look like one" * 20)
    async with launched(variables(tmp_path)) as wire:
        assert await wire.gone() == 1
    assert wire.lines == []


async def test_without_a_key_and_without_the_engine_a_tool_says_what_to_set(tmp_path: Path) -> None:
    async with launched(variables(tmp_path, RESPONSES_MCP_BACKEND="openai")) as wire:
        await wire.hello()
        await wire.call(1, "generate", input="Hi")
        result = (await wire.answer(1))["result"]
        assert result["isError"] is True
        assert "OPENAI_API_KEY" in result["content"][0]["text"]
        assert await wire.end() == 0
