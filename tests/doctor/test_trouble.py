"""The command as a process of its own, stopped in the middle, and at a door that is locked otherwise."""

import asyncio
import json
import signal
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from tests.doctor.conftest import Use
from tests.doctor.ran import Doctor
from tests.serving import openai
from tests.transports.process import COMMAND, variables
from tests.upstream import serving
from tests.upstream_answers import stream
from tests.upstream_state import StatefulUpstream
from tests.web import certificate


class Late(StatefulUpstream):
    """It begins with a response, and says so only later."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()

    def _streamed(self, final, told, pause=None):
        return stream(iter([self.gate, *told]))


async def test_stopped_in_the_middle_it_still_deletes_what_it_made(tmp_path: Path) -> None:
    # What a shell runs in its background ignores SIGINT, and so would every child of it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    async with serving(Late()) as up:
        command = [*COMMAND, "doctor", "--json"]
        process = await anyio.open_process(command, env=variables(tmp_path, **openai(up.base_url)))
        async with process:
            with anyio.fail_after(60):
                await up.arrived(2)
                process.send_signal(signal.SIGINT)
                up.gate.set()
                assert process.stdout is not None
                assert process.stderr is not None
                told = json.loads(b"".join([part async for part in process.stdout]))
                said = b"".join([part async for part in process.stderr])
        assert (process.returncode, told["ok"], said) == (1, False, b"")
        assert [check["check"] for check in told["checks"]][-2:] == ["cost", "cleanup"]
        assert told["checks"][-1]["status"] == "pass"
        assert (len(up.responses), up.kept()) == (1, set())


async def test_a_certificate_that_is_not_trusted_is_told_with_what_to_do(use: Use, run: Doctor, tmp_path: Path) -> None:
    async with locked(certificate(tmp_path)) as port:
        use(openai(f"https://127.0.0.1:{port}/v1", RESPONSES_MCP_MAX_RETRIES="0"))
        ran = await run("--json")
    assert ran.code == 1
    assert ran.checks["reachable"]["found"].startswith("the certificate of 127.0.0.1 is not trusted (")
    assert "SSL_CERT_FILE" in ran.checks["reachable"]["advice"]


@asynccontextmanager
async def locked(pem: Path) -> AsyncGenerator[int]:
    """A TLS server whose certificate nobody knows; yields its port."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]
