"""Many calls at once on one session: one turn each, one chain, nothing paid twice, also when the server is killed."""

import asyncio
from collections import deque
from itertools import chain
from pathlib import Path
from typing import Literal

import anyio
import anyio.lowlevel
import pytest
from mcp import Client, StdioServerParameters

from mcp_server.model.job import Job
from mcp_server.model.session import Turn
from mcp_server.model.value import Scope
from mcp_server.store.sqlite import open_sqlite
from tests.serving import House, house, openai, text_of, told
from tests.transports.process import COMMAND, launched, variables
from tests.upstream_answers import JsonObject
from tests.upstream_shapes import message, reasoning
from tests.upstream_state import StatefulUpstream

CROWD = 64
SCOPE = Scope(owner="local", backend="openai")
ANSWERS = dict[int, JsonObject]
"""What each call was answered, by its number."""


class Gate(asyncio.Event):
    """Lets so many answers of the upstream pass and holds the next; ``holding`` says that one waits here."""

    def __init__(self, passing: int) -> None:
        super().__init__()
        self.holding = asyncio.Event()
        self._passing = passing

    async def wait(self) -> Literal[True]:
        if self._passing:
            self._passing -= 1
            return True
        self.holding.set()
        return await super().wait()


def question(number: int) -> JsonObject:
    """The arguments of one call."""
    return {"input": f"Question {number}", "session": "s", "request_key": f"key-{number}", "wait_seconds": 100}


def told_to(home: Path, up: StatefulUpstream) -> dict[str, str]:
    """The environment of a server process."""
    return variables(home, RESPONSES_MCP_LOG_LEVEL="error", **openai(up.base_url))


def served(home: Path, up: StatefulUpstream) -> StdioServerParameters:
    """A server process of a host's."""
    return StdioServerParameters(command=COMMAND[0], args=COMMAND[1:], env=told_to(home, up))


async def at_once(count: int, *clients: Client) -> ANSWERS:
    """So many calls at once, of the clients by turns."""
    answers: ANSWERS = {}

    async def call(number: int) -> None:
        result = await clients[number % len(clients)].call_tool("generate", question(number))
        assert not result.is_error, text_of(result)
        assert result.structured_content is not None
        answers[number] = result.structured_content

    with anyio.fail_after(90):
        async with anyio.create_task_group() as tasks:
            for number in range(count):
                tasks.start_soon(call, number)
    return answers


async def dying(home: Path, up: StatefulUpstream, *, calls: int, answered: int) -> str:
    """A server that is killed in the middle; returns the id of the response it was waiting for.

    All ``calls`` are admitted, ``answered`` responses were read by then (also by servers before it), and the id of the
    next is known to the store.
    """
    gate = up.pause = Gate(answered - len(up.responses))
    async with launched(told_to(home, up)) as wire:
        await wire.hello()
        for number in range(calls):
            await wire.call(number + 1, "generate", **question(number))
        with anyio.fail_after(100):
            await gate.holding.wait()
            (held,) = deque(up.responses, maxlen=1)
            while len(jobs := (await kept(home))[1]) < calls or held not in {job.response_id for job in jobs}:
                await anyio.lowlevel.checkpoint()
        wire.process.kill()
    up.pause = None
    return held


async def kept(home: Path) -> tuple[list[Turn], list[Job], list[list[JsonObject]]]:
    """The session's turns, all jobs in the order of their admission, and what each asked, as the store holds them."""
    store = await open_sqlite(home / "store.db")
    try:
        session = await store.sessions.get(SCOPE, "s")
        turns = await store.sessions.turns(SCOPE, session.head) if session and session.head else []
        jobs = await store.jobs.recent(SCOPE, 0)
        requests = [await store.jobs.request(job.id) for job in jobs]
        return turns, jobs, [request.input for request in requests if request]
    finally:
        await store.close()


async def check_one_chain(home: Path, up: StatefulUpstream, answers: ANSWERS) -> None:
    """Everybody was answered in the order of admission; every turn continues the one before; each was paid for once."""
    turns, jobs, asked = await kept(home)
    ids = [turn.response_id for turn in turns]
    assert len(turns) == len(answers)
    assert [turn.parent for turn in turns] == [None, *ids[:-1]]
    assert [(job.status, job.response_id) for job in jobs] == [("completed", one) for one in ids]
    assert asked == [turn.input for turn in turns]
    sent = [(post.json.get("previous_response_id"), post.json["input"]) for post in up.posts()]
    assert sent == [(turn.parent, turn.input) for turn in turns]
    for number, answer in answers.items():
        # The upstream counts what it knows of the conversation: the text tells that all of it was there.
        assert answer["text"] == f"Turn {ids.index(answer['response_id']) + 1}: Question {number}"


