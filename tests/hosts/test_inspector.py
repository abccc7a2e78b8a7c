"""The MCP Inspector's command line, as its users run it, in both eras."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import OURS
from tests.hosts.node import HERE, run
from tests.serving import openai
from tests.transports.process import COMMAND, variables
from tests.upstream import in_thread
from tests.upstream_state import StatefulUpstream

LAUNCHER = HERE / "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js"

pytestmark = [
    pytest.mark.hosts,
    pytest.mark.skipif(not LAUNCHER.is_file(), reason="not installed: run `python3 scripts/dev.py test`"),
]


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    with in_thread(StatefulUpstream()) as up:
        yield variables(tmp_path, **openai(up.base_url))


def inspect(environment: dict[str, str], era: str, *arguments: str) -> tuple[dict[str, Any], str]:
    """What it prints as JSON, and what it warns of."""
    # It hands a server only the variables it is told to.
    ours = [f"{name}={value}" for name, value in environment.items() if name.startswith(OURS)]
    given = [word for pair in ours for word in ("-e", pair)]
    return run(
        environment, str(LAUNCHER), "--cli", *COMMAND, *given, "--protocol-era", era, "--format", "json", *arguments
    )


def test_it_finds_nothing_to_complain_of_in_the_tools(environment: dict[str, str]) -> None:
    listed, told = inspect(environment, "modern", "--method", "tools/list", "--strict")
    assert len(listed["result"]["tools"]) == 9
    assert "Warning" not in told
    assert "Error" not in told


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_it_gets_an_answer(environment: dict[str, str], era: str) -> None:
    called, _ = inspect(environment, era, "--method", "tools/call", "--tool-name", "generate", "--tool-arg", "input=Hi")
    assert called["result"]["structuredContent"]["text"] == "Turn 1: Hi"


def test_it_follows_background_work_to_its_end_as_a_task(environment: dict[str, str]) -> None:
    called, _ = inspect(
        environment, "modern", "--method", "tools/call", "--tool-name", "start_background", "--tool-arg", "input=Hi"
    )
    assert called["result"]["structuredContent"]["status"] == "completed"
