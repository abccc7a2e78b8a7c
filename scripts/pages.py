"""Writes what the pages in ``docs/`` take from the code: ``python scripts/pages.py``, and ``--check`` to look only.

A page holds such a part between ``<!-- made: NAME -->`` and ``<!-- end -->``; everything else on it is written by hand.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from mcp_server import settings
from mcp_server.doctor.configuration import values
from mcp_server.hosts.known import HOSTS, Host
from mcp_server.hosts.variables import ASKED
from mcp_server.server.prompts import PROMPTS
from mcp_server.server.resources import RESOURCES, TEMPLATES
from mcp_server.settings import LATER, SECRET
from mcp_server.tools import TOOLS, definitions
from mcp_server.tools.generate import GenerateArguments
from mcp_server.tools.shared import SharedArguments, TurnArguments
from scripts.codes import CODES

DOCS = Path(__file__).resolve().parent.parent / "docs"
COMMAND = "python3 scripts/dev.py pages"
PART = re.compile(r"(<!-- made: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)

SETTINGS: dict[str, tuple[str, ...]] = {
    "Which backend and model": (
        *("RESPONSES_MCP_BACKEND", "RESPONSES_MCP_MODEL", "RESPONSES_MCP_EMBEDDING_MODEL"),
        "RESPONSES_MCP_LOCAL_MODEL",
    ),
    "OpenAI and compatible servers": ("OPENAI_API_KEY", "OPENAI_BASE_URL"),
    "Azure": (
        *("AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_API_KEY", "AZURE_OPENAI_DEPLOYMENT_NAME"),
        "AZURE_OPENAI_DEPLOYMENT",
    ),
    "Amazon Bedrock": (
        *("AWS_BEARER_TOKEN_BEDROCK", "AWS_REGION", "AWS_DEFAULT_REGION", "BEDROCK_MODEL", "BEDROCK_BASE_URL"),
        "AWS_BEDROCK_BASE_URL",
    ),
    "What may be read and kept": (
        *("RESPONSES_MCP_ALLOWED_ROOTS", "RESPONSES_MCP_HOME", "RESPONSES_MCP_STORE"),
        "RESPONSES_MCP_STORE_RESPONSES",
    ),
    "Time and money": (
        *("RESPONSES_MCP_WAIT_SECONDS", "RESPONSES_MCP_TIMEOUT_SECONDS", "RESPONSES_MCP_MAX_RETRIES"),
        *("RESPONSES_MCP_DAILY_BUDGET_USD", "RESPONSES_MCP_SESSION_BUDGET_USD"),
    ),
    "Logs, to stderr": ("RESPONSES_MCP_LOG_LEVEL", "RESPONSES_MCP_LOG_FORMAT"),
    "Refused by this version": LATER,
}
"""Every setting, in the order of the page."""
MEANINGS = {
    "RESPONSES_MCP_BACKEND": "`auto`, `openai`, `azure`, `bedrock`, `compatible` or `local`.",
    "RESPONSES_MCP_EMBEDDING_MODEL": "Embeds for search. Empty: one that the backend lists, or the packaged one.",
    "AZURE_OPENAI_DEPLOYMENT": "Another name for the deployment.",
    "AWS_DEFAULT_REGION": "Another name for the region.",
    "BEDROCK_BASE_URL": "Another endpoint than the region's Mantle one.",
    "AWS_BEDROCK_BASE_URL": "Another name for that.",
    "RESPONSES_MCP_HOME": "The state folder.",
    "RESPONSES_MCP_STORE": "The file of sessions and jobs: `sqlite:///<path>`.",
    "RESPONSES_MCP_STORE_RESPONSES": "`false`: no response is kept upstream unless a call says `store: true`.",
    "RESPONSES_MCP_WAIT_SECONDS": "How long a call waits before it returns a `job_id`, 0 to 3600.",
    "RESPONSES_MCP_TIMEOUT_SECONDS": "How long the backend may be silent within a request, 1 to 86400.",
    "RESPONSES_MCP_MAX_RETRIES": "How often a request that did no work is sent again, 0 to 10.",
    "RESPONSES_MCP_SESSION_BUDGET_USD": "New paid calls of a session are refused once so much was spent on it.",
    "RESPONSES_MCP_LOG_LEVEL": "`debug`, `info`, `warning` or `error`.",
    "RESPONSES_MCP_LOG_FORMAT": "`console`, `json`, or `auto`: console on a terminal.",
    **dict.fromkeys(LATER, "Kept for authentication over HTTP; while it is set, every paid call is refused."),
}
"""Of the settings that nobody is asked for at installation; the others bring their own words."""
UNSAID = {
    "model": "The model; absent: the configured one",
    "reasoning_effort": "How long it thinks, where the model does",
    "verbosity": "How much it says, where the model takes it",
    "max_output_tokens": "The most it may write, reasoning included",
    "dry_run": "Send nothing: show the request, its tokens and cost, and what keeps the cache from hitting",
    "tool_choice": "As in the API",
    "parallel_tool_calls": "As in the API",
    "question": "What to ask",
    "max_results": "1 to 50, default 10",
    "score_threshold": "0 to 1: nothing less alike",
    "ranking_options": "As in the API",
    "rewrite_query": "Let the backend reword it, where it can",
    "chunking_strategy": "As in the API, for files indexed now",
    "kinds": "Only these",
    "confirm": "`true`, for `all` with `dry_run: false`",
    "action": "What to do",
}
"""Arguments whose description would cost every conversation more than it tells a model."""
SESSION = {"sessions": "Which one; not for `list`", "cleanup": "All of this conversation"}
RESULT = {
    "status": "`completed`, `incomplete`, `in_progress`, `queued`, `failed`, `cancelled`, `unknown`, `dry_run`",
    "text": "The answer",
    "response_id": "The response's id at the backend",
    "job_id": "Of a call that goes on, and of background work: for `poll` and `cancel`",
    "session": "The conversation it belongs to",
    "model": "Which model answered",
    "tool_calls": "`call_id`, `name`, `type`, and `arguments` or `input`: answer them with `tool_outputs`",
    "citations": "Sources: `type`, `title`, `url` or `filename`, `path`, `lines`, `quote`",
    "refusal": "The model's own words, where it refuses",
    "incomplete_reason": "Such as `max_output_tokens`",
    "usage": "Tokens: `input_tokens`, `cached_tokens`, `output_tokens`, …; `cost_usd` and `saved_usd` where known",
    "prompt_cache": "`key` and `retention`",
    "truncated": "The text is cut at 100,000 characters; a resource link leads to the whole",
    "poll_after_seconds": "When to ask again",
    "warnings": "What was done other than asked, and what keeps the cache from hitting",
    "files": "How each file was sent: `source`, `sha256`, `bytes`, `sent_as`, `file_id`, `pages`",
    "outcome": "`ok`, `invalid`, `refusal`, `incomplete` or `tool_call`",
    "data": "The JSON, where `outcome` is `ok`",
    "errors": "Why it is not valid: `path`, `message`",
    "attempts": "How often the model was asked",
    "search_query": "The queries as they were searched",
    "vector_store_id": "Of a hosted store: for `file_search` in `generate`",
    "not_found": "Ids that are not yours",
    "jobs": "`job_id`, `status`, `usage`",
    "dry_run": "Whether nothing was deleted",
    "counts": "How many of each status",
}


def codes() -> str:
    """Each error code, in the order of the table."""
    told = ((f"`{name}`", code.meaning, code.remedy, code.retry) for name, code in CODES.items())
    return table(("code", "what it means", "what to do", "again?"), told)


def variables() -> str:
    """Each setting under its heading, with its default."""
    with tempfile.TemporaryDirectory() as folder:
        shown = values(settings.load({"RESPONSES_MCP_HOME": folder}))
        default = {str(one["name"]): str(one["value"]).replace(folder, "<state folder>") for one in shown}
    default |= {"RESPONSES_MCP_HOME": "see above", "RESPONSES_MCP_STORE_RESPONSES": "true"}
    meaning = MEANINGS | {one.name: one.description for one in ASKED}
    parts = [
        (heading, [(_name(name), meaning[name], _code(default.get(name, "-"))) for name in names])
        for heading, names in SETTINGS.items()
    ]
    return "\n".join(f"### {heading}\n\n{table(('name', 'meaning', 'default'), rows)}" for heading, rows in parts)


def tools() -> str:
    """The arguments and results that tools share, then each tool with its own."""
    served = {one.name: one for one in definitions()}
    first, shared = served["generate"], set(SharedArguments.model_fields)
    result = set((first.output_schema or {})["properties"])
    parts = [
        "## Shared arguments\n\nOf `generate`, `structured_extract`, `file_ask`, `start_background`, which also takes "
        "`generate`'s own, and `vector_search`, where `store` is something else.\n\n"
        + _arguments(first.input_schema, only=shared),
        "## Shared result\n\nWhat is absent is left out.\n\n" + _results(first.output_schema, only=result),
    ]
    for tool in TOOLS:
        one = served[tool.name]
        paid = issubclass(tool.arguments, TurnArguments)
        # ``store`` of a search is another thing than that of the others.
        known = shared - {"store"} if tool.name == "vector_search" else shared
        known = known | set(GenerateArguments.model_fields) | {"json"} if tool.name == "start_background" else known
        inputs, outputs = one.input_schema, one.output_schema
        own = set(inputs["properties"]) - known if paid else set(inputs["properties"])
        shown = set((outputs or {})["properties"]) - result if paid else set((outputs or {})["properties"])
        text = f"## `{tool.name}`\n\n{tool.description}\n\n{_arguments(inputs, only=own, tool=tool.name)}"
        parts.append(text + (f"\n{_results(outputs, only=shown)}" if shown else ""))
    return "\n".join(parts)


def more() -> str:
    """Prompts and resources."""
    prompts = [one.definition() for one in PROMPTS.values()]
    asked = [[f"`{of.name}`" + (" (needed)" if of.required else "") for of in one.arguments or ()] for one in prompts]
    rows = [
        (f"`{one.name}`", one.description or "", ", ".join(takes)) for one, takes in zip(prompts, asked, strict=True)
    ]
    known = [(f"`{uri}`", words) for uri, words in {**RESOURCES, **TEMPLATES}.items()]
    return (
        f"## Prompts\n\n{table(('prompt', 'what it does', 'arguments'), rows)}\n"
        f"## Resources\n\n{table(('resource', 'what it is'), known)}"
    )


def hosts() -> str:
    """Each host with its command."""
    rows = [(one.title, f"`responses-mcp install {one.name}`", _key(one), one.next_step) for one in HOSTS.values()]
    return table(("host", "command", "how it names a key", "then"), rows)


def _key(host: Host) -> str:
    if host.asks:
        return "it asks for it once, and keeps it"
    if host.forwards:
        return f"in `{host.forwards}`, the variables that it hands on"
    if host.reference:
        return f"`{host.reference}`: the variable of its own environment"
    return "it cannot; but a server has all variables that it has" if host.inherits else "it cannot: see below"


MADE = {"codes": codes, "settings": variables, "tools": tools, "more": more, "hosts": hosts}


def renewed(text: str) -> str:
    """A page with its made parts as they are now."""
    return PART.sub(lambda part: f"{part[1]}\n{MADE[part[2]]().strip()}\n\n{part[3]}", text)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def _arguments(schema: dict[str, Any], *, only: set[str], tool: str = "") -> str:
    needed = schema.get("required", ())
    rows = [
        (f"`{name}`" + (" (needed)" if name in needed else ""), _type(one), _meaning(name, one, tool))
        for name, one in schema["properties"].items()
        if name in only
    ]
    return table(("argument", "type", "meaning"), rows)


def _results(schema: dict[str, Any] | None, *, only: set[str]) -> str:
    shown = (schema or {})["properties"].items()
    rows = [(f"`{name}`", one.get("description") or RESULT[name]) for name, one in shown if name in only]
    return table(("result", "meaning"), rows)


def _meaning(name: str, one: dict[str, Any], tool: str) -> str:
    return one.get("description") or (name == "session" and SESSION.get(tool)) or UNSAID[name]


def _type(one: dict[str, Any]) -> str:
    if "enum" in one:
        return ", ".join(f"`{value}`" for value in one["enum"])
    if "anyOf" in one:
        return " or ".join(_type(option) for option in one["anyOf"])
    if one["type"] == "array":
        return f"list of {_type(one['items'])}" if "enum" in one["items"] else f"list of {one['items']['type']}s"
    return one["type"]


def _name(name: str) -> str:
    return f"`{name}`" + (" (secret)" if name in SECRET else "")


def _code(value: str) -> str:
    return value if value in ("-", "see above") else f"`{value.removesuffix('.0')}`"


def main(arguments: Sequence[str]) -> int:
    """Write the pages, or say with ``--check`` which are not as they would be written; returns the exit code."""
    stale = []
    for page in sorted(DOCS.glob("*.md")):
        text = page.read_text("utf-8")
        if (now := renewed(text)) != text:
            stale.append(page.name)
            if "--check" not in arguments:
                page.write_text(now, "utf-8")
    print(f"{'not as written by' if '--check' in arguments else 'written by'} {COMMAND}: {', '.join(stale) or 'none'}")
    return int(bool(stale) and "--check" in arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
