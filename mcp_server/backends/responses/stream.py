"""From an open answer to our events. Raw events are read as plain JSON, and kinds nobody knows are passed over.

An answer is there when a terminal event says so: a stream that just ends is a connection that broke off. Where the
upstream sends a response object instead of a stream, it has ended, or it was accepted and ends without being listened
to.
"""

from collections.abc import AsyncGenerator, Collection, Iterator
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

import anyio

from mcp_server.backends.responses import faults
from mcp_server.backends.responses.echo import Echo
from mcp_server.backends.responses.parse import parse_answer
from mcp_server.backends.responses.quoting import quoted
from mcp_server.backends.responses.retries import poll_after
from mcp_server.backends.responses.shape import mapping, objects, string
from mcp_server.backends.responses.steps import step_of
from mcp_server.model.answer import ENDED, Answer
from mcp_server.model.events import Accepted, Activity, Created, Cursor, Event, Finished, Step, TextDelta, Thought
from mcp_server.model.value import JsonObject

if TYPE_CHECKING:
    from openai import AsyncStream

ACTIVITIES = {
    "response.queued": "waiting in the upstream's queue",
    "response.web_search_call.searching": "searching the web",
    "response.file_search_call.searching": "searching the files",
    "response.code_interpreter_call.in_progress": "writing code",
    "response.code_interpreter_call.interpreting": "running code",
    "response.image_generation_call.generating": "drawing an image",
    "response.image_generation_call.partial_image": "drawing an image",
    "response.mcp_list_tools.in_progress": "asking a remote server for its tools",
    "response.mcp_call.in_progress": "calling a tool of a remote server",
    "response.shell_call_command.added": "writing a shell command",
    "response.shell_call_output_content.delta": "running a shell command",
    "response.refusal.delta": "declining",
    "response.compaction.compacting": "compacting the conversation",
}
"""What a person is told when an event of this type comes."""

ITEM_ACTIVITIES = {
    "reasoning": "thinking",
    "function_call": "preparing a tool call",
    "custom_tool_call": "preparing a tool call",
    "computer_call": "operating a computer",
    "apply_patch_call": "writing a patch",
    "local_shell_call": "writing a shell command",
    "tool_search_call": "looking for tools",
    "program": "running a program",
    "mcp_approval_request": "asking for an approval",
}
"""What a person is told when an output item of this type begins."""

THOUGHTS = frozenset({"response.reasoning_summary_part.added", "response.reasoning_summary_text.delta"})

ITEM_BORDERS = frozenset({"response.output_item.added", "response.output_item.done"})

TERMINAL = {
    "response.completed": "completed",
    "response.incomplete": "incomplete",
    "response.failed": "failed",
    "response.cancelled": "cancelled",
}

READ_OUT_SECONDS = 0.5
"""How long the end of a stream may follow its last event."""


async def read_events(
    stream: "AsyncStream[object]", reader: "Reader", *, silence_seconds: float
) -> AsyncGenerator[Event]:
    """What ``reader`` makes of ``stream``, ``Finished`` or ``Accepted`` last. The stream is closed in any case.

    ``silence_seconds`` is the longest time without an event. Raises ``UpstreamError``.
    """
    try:
        kind = stream.response.headers.get("content-type", "text/event-stream")
        if "event-stream" not in kind:
            for event in await _read_whole(stream, reader, silence_seconds):
                yield event
            return
        async with aclosing(_raw_events(stream, silence_seconds, reader)) as raw_events:
            async for raw in raw_events:
                for event in reader.read(raw):
                    if isinstance(event, Finished):
                        await _read_out(stream)
                    yield event
                if reader.ended:
                    return
        raise faults.broke_off(reader.characters, attempts=reader.attempts)
    finally:
        with anyio.CancelScope(shield=True):
            await stream.close()


async def _raw_events(
    stream: "AsyncStream[object]", silence_seconds: float, reader: "Reader"
) -> AsyncGenerator[JsonObject]:
    while True:
        try:
            with anyio.fail_after(silence_seconds):
                raw = await anext(stream)
        except StopAsyncIteration:
            return
        except faults.foreign() as error:
            fault = faults.translated(error, attempts=reader.attempts, secrets=reader.secrets)
            if fault.kind == "connection_lost":
                fault = faults.broke_off(reader.characters, attempts=reader.attempts)
            raise fault from error
        yield mapping(raw)


async def _read_out(stream: "AsyncStream[object]") -> None:
    """Read what comes after the answer, so that the connection can serve the next request; it may take a moment."""
    with anyio.move_on_after(READ_OUT_SECONDS), suppress(StopAsyncIteration, *faults.foreign()):
        while True:
            await anext(stream)


async def _read_whole(stream: "AsyncStream[object]", reader: "Reader", silence_seconds: float) -> Iterator[Event]:
    try:
        with anyio.fail_after(silence_seconds):
            await stream.response.aread()
        body = faults.object_in(stream.response, attempts=reader.attempts, secrets=reader.secrets)
        return reader.read_whole(body, poll_after(stream.response.headers))
    except faults.foreign() as error:
        raise faults.translated(error, attempts=reader.attempts, secrets=reader.secrets) from error


