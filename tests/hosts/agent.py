"""An agent of the OpenAI Agents SDK whose model is a script. Importing this takes a second."""

import json
from collections.abc import AsyncIterator
from typing import Any

from agents import Agent, Model, ModelResponse, ModelSettings, RunConfig, Runner, Tool, TResponseInputItem, Usage
from agents.items import TResponseStreamEvent
from agents.mcp import MCPServer
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

from mcp_server.model.value import JsonObject


class Script(Model):
    """Calls the tool it is told to, and keeps what it is shown: the names of all tools, and what came of the call."""

    def __init__(self) -> None:
        self.tools: list[str] = []
        self.to_call: tuple[str, str] = ("", "")
        self.shown = ""

    async def get_response(  # pyright: ignore[reportIncompatibleMethodOverride]  - most of it is nothing to a script
        self,
        system_instructions: str | None,
        input: str | list[TResponseInputItem],  # noqa: A002 - the SDK's name
        model_settings: ModelSettings,
        tools: list[Tool],
        *_more: Any,
        **_named: Any,
    ) -> ModelResponse:
        self.tools = [tool.name for tool in tools]
        came: Any = input[-1]
        if isinstance(came, dict) and came.get("type") == "function_call_output":
            self.shown = json.dumps(came["output"], ensure_ascii=False)
            told = ResponseOutputText(type="output_text", text="Done", annotations=[])
            message = ResponseOutputMessage(
                id="msg_1", type="message", role="assistant", status="completed", content=[told]
            )
            return ModelResponse([message], Usage(), None)
        name, arguments = self.to_call
        call = ResponseFunctionToolCall(type="function_call", call_id="call_1", name=name, arguments=arguments)
        return ModelResponse([call], Usage(), None)

    def stream_response(self, *_given: Any, **_named: Any) -> AsyncIterator[TResponseStreamEvent]:
        raise NotImplementedError


class Agency:
    """An agent with one MCP server, run once for each call."""

    def __init__(self, server: MCPServer) -> None:
        self.model = Script()
        self._agent = Agent(name="Agent", model=self.model, mcp_servers=[server])

    async def call(self, tool: str, arguments: JsonObject) -> str:
        """What the model is shown when it has called ``tool``."""
        self.model.to_call = (tool, json.dumps(arguments))
        await Runner.run(self._agent, "Go", run_config=RunConfig(tracing_disabled=True))
        return self.model.shown
