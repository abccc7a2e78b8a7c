"""OpenAI's Responses API, as much of it as Codex CLI asks for.

Codex tells its model the names of servers alone, and hands over a server's tools when the model searches for them. So
this model does that first.
"""

import json

from tests.agents.model import Model, Use
from tests.upstream_answers import Answer, JsonObject, Request, stream
from tests.upstream_shapes import events, function_call, message, response

NAMESPACE = "mcp__responses"
"""What Codex CLI makes of our server's name."""


class OpenaiApi(Model):
    def converse(self, request: Request) -> Answer | None:
        if request.path != "/v1/responses":
            return None
        items = request.json["input"]
        found = [item for item in items if item["type"] == "tool_search_output"]
        spaces = [space for item in found for space in item["tools"] if space["name"] == NAMESPACE]
        self.tools = {tool["name"]: tool for space in spaces for tool in space["tools"]}
        self.seen = [_text(item["output"]) for item in items if item["type"] == "function_call_output"]
        number = next(self.numbers)
        item = self._item(number) if found else _search(number)
        return stream(events(response(id=f"resp_{number}", output=[item])))

    def _item(self, number: int) -> JsonObject:
        turn = self.turn()
        if not isinstance(turn, Use):
            return message(turn, item_id=f"msg_{number}")
        call = function_call(turn.tool, json.dumps(turn.arguments), call_id=f"call_{number}")
        return {**call, "id": f"fc_{number}", "namespace": NAMESPACE}


def _search(number: int) -> JsonObject:
    wanted = {"query": "Responses API", "limit": 50}
    return {"type": "tool_search_call", "call_id": f"call_{number}", "execution": "client", "arguments": wanted}


def _text(output: str | list[JsonObject]) -> str:
    return output if isinstance(output, str) else "\n".join(part.get("text", "") for part in output)
