"""A running child and the connection to it: whatever breaks off between them is ``Crashed``."""

import json
import os
import secrets
import signal
import ssl
import sys
import threading
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from pathlib import Path
from subprocess import PIPE
from typing import Any

import anyio
import httpx2
import structlog
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from mcp_server.backends.llama.faults import Crashed, refusal
from mcp_server.errors import EngineError
from mcp_server.model.value import Frozen, JsonObject

START_SECONDS = 120.0
STOP_SECONDS = 1.0
PROGRAM = Path(__file__).with_name("child.py")

_log: structlog.stdlib.BoundLogger = structlog.get_logger("responses_mcp.llama")


class Serving(Frozen):
    """What a child serves. ``context`` is in tokens, shared by the requests running side by side."""

    model: Path
    name: str
    context: int
    embedding: bool = False


class Child:
    """One llama.cpp server process."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._api_key = secrets.token_urlsafe(32)
        # The certificates that a client loads by itself cost 60 ms, and loopback needs none.
        self._client = httpx2.AsyncClient(
            headers={"Authorization": f"Bearer {self._api_key}"},
            trust_env=False,
            timeout=None,
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        )

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """False once the process has ended."""
        return self._process.returncode is None

    async def greet(self, serving: Serving) -> None:
        """Tell the child what to serve and wait until it does.

        Raises:
            EngineError: it ended instead.
        """
        assert self._process.stdin
        assert self._process.stdout
        line = json.dumps({**serving.model_dump(mode="json"), "api_key": self._api_key}) + "\n"
        try:
            await self._process.stdin.send(line.encode())
            answer = await BufferedByteReceiveStream(self._process.stdout).receive_until(b"\n", 1000)
        except (ConnectionError, anyio.BrokenResourceError, anyio.IncompleteRead) as error:
            raise _not_loaded(serving.model, _ending(await self._process.wait())) from error
        self._client.base_url = json.loads(answer)["url"]
        try:
            await self.post("/health", None)
        except Crashed as error:
            raise _not_loaded(serving.model, "its process ended right after the start") from error

    async def post(self, path: str, body: JsonObject | None) -> Any:
        """Ask for something and read the whole JSON answer; without a body it is a GET.

        Raises:
            Crashed: the connection broke.
            UpstreamError, EngineError: the engine's refusal.
        """
        try:
            response = await self._client.request("GET" if body is None else "POST", path, json=body)
        except httpx2.TransportError as error:
            raise Crashed from error
        if not response.is_success:
            raise _refused(response)
        return response.json()

    async def stream(self, path: str, body: JsonObject) -> AsyncGenerator[JsonObject]:
        """Ask for something and yield the stream's JSON events; closing the generator stops the work.

        Raises:
            Crashed: the connection broke, or the stream ended before its end mark.
            UpstreamError, EngineError, Crowded: the engine's refusal, before or within the stream.
        """
        try:
            async with self._client.stream("POST", path, json=body) as response:
                if not response.is_success:
                    await response.aread()
                    raise _refused(response)
                async for event in httpx2.EventSource(response):
                    if event.data == "[DONE]":
                        return
                    yield _event(event.data)
        except httpx2.TransportError as error:
            raise Crashed from error
        raise Crashed

    async def stop(self) -> None:
        """End the process, gently for a second, and close what belongs to it."""
        with anyio.CancelScope(shield=True):
            assert self._process.stdin
            await self._process.stdin.aclose()
            with anyio.move_on_after(STOP_SECONDS):
                await self._process.wait()
            if self.alive:
                self._process.kill()
            await self._process.aclose()
            await self._client.aclose()


async def launch(serving: Serving, *, within: float = START_SECONDS) -> Child:
    """Start a child and wait, at most ``within`` seconds, until it serves.

    Raises:
        EngineError: the model cannot be loaded.
    """
    spoken, written = os.pipe()
    try:
        threading.Thread(target=_drain, args=(spoken,), daemon=True).start()
        process = await anyio.open_process(
            [sys.executable, "-P", str(PROGRAM)], stdin=PIPE, stdout=PIPE, stderr=written
        )
    finally:
        os.close(written)
    async with AsyncExitStack() as stack:
        child = Child(process)
        stack.push_async_callback(child.stop)
        try:
            with anyio.fail_after(within):
                await child.greet(serving)
        except TimeoutError:
            raise _not_loaded(serving.model, f"it was not ready after {within:g} seconds") from None
        stack.pop_all()
    _log.info("engine_started", model=serving.name, pid=child.pid)
    return child


def _drain(spoken: int) -> None:
    """Read what llama.cpp says, so that it never waits for a full pipe. A thread: the loop may be busy, or over."""
    with open(spoken, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            _log.debug("engine_says", line=line.rstrip())


def _event(data: str) -> JsonObject:
    event: JsonObject = json.loads(data)
    if "error" in event:
        error = event["error"]
        raise refusal(int(error.get("code", 500)), error)
    return event


def _refused(response: httpx2.Response) -> Exception:
    try:
        error = response.json()["error"]
    except (ValueError, KeyError):
        error = {"message": response.reason_phrase}
    return refusal(response.status_code, error)


def _ending(returncode: int) -> str:
    if returncode < 0:
        return f"its process was ended by {signal.Signals(-returncode).name}"
    return f"its process ended with exit code {returncode}"


def _not_loaded(model: Path, why: str) -> EngineError:
    return EngineError(
        f"The embedded engine could not load {model}: {why}; check that it is a complete GGUF file of a model that "
        "llama.cpp knows (a packaged one is fetched again when you delete it)."
    )
