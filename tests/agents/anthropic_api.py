"""Anthropic's Messages API, as much of it as Claude Code asks for.

Claude Code tells its model the names of our tools, and hands over the definitions when the model searches for them. So
this model does that first.
"""

import json
from collections.abc import Iterator

from tests.agents.model import Model, Use
from tests.upstream_answers import Answer, JsonObject, Request, stream

PREFIX = "mcp__responses__"
"""What Claude Code puts before the names of our tools."""
SEARCH = "search"


class AnthropicApi(Model):
    def converse(self, request: Request) -> Answer | None:
        if request.path != "/v1/messages":
            return None
        body = request.json
        results = [part for part in _parts(body) if part["type"] == "tool_result"]
        if not results:
            return stream(self._wants("ToolSearch", {"query": "+responses", "max_results": 50}, SEARCH))
        named = {tool["name"]: tool for tool in body["tools"]}
        self.tools = {name.removeprefix(PREFIX): tool for name, tool in named.items() if name.startswith(PREFIX)}
        self.seen = [_text(result) for result in results if not result["tool_use_id"].startswith(SEARCH)]
        turn = self.turn()
        return stream(self._wants(PREFIX + turn.tool, turn.arguments) if isinstance(turn, Use) else self._says(turn))

    def _wants(self, tool: str, arguments: JsonObject, kind: str = "toolu") -> Iterator[JsonObject]:
        block = {"type": "tool_use", "id": f"{kind}_{next(self.numbers)}", "name": tool, "input": {}}
        return self._events(block, {"type": "input_json_delta", "partial_json": json.dumps(arguments)}, "tool_use")

    def _says(self, text: str) -> Iterator[JsonObject]:
        return self._events({"type": "text", "text": ""}, {"type": "text_delta", "text": text}, "end_turn")

    def _events(self, block: JsonObject, delta: JsonObject, reason: str) -> Iterator[JsonObject]:
        usage = {"input_tokens": 10, "output_tokens": 5}
        message = {"id": f"msg_{next(self.numbers)}", "type": "message", "role": "assistant", "model": "fake"}
        yield {"type": "message_start", "message": {**message, "content": [], "stop_reason": None, "usage": usage}}
        yield {"type": "content_block_start", "index": 0, "content_block": block}
        yield {"type": "content_block_delta", "index": 0, "delta": delta}
        yield {"type": "content_block_stop", "index": 0}
        yield {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}, "usage": usage}
        yield {"type": "message_stop"}


def _parts(body: JsonObject) -> Iterator[JsonObject]:
    for message in body["messages"]:
        if isinstance(message["content"], list):
            yield from message["content"]


def _text(result: JsonObject) -> str:
    content = result["content"]
    return content if isinstance(content, str) else "\n".join(part.get("text", "") for part in content)
