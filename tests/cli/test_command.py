import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mcp_server import __version__
from mcp_server.cli import main
from tests.transports.process import COMMAND, variables


def run(tmp_path: Path, *arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        env=variables(tmp_path, COLUMNS="100"),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def test_tools_shows_what_the_definitions_cost(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tools"]) == 0
    shown = capsys.readouterr().out
    assert "generate" in shown
    assert "tokens a conversation" in shown
    assert main(["tools", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 9


def test_wrong_usage_ends_with_2_and_help_with_0(tmp_path: Path) -> None:
    assert run(tmp_path, "dance").returncode == 2
    assert run(tmp_path, "serve", "--transport", "pigeon").returncode == 2
    for port in ("65536", "-1", "eighty"):
        refused = run(tmp_path, "serve", "--transport", "http", "--port", port)
        assert refused.returncode == 2
        assert "choose a port from 0 to 65535" in refused.stderr
    helped = run(tmp_path, "--help")
    assert helped.returncode == 0
    assert "serve over stdio" in helped.stdout
    assert run(tmp_path, "--version").stdout.strip() == f"responses-mcp {__version__}"


def test_alone_it_serves_stdio_and_ends_with_its_input(tmp_path: Path) -> None:
    served = run(tmp_path)
    assert served.returncode == 0
    assert served.stdout == ""


def test_help_is_quick_because_nothing_is_imported_for_it(tmp_path: Path) -> None:
    probe = """
import sys
from mcp_server.cli import main
try:
    main(["--version"])
except SystemExit:
    print([name for name in ("mcp", "openai", "pydantic") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", probe],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("command", ["demo", "tools", "doctor --offline", "install cursor --print"])
def test_a_reader_who_has_seen_enough_is_no_mistake(tmp_path: Path, command: str) -> None:
    reads, writes = os.pipe()
    os.close(reads)  # as `| head` does
    done = subprocess.run(
        [*COMMAND, *command.split()],
        env=variables(tmp_path, HOME=str(tmp_path)),
        stdout=writes,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    os.close(writes)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr
