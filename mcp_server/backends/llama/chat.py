"""One answer on its way: from the engine's chunks to our events, also across a child that died in the middle.

The model continues from the text that is already there, so nothing that was shown is ever repeated or taken back.
"""

import secrets
from collections.abc import Iterator

from mcp_server.backends.llama.prompt import completion
from mcp_server.model.answer import Answer, ToolCall, Usage
from mcp_server.model.events import Activity, Created, Event, Finished, TextDelta
from mcp_server.model.request import Layout
from mcp_server.model.value import JsonObject

LONG_INPUT = 1024
"""From how many unread tokens on it is worth saying how far the reading is."""


class Reply:
    """The answer to one layout.

    Raises:
        InvalidArgument: the layout holds what the engine cannot take.
    """

    def __init__(self, layout: Layout, model: str) -> None:
        self._body, self._offer = completion(layout)
        self._model = model
        self._response_id = f"resp_local_{secrets.token_hex(12)}"
        self._pieces: list[str] = []
        self._finish: str | None = None
        self._usage: Usage | None = None
        self._accepted = False
        self.warnings: list[str] = []

    @property
    def finished(self) -> bool:
        """The model has come to an end."""
        return self._finish is not None

    def body(self) -> JsonObject:
        """What to send now: the request, with the text that is already there as the beginning of the answer."""
        if not self._pieces:
            return self._body
        messages: list[JsonObject] = [*self._body["messages"]]
        begun = "".join(self._pieces)
        if messages[-1]["role"] == "assistant":
            # llama.cpp takes one unfinished message at the end, not two.
            begun = messages.pop()["content"] + begun
        body: JsonObject = {**self._body, "messages": [*messages, {"role": "assistant", "content": begun}]}
        if "max_tokens" in body:
            body["max_tokens"] = max(1, body["max_tokens"] - len(self._pieces))
        return body

    def read(self, chunk: JsonObject) -> Iterator[Event]:
        """What one chunk of the stream tells."""
        if not self._accepted:
            self._accepted = True
            yield Created(response_id=self._response_id)
        if usage := chunk.get("usage"):
            self._usage = _usage(usage)
        if progress := chunk.get("prompt_progress"):
            yield from _reading(progress)
        for choice in chunk["choices"]:
            self._finish = choice["finish_reason"] or self._finish
            if text := choice["delta"].get("content"):
                self._pieces.append(text)
                if not self._offer:
                    yield TextDelta(text=text)

    def end(self) -> Iterator[Event]:
        """The last events."""
        raw = "".join(self._pieces)
        said = self._offer.read(raw) if self._offer else raw
        if self._offer and isinstance(said, str) and said:
            yield TextDelta(text=said)
        yield Finished(answer=self._answer(said))

    def _answer(self, said: ToolCall | str) -> Answer:
        cut = self._finish == "length"
        status = "incomplete" if cut else "completed"
        item = _message(said, status) if isinstance(said, str) else _function_call(said)
        return Answer(
            status=status,
            text=said if isinstance(said, str) else "",
            response_id=self._response_id,
            model=self._model,
            tool_calls=[said] if isinstance(said, ToolCall) else [],
            incomplete_reason="max_output_tokens" if cut else None,
            usage=self._usage,
            output=[item],
            warnings=self.warnings,
        )


def _reading(progress: JsonObject) -> Iterator[Activity]:
    unread = progress["total"] - progress["cache"]
    done = progress["processed"] - progress["cache"]
    if unread > LONG_INPUT and done < unread:
        yield Activity(message=f"Reading the input: {100 * max(0, done) // unread} % of {unread} tokens")


def _usage(usage: JsonObject) -> Usage:
    return Usage(
        input_tokens=usage["prompt_tokens"],
        cached_tokens=usage["prompt_tokens_details"]["cached_tokens"],
        output_tokens=usage["completion_tokens"],
        total_tokens=usage["total_tokens"],
    )


def _message(text: str, status: str) -> JsonObject:
    return {
        "type": "message",
        "id": f"msg_local_{secrets.token_hex(12)}",
        "role": "assistant",
        "status": status,
        "content": [{"type": "output_text", "text": text, "annotations": []}],
    }


def _function_call(call: ToolCall) -> JsonObject:
    return {
        "type": "function_call",
        "id": f"fc_local_{secrets.token_hex(12)}",
        "call_id": call.call_id,
        "name": call.name,
        "arguments": call.arguments,
        "status": "completed",
    }
