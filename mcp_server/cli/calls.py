"""Calls of tools as a person sees them: what is asked, which tool answers, what comes back, how long and how much."""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mcp import Client
from mcp.types import CallToolResult, TextContent

from mcp_server.cli.show import INDENT, Screen, cut
from mcp_server.model.answer import Usage
from mcp_server.model.value import JsonObject

MOST_LINES = 6
"""Of a result that are shown: a reader wants to see what kind of answer it is."""
FINE = {"chunking_strategy", "max_output_tokens", "options"}
"""Arguments that say nothing of what is asked."""


@dataclass
class Step:
    """What one call showed. ``about`` is what the user would say; ``wrong`` names what was not as it should be."""

    tool: str
    about: str
    seconds: float = 0.0
    shown: list[str] = field(default_factory=list[str])
    usage: JsonObject = field(default_factory=dict[str, Any])
    wrong: list[str] = field(default_factory=list[str])


class Caller:
    """Calls tools, and shows it. What is below ``folder`` is named from there on."""

    def __init__(self, client: Client, screen: Screen, folder: Path) -> None:
        self._client = client
        self._screen = screen
        self._folder = folder
        self._fetching = False
        self._fetching_since = self._fetched = 0.0
        self.steps: list[Step] = []

    def go_on_with(self, client: Client) -> None:
        """The server has been started again: this is who speaks to it."""
        self._client = client

    async def call(self, tool: str, about: str, **arguments: Any) -> JsonObject:
        """Call a tool, show how long it took and what it said, and return its fields."""
        step = Step(tool, about)
        self.steps.append(step)
        self._screen.say()
        self._screen.say(f"{len(self.steps):2} “{about}”", "bold")
        self._screen.say(cut(f"{INDENT}→ {tool}({self._told(arguments)})", self._screen.width), "cyan")
        started, self._fetched = time.monotonic(), 0.0
        self._screen.begin("waiting for the server")
        try:
            result = await self._client.call_tool(tool, arguments, progress_callback=self._progress)
        finally:
            self._screen.end()
        step.seconds = round(time.monotonic() - started, 2)
        fields: JsonObject = result.structured_content or {}
        step.usage = _usage(tool, fields)
        step.shown = self._lines(result)
        self._screen.quote(_short(step.shown), *(["red"] if result.is_error else []))
        if result.is_error:
            step.wrong.append(step.shown[0])
        self._end(step, fields)
        return fields

    def must(self, condition: object, what: str) -> None:
        """Note what is wrong with the last step when ``condition`` does not hold."""
        if not condition:
            self.steps[-1].wrong.append(what)
            self._screen.say(f"{INDENT}✗ {what}", "red")

    def _end(self, step: Step, fields: JsonObject) -> None:
        cut_short = fields.get("incomplete_reason") == "max_output_tokens"
        parts = [f"{step.seconds:.1f} s", _tokens(step.usage), "cut there, as asked" if cut_short else ""]
        if self._fetched:
            parts.append(f"{self._fetched:.1f} s of it to fetch the model, once")
        mark, colour = ("✗", "red") if step.wrong else ("✓", "green")
        self._screen.say(f"{INDENT}{self._screen.styled(mark, colour)} {' · '.join(part for part in parts if part)}")

    async def _progress(self, progress: float, total: float | None, message: str | None) -> None:
        del progress, total
        said, now = message or "", time.monotonic()
        if "Fetching" in said:
            self._fetching_since = self._fetching_since if self._fetching else now
        elif self._fetching:
            self._fetched += now - self._fetching_since
        self._fetching = "Fetching" in said
        self._screen.note(said)

    def _told(self, arguments: JsonObject) -> str:
        told = [f"{name}={self._brief(value)}" for name, value in arguments.items() if name not in FINE]
        return ", ".join([*told, "…"] if FINE & arguments.keys() else told)

    def _brief(self, value: Any) -> str:
        match value:
            case dict():
                return "{…}"
            case str():
                return f'"{cut(" ".join(value.split()), 36)}"'
            case _:
                return cut(self._named(json.dumps(value, ensure_ascii=False)), 36)

    def _named(self, text: str) -> str:
        # In JSON the separators of a Windows path are doubled.
        for folder in (f"{self._folder}/", f"{self._folder}\\", f"{self._folder}\\".replace("\\", "\\\\")):
            text = text.replace(folder, "")
        return text

    def _lines(self, result: CallToolResult) -> list[str]:
        text = "\n".join(block.text for block in result.content if isinstance(block, TextContent))
        return [self._named(line.rstrip()) for line in text.splitlines() if line.strip()]


def _short(lines: list[str]) -> list[str]:
    """Without the footer, whose numbers are told after it, and without the middle of what is long."""
    body = [line for line in lines if not line.startswith(("[completed", "[incomplete"))] or lines
    return body if len(body) <= MOST_LINES else [*body[: MOST_LINES - 1], f"… {len(body) - MOST_LINES + 1} more lines"]


def _usage(tool: str, fields: JsonObject) -> JsonObject:
    """What the call itself has used: a poll brings what its jobs have, a session's sum was paid before."""
    if tool == "sessions":
        return {}
    jobs: list[JsonObject] = fields.get("jobs", [])
    used = [job["result"]["usage"] for job in jobs if job.get("result", {}).get("usage")]
    return summed(used) if used else fields.get("usage", {})


def summed(used: list[JsonObject]) -> JsonObject:
    """The sum of these usages; a cost that is not known makes the sum unknown."""
    return sum((Usage.model_validate(one) for one in used[1:]), Usage.model_validate(used[0])).model_dump()


def _tokens(usage: JsonObject) -> str:
    if not usage:
        return ""
    cached = f" ({usage['cached_tokens']:,} from the cache)" if usage["cached_tokens"] else ""
    return f"{usage['input_tokens']:,} tokens in{cached}, {usage['output_tokens']:,} out"
