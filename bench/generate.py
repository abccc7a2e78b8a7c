"""What a ``generate`` call costs over the bare SDK call, at 1, 16 and 64 concurrent calls, as ratios in one run.

Three ways to the same answer, by turns against one scripted upstream in a process of its own: the SDK's
``responses.create`` with its stream read to the end, the same without a stream, and the tool ``generate`` through a
real MCP client over the pipes of a launched server, whose store syncs to disk. The upstream answers at once, then after
50 ms. Trust the ratios, not the milliseconds.

    python -m bench.generate [--calls N | --seconds S] [--json]
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

from mcp import Client
from mcp.client.stdio import StdioServerParameters
from openai import AsyncOpenAI

CALLERS = (1, 16, 64)
DELAYS_MS = (0, 50)
MODEL = "gpt-6-sol"
ROUNDS = 5
"""Every way is measured in so many slices, by turns, so that another load on the machine falls on all of them alike."""
QUESTION = "Say forty words. " * 10
WORDS = 40
PLACE_OF_ID = "resp_" + "0" * 32
NUMBERS = count(1)

Call = Callable[[], Awaitable[object]]
Figures = dict[str, float]
"""Milliseconds: ``p50``, ``p95``; and how many ``calls`` they are of."""


# The upstream


def a_response(status: str, output: list[dict[str, Any]]) -> dict[str, Any]:
    usage = {
        "input_tokens": 50,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": WORDS,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 50 + WORDS,
    }
    settings = {"parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "error": None, "metadata": {}}
    about = {"id": PLACE_OF_ID, "object": "response", "created_at": 1_793_000_000, "model": MODEL, **settings}
    return {**about, "status": status, "output": output, "usage": usage if output else None}


def an_answer() -> tuple[bytes, bytes]:
    """The whole HTTP answer of a request, streamed and not."""
    words = ["word "] * WORDS
    part = {"type": "output_text", "text": "".join(words), "annotations": []}
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    begun = a_response("in_progress", [])
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    final = a_response("completed", [item])
    events = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}},
        {"type": "response.content_part.added", **place, "part": {**part, "text": ""}},
        *({"type": "response.output_text.delta", **place, "delta": word, "logprobs": []} for word in words),
        {"type": "response.output_text.done", **place, "text": part["text"], "logprobs": []},
        {"type": "response.content_part.done", **place, "part": part},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": final},
    ]
    numbered = [json.dumps({**event, "sequence_number": number}) for number, event in enumerate(events)]
    lines = [f"event: {event['type']}\ndata: {text}\n\n" for event, text in zip(events, numbered, strict=True)]
    return _http("text/event-stream", "".join(lines)), _http("application/json", json.dumps(final))


def _http(kind: str, body: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()


class Upstream(asyncio.Protocol):
    """Answers every request with the same words after the same time, and does as little as that takes."""

    def __init__(self, delay_seconds: float) -> None:
        self.delay_seconds = delay_seconds
        self.streamed, self.whole = an_answer()
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        while (end := self.received.find(b"\r\n\r\n")) >= 0:
            head = self.received[:end].lower()
            length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
            if len(self.received) < end + 4 + length:
                return
            body, self.received = self.received[end + 4 : end + 4 + length], self.received[end + 4 + length :]
            asyncio.get_running_loop().call_later(self.delay_seconds, self.answer, body)

    def answer(self, body: bytes) -> None:
        stream = json.loads(body or b"{}").get("stream")
        name = f"resp_{next(NUMBERS):032x}".encode()
        assert isinstance(self.transport, asyncio.WriteTransport)
        self.transport.write((self.streamed if stream else self.whole).replace(PLACE_OF_ID.encode(), name))


async def serve(delay_ms: int) -> None:
    """Serve until killed; the port goes to stdout."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Upstream(delay_ms / 1000), "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@asynccontextmanager
async def upstream(delay_ms: int) -> AsyncGenerator[str]:
    """The address of an upstream in a process of its own."""
    command = [sys.executable, __file__, "--upstream", str(delay_ms)]
    child = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    assert child.stdout is not None
    try:
        port = int(await child.stdout.readline())
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        child.kill()
        await child.wait()


# The three ways