async def test_calls_at_once_on_one_session_become_one_chain(up: StatefulUpstream, tmp_path: Path) -> None:
    async with Client(served(tmp_path, up)) as client:
        answers = await at_once(CROWD, client)
        shown = (await client.call_tool("sessions", {"action": "get", "session": "s"})).structured_content
    assert shown is not None
    assert shown["sessions"][0]["turns"] == len(shown["turns"]) == CROWD
    await check_one_chain(tmp_path, up, answers)
    assert len(up.requests) == CROWD


@pytest.mark.long
async def test_servers_that_are_killed_in_the_middle_lose_nothing_and_pay_nothing_twice(
    up: StatefulUpstream, tmp_path: Path
) -> None:
    kills = [(24, 3), (48, 20)]
    held = [await dying(tmp_path, up, calls=calls, answered=answered) for calls, answered in kills]
    # Two servers find the calls of the dead one and are given new ones: each call is made by one of them.
    async with Client(served(tmp_path, up)) as one, Client(served(tmp_path, up), mode="legacy") as two:
        answers = await at_once(CROWD, one, two)
    await check_one_chain(tmp_path, up, answers)
    # What was in flight was asked about, not sent again.
    asked = [request.path.rpartition("/")[2] for request in up.requests if request.method == "GET"]
    assert asked == held == [list(up.responses)[answered] for _, answered in kills]


# Where the conversation is sent again with every turn, each turn before stands in the request exactly once.

MODES = {"encrypted": ("openai", {"store": False}), "plain": ("compatible", {})}


@pytest.mark.parametrize(("backend", "more"), MODES.values(), ids=MODES)
async def test_calls_at_once_on_a_replayed_session_each_send_all_turns_before_once(
    up: StatefulUpstream, tmp_path: Path, backend: str, more: JsonObject
) -> None:
    said = [[reasoning(f"rs_{n}"), message(f"Answer {n}", item_id=f"msg_{n}")] for n in range(16)]
    up.say(*said)
    answers: dict[str, str] = {}

    async def call(served: House, text: str) -> None:
        answers[text] = (await served.call("generate", input=text, session="s", **more))["text"]

    given = told(tmp_path, **openai(up.base_url, RESPONSES_MCP_BACKEND=backend))
    async with house(given) as served, anyio.create_task_group() as tasks:
        for number in range(16):
            tasks.start_soon(call, served, f"Question {number}")
    asked = [post.json["input"][-1] for post in up.posts()]
    assert sorted(item["content"] for item in asked) == sorted(answers)
    # A backend that forgets may not know reasoning items; encrypted ones must travel where they can.
    turns = [[question, *(items if more else items[1:])] for question, items in zip(asked, said, strict=True)]
    for place, post in enumerate(up.posts()):
        assert post.json["input"] == [*chain.from_iterable(turns[:place]), asked[place]]
        assert answers[asked[place]["content"]] == f"Answer {place}"


async def test_calls_at_once_on_a_conversation_add_one_turn_each(hosted: House, up: StatefulUpstream) -> None:
    await hosted.call("generate", input="Question 0", session="s", options={"conversation": "new"})
    answers: list[str] = []

    async def call(number: int) -> None:
        answers.append((await hosted.call("generate", input=f"Question {number}", session="s"))["text"])

    async with anyio.create_task_group() as tasks:
        for number in range(1, 16):
            tasks.start_soon(call, number)
    (items,) = up.conversations.values()
    assert [item["role"] for item in items] == ["user", "assistant"] * 16
    assert sorted(item["content"] for item in items[::2]) == sorted(f"Question {number}" for number in range(16))
    said = [item["content"][0]["text"] for item in items[1::2]]
    assert said == [f"Turn {place}: {item['content']}" for place, item in enumerate(items[::2], 1)]
    assert sorted(answers) == sorted(said[1:])
    assert len(up.posts()) == 16