class Reader:
    """Reads the raw events of one response, in order, ``attempts`` being how many requests it took to get them.

    ``known`` says that the response's id is known, ``partial`` that what came first is not in this stream. ``ended``
    is true after the terminal event, ``characters`` counts the text. ``echo`` knows what was sent, where the server is
    one that has to be watched; ``secrets`` never appear in an error.
    """

    def __init__(
        self,
        attempts: int,
        *,
        known: bool = False,
        partial: bool = False,
        echo: Echo | None = None,
        secrets: Collection[str] = (),
    ) -> None:
        self.attempts = attempts
        self.secrets = secrets
        self.characters = 0
        self.ended = False
        self._known = known
        self._partial = partial
        self._echo = echo
        self._thought = partial
        self._gap = ""
        self._queued = False
        self._items: dict[int, JsonObject] = {}
        self._commentary: list[object] = []

    def read(self, raw: JsonObject) -> Iterator[Event]:
        """Our events for a raw one: none, one or several. Raises ``UpstreamError`` for an error event."""
        kind = string(raw.get("type")) or ""
        if kind == "error":
            raise faults.stream_error(raw, attempts=self.attempts, secrets=self.secrets)
        response = mapping(raw.get("response"))
        if self._echo and response and kind not in TERMINAL:
            self._echo.look(response)
        yield from self._announce(response.get("id"))
        # Before its cursor: a last event that is of no use is no place to read on from.
        answer = self._answer(TERMINAL[kind], response) if kind in TERMINAL else None
        yield from self._tell(kind, raw)
        if isinstance(sequence := raw.get("sequence_number"), int):
            yield Cursor(sequence=sequence, mark=kind in ITEM_BORDERS)
        if answer:
            self.ended = True
            yield Finished(answer=answer)

    def read_whole(self, response: object, wish: float | None) -> Iterator[Event]:
        """Our events for a response object in place of a stream; ``wish`` is after how many seconds to ask again.

        Some servers ignore ``stream`` and answer when the response is there; what cannot be streamed is only accepted.
        """
        answer = parse_answer(response, attempts=self.attempts, poll_after=wish, secrets=self.secrets)
        return iter([*self._announce(answer.response_id), _last(self._warned(answer, mapping(response)))])

    def _announce(self, response_id: object) -> Iterator[Event]:
        # Normally with response.created; compatible servers begin with whatever they like.
        if isinstance(response_id, str) and not self._known:
            self._known = True
            yield Created(response_id=response_id)

    def _tell(self, kind: str, raw: JsonObject) -> Iterator[Event]:
        if kind == "response.output_text.delta":
            yield from self._delta(raw)
        elif kind in THOUGHTS:
            yield from self._think(kind, raw)
        elif kind in ITEM_BORDERS:
            yield from self._item(kind, raw)
        elif kind in ACTIVITIES:
            self._queued = kind == "response.queued"
            yield Activity(message=ACTIVITIES[kind])
        elif kind == "response.in_progress" and self._queued:
            yield Activity(message="at work")

    def _delta(self, raw: JsonObject) -> Iterator[Event]:
        text = string(raw.get("delta"))
        if text and raw.get("output_index") not in self._commentary:
            self.characters += len(text)
            yield TextDelta(text=text)

    def _think(self, kind: str, raw: JsonObject) -> Iterator[Event]:
        if kind == "response.reasoning_summary_part.added":
            self._gap = "\n\n" if self._thought else ""
        elif text := string(raw.get("delta")):
            yield Thought(text=self._gap + text)
            self._thought, self._gap = True, ""

    def _item(self, kind: str, raw: JsonObject) -> Iterator[Event]:
        item, index = mapping(raw.get("item")), raw.get("output_index")
        if kind == "response.output_item.done":
            if isinstance(index, int):
                self._items[index] = item
            if step := step_of(item):
                yield Step(text=step)
        elif item.get("phase") == "commentary":
            self._commentary.append(index)
        elif (kind_of_item := string(item.get("type"))) in ITEM_ACTIVITIES:
            yield Activity(message=ITEM_ACTIVITIES[kind_of_item or ""])

    def _answer(self, status: str, response: JsonObject) -> Answer:
        output = objects(response.get("output"))
        if not output and self._partial:
            raise faults.bad_response("an end without what came before it", attempts=self.attempts)
        # Some servers leave the output out of the last event: the items have all been seen by then.
        output = output or [self._items[index] for index in sorted(self._items)]
        whole = {"status": status, **response}
        if whole.get("output") is None or output:
            whole["output"] = output
        answer = parse_answer(whole, attempts=self.attempts, secrets=self.secrets)
        if answer.status not in ENDED:
            raise faults.bad_response("a response that ended without an end", attempts=self.attempts)
        return self._warned(answer, response)

    def _warned(self, answer: Answer, response: JsonObject) -> Answer:
        ignored = [quoted(one, self.secrets) for one in self._echo.ignored(response)] if self._echo else []
        return answer.model_copy(update={"warnings": [*answer.warnings, *ignored]}) if ignored else answer


def _last(answer: Answer) -> Event:
    return Finished(answer=answer) if answer.status in ENDED else Accepted(answer=answer)