@asynccontextmanager
async def ways(base_url: str, home: Path) -> AsyncGenerator[dict[str, Call]]:
    """How an answer is got, by name; the first two are the bare SDK."""
    environment = {
        "RESPONSES_MCP_HOME": str(home),
        "RESPONSES_MCP_BACKEND": "openai",
        "RESPONSES_MCP_MODEL": MODEL,
        "RESPONSES_MCP_LOG_LEVEL": "error",
        "OPENAI_API_KEY": "sk-bench",
        "OPENAI_BASE_URL": base_url,
    }
    server = StdioServerParameters(command=sys.executable, args=["-m", "mcp_server"], env=environment)
    async with AsyncOpenAI(base_url=base_url, api_key="sk-bench", max_retries=0) as sdk, Client(server) as client:

        async def streamed() -> object:
            last = None
            async for event in await sdk.responses.create(model=MODEL, input=QUESTION, stream=True):
                last = event
            return last

        async def whole() -> object:
            return await sdk.responses.create(model=MODEL, input=QUESTION)

        async def generate() -> object:
            result = await client.call_tool("generate", {"input": QUESTION})
            assert not result.is_error, result.content
            return result

        yield {"sdk_streamed": streamed, "sdk_whole": whole, "generate": generate}


async def measure(call: Call, callers: int, *, calls: int, seconds: float) -> list[float]:
    """Milliseconds of each call of ``callers`` tasks that wait for their answer before the next.

    They end with ``calls`` calls, or after ``seconds``.
    """
    times: list[float] = []
    begun = count()
    start = time.perf_counter()

    async def one() -> None:
        while next(begun) < calls and time.perf_counter() - start < seconds:
            sent = time.perf_counter()
            await call()
            times.append((time.perf_counter() - sent) * 1000)

    await asyncio.gather(*(one() for _ in range(callers)))
    return times


def figures(times: list[float]) -> Figures:
    cuts = statistics.quantiles(times, n=20) if len(times) > 1 else times * 19
    return {"p50": statistics.median(times), "p95": cuts[18], "calls": len(times)}


async def table(delay_ms: int, *, calls: int, seconds: float) -> list[dict[str, Any]]:
    """One row for each number of callers; every way is warmed up by one round of all of them."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        async with upstream(delay_ms) as base_url, ways(base_url, Path(name)) as known:
            for callers in CALLERS:
                times: dict[str, list[float]] = {way: [] for way in known}
                for call in known.values():
                    await measure(call, callers, calls=max(CALLERS), seconds=seconds)
                for _ in range(ROUNDS):
                    for way, call in known.items():
                        times[way] += await measure(call, callers, calls=calls // ROUNDS, seconds=seconds / ROUNDS)
                rows.append({"callers": callers, **{way: figures(taken) for way, taken in times.items()}})
    return rows


def show(delay_ms: int, rows: list[dict[str, Any]]) -> None:
    print(f"\nupstream answers after {delay_ms} ms            generate : SDK streamed       generate : SDK whole")
    print("callers   SDK p50  generate p50  p95 ms     p50    p95  added ms     p50    p95  added ms")
    for row in rows:
        ours = row["generate"]
        cells = [f"{row['callers']:7} {row['sdk_streamed']['p50']:9.2f} {ours['p50']:13.2f} {ours['p95']:7.2f}"]
        for theirs in (row["sdk_streamed"], row["sdk_whole"]):
            ratios = [ours[cut] / theirs[cut] for cut in ("p50", "p95")]
            cells.append(f"{ratios[0]:7.2f} {ratios[1]:6.2f} {ours['p50'] - theirs['p50']:9.2f}")
        print(" ".join(cells))


async def main(*, calls: int, seconds: float, as_json: bool) -> None:
    found: dict[int, list[dict[str, Any]]] = {}
    for delay_ms in DELAYS_MS:
        found[delay_ms] = await table(delay_ms, calls=calls, seconds=seconds)
        if not as_json:
            show(delay_ms, found[delay_ms])
    if as_json:
        print(json.dumps({f"{delay_ms}ms": rows for delay_ms, rows in found.items()}, indent=2))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="The overhead of generate over the bare SDK call.")
    parser.add_argument("--calls", type=int, default=1000, help="calls per figure, at most")
    parser.add_argument("--seconds", type=float, default=10.0, help="seconds per figure, at most")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--upstream", type=int, metavar="MS", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.upstream is not None:
        asyncio.run(serve(chosen.upstream))
    else:
        asyncio.run(main(calls=chosen.calls, seconds=chosen.seconds, as_json=chosen.json))
