"""The protocol's own conformance suite, whole, for both eras, against a server with the tools it wants to find."""

import json
import re
import socket
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
import uvicorn

from mcp_server.app import open_app
from mcp_server.server.protocol import build_server
from mcp_server.settings import load
from mcp_server.transports.http import Sse, build_app
from tests.hosts.fixtures import mount
from tests.hosts.node import HERE, MODULES, run, version_of
from tests.hosts.page import SUITES, VERSION, pinned
from tests.hosts.task_tools import PatientUpstream
from tests.serving import openai
from tests.upstream import serving

PACKAGE = "@modelcontextprotocol/conformance"
PROGRAM = MODULES / PACKAGE / "dist/index.js"

BAD = ("FAILURE", "WARNING")
"""What a revision demands and what it recommends: neither may be missed without a reason."""

pytestmark = [
    pytest.mark.hosts,
    pytest.mark.long,
    pytest.mark.skipif(not PROGRAM.is_file(), reason="not installed: run `python3 scripts/dev.py test`"),
]


@asynccontextmanager
async def address_of(home: Path) -> AsyncGenerator[str]:
    """A server in this process. It believes that it runs beside its host, so that it asks which folders are open."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        async with (
            serving(PatientUpstream()) as up,
            open_app(load({"RESPONSES_MCP_HOME": str(home), **openai(up.base_url)})) as app,
            anyio.create_task_group() as tasks,
        ):
            server = build_server(app, local=True)
            http = uvicorn.Server(uvicorn.Config(build_app(app, server, Sse(server), streamable=True), log_config=None))
            tasks.start_soon(http.serve, [bound])
            yield f"http://127.0.0.1:{bound.getsockname()[1]}/mcp"
            http.should_exit = True


async def test_it_fails_in_nothing_that_is_not_excused_with_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mount(monkeypatch)

    async def judge(address: str, revision: str) -> None:
        # Its exit code leaves out what no revision demands of everybody; the findings leave out nothing.
        await run(PROGRAM, "server", "--url", address, "--requirements", revision, "-o", str(tmp_path / revision))

    async with address_of(tmp_path) as address, anyio.create_task_group() as tasks:
        for suite in SUITES:
            tasks.start_soon(judge, address, suite.name)
    ran = {suite.name: results(tmp_path / suite.name) for suite in SUITES}
    failed = {name: told for checks in ran.values() for name, status, told in checks if status in BAD}
    reasons = excused()
    assert {name: told for name, told in failed.items() if name not in reasons} == {}
    assert reasons - failed.keys() == set(), "what passes needs no reason"
    for revision, checks in ran.items():
        statuses = Counter(status for _, status, _ in checks)
        pinned(revision, VERSION, version_of(PACKAGE))
        pinned(revision, "scenarios", str(len(list((tmp_path / revision).iterdir()))))
        pinned(revision, "passed", str(statuses["SUCCESS"]))
        pinned(revision, "excused", str(sum(statuses[status] for status in BAD)))


def results(folder: Path) -> list[tuple[str, str, str]]:
    """Of each check its scenario and id, its status, and what it says when it failed."""
    return [
        (f"{named(file.parent)}:{check['id']}", check["status"], check.get("errorMessage", ""))
        for file in folder.glob("*/checks.json")
        for check in json.loads(file.read_text("utf-8"))
    ]


def named(folder: Path) -> str:
    """The scenario whose results are there: the folder is named after it and the time."""
    return re.sub(r"^server-|-\d{4}-\d\d-\d\dT.*$", "", folder.name)


def excused() -> set[str]:
    """The scenarios and checks that may fail, and must."""
    lines = (HERE / "conformance.yaml").read_text("utf-8").splitlines()
    return {line.removeprefix("  - ") for line in lines if line.startswith("  - ")}
