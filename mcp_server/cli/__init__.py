"""The command line: a thin layer over the same rooms that the server uses."""

import argparse
import sys
from collections.abc import Sequence

from mcp_server import __version__


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the ``responses-mcp`` command.

    Returns:
        0 when it worked, 1 when it failed; wrong usage ends the process with 2.
    """
    parser = _parser()
    chosen = parser.parse_args(arguments)
    # Each command imports its own rooms: `--help` and a wrong word answer at once.
    match chosen.command:
        case "demo":
            from mcp_server.cli.demo import demo  # noqa: PLC0415 - see above

            return demo(as_json=chosen.json)
        case "tools":
            from mcp_server.cli.tools import show_tools  # noqa: PLC0415 - see above

            return show_tools(as_json=chosen.json)
        case "usage":
            from mcp_server.cli.usage import usage  # noqa: PLC0415 - see above

            return usage(days=chosen.days, session=chosen.session, as_json=chosen.json)
        case _:
            from mcp_server.cli.serve import serve  # noqa: PLC0415 - see above

            return serve(
                transport=getattr(chosen, "transport", "stdio"),
                host=getattr(chosen, "host", "127.0.0.1"),
                port=getattr(chosen, "port", 8000),
            )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="responses-mcp", description="The OpenAI Responses API as MCP tools. Without a command: serve over stdio."
    )
    parser.add_argument("--version", action="version", version=f"responses-mcp {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="command")
    serve = commands.add_parser("serve", help="serve the tools (what a host launches)")
    serve.add_argument("--transport", choices=("stdio", "http", "sse"), default="stdio")
    serve.add_argument("--host", default="127.0.0.1", help="loopback only, until there is authentication")
    serve.add_argument("--port", type=int, default=8000)
    for name, words in (
        ("demo", "launch the server as a host would and use every tool on real input"),
        ("tools", "show the tools and what their definitions cost a conversation"),
        ("usage", "show what was used per day and model, and what it cost"),
    ):
        command = commands.add_parser(name, help=words)
        command.add_argument("--json", action="store_true", help="for programs")
        if name == "usage":
            command.add_argument("--days", type=_days, default=30, help="how many, today included (default: 30)")
            command.add_argument("--session", help="of this session alone")
    return parser


def _days(text: str) -> int:
    days = int(text)
    if not 1 <= days <= 3660:
        raise argparse.ArgumentTypeError("choose a number of days from 1 to 3660")
    return days


if __name__ == "__main__":
    sys.exit(main())
