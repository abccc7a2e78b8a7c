"""``generate``: one answer from the model, with everything that ``responses.create`` can do."""

from typing import Any

from pydantic import Field

from mcp_server.errors import InvalidArgument
from mcp_server.files.content import image_part
from mcp_server.model.request import TurnRequest
from mcp_server.model.value import JsonObject
from mcp_server.tools.result import SharedResult, pay
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


async def generate(call: Call, arguments: GenerateArguments) -> SharedResult:
    """One turn; detached when it takes longer than the wait."""
    request = await turn_request(call, arguments, "generate")
    return SharedResult.model_validate(await pay(call, arguments, request))


async def turn_request(
    call: Call, arguments: GenerateArguments, tool: str, *, background: bool = False, **more: Any
) -> TurnRequest:
    """The request of ``generate``'s arguments; ``start_background`` takes the same ones."""
    items = _input(arguments.input)
    if arguments.images:
        items = _with_images(call, items, arguments.images)
    if arguments.tool_outputs:
        items = [*await _tool_outputs(call, arguments), *items]
    if not items:
        raise InvalidArgument("input: pass a text or input items, or tool_outputs that answer tool calls.")
    params: JsonObject = {
        name: value
        for name in ("tools", "tool_choice", "parallel_tool_calls")
        if (value := getattr(arguments, name)) is not None
    }
    if arguments.json_mode:
        params["text"] = {"format": {"type": "json_object"}}
    return arguments.request(tool, items, params=params, background=background, **more)


def _input(given: str | list[JsonObject] | None) -> list[JsonObject]:
    if isinstance(given, str):
        return [user_message(given)] if given else []
    return list(given or ())


def _with_images(call: Call, items: list[JsonObject], images: list[str]) -> list[JsonObject]:
    parts = [image_part(source, call.app.roots, call.app.backend.profile) for source in images]
    if not items or isinstance(items[-1].get("content"), list):
        return [*items, {"role": "user", "content": parts}]
    text = {"type": "input_text", "text": items[-1].get("content", "")}
    return [*items[:-1], {**items[-1], "content": [*parts, text]}]


async def _tool_outputs(call: Call, arguments: GenerateArguments) -> list[JsonObject]:
    """The outputs as items of the kind that the calls had, which the turn that made them knows."""
    head = arguments.previous_response_id
    if head is None and arguments.session:
        session = await call.app.store.sessions.get(call.scope, arguments.session)
        head = session.head if session else None
    if head is None:
        raise InvalidArgument(
            "tool_outputs: pass the session or the previous_response_id whose tool calls they answer."
        )
    turns = await call.app.store.sessions.turns(call.scope, head)
    kinds = {item.get("call_id"): item.get("type") for turn in turns for item in turn.output}
    return [_tool_output(output, kinds) for output in arguments.tool_outputs or ()]


def _tool_output(given: JsonObject, kinds: dict[Any, Any]) -> JsonObject:
    call_id, output = given.get("call_id"), given.get("output")
    if not isinstance(call_id, str) or output is None or set(given) != {"call_id", "output"}:
        raise InvalidArgument("tool_outputs: each is an object with just call_id (a string) and output.")
    if kinds and call_id not in kinds:
        asked = [kind for kind in kinds if kind]
        raise InvalidArgument(f"tool_outputs: no tool call {call_id!r} was made here; the calls are {asked}.")
    kind = "custom_tool_call_output" if kinds.get(call_id) == "custom_tool_call" else "function_call_output"
    return {"type": kind, "call_id": call_id, "output": output}


TOOL = Tool(
    name="generate",
    title="Ask a model",
    description=(
        "Ask a language model: a second opinion, a draft, an image described, web search or code by hosted tools. "
        "session keeps a conversation. A call longer than wait_seconds returns a job_id for poll. "
        "For strict JSON use structured_extract, for documents file_ask."
    ),
    annotations=PAID,
    arguments=GenerateArguments,
    output=SharedResult,
    handler=generate,
)
