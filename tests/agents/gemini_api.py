"""Google's generateContent API, as much of it as Gemini CLI asks for."""

import json

from tests.agents.model import Model, Use
from tests.upstream_answers import Answer, JsonObject, Request, stream

PREFIX = "mcp_responses_"
"""What Gemini CLI puts before the names of our tools."""


class GeminiApi(Model):
    def converse(self, request: Request) -> Answer | None:
        if not request.path.endswith(":streamGenerateContent"):
            return None
        body = request.json
        named = {tool["name"]: tool for group in body["tools"] for tool in group["functionDeclarations"]}
        self.tools = {name.removeprefix(PREFIX): tool for name, tool in named.items() if name.startswith(PREFIX)}
        parts = [part for content in body["contents"] for part in content["parts"]]
        results = [part["functionResponse"]["response"] for part in parts if "functionResponse" in part]
        self.seen = [result.get("output") or result["error"] for result in results]
        return stream([f"data: {json.dumps(_chunk(self.turn()))}\r\n\r\n"])


def _chunk(turn: Use | str) -> JsonObject:
    told = {"text": turn}
    if isinstance(turn, Use):
        told = {"functionCall": {"name": PREFIX + turn.tool, "args": turn.arguments}}
    candidate = {"content": {"role": "model", "parts": [told]}, "finishReason": "STOP", "index": 0}
    usage = {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15}
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "fake"}
