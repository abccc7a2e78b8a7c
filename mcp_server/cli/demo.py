"""``responses-mcp demo``: a real client launches the server as a host would and uses every tool on real input.

Each step says what must be so; the exit code is 1 when anything is not.
"""

import json
import os
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import anyio
from mcp import Client, StdioServerParameters
from mcp.types import CallToolResult, TextContent

from mcp_server.model.value import JsonObject
from mcp_server.settings import for_child

MATERIAL = Path(__file__).with_name("material")

TRIAGE: JsonObject = {
    "type": "object",
    "properties": {
        "ticket_id": {"type": "string", "pattern": "^TICKET-[0-9]{4}$"},
        "customer": {"type": "string", "maxLength": 40},
        "category": {"enum": ["delivery_delay", "damaged_item", "billing", "other"]},
        "escalation_needed": {"type": "boolean"},
    },
    "required": ["ticket_id", "customer", "category", "escalation_needed"],
}


@dataclass
class Step:
    """What one call showed. ``wrong`` names what was not as it should be."""

    tool: str
    about: str
    seconds: float = 0.0
    shown: list[str] = field(default_factory=list[str])
    usage: JsonObject = field(default_factory=dict[str, Any])
    wrong: list[str] = field(default_factory=list[str])


class Show:
    """Calls tools and prints them for a person as they go (nothing when the output is for programs)."""

    def __init__(self, client: Client, *, silent: bool) -> None:
        self._client = client
        self._silent = silent
        self._fetching = False
        self._fetched: float | None = None
        self.steps: list[Step] = []

    def go_on_with(self, client: Client) -> None:
        """The server has been started again: this is who speaks to it."""
        self._client = client
        self.say("\nthe host has quit while the job ran, and starts the server again")

    def say(self, text: str = "") -> None:
        """One line for the person."""
        if not self._silent:
            print(text, flush=True)

    async def call(self, tool: str, about: str, **arguments: Any) -> JsonObject:
        """Call a tool, show how long it took and what it said, and return its fields."""
        step = Step(tool, about)
        self.steps.append(step)
        self.say(f"\n{tool}: {about}")
        started = time.monotonic()
        result = await self._client.call_tool(tool, arguments, progress_callback=self._progress)
        step.seconds = round(time.monotonic() - started, 2)
        if self._fetched:
            self.shows(f"{self._fetched - started:.1f} s of this went into fetching the embedded model")
            self._fetched = None
        fields: JsonObject = result.structured_content or {}
        step.usage = fields.get("usage", {})
        self.shows(*_lines(result))
        if result.is_error:
            step.wrong.append(_lines(result)[0])
        self.say(f"  {'✗' if step.wrong else '✓'} {_cost(step)}")
        return fields

    def shows(self, *lines: str) -> None:
        """Part of what the last step showed."""
        self.steps[-1].shown += lines
        for line in lines:
            self.say(f"  │ {line}")

    def must(self, condition: object, what: str) -> None:
        """Note what is wrong with the last step when ``condition`` does not hold."""
        if not condition:
            self.steps[-1].wrong.append(what)
            self.say(f"  ✗ {what}")

    async def _progress(self, progress: float, total: float | None, message: str | None) -> None:
        fetching = (message or "").startswith("Fetching")
        if self._fetching and not fetching:
            self._fetched = time.monotonic()
        self._fetching = fetching
        if not self._silent and sys.stdout.isatty():
            share = f" {progress:g}/{total:g}" if total else ""
            print(f"\r  … {message or ''}{share:<70}", end="\r", flush=True)


def _lines(result: CallToolResult) -> list[str]:
    text = "\n".join(block.text for block in result.content if isinstance(block, TextContent))
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    # A reader wants the answer and the footer; what stands between can be long.
    shown = lines if len(lines) <= 8 else [*lines[:6], f"… {len(lines) - 7} more lines", lines[-1]]
    return [line if len(line) <= 160 else line[:159] + "…" for line in shown]


