"""An upstream whose work takes its time whether anybody listens or not, and that says what has just come to pass.

Each response has a moment at which it ends. Its stream shows what is due by the clock, a new reader gets what he has
missed at once, and who asks is told how it is now. Prompts are "Question N"; what is asked with a schema is answered
wrongly first, so that it is sent back.
"""

import asyncio
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Literal

from tests.upstream_answers import Answer, Exchange, JsonObject, Request, error, reply, stream
from tests.upstream_shapes import events, usage
from tests.upstream_state import StatefulUpstream

Moment = Literal["posted", "created", "told", "asked"]
"""A paid request has come; its id has gone out; one more event has; somebody asks about a response."""

Paid = tuple[int, int]
"""The number of a question, and how often it had been answered before."""

WRONG, RIGHT = '{"age": 3}', '{"age": 30}'
SCHEMA = {"type": "object", "properties": {"age": {"type": "integer", "minimum": 18}}, "required": ["age"]}
"""The first answer breaks its minimum."""


class Due(asyncio.Event):
    """Happens at a moment of the loop's clock."""

    def __init__(self, moment: float) -> None:
        super().__init__()
        self._moment = moment

    async def wait(self) -> Literal[True]:
        await asyncio.sleep(max(0.0, self._moment - asyncio.get_running_loop().time()))
        return True


class PacedUpstream(StatefulUpstream):
    """``paid`` counts the requests that cost something, ``answers`` are the whole responses to them, in order.

    ``heard`` are the responses whose stream was sent to its end. ``keeps`` and ``resumes`` say what it can be asked.
    """

    def __init__(self, chance: random.Random, *, keeps: bool = True, resumes: bool = True) -> None:
        super().__init__()
        self.paid: Counter[Paid] = Counter()
        self.answers: dict[str, tuple[Paid, JsonObject]] = {}
        self.heard: set[str] = set()
        self.at: Callable[[Moment], None] = lambda _: None
        self._chance = chance
        self._keeps = keeps
        self._resumes = resumes
        self._named: dict[str, float] = {}
        self._spans: dict[str, tuple[float, float]] = {}
        self.seconds = (0.05, 0.8)

    def nameless(self, seconds: float) -> set[int]:
        """The questions that were paid for and whose response's id was told not at all or only so long ago."""
        since = asyncio.get_running_loop().time() - seconds
        return {paid[0] for one, (paid, _) in self.answers.items() if self._named.get(one, since) >= since}

    def _create(self, request: Request) -> Answer:
        if wrong := self._wrong(request.json):
            return wrong
        known = self._before(request.json) + _items(request.json["input"])
        final = self._respond(request.json, known)
        paid = _paid(known)
        self.paid[paid] += 1
        self.answers[final["id"]] = paid, final
        self._kept[final["id"]] &= self._keeps
        began = asyncio.get_running_loop().time()
        self._spans[final["id"]] = began, began + self._chance.uniform(*self.seconds)
        answer = stream(self._told(final))

        async def accepted(exchange: Exchange) -> None:
            self.at("posted")
            await asyncio.sleep(self._chance.uniform(0, 0.02))
            await answer(exchange)

        return accepted

    def _told(self, final: JsonObject, after: int = -1) -> Iterator[JsonObject | asyncio.Event]:
        told = events(final)
        began, ends = self._spans[final["id"]]
        for number, event in enumerate(told):
            if event["sequence_number"] <= after:
                continue
            yield Due(began + (ends - began) * number / (len(told) - 1))
            if self._cancelled(final):
                return
            yield event
            if not number:
                self._named[final["id"]] = asyncio.get_running_loop().time()
            self.at("told" if number else "created")
        self.heard.add(final["id"])

    def _output(self, body: JsonObject, known: list[JsonObject]) -> list[JsonObject]:
        if ((body.get("text") or {}).get("format") or {}).get("type") == "json_schema":
            self.say(RIGHT if _paid(known)[1] else WRONG)
        return super()._output(body, known)

    def _retrieve(self, request: Request, response_id: str) -> Answer:
        self.at("asked")
        if not self._kept.get(response_id):
            return error(404, f"Response with id '{response_id}' not found.")
        streamed = request.query.get("stream") == "true"
        if streamed and not self._resumes:
            return error(400, "This response cannot be streamed.", param="stream")
        if streamed:
            return stream(self._told(self.answers[response_id][1], int(request.query.get("starting_after", -1))))
        return reply(self._now(response_id), headers={"openai-poll-after-ms": "50"})

    def _now(self, response_id: str) -> JsonObject:
        _, final = self.answers[response_id]
        if self._cancelled(final):
            return self.responses[response_id]
        if asyncio.get_running_loop().time() >= self._spans[response_id][1]:
            return final
        return {**final, "status": "in_progress", "output": [], "usage": None}

    def _cancel(self, request: Request, response_id: str) -> Answer:
        now = self._now(response_id)
        if now["status"] == "in_progress":
            now = self.responses[response_id] = {**now, "status": "cancelled", "usage": usage(9, 1)}
        return reply(now)


def _items(asked: str | list[JsonObject]) -> list[JsonObject]:
    return [{"role": "user", "content": asked}] if isinstance(asked, str) else asked


def _paid(known: list[JsonObject]) -> Paid:
    """Which question the last one of a conversation is, and how many answers follow it."""
    answers = 0
    for item in reversed(known):
        if item.get("role") == "assistant":
            answers += 1
        elif found := re.search(r"Question (\d+)", _said(item.get("content"))):
            return int(found[1]), answers
    raise AssertionError(f"nobody asked {known}")


def _said(content: Any) -> str:
    return content if isinstance(content, str) else " ".join(part.get("text", "") for part in content or ())
