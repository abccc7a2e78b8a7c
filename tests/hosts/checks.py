"""What every host is asked to do, whatever it is and however it is driven."""

import re
from collections.abc import Awaitable, Callable, Collection

from mcp_server.model.value import JsonObject
from mcp_server.tools import TOOLS
from tests.hosts.page import VERSION, pinned

Caller = Callable[[str, JsonObject], Awaitable[str]]
"""Has the host call a tool; returns all that its model would be shown of the result."""

ANSWER = "Turn 1: {}"
"""What the scripted upstream says to a first turn."""
_JOB = re.compile(r"job_[\w-]{22}")
_RESPONSE = re.compile(r"resp_\w+")


async def checked(row: str, version: str, tools: Collection[str], call: Caller) -> None:
    """Do all of it, and hold the row of the page to what came of it."""
    pinned(row, VERSION, version)
    assert sorted(tools) == sorted(tool.name for tool in TOOLS)
    pinned(row, "tools listed", str(len(tools)))
    answered = await call("generate", {"input": "Hi"})
    assert ANSWER.format("Hi") in answered
    pinned(row, "generate answered", "yes")
    assert _RESPONSE.search(answered)
    pinned(row, "the model sees", where(answered))
    told = await call("generate", {"inputs": "Hi"})
    assert "has no argument 'inputs'; did you mean 'input'?" in told
    pinned(row, "an error", "our sentence")
    pinned(row, "detach, then poll", await _detached(call))


def where(shown: str) -> str:
    """Which of the two forms of a result is shown: the text ends in a line of its own, the fields have names."""
    forms = {"text": "[completed \u00b7 resp_", "structuredContent": '"response_id"'}
    return " and ".join(name for name, sign in forms.items() if sign in shown)


async def _detached(call: Caller) -> str:
    """Have a call return at once, and collect it with nothing but what was shown of it."""
    shown = await call("generate", {"input": "Later", "wait_seconds": 0})
    if ANSWER.format("Later") in shown:
        return "completed as a task"
    job = _JOB.search(shown)
    assert job, shown
    assert ANSWER.format("Later") in await call("poll", {"ids": [job[0]], "wait_seconds": 20})
    return "completed"
