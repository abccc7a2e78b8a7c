"""The protocol's own conformance scenarios for tasks, against tools whose jobs are ours."""

import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
import uvicorn

from mcp_server.app import open_app
from mcp_server.server import protocol
from mcp_server.transports.http import Sse, build_app
from tests.hosts.node import HERE, NODE
from tests.hosts.task_tools import TOOLS, PatientUpstream
from tests.serving import openai, told
from tests.upstream import serving

PROGRAM = HERE / "node_modules/@modelcontextprotocol/conformance/dist/index.js"
# One more, about notifications, is not written yet: it skips itself.
SCENARIOS = [
    "tasks-lifecycle",
    "tasks-wire-fields",
    "tasks-dispatch-and-envelope",
    "tasks-capability-negotiation",
    "tasks-mrtr-input",
    "tasks-request-state-removal",
    "tasks-request-headers",
    "tasks-required-task-error",
    "tasks-mrtr-composition",
]

pytestmark = [
    pytest.mark.hosts,
    pytest.mark.long,
    pytest.mark.skipif(not PROGRAM.is_file(), reason="not installed: run `python3 scripts/dev.py test`"),
]


@asynccontextmanager
async def address_of(home: Path) -> AsyncGenerator[str]:
    """A server with the scenarios' tools, in this process."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        async with (
            serving(PatientUpstream()) as up,
            open_app(told(home, **openai(up.base_url))) as app,
            anyio.create_task_group() as tasks,
        ):
            server = protocol.build_server(app)
            http = uvicorn.Server(uvicorn.Config(build_app(app, server, Sse(server), streamable=True), log_config=None))
            tasks.start_soon(http.serve, [bound])
            yield f"http://127.0.0.1:{bound.getsockname()[1]}/mcp"
            http.should_exit = True


async def test_tasks_pass_all_that_is_not_excused_with_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "TOOLS", TOOLS)
    told_by: dict[str, str] = {}

    async def run(address: str, scenario: str) -> None:
        options = ["--scenario", scenario, "--expected-failures", str(HERE / "conformance.yaml")]
        done = await anyio.run_process([NODE, str(PROGRAM), "server", "--url", address, *options], check=False)
        told_by[scenario] = "" if done.returncode == 0 else done.stdout.decode() + done.stderr.decode()

    with anyio.fail_after(120):
        async with address_of(tmp_path) as address, anyio.create_task_group() as tasks:
            for scenario in SCENARIOS:
                tasks.start_soon(run, address, scenario)
    assert told_by == dict.fromkeys(SCENARIOS, "")
