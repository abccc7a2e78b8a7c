"""From an open answer to our events. Raw events are read as plain JSON, and kinds nobody knows are passed over.

An answer is there when a terminal event says so: a stream that just ends is a connection that broke off.
"""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

import anyio

from mcp_server.backends.responses import faults
from mcp_server.backends.responses.parse import parse_answer
from mcp_server.backends.responses.shape import mapping, objects, string
from mcp_server.model.answer import ENDED, Answer
from mcp_server.model.events import Activity, Created, Cursor, Event, Finished, TextDelta, Thought
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
    "response.mcp_list_tools.in_progress": "asking a remote server for its tools",
    "response.mcp_call.in_progress": "calling a tool of a remote server",
    "response.shell_call_command.added": "running a shell command",
    "response.compaction.compacting": "compacting the conversation",
}
"""What a person is told when an event of this type comes."""

ITEM_ACTIVITIES = {
    "reasoning": "thinking",
    "function_call": "preparing a tool call",
    "custom_tool_call": "preparing a tool call",
    "computer_call": "operating a computer",
}
"""What a person is told when an output item of this type begins."""

ITEM_BORDERS = frozenset({"response.output_item.added", "response.output_item.done"})

TERMINAL = {
    "response.completed": "completed",
    "response.incomplete": "incomplete",
    "response.failed": "failed",
    "response.cancelled": "cancelled",
}

READ_OUT_SECONDS = 0.5
"""How long the end of a stream may follow its last event."""


async def read_events(stream: "AsyncStream[object]", *, silence_seconds: float, attempts: int) -> AsyncGenerator[Event]:
    """What happens in ``stream``, ``Finished`` last. The stream is closed in any case.

    ``silence_seconds`` is the longest time without an event. Raises ``UpstreamError``.
    """
    try:
        kind = stream.response.headers.get("content-type", "text/event-stream")
        if "event-stream" not in kind:
            async for event in _read_whole(stream, silence_seconds, attempts):
                yield event
            return
        reader = Reader(attempts)
        async with aclosing(_raw_events(stream, silence_seconds, reader)) as raw_events:
            async for raw in raw_events:
                for event in reader.read(raw):
                    if isinstance(event, Finished):
                        await _read_out(stream)
                    yield event
                if reader.answer is not None:
                    return
        raise faults.broke_off(reader.characters, attempts=attempts)
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
            fault = faults.translated(error, attempts=reader.attempts)
            if fault.kind == "connection_lost":
                fault = faults.broke_off(reader.characters, attempts=reader.attempts)
            raise fault from error
        yield mapping(raw)


async def _read_out(stream: "AsyncStream[object]") -> None:
    """Read what comes after the answer, so that the connection can serve the next request; it may take a moment."""
    with anyio.move_on_after(READ_OUT_SECONDS), suppress(StopAsyncIteration, *faults.foreign()):
        while True:
            await anext(stream)


async def _read_whole(stream: "AsyncStream[object]", silence_seconds: float, attempts: int) -> AsyncGenerator[Event]:
    # Some servers ignore ``stream`` and send the response when it is there.
    try:
        with anyio.fail_after(silence_seconds):
            await stream.response.aread()
        answer = parse_answer(stream.response.json(), attempts=attempts)
    except faults.foreign() as error:
        raise faults.translated(error, attempts=attempts) from error
    yield Created(response_id=answer.response_id or "")
    if answer.status not in ENDED:
        # Work in the background that is not streamed: whoever has its id asks how it ends.
        raise faults.bad_response("a response that has not ended", attempts=attempts)
    yield Finished(answer=answer)


class Reader:
    """Reads the raw events of one response, in order. ``answer`` is there after the terminal one."""

    def __init__(self, attempts: int) -> None:
        self.attempts = attempts
        self.characters = 0
        self.answer: Answer | None = None
        self._created = False
        self._items: dict[int, JsonObject] = {}
        self._commentary: set[object] = set()

    def read(self, raw: JsonObject) -> Iterator[Event]:
        """Our events for a raw one: none, one or several. Raises ``UpstreamError`` for an error event."""
        kind = string(raw.get("type")) or ""
        if kind == "error":
            raise faults.stream_error(raw, attempts=self.attempts)
        yield from self._announce(mapping(raw.get("response")).get("id"))
        if kind == "response.output_text.delta":
            yield from self._delta(raw)
        elif kind == "response.reasoning_summary_text.delta" and (thought := string(raw.get("delta"))):
            yield Thought(text=thought)
        elif kind in ITEM_BORDERS:
            yield from self._item(kind, raw)
        elif kind in ACTIVITIES:
            yield Activity(message=ACTIVITIES[kind])
        if isinstance(sequence := raw.get("sequence_number"), int):
            yield Cursor(sequence=sequence, mark=kind in ITEM_BORDERS)
        if kind in TERMINAL:
            yield self._finish(TERMINAL[kind], mapping(raw.get("response")))

    def _announce(self, response_id: object) -> Iterator[Event]:
        # Normally with response.created; compatible servers begin with whatever they like.
        if isinstance(response_id, str) and not self._created:
            self._created = True
            yield Created(response_id=response_id)

    def _delta(self, raw: JsonObject) -> Iterator[Event]:
        text = string(raw.get("delta"))
        if text and raw.get("output_index") not in self._commentary:
            self.characters += len(text)
            yield TextDelta(text=text)

    def _item(self, kind: str, raw: JsonObject) -> Iterator[Event]:
        item, index = mapping(raw.get("item")), raw.get("output_index")
        if kind == "response.output_item.done" and isinstance(index, int):
            self._items[index] = item
        elif item.get("phase") == "commentary":
            self._commentary.add(index)
        elif (kind_of_item := string(item.get("type"))) in ITEM_ACTIVITIES:
            yield Activity(message=ITEM_ACTIVITIES[kind_of_item or ""])

    def _finish(self, status: str, response: JsonObject) -> Event:
        # Some servers leave the output out of the last event: the items have all been seen by then.
        output = objects(response.get("output")) or [self._items[index] for index in sorted(self._items)]
        whole = {"status": status, **response}
        if whole.get("output") is None or output:
            whole["output"] = output
        self.answer = parse_answer(whole, attempts=self.attempts)
        if self.answer.status not in ENDED:
            raise faults.bad_response("a response that ended without an end", attempts=self.attempts)
        return Finished(answer=self.answer)
