"""Claude Code, Codex CLI and Gemini CLI, each before a fake model, with our server as `install` wrote it down.

One conversation serves most checks of the page, because starting a host takes longer than all that it then does.
"""

import asyncio
import json
import re
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from mcp.types import TextContent

from mcp_server.tools import TOOLS
from tests.agents.agents import AGENTS, Agent
from tests.agents.machine import KEY, Machine, machine
from tests.agents.model import Use
from tests.hosts.checks import where
from tests.hosts.page import VERSION, pinned
from tests.serving import house, openai, told
from tests.upstream_answers import error

pytestmark = pytest.mark.agents

BYTES = 18_000
"""What all our definitions may take; a host may add to them, and need not show all of them."""
MISSPELT = "generate has no argument 'inptu'; did you mean 'input'?"


@pytest.fixture(params=AGENTS, ids=lambda agent: agent.name)
def agent(request: pytest.FixtureRequest) -> Agent:
    if not request.param.path.is_file():
        pytest.skip("not installed: run `python3 scripts/dev.py hosts`")
    return request.param


@pytest.fixture
async def there(agent: Agent, tmp_path: Path) -> AsyncGenerator[Machine]:
    async with machine(agent, tmp_path) as made:
        yield made
        assert made.way_out.wanted == set()
        assert made.model.elsewhere == []


async def test_its_model_gets_answers_ids_errors_and_jobs(there: Machine) -> None:
    up, model, row = there.up, there.model, there.agent.row

    def continued(seen: str) -> Use:
        return Use("generate", {"input": "And then?", "previous_response_id": the("resp", seen)})

    def refused(_seen: str) -> Use:
        up.on("POST", "/v1/responses", error(401, "Incorrect API key provided", code="invalid_api_key"))
        return Use("generate", {"input": "Hi"})

    def detached(_seen: str) -> Use:
        up.pause = asyncio.Event()
        return Use("generate", {"input": "Take your time", "wait_seconds": 0})

    def polled(seen: str) -> Use:
        assert up.pause
        up.pause.set()
        return Use("poll", {"ids": [the("job", seen)], "wait_seconds": 30})

    misspelt = Use("generate", {"inptu": "Hi"})
    reading = Use("file_ask", {"question": "When?", "files": ["notes.txt"]})
    model.turns.extend([Use("generate", {"input": "Hi"}), continued, reading, misspelt, refused, detached, polled])
    (there.folder / "notes.txt").write_text("On Friday.", "utf-8")
    assert "Done." in await there.ask()

    first, second, read, unknown, bad_key, waiting, done = model.seen
    pinned(row, VERSION, there.agent.version)
    assert sorted(model.tools) == sorted(tool.name for tool in TOOLS)
    assert len(json.dumps(model.tools, ensure_ascii=False, separators=(",", ":")).encode()) < BYTES
    pinned(row, "tools listed", str(len(model.tools)))
    assert "Turn 1: Hi" in first
    assert "Turn 2: And then?" in second  # it went on from the id that the model had seen
    assert "On Friday." in read  # from the folder it works in, without any setting
    assert {post.headers["authorization"] for post in up.posts()} == {f"Bearer {KEY}"}
    pinned(row, "generate answered", "yes")
    pinned(row, "the model sees", where(first))
    assert "The upstream refused the API key (HTTP 401); check OPENAI_API_KEY" in bad_key
    pinned(row, "an error", "our sentence" if MISSPELT in unknown else f"its own: {unknown}")
    assert "Take your time" not in waiting
    assert "Turn 1: Take your time" in done
    pinned(row, "detach, then poll", "by its job_id")


async def test_it_lists_what_install_wrote(there: Machine) -> None:
    printed = await there.run("mcp", "list")
    assert re.search(there.agent.lists, printed), printed
    pinned(there.agent.row, "installed", "yes")


async def test_a_key_that_is_not_set_is_told_and_nothing_is_sent(there: Machine) -> None:
    there.model.turns.append(Use("generate", {"input": "Hi"}))
    await there.ask(OPENAI_API_KEY=None)
    (shown,) = there.model.seen
    assert "OPENAI_API_KEY is not set" in shown
    assert there.up.posts() == []


@pytest.mark.parametrize("agent", [one for one in AGENTS if one.slash], indirect=True, ids=lambda one: one.name)
async def test_a_prompt_is_a_slash_command(there: Machine, tmp_path: Path) -> None:
    await there.ask(there.agent.slash.format("second_opinion", "Why?"))
    async with house(told(tmp_path, **openai(there.up.base_url))) as served:
        (message,) = (await served.client.get_prompt("second_opinion", {"question": "Why?"})).messages
    assert isinstance(message.content, TextContent)
    first_line, *_ = message.content.text.splitlines()
    assert first_line.encode() in there.model.requests[0].content


def the(kind: str, seen: str) -> str:
    """The id that a model finds in what it sees."""
    found = re.search(rf"\b{kind}_[\w-]{{16,}}", seen)
    assert found, seen
    return found[0]
