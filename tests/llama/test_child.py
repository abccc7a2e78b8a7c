"""The child's life: started once, restarted after a crash, never left behind."""

import json
import os
import signal
import subprocess
import sys
from contextlib import aclosing
from pathlib import Path

import anyio
import httpx2
import jsonschema
import pytest

from mcp_server.backends.llama import process
from mcp_server.backends.llama.backend import LlamaBackend
from mcp_server.backends.llama.faults import Crowded, crowded_out, refusal
from mcp_server.backends.llama.process import Serving, launch
from mcp_server.errors import ConfigurationError, EngineError, UpstreamError
from mcp_server.model.events import Activity, Finished, TextDelta
from tests.llama.conftest import MODEL, answer_of, said
from tests.llama.test_chat import PERSON, STORY

pytestmark = pytest.mark.engine


def kill(backend: LlamaBackend) -> None:
    os.kill(backend._chat.child.pid, signal.SIGKILL)


@pytest.mark.parametrize("schema", [None, PERSON | {"properties": {"age": {"type": "string", "minLength": 60}}}])
async def test_a_child_killed_in_the_middle_is_replaced_and_the_answer_goes_on(backend, schema):
    params = {"max_output_tokens": 40}
    first, texts, last = None, [], None
    async with aclosing(backend.respond(said(STORY, json_schema=schema, params=params))) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                texts.append(event.text)
                if len(texts) == 3:
                    first = backend._chat.child.pid
                    kill(backend)
            last = event
    assert isinstance(last, Finished)
    assert backend._chat.child.pid != first
    assert ["restarted" in warning for warning in last.answer.warnings] == [True]
    assert "".join(texts) == last.answer.text
    if last.answer.status == "completed" and schema:
        jsonschema.validate(json.loads(last.answer.text), schema)


async def test_a_second_crash_ends_the_call(backend):
    async def ask() -> None:
        async with aclosing(backend.respond(said(STORY))) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    kill(backend)

    with pytest.raises(EngineError, match="crashed twice") as caught, anyio.fail_after(120):
        await ask()
    assert caught.value.retryable


async def test_a_child_that_died_between_two_calls_is_replaced(backend):
    await answer_of(backend, said("hi", params={"max_output_tokens": 2}))
    kill(backend)
    answer = await answer_of(backend, said("hi", params={"max_output_tokens": 2}))
    assert answer.status == "incomplete"


async def test_first_calls_at_the_same_time_start_one_child(home):
    backend = LlamaBackend(home)
    seen: list[int] = []
    notes: list[str] = []

    async def ask() -> None:
        async with aclosing(backend.respond(said("hi", params={"max_output_tokens": 2}))) as events:
            async for event in events:
                if isinstance(event, Activity):
                    notes.append(event.message)
                else:
                    seen.append(backend._chat.child.pid)

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(ask)
    await backend.close()
    assert len(set(seen)) == 1
    assert notes.count("Loading the embedded engine") == 1
    assert notes.count("Waiting for the embedded engine") == 2


async def test_prepare_leaves_a_running_child_and_has_nothing_to_do_then(home):
    backend = LlamaBackend(home)
    notes = [note async for note in backend.prepare()]
    assert notes[-1] == "Loading the embedded engine"
    assert [note async for note in backend.prepare()] == []
    with anyio.fail_after(3):
        await backend.close()
    assert backend._chat.running is None
    with pytest.raises(EngineError, match="shutting down"):
        await answer_of(backend, said("hi"))


async def test_a_start_that_is_overtaken_by_the_shutdown_leaves_no_child(home):
    backend = LlamaBackend(home)
    async with aclosing(backend.prepare()) as notes:
        async for _ in notes:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(backend.close)
                with pytest.raises(EngineError, match="shutting down"):
                    await anext(notes)
            break
    assert backend._chat.running is None


async def test_nobody_without_the_key_is_answered(backend):
    await answer_of(backend, said("hi", params={"max_output_tokens": 1}))
    async with httpx2.AsyncClient(base_url=backend._chat.child._client.base_url, trust_env=False) as stranger:
        assert (await stranger.post("/v1/chat/completions", json={"messages": []})).status_code == 401
        assert (await stranger.get("/slots")).status_code == 401


