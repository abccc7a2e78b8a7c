"""``generate``: one answer from the model, with everything that ``responses.create`` can do."""

import json
from typing import Any

from pydantic import Field, field_validator

from mcp_server.backends import parameters
from mcp_server.errors import InvalidArgument
from mcp_server.files.content import image_parts
from mcp_server.files.urls import linked
from mcp_server.model.request import TurnRequest
from mcp_server.model.value import JsonObject
from mcp_server.tools.pay import pay
from mcp_server.tools.result import SharedResult
from mcp_server.tools.shared import SharedArguments, user_message
from mcp_server.tools.spec import PAID, Call, Tool


class GenerateArguments(SharedArguments):
    """What to ask, and with which tools."""

    input: str | list[JsonObject] | None = Field(default=None, description="Text, or a list of Responses input items")
    images: list[str] | None = Field(default=None, description="Image paths or https URLs")
    tools: list[JsonObject] | None = Field(
        default=None, description="Responses tool definitions; function and custom calls come back as tool_calls"
    )
    tool_outputs: list[JsonObject] | None = Field(
        default=None, description="Answers to tool_calls: [{call_id, output}]"
    )
    tool_choice: str | JsonObject | None = None
    parallel_tool_calls: bool | None = None
    json_mode: bool = Field(default=False, alias="json", description="Answer in JSON, of any shape")

    @field_validator("tools")
    @classmethod
    def _tools_are_well_formed(cls, tools: list[JsonObject] | None) -> list[JsonObject] | None:
        for index, tool in enumerate(tools or ()):
            _refuse(parameters.tool_problem(f"tools[{index}]", tool))
        return tools

    @field_validator("tool_choice")
    @classmethod
    def _tool_choice_is_well_formed(cls, choice: str | JsonObject | None) -> str | JsonObject | None:
        _refuse(None if choice is None else parameters.tool_choice_problem(choice))
        return choice

    @field_validator("tool_outputs")
    @classmethod
    def _tool_outputs_are_answers(cls, outputs: list[JsonObject] | None) -> list[JsonObject] | None:
        # Which kind of output fits is known when the calls are: ``turns`` says it.
        for index, given in enumerate(outputs or ()):
            if set(given) != {"call_id", "output"} or not isinstance(given["call_id"], str) or given["output"] is None:
                raise InvalidArgument(f"tool_outputs[{index}]: it must have just call_id (a string) and output.")
        return outputs


async def generate(call: Call, arguments: GenerateArguments) -> SharedResult:
    """One turn; detached when it takes longer than the wait."""
    request = await turn_request(call, arguments, "generate")
    return SharedResult.model_validate(await pay(call, arguments, request))


async def turn_request(
    call: Call, arguments: GenerateArguments, tool: str, *, background: bool = False, **more: Any
) -> TurnRequest:
    """The request of ``generate``'s arguments; ``start_background`` takes the same ones."""
    items = _input(arguments.input)
    await call.app.fetcher.check(linked(items))
    if arguments.images:
        items = await _with_images(call, items, arguments.images)
    if not (items or arguments.tool_outputs or arguments.option("prompt")):
        raise InvalidArgument("input: pass a text or input items, or tool_outputs that answer tool calls.")
    if arguments.tool_outputs and not await _continues(call, arguments):
        raise InvalidArgument(
            "tool_outputs: pass the session or the previous_response_id whose tool calls they answer."
        )
    params: JsonObject = {
        name: value
        for name in ("tools", "tool_choice", "parallel_tool_calls")
        if (value := getattr(arguments, name)) is not None
    }
    if arguments.json_mode:
        await _check_json_mode(call, arguments)
        params["text"] = {"format": {"type": "json_object"}}
    return arguments.request(
        tool, items, params=params, tool_outputs=arguments.tool_outputs or (), background=background, **more
    )


def _refuse(wrong: str | None) -> None:
    if wrong:
        raise InvalidArgument(wrong)


async def _continues(call: Call, arguments: GenerateArguments) -> bool:
    """Whether something was said before this turn."""
    if arguments.previous_response_id or arguments.option("conversation"):
        return True
    return bool(arguments.session and await call.app.store.sessions.get(call.scope, arguments.session))


async def _check_json_mode(call: Call, arguments: GenerateArguments) -> None:
    """The API answers 400 when the word JSON is nowhere in what the model reads; a grammar needs no such word.

    What was said before and a prompt template may have it: only where there is neither can it be missed here.
    """
    said = json.dumps([arguments.input, arguments.instructions]).lower()
    profile = call.app.backend.profile
    if "json" in said or arguments.option("prompt") or profile.json_schema == "grammar" or not profile.json_mode:
        return
    if not await _continues(call, arguments):
        raise InvalidArgument("json: the API wants the word JSON in input or instructions; say there what to answer.")


def _input(given: str | list[JsonObject] | None) -> list[JsonObject]:
    if isinstance(given, str):
        return [user_message(given)] if given else []
    return list(given or ())


async def _with_images(call: Call, items: list[JsonObject], images: list[str]) -> list[JsonObject]:
    parts = await image_parts(images, await call.roots(images), call.app.backend.profile, call.app.fetcher)
    if not items or items[-1].get("role") != "user" or not isinstance(items[-1].get("content"), str):
        return [*items, {"role": "user", "content": parts}]
    text = {"type": "input_text", "text": items[-1]["content"]}
    return [*items[:-1], {**items[-1], "content": [*parts, text]}]


TOOL = Tool(
    name="generate",
    title="Ask a model",
    description=(
        "Ask a language model (OpenAI, GPT): a second opinion, a draft, an image described or drawn, web search or "
        "code by hosted tools. session keeps a conversation. A call longer than wait_seconds returns a job_id for "
        "poll. For strict JSON use structured_extract, for documents file_ask."
    ),
    annotations=PAID,
    arguments=GenerateArguments,
    output=SharedResult,
    handler=generate,
)
