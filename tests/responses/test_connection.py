"""What goes on the wire besides the body, and what does not."""

import subprocess
import sys
import urllib.request

import anyio
import pytest

from mcp_server.backends.responses.access import OPENAI_URL, KeyAccess
from mcp_server.backends.responses.backend import ResponsesBackend
from mcp_server.backends.responses.connection import Connection
from mcp_server.backends.responses.retries import Retries
from mcp_server.errors import UpstreamError
from mcp_server.settings import is_openai
from tests.responses.conftest import KEY
from tests.responses.talk import answer
from tests.upstream import ScriptedUpstream, in_thread, scripted
from tests.upstream_answers import reply, stream
from tests.upstream_shapes import page, text_events

POST = "POST", "/v1/responses"


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("https://api.openai.com/v1", True),
        ("https://eu.api.openai.com/v1", True),
        ("https://api.openai.com.evil.example/v1", False),
        ("https://evilapi.openai.com.example/api.openai.com", False),
        ("http://127.0.0.1:8080/v1", False),
        ("nonsense", False),
    ],
)
def test_openais_hosts_are_known_by_their_whole_name(url: str, own: bool) -> None:
    assert is_openai(url) is own


async def test_the_upstream_never_sees_an_sdk_retry(up: ScriptedUpstream, backend: ResponsesBackend) -> None:
    up.on(*POST, stream(text_events("ok")))
    await answer(backend)
    assert up.requests[0].headers["x-stainless-retry-count"] == "0"
    assert "idempotency-key" not in up.requests[0].headers


async def test_many_first_calls_share_one_client(up: ScriptedUpstream, backend: ResponsesBackend) -> None:
    up.always(*POST, stream(text_events("ok")))
    async with anyio.create_task_group() as group:
        for _ in range(32):
            group.start_soon(answer, backend)
    assert len(up.posts()) == 32


async def test_a_backend_that_was_never_used_closes() -> None:
    connection = Connection(access=KeyAccess(OPENAI_URL, KEY), timeout_seconds=1, retries=Retries(0))
    await connection.close()


def test_the_sdk_is_not_imported_before_the_first_request() -> None:
    code = (
        "import sys; from mcp_server import settings; from mcp_server.backends.choose import open_backend;"
        "told = [settings.load({'RESPONSES_MCP_HOME': '.', 'RESPONSES_MCP_BACKEND': name, 'OPENAI_API_KEY': 'k',"
        " 'AZURE_OPENAI_ENDPOINT': 'https://x.example', 'OPENAI_BASE_URL': 'https://x.example/v1'})"
        " for name in settings.BACKENDS]; [open_backend(one) for one in told];"
        "assert not {'openai', 'httpx2', 'botocore', 'azure.identity'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


async def ask_unplanned() -> None:
    async with scripted() as up:
        connection = Connection(access=KeyAccess(up.base_url, KEY), timeout_seconds=5, retries=Retries(0))
        with pytest.raises(UpstreamError):
            await connection.get("/models")
        await connection.close()


async def test_a_request_nobody_planned_fails_the_test() -> None:
    with pytest.raises(AssertionError, match="GET /v1/models"):
        await ask_unplanned()


def test_an_upstream_can_serve_from_a_thread_of_its_own() -> None:
    with in_thread(ScriptedUpstream()) as up:
        up.on("GET", "/v1/models", reply(page([])))
        with urllib.request.urlopen(f"{up.base_url}/models", timeout=5) as got:
            assert got.read() == b'{"object": "list", "data": [], "has_more": false}'