def _cost(step: Step) -> str:
    usage = step.usage
    if not usage:
        return f"{step.seconds:.1f} s"
    cached = f", {usage['cached_tokens']} of them from the cache" if usage["cached_tokens"] else ""
    return f"{step.seconds:.1f} s, {usage['input_tokens']} tokens in{cached}, {usage['output_tokens']} out"


async def conversation(show: Show) -> None:
    """Two turns of one session: the second knows the first, and reuses what was already computed."""
    ticket = (MATERIAL / "ticket.txt").read_text("utf-8")
    first = await show.call(
        "generate",
        "summarise a support ticket, in a session",
        input=f"{ticket}\nSummarise this ticket in one sentence.",
        session="brightcart",
        max_output_tokens=80,
    )
    show.must(first.get("text"), "there is no text")
    second = await show.call(
        "generate",
        "go on in the same session",
        input="Now write one friendly sentence to the customer.",
        session="brightcart",
        max_output_tokens=80,
    )
    show.must(second.get("response_id") != first.get("response_id"), "the second turn is not a new response")
    show.must(second.get("usage", {}).get("input_tokens", 0) > 60, "the second turn does not carry the first")


async def extraction(show: Show) -> None:
    """JSON that is valid against a schema."""
    ticket = (MATERIAL / "ticket.txt").read_text("utf-8")
    done = await show.call(
        "structured_extract", "triage the ticket into JSON", input=ticket, schema=TRIAGE, max_output_tokens=200
    )
    show.must(done.get("outcome") == "ok", "the answer is not valid against the schema")
    show.must(set(TRIAGE["required"]) <= set(done.get("data") or {}), "fields are missing")


async def documents(show: Show, docs: Path) -> None:
    """A question about a PDF, and a folder made searchable."""
    asked = await show.call(
        "file_ask",
        "what does the two-page policy PDF offer for a delayed replacement?",
        question="What may the agent offer when a replacement has not moved for 48 hours?",
        files=[str(MATERIAL / "policy.pdf")],
        max_output_tokens=120,
    )
    show.must(asked.get("text"), "there is no answer")
    show.must([file.get("sha256") for file in asked.get("files", [])], "the file is not in the result")
    found = await show.call(
        "vector_search",
        f"index the folder {docs.name}/ and search it",
        store="demo",
        paths=[str(docs)],
        query="What happens to a job when the process that runs it dies?",
        # A small model reads short passages better, and sooner.
        chunking_strategy={"type": "static", "static": {"max_chunk_size_tokens": 150, "chunk_overlap_tokens": 50}},
        max_results=3,
    )
    show.must(found.get("index", {}).get("added", 0) + found.get("index", {}).get("unchanged", 0), "nothing is indexed")
    show.must(all(_placed(hit) for hit in found.get("results", [{}])), "what was found has no place in a file")
    answered = await show.call(
        "vector_search",
        "answer a question from that folder, with its sources",
        store="demo",
        query="How long does a process keep a job that it runs before another one may take it over?",
        max_results=2,
        answer=True,
        max_output_tokens=60,
    )
    show.must(answered.get("text"), "there is no answer")
    show.must(all(map(_placed, answered.get("citations", [{}]))), "its sources have no place in a file")


def _placed(source: JsonObject) -> bool:
    return "path" in source and ("lines" in source or "page" in source)


async def start(show: Show) -> JsonObject:
    """Work that nobody waits for; returns its handle."""
    letter = "Write a short letter to a customer whose desk is late."
    job = await show.call("start_background", "draft a reply", input=letter, max_output_tokens=120)
    show.must(job.get("job_id"), "there is no job id")
    return job


