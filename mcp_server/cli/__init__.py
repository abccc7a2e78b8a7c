"""The command line: a thin layer over the same rooms that the server uses."""

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from mcp_server import __version__
from mcp_server.hosts.known import HOSTS

KINDS = ("responses", "conversations", "files", "vector_stores", "jobs", "sessions")

MODULES: dict[str | None, str] = {None: "serve", "uninstall": "install"}
"""Where a command is that has no module of its name. Each module has a ``run`` that returns the exit code."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the ``responses-mcp`` command.

    Returns:
        0 when it worked, 1 when it failed; wrong usage ends the process with 2.
    """
    parser = _parser()
    chosen = parser.parse_args(arguments)
    if chosen.command == "cleanup" and chosen.expired and chosen.kinds:
        parser.error("cleanup --expired takes no --kinds: it deletes all that has expired")
    # Each command imports its own rooms: `--help` and a wrong word answer at once.
    module = import_module(f"mcp_server.cli.{MODULES.get(chosen.command, chosen.command)}")
    return module.run(chosen) if chosen.command in (None, "serve") else _printing(module.run, chosen)


def _printing(run: Callable[[argparse.Namespace], int], chosen: argparse.Namespace) -> int:
    """Run a command that prints for a person: no letter that the terminal lacks crashes it, and no `| head`.

    What is served is protocol, and left alone.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    code = 0
    try:
        code = run(chosen)
        sys.stdout.flush()
    except* BrokenPipeError:
        code = 1
        # Nobody reads on; Python would complain of it once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="responses-mcp", description="The OpenAI Responses API as MCP tools. Without a command: serve over stdio."
    )
    parser.add_argument("--version", action="version", version=f"responses-mcp {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="command")
    parser.set_defaults(transport="stdio", host="127.0.0.1", port=8000)
    serve = commands.add_parser("serve", help="serve the tools (what a host launches)")
    serve.add_argument("--transport", choices=("stdio", "http", "sse"), default="stdio")
    serve.add_argument("--host", default="127.0.0.1", help="loopback only, until there is authentication")
    serve.add_argument("--port", type=_port, default=8000, help="of HTTP and SSE (default: 8000; 0: a free one)")
    for name, words in (
        ("cleanup", "say what would be deleted of what was made, or delete it"),
        ("demo", "launch the server as a host would and use every tool on real input"),
        ("doctor", "check the settings, the backend and what of it works; deletes what it made"),
        ("install", "write the server into a host's own file; the rest of it stays, and a backup"),
        ("jobs", "show what runs, and what ran within the last day"),
        ("sessions", "show the conversations, or the turns of one"),
        ("tools", "show the tools and what their definitions cost a conversation"),
        ("uninstall", "take the server out of a host's file again"),
        ("usage", "show what was used per day and model, and what it cost"),
    ):
        command = commands.add_parser(name, help=words)
        command.add_argument("--json", action="store_true", help="for programs")
        if name == "cleanup":
            _choose(command)
        elif name == "doctor":
            command.add_argument("--forget", action="store_true", help="forget what was observed of the backend before")
            command.add_argument("--offline", action="store_true", help="send nothing: settings and store alone")
            command.add_argument("--cache", action="store_true", help="try the prompt cache too (about 3,000 tokens)")
        elif name in ("install", "uninstall"):
            _into(command, adds=name == "install")
        elif name == "jobs":
            command.add_argument("--all", action="store_true", help="older ones too")
        elif name == "sessions":
            command.add_argument("name", nargs="?", help="of this one, its turns")
        elif name == "usage":
            command.add_argument("--days", type=_days, default=30, help="how many, today included (default: 30)")
            command.add_argument("--session", help="of this session alone")
    return parser


def _into(command: argparse.ArgumentParser, *, adds: bool) -> None:
    command.add_argument("host", choices=tuple(HOSTS), metavar="host", help=", ".join(HOSTS))
    command.add_argument("--print", action="store_true", help="show the entry and write nothing")
    if adds:
        command.add_argument("--paste-keys", action="store_true", help="write keys into the file, not their names")
        command.add_argument("--force", action="store_true", help="replace another server of the same name")


def _choose(cleanup: argparse.ArgumentParser) -> None:
    what = cleanup.add_mutually_exclusive_group(required=True)
    what.add_argument("--session", metavar="NAME", help="all of this session")
    what.add_argument("--ids", nargs="+", metavar="ID", help="responses, jobs, files, conversations, stores by name")
    what.add_argument("--older-than", type=_age, metavar="AGE", help="not used for so long, such as 30d")
    what.add_argument("--all", action="store_true", help="everything that was made with the configured backend")
    what.add_argument("--expired", action="store_true", help="what nobody can use any more; deleted at once")
    cleanup.add_argument("--kinds", nargs="+", choices=KINDS, default=[], help="nothing else (default: all kinds)")
    cleanup.add_argument("--yes", action="store_true", help="delete it; without this nothing is deleted")


def _age(text: str) -> float:
    from mcp_server.cleanup.choice import seconds_of  # noqa: PLC0415 - see above

    try:
        return seconds_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _days(text: str) -> int:
    return _within(text, 1, 3660, "a number of days")


def _port(text: str) -> int:
    return _within(text, 0, 65_535, "a port")


def _within(text: str, least: int, most: int, what: str) -> int:
    if not text.isdecimal() or not least <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"choose {what} from {least} to {most}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
