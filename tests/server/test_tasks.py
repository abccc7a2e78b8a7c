"""Jobs as tasks, for hosts that declare the extension: in one process, in several, and after a crash."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import anyio
import httpx2
import pytest
from mcp import Client, MCPError
from mcp.client import advertise
from mcp.types import (
    HEADER_MISMATCH,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    CallToolResult,
    ListRootsResult,
)

from mcp_server.app import open_app
from mcp_server.errors import StoreError
from mcp_server.model.request import TurnRequest
from mcp_server.server.protocol import build_server
from tests.server.task_host import EXTENSION, TaskExtension, TaskHost, ask
from tests.serving import Era, House, openai, told
from tests.transports.nursery import LEASE, Nursery, nursery, spoken
from tests.transports.process import served, variables
from tests.upstream_answers import black_hole, error, stream
from tests.upstream_shapes import text_events
from tests.upstream_state import StatefulUpstream

METHODS = ["tasks/get", "tasks/cancel", "tasks/update"]
ACKNOWLEDGED = {"resultType": "complete"}
DETACHED: dict[str, dict[str, Any]] = {
    "generate": {"input": "Hi"},
    "structured_extract": {"input": "Maya", "schema": {"type": "object", "properties": {"name": {"type": "string"}}}},
    "file_ask": {"question": "Who?", "files": ["a.txt"]},
    "start_background": {"input": "Hi"},
}


@pytest.fixture
def era() -> Era:
    """Tasks are of one era; the other has a test of its own."""
    return "auto"


@pytest.fixture
async def host(hosted: House) -> AsyncGenerator[TaskHost]:
    """A host that declares the extension, beside ``hosted`` that does not; both of one server."""
    async with Client(build_server(hosted.app), extensions=[TaskExtension()]) as client:
        yield TaskHost(client)


@pytest.fixture(scope="module")
def servers() -> Generator[Nursery]:
    with nursery() as made:
        yield made


def shown(result: CallToolResult) -> dict[str, Any]:
    """All of a result but for the name of the server."""
    told = result.model_dump(mode="json")
    told["meta"] = {name: value for name, value in (result.meta or {}).items() if name.startswith("responses-mcp/")}
    return told


@pytest.mark.parametrize("tool", DETACHED)
async def test_a_call_that_detaches_is_a_task_with_the_result_that_the_tool_would_have_given(
    hosted: House, host: TaskHost, up: StatefulUpstream, tool: str
) -> None:
    (hosted.app.roots.folders[0] / "a.txt").write_text("Maya is here.", "utf-8")
    up.on("POST", "/v1/responses", error(429, headers={"retry-after-ms": "1"}))
    up.pause = asyncio.Event()
    arguments = {**DETACHED[tool], "request_key": "once"}
    begun = await host.begin(tool, **arguments, wait_seconds=0)
    assert begun["resultType"] == "task"
    assert begun["status"] == "working"
    assert "result" not in begun
    seen = await host.ask("tasks/get", begun["taskId"])
    assert seen["lastUpdatedAt"] >= begun["lastUpdatedAt"] >= begun["createdAt"]
    assert seen["resultType"] == "complete"
    for name in ("taskId", "status", "createdAt", "ttlMs", "pollIntervalMs"):
        assert seen[name] == begun[name]
    up.pause.set()
    ended = await host.end_of(begun["taskId"])
    assert ended["status"] == "completed"
    waited = await hosted.result(tool, **arguments, wait_seconds=60)
    assert shown(CallToolResult.model_validate(ended["result"])) == shown(waited)
    assert not waited.is_error
    assert len(up.posts()) == 2  # the one that was refused, and the one that was not


async def test_a_task_says_when_it_began_and_when_to_ask_again_and_that_it_is_kept(
    hosted: House, host: TaskHost, up: StatefulUpstream
) -> None:
    up.pause = asyncio.Event()
    begun = await host.begin("start_background", input="Hi")
    (job,) = (await hosted.call("poll"))["jobs"]
    assert begun["taskId"] == job["job_id"]
    assert begun["pollIntervalMs"] == job["poll_after_seconds"] * 1000
    assert begun["ttlMs"] is None
    assert begun["createdAt"].endswith("Z")
    up.pause.set()
    await host.end_of(begun["taskId"])


async def test_a_working_task_says_what_it_is_doing(hosted: House, host: TaskHost, up: StatefulUpstream) -> None:
    go_on = asyncio.Event()
    first, *rest = text_events("Found it.")
    searching = {"type": "response.web_search_call.searching", "item_id": "ws_1", "output_index": 0}
    up.on("POST", "/v1/responses", stream([first, {**searching, "sequence_number": 1}, go_on, *rest]))
    begun = await host.begin("generate", input="Hi", wait_seconds=0)
    activity = None
    with anyio.fail_after(30):
        while not activity:
            (job,) = (await hosted.call("poll", wait_seconds=0.1))["jobs"]
            activity = job.get("progress", {}).get("activity")
    assert (await host.ask("tasks/get", begun["taskId"]))["statusMessage"] == activity
    go_on.set()
    assert "statusMessage" not in await host.end_of(begun["taskId"])


async def test_what_went_wrong_is_a_tools_result(hosted: House, host: TaskHost, up: StatefulUpstream) -> None:
    refusal = error(401, "bad key", code="invalid_api_key")
    up.on("POST", "/v1/responses", refusal, refusal)
    begun = await host.begin("generate", input="Hi", wait_seconds=0)
    ended = await host.end_of(begun["taskId"])
    assert ended["status"] == "completed"
    assert ended["result"]["isError"] is True
    sentence, failure = await hosted.refused("generate", input="Hi")
    assert ended["result"]["content"] == [{"type": "text", "text": sentence}]
    assert ended["result"]["_meta"] == {"responses-mcp/error": {**failure, "job_id": begun["taskId"]}}
    assert "structuredContent" not in ended["result"]


async def test_a_call_that_is_answered_in_time_is_no_task(host: TaskHost) -> None:
    result = await host.client.session.call_tool("generate", {"input": "Hi"}, allow_claimed=True)
    assert isinstance(result, CallToolResult)
    assert result.structured_content is not None
    assert result.structured_content["text"] == "Turn 1: Hi"


async def test_a_client_that_does_not_declare_the_extension_gets_the_handle(hosted: House, host: TaskHost) -> None:
    handle = await hosted.call("start_background", input="Hi")
    assert handle["status"] in ("queued", "in_progress")
    assert (await host.end_of(handle["job_id"]))["status"] == "completed"
    for method in METHODS:
        with pytest.raises(MCPError) as refused:
            await ask(hosted.client.session, method, handle["job_id"])
        assert refused.value.error.code == MISSING_REQUIRED_CLIENT_CAPABILITY
        assert refused.value.error.data == {"requiredCapabilities": {"extensions": {EXTENSION: {}}}}


async def test_the_handshake_era_knows_no_tasks(hosted: House, host: TaskHost) -> None:
    assert host.client.server_capabilities.extensions == {EXTENSION: {}}
    async with Client(build_server(hosted.app), mode="legacy", extensions=[advertise(EXTENSION)]) as older:
        assert older.server_capabilities.extensions is None
        handle = (await older.call_tool("start_background", {"input": "Hi"})).structured_content
        assert handle is not None
        for method in METHODS:
            with pytest.raises(MCPError) as refused:
                await ask(older.session, method, handle["job_id"])
            assert refused.value.error.code == METHOD_NOT_FOUND
    assert (await host.end_of(handle["job_id"]))["status"] == "completed"


async def test_a_cancelled_task_ends_and_cancelling_it_again_changes_nothing(
    host: TaskHost, up: StatefulUpstream
) -> None:
    up.pause = asyncio.Event()
    begun = await host.begin("start_background", input="Long")
    await up.arrived(1)
    assert await host.ask("tasks/cancel", begun["taskId"]) == ACKNOWLEDGED
    ended = await host.end_of(begun["taskId"])
    assert ended["status"] == "cancelled"
    assert "cancelled" in ended["statusMessage"]
    assert not {"result", "error"} & ended.keys()
    for method in ("tasks/cancel", "tasks/update"):
        assert await host.ask(method, begun["taskId"]) == ACKNOWLEDGED
    assert await host.ask("tasks/get", begun["taskId"]) == ended


async def test_a_cancel_is_acknowledged_before_it_has_had_an_effect(host: TaskHost, up: StatefulUpstream) -> None:
    up.pause = asyncio.Event()
    begun = await host.begin("start_background", input="Long")
    await up.arrived(1)
    (response_id,) = up.responses
    up.always("POST", f"/v1/responses/{response_id}/cancel", black_hole())
    with anyio.fail_after(5):
        assert await host.ask("tasks/cancel", begun["taskId"]) == ACKNOWLEDGED
    assert (await host.ask("tasks/get", begun["taskId"]))["status"] == "working"


@pytest.mark.parametrize("method", METHODS)
async def test_only_the_callers_own_jobs_by_their_own_ids_are_tasks(hosted: House, host: TaskHost, method: str) -> None:
    done = await hosted.call("generate", input="Hi")
    request = TurnRequest(tool="generate", input=[{"role": "user", "content": "Hi"}])
    theirs, _ = await hosted.app.turns.start(hosted.app.scope("somebody else"), request)
    for name in ("job_nobodys", done["response_id"], theirs.id, ""):
        with pytest.raises(MCPError) as refused:
            await host.ask(method, name)
        assert refused.value.error.code == INVALID_PARAMS


async def test_a_store_that_cannot_be_read_is_told_in_its_own_words(
    hosted: House, host: TaskHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unreadable(*_: Any) -> None:
        raise StoreError("The store cannot be read: disk I/O error; free some space.")

    monkeypatch.setattr(type(hosted.app.store.jobs), "find", unreadable)
    with pytest.raises(MCPError, match="free some space") as told_so:
        await host.ask("tasks/get", "job_any")
    assert told_so.value.error.code == INTERNAL_ERROR


async def test_a_host_says_which_folders_are_open_before_its_call_becomes_a_task(
    tmp_path: Path, up: StatefulUpstream
) -> None:
    (tmp_path / "plan.txt").write_text("the plan")

    async def roots(context: Any) -> ListRootsResult:
        return ListRootsResult.model_validate({"roots": [{"uri": tmp_path.as_uri()}]})

    async with (
        open_app(told(tmp_path, RESPONSES_MCP_ALLOWED_ROOTS="", **openai(up.base_url))) as app,
        Client(
            build_server(app, local=True), list_roots_callback=roots, extensions=[extension := TaskExtension()]
        ) as client,
    ):
        result = await client.call_tool("file_ask", {"question": "What?", "files": ["plan.txt"], "wait_seconds": 0})
    assert result.structured_content is not None
    assert result.structured_content["files"][0]["sent_as"] == "text"
    assert len(extension.followed) == 1


async def test_a_task_is_the_same_over_stdio_and_http_and_any_process_can_stop_it(
    tmp_path: Path, up: StatefulUpstream, servers: Nursery
) -> None:
    given = variables(tmp_path, **openai(up.base_url))
    with anyio.fail_after(90):
        async with (
            served(given, "http") as address,
            Client(f"{address}/mcp", extensions=[TaskExtension()]) as there,
            servers.forked({**given, LEASE: "0.5"}) as process,
            spoken(process, extensions=[TaskExtension()]) as here,
        ):
            for one, other in ((here, there), (there, here)):
                result = await one.call_tool("start_background", {"input": "Hi"})
                assert result.structured_content is not None
                assert result.structured_content["text"] == "Turn 1: Hi"
                known = await TaskHost(other).end_of(result.structured_content["job_id"])
                assert CallToolResult.model_validate(known["result"]).content == result.content
            up.pause = asyncio.Event()
            begun = await TaskHost(here).begin("generate", input="Long", wait_seconds=0)
            assert await TaskHost(there).ask("tasks/cancel", begun["taskId"]) == ACKNOWLEDGED
            assert (await TaskHost(here).end_of(begun["taskId"]))["status"] == "cancelled"


async def test_over_http_the_name_header_must_be_the_tasks(tmp_path: Path, up: StatefulUpstream) -> None:
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {"extensions": {EXTENSION: {}}},
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    }
    body = {"jsonrpc": "2.0", "id": 1, "method": "tasks/get", "params": {"taskId": "job_any", "_meta": meta}}
    headers = {
        "Accept": "application/json, text/event-stream",
        "Mcp-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tasks/get",
    }
    wanted = [
        ({}, HEADER_MISMATCH),
        ({"Mcp-Name": "other"}, HEADER_MISMATCH),
        ({"Mcp-Name": "job_any"}, INVALID_PARAMS),
    ]
    async with (
        served(variables(tmp_path, **openai(up.base_url)), "http") as address,
        httpx2.AsyncClient() as http,
    ):
        for name, code in wanted:
            answer = await http.post(f"{address}/mcp", json=body, headers={**headers, **name})
            assert answer.status_code == 400
            assert answer.json()["error"]["code"] == code


@pytest.mark.parametrize("backend", ["openai", "compatible"])
async def test_a_task_outlives_the_process_that_began_it(
    tmp_path: Path, up: StatefulUpstream, servers: Nursery, backend: str
) -> None:
    given = openai(up.base_url, RESPONSES_MCP_BACKEND=backend)
    environment = variables(tmp_path, RESPONSES_MCP_LOG_LEVEL="error", **given, **{LEASE: "0.5"})
    up.pause = asyncio.Event()
    with anyio.fail_after(30):
        async with servers.forked(environment) as first, spoken(first, extensions=[TaskExtension()]) as client:
            begun = await TaskHost(client).begin("start_background", input="Hi")
            # A compatible server is asked first which one it is.
            await up.arrived(2 if backend == "compatible" else 1)
            (response_id,) = up.responses
            # Until it is written down under which id the answer is being made, nobody else can ask for it.
            while (await client.call_tool("poll", {"ids": [response_id]})).structured_content != {"jobs": [ANY]}:
                pass
            first.kill()
        up.pause.set()
        async with servers.forked(environment) as second, spoken(second, extensions=[TaskExtension()]) as client:
            ended = await TaskHost(client).end_of(begun["taskId"])
    assert ended["createdAt"] == begun["createdAt"]
    assert ended["status"] == "completed"
    # A server that keeps nothing cannot be asked how it ended, and is not asked to do it again.
    assert ended["result"]["isError"] is (backend == "compatible")
    assert len(up.posts()) == 1