async def background(show: Show, job: JsonObject) -> None:
    """The work of a server that is gone: collected from another one; and a job that is stopped."""
    ended = await collect(show, job)
    show.must(ended.get("status") in ("completed", "incomplete"), f"the job ended as {ended.get('status')}")
    other = await show.call("start_background", "start another one", input="Tell a very long story.")
    stopped = await show.call("cancel", "and stop it", ids=[other.get("job_id")])
    # A fast backend may have told the whole story by then.
    status = [one.get("status") for one in stopped.get("jobs", [])]
    show.must(status in (["cancelled"], ["completed"]), f"it was not stopped: {status}")


async def collect(show: Show, job: JsonObject) -> JsonObject:
    """Poll until the job has ended; each poll waits for a change."""
    with anyio.move_on_after(300):
        while True:
            polled = await show.call("poll", "collect the result", ids=[job.get("job_id")], wait_seconds=30)
            jobs: list[JsonObject] = polled.get("jobs", [])
            if not jobs or jobs[0]["status"] not in ("queued", "in_progress"):
                return jobs[0] if jobs else {}
    return {}


async def tidy(show: Show) -> None:
    """What is there, and nothing of it afterwards."""
    kept = await show.call("sessions", "look at the conversation", action="get", session="brightcart")
    show.must(len(kept.get("turns", [])) == 2, "the session does not have its two turns")
    await show.call("cleanup", "what would go", all=True)
    gone = await show.call("cleanup", "delete it", all=True, dry_run=False, confirm=True)
    show.must(not {"failed", "skipped"} & set(gone.get("counts", {})), "not everything could be deleted")
    left = await show.call("sessions", "nothing is left", action="list")
    show.must(left.get("sessions") == [], "a session is left")


@asynccontextmanager
async def launched(docs: Path, folder: str) -> AsyncGenerator[Client]:
    """The server in a process of its own, over real pipes, with a store that only this demo uses."""
    environment = for_child(
        RESPONSES_MCP_STORE=f"sqlite:///{folder}/demo.db",
        RESPONSES_MCP_ALLOWED_ROOTS=os.pathsep.join([str(MATERIAL), str(docs)]),
        # The demo shows answers, not handles, also on a busy machine; start_background shows the handles.
        RESPONSES_MCP_WAIT_SECONDS="600",
        RESPONSES_MCP_LOG_LEVEL="error",
    )
    server = StdioServerParameters(command=sys.executable, args=["-m", "mcp_server"], env=environment)
    async with Client(server, read_timeout_seconds=900) as client:
        yield client


async def _demo(*, as_json: bool) -> int:
    docs = Path.cwd() / "docs"
    docs = docs if any(docs.glob("*.md")) else MATERIAL
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="responses-mcp-demo-") as folder:
        async with launched(docs, folder) as client:
            show = Show(client, silent=as_json)
            tools = [tool.name for tool in (await client.list_tools()).tools]
            show.say(f"launched in {time.monotonic() - started:.1f} s, protocol {client.protocol_version}")
            show.say(f"tools: {', '.join(tools)}")
            await conversation(show)
            await extraction(show)
            await documents(show, docs)
            job = await start(show)
        async with launched(docs, folder) as client:
            show.go_on_with(client)
            await background(show, job)
            await tidy(show)
    wrong = [step for step in show.steps if step.wrong]
    missing = sorted(set(tools) - {step.tool for step in show.steps})
    seconds = round(time.monotonic() - started, 1)
    if as_json:
        print(
            json.dumps({"seconds": seconds, "ok": not wrong and not missing, "steps": [asdict(s) for s in show.steps]})
        )
    show.say(f"\n{len(show.steps)} calls of {len(tools)} tools in {seconds} s: {_verdict(wrong, missing)}")
    return 1 if wrong or missing else 0


def _verdict(wrong: list[Step], missing: list[str]) -> str:
    if missing:
        return f"not used: {', '.join(missing)}"
    return f"{len(wrong)} not as they should be" if wrong else "all as they should be"


def run(chosen: Namespace) -> int:
    """Run the demo; returns the exit code."""
    return anyio.run(lambda: _demo(as_json=chosen.json))