@pytest.mark.parametrize(
    "content", [b"", b"hello" * 100, b"GGUF\x03\0\0\0" + b"\xff" * 200], ids=["empty", "text", "broken"]
)
async def test_a_malformed_model_is_reported_by_its_name(tmp_path, content):
    file = tmp_path / "mine.gguf"
    file.write_bytes(content)
    backend = LlamaBackend(tmp_path, file)
    assert await backend.models() == ["mine"]
    with pytest.raises(EngineError, match=r"mine\.gguf.*complete GGUF"), anyio.fail_after(30):
        await answer_of(backend, said("hi").model_copy(update={"model": "mine"}))
    await backend.close()


async def test_a_model_file_that_is_not_there_names_the_setting(tmp_path):
    backend = LlamaBackend(tmp_path, tmp_path / "mine.gguf")
    with pytest.raises(ConfigurationError, match="RESPONSES_MCP_LOCAL_MODEL"):
        await answer_of(backend, said("hi").model_copy(update={"model": "mine"}))


@pytest.mark.skipif(sys.platform == "win32", reason="named pipes are files on POSIX")
async def test_a_model_that_never_loads_is_given_up(tmp_path):
    os.mkfifo(tmp_path / "slow.gguf")
    with pytest.raises(EngineError, match="not ready after 1 seconds"), anyio.fail_after(20):
        await launch(Serving(model=tmp_path / "slow.gguf", name="slow", context=512), within=1)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGABRT)", "SIGABRT"),
        ("import sys; sys.exit(3)", "exit code 3"),
        (
            'import time; print(\'{"url": "http://127.0.0.1:9"}\', flush=True); input(); input()',
            "right after the start",
        ),
    ],
)
async def test_a_child_that_ends_at_once_says_how(tmp_path, monkeypatch, program, why):
    (tmp_path / "program.py").write_text(program)
    monkeypatch.setattr(process, "PROGRAM", tmp_path / "program.py")
    with pytest.raises(EngineError, match=why):
        await launch(Serving(model=tmp_path / "x.gguf", name="x", context=512))


async def answers(stranger: httpx2.AsyncClient) -> bool:
    try:
        return (await stranger.get("/health")).is_success
    except httpx2.TransportError:
        return False


PARENT = """
import anyio, sys
from pathlib import Path
from mcp_server.backends.llama.backend import LlamaBackend
async def main():
    backend = LlamaBackend(Path(sys.argv[1]))
    async for _ in backend.prepare(): pass
    print("at", backend._chat.child._client.base_url, flush=True)
    await anyio.sleep_forever()
anyio.run(main)
"""


async def test_the_child_ends_when_its_parent_is_killed(home: Path):
    async with await anyio.open_process([sys.executable, "-c", PARENT, str(home)], stdin=subprocess.DEVNULL) as parent:
        assert parent.stdout
        said = b""
        with anyio.fail_after(60):
            while b"at http" not in said or not said.endswith(b"\n"):
                said += await parent.stdout.receive()
        url = said.rsplit(b"at ", 1)[1].decode().strip()
        async with httpx2.AsyncClient(base_url=url, trust_env=False) as stranger:
            assert (await stranger.get("/health")).status_code == 200
            parent.kill()
            with anyio.fail_after(5):
                while await answers(stranger):
                    pass


def test_the_engines_errors_become_ours():
    assert isinstance(refusal(500, {"message": "Context size has been exceeded."}), Crowded)
    failed = refusal(500, {"message": "boom"})
    assert isinstance(failed, EngineError)
    assert failed.retryable
    assert isinstance(process._refused(httpx2.Response(502, text="<html>")), EngineError)
    assert isinstance(process._refused(httpx2.Response(404, json={"error": {"message": "no"}})), UpstreamError)
    assert crowded_out().retryable


async def test_what_the_profile_does_not_offer_is_refused(tmp_path):
    backend = LlamaBackend(tmp_path)
    assert await backend.models() == [MODEL]
    calls = [backend.retrieve, backend.cancel, backend.delete, backend.delete_file]
    for call in calls:
        with pytest.raises(UpstreamError) as caught:
            await call("x")
        assert (caught.value.kind, caught.value.outcome) == ("not_supported", "not_sent")
    with pytest.raises(UpstreamError, match="notes"):
        await backend.upload("notes.txt", b"", "user_data")
    with pytest.raises(UpstreamError, match="vector stores"):
        _ = backend.stores
