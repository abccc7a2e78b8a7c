"""The page that shows what was found: a row for each host, a column for each thing it must do.

Every cell is the finding of one test. Each test holds its cell of the committed page to what it found, or writes it,
when ``RENEW`` is set; all other cells stay as they are.
"""

import os
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "hosts.md"
RENEW = "UPDATE_SNAPSHOTS"
VERSION = "version"
CHECKS = (VERSION, "tools listed", "generate answered", "the model sees", "an error", "detach, then poll", "installed")
NUMBERS = (VERSION, "scenarios", "passed", "excused")


@dataclass(frozen=True)
class Row:
    """A host or a suite: its name, how its row is made, and the command whose tests make it."""

    name: str
    made: str
    command: str = "test tests/hosts"
    columns: tuple[str, ...] = CHECKS
    installed: bool = False
    """Whether ``responses-mcp install`` knows this host."""


OPT_IN = "hosts"
HOSTS = (
    Row("mcp client, handshake", "the official Python client, over stdio, in revision 2025-11-25"),
    Row("mcp client, 2026-07-28", "the same, over Streamable HTTP, in revision 2026-07-28"),
    Row(
        "MCP Inspector, legacy",
        "its command line with `--protocol-era legacy`, over Streamable HTTP, `tools/list` with `--strict`",
    ),
    Row("MCP Inspector, modern", "the same with `--protocol-era modern`"),
    Row("OpenAI Agents SDK, stdio", "an agent whose model is a script, which sees what a model would be shown"),
    Row("OpenAI Agents SDK, HTTP", "the same, over Streamable HTTP"),
    Row("OpenAI Agents SDK, SSE", "the same, over SSE"),
    Row("Claude Code", "`claude -p`, over stdio, before a scripted Anthropic API", OPT_IN, installed=True),
    Row("Codex CLI", "`codex exec`, over stdio, before a scripted Responses API", OPT_IN, installed=True),
    Row("Gemini CLI", "`gemini -p`, over stdio, before a scripted Gemini API", OPT_IN, installed=True),
)
SUITES = (
    Row("2026-07-28", "`--requirements 2026-07-28`", columns=NUMBERS),
    Row("2025-11-25", "`--requirements 2025-11-25`", columns=NUMBERS),
)
HEAD = """\
# What each host makes of it

Nobody edits these tables: the tests write them from what real hosts did with a real server in front of a scripted
Responses API (`tests/hosts`, `tests/agents`), and hold them to it. The rows marked *always* are made by every run of
`python3 scripts/dev.py test`; the others by `python3 scripts/dev.py hosts`, which downloads the hosts first.

- **tools listed**: how many of the nine.
- **generate answered**: a call of `generate`, and the answer's text came back.
- **the model sees**: where the host shows its model the answer and its ids. The `mcp` client and the Inspector have no
  model: what they hand on.
- **an error**: what is told of a call with a misspelt argument: this server's own sentence, or the host's.
- **detach, then poll**: a call with `wait_seconds: 0`, and its answer from `poll`, with the id that was shown; or from
  the task that the host made of it.
- **installed**: the host reads the entry that `responses-mcp install` wrote.
"""
SUITES_HEAD = """\
The protocol's own conformance suite, `@modelcontextprotocol/conformance`, run whole for each revision over Streamable
HTTP, against this server with the tools, resources and prompts that its scenarios look for (`tests/hosts/fixtures.py`).
What it fails or is warned of is excused by name and with a reason in `tests/hosts/conformance.yaml`: nearly always that
it wants something of a server that this one does not do. Anything else that fails there fails the test.

- **scenarios**: how many ran, those that the revision does not demand of everybody included.
- **passed**, **excused**: how many of their checks.
"""


def pinned(row: str, column: str, found: str) -> None:
    """Hold the page's cell to what was found.

    Raises:
        AssertionError: it says something else; the message says how to renew it.
    """
    command = next(known.command for known in (*HOSTS, *SUITES) if known.name == row and column in known.columns)
    cells = read()
    if os.environ.get(RENEW):
        cells[row, column] = found
        PAGE.write_text(page(cells), "utf-8")
    told = cells.get((row, column))
    assert told == found, (
        f"{PAGE.name}, {row}, {column}: it says {told!r}, and {found!r} was found; "
        f"run `{RENEW}=1 python3 scripts/dev.py {command}` and look at the difference"
    )


def page(cells: dict[tuple[str, str], str]) -> str:
    """The whole page; a cell that nobody has found yet is a question mark."""
    return "\n".join([HEAD, _table("host", HOSTS, cells), SUITES_HEAD, _table("suite", SUITES, cells), _made()])


def read() -> dict[tuple[str, str], str]:
    """The cells of the committed page, by row and column."""
    text = PAGE.read_text("utf-8") if PAGE.exists() else ""
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    columns = {row.name: row.columns for row in (*HOSTS, *SUITES)}
    return {
        (name, column): cell
        for name, *found in rows
        if len(found) == len(columns.get(name, ()))
        for column, cell in zip(columns[name], found, strict=True)
    }


def _table(kind: str, rows: tuple[Row, ...], cells: dict[tuple[str, str], str]) -> str:
    columns = rows[0].columns
    lines = [(kind, *columns), ("---",) * (len(columns) + 1)]
    lines += [(row.name, *(cells.get((row.name, column), _unknown(row, column)) for column in columns)) for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _unknown(row: Row, column: str) -> str:
    return "-" if column == "installed" and not row.installed else "?"


def _made() -> str:
    """How each row is made."""
    told = [
        f"- {row.name} (*{'on demand' if row.command == OPT_IN else 'always'}*): {row.made}\n"
        for row in (*HOSTS, *SUITES)
    ]
    return "How each row is made:\n\n" + "".join(told)
