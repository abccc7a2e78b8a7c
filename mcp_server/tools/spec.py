"""A tool is data: name, words, types, handler. Here, and nowhere else in this package, it meets MCP's types."""

import difflib
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from mcp.types import Tool as ToolDefinition
from mcp.types import ToolAnnotations
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from mcp_server.app import App
from mcp_server.backends import parameters
from mcp_server.errors import InvalidArgument
from mcp_server.files.roots import Roots
from mcp_server.files.sources import is_file_id
from mcp_server.files.urls import is_url
from mcp_server.model.value import JsonObject, Scope

MAX_ARGUMENT_BYTES = 10_000_000
"""The API takes 10 MB of input; more is refused before anything is sent."""

_KINDS: dict[type, str] = {
    str: "a string",
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "an object",
    type(None): "null",
}
_AS_IT_IS_PUT = re.compile(r"^(Input|String|List|Dictionary) should")

TYPED_BY_SDK = frozenset({"options", "tools", "tool_choice", "tool_outputs"})
"""Arguments that are checked by the SDK's own types."""

PAID = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=True)
"""Sends something to a model, and keeps what it answered."""
READS = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=True)
KEEPS = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=False)
"""Changes only what this server keeps."""
DESTROYS = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=True)


class Arguments(BaseModel):
    """What a caller may pass. Nothing is guessed: no unknown argument, no other type, no JSON inside a string."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=False)


class Link(BaseModel):
    """A resource that holds more than the result does."""

    uri: str
    name: str
    mime_type: str = "text/plain"


class Output(BaseModel):
    """What a tool gives back. The text is for hosts that show only text: the answer first, then one footer line."""

    model_config = ConfigDict(frozen=True)

    def render(self) -> str:
        """What a person or a model reads."""
        raise NotImplementedError

    def resources(self) -> Sequence[Link]:
        """Resources to offer beside it."""
        return ()


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of a tool: the house, whose it is, how to say how it goes, and how to learn what may be read.

    To learn that, the call may have to be made again: a handler asks before it has done anything.
    """

    app: App
    scope: Scope
    report: Callable[[str], Awaitable[None]]
    find_roots: Callable[[], Awaitable[Roots]]

    async def roots(self, sources: Sequence[str] | None) -> Roots:
        """The folders that may be read; nobody is asked when all ``sources`` are URLs or ids."""
        if all(is_url(source) or is_file_id(source) for source in sources or ()):
            return Roots(())
        return await self.find_roots()


A = TypeVar("A", bound=Arguments)


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A tool, ready to be listed and called."""

    name: str
    title: str
    description: str
    annotations: ToolAnnotations
    arguments: type[Arguments]
    output: type[Output]
    handler: Callable[[Call, Any], Awaitable[Output]]

    async def call(self, call: Call, raw: JsonObject) -> Output:
        """Check ``raw`` and run the handler.

        Raises:
            InvalidArgument: an argument is wrong; the message names it.
            ServerError: whatever went wrong.
        """
        if TYPED_BY_SDK & raw.keys():
            await parameters.ready()
        try:
            arguments = self.arguments.model_validate(raw)
        except ValidationError as error:
            raise InvalidArgument(explain(self.name, self.arguments, error)) from None
        return await self.handler(call, arguments)

    def definition(self) -> ToolDefinition:
        """What ``tools/list`` shows."""
        return ToolDefinition(
            name=self.name,
            title=self.title,
            description=self.description,
            annotations=self.annotations,
            input_schema=lean(self.arguments.model_json_schema(by_alias=True), closed=True),
            output_schema=lean(self.output.model_json_schema(by_alias=True, mode="serialization"), closed=False),
        )


def explain(tool: str, arguments: type[Arguments], error: ValidationError) -> str:
    """The first few problems of a call in one sentence each: the argument, what is wrong, what would be right."""
    known = [field.alias or name for name, field in arguments.model_fields.items()]
    told: list[str] = []
    for problem in error.errors(include_url=False)[:3]:
        where = ".".join(str(part) for part in problem["loc"]) or "arguments"
        match problem["type"]:
            case "extra_forbidden":
                near = difflib.get_close_matches(where, known, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(known)}."
                told.append(f"{tool} has no argument {where!r}; {hint}")
            case "missing":
                told.append(f"{where}: {tool} needs this argument.")
            case "too_short":
                told.append(f"{where}: it must not be empty.")
            case "value_error":
                told.append(f"{where}: {problem['msg'].removeprefix('Value error, ')}")
            case _:
                told.append(f"{where}: {_AS_IT_IS_PUT.sub('it must', problem['msg'])}{_instead_of(problem)}.")
    return " ".join(told)


def _instead_of(problem: ErrorDetails) -> str:
    """What was given, where it has the wrong type."""
    given: object = problem["input"]
    kind = _KINDS.get(type(given)) if problem["type"].endswith("_type") else None
    return f", not {kind}" if kind else ""


def lean(schema: JsonObject, *, closed: bool) -> JsonObject:
    """The schema without what a model pays tokens for and learns nothing from.

    Titles, null alternatives and null defaults go (an absent argument is simply not passed), so does that something
    must not be empty; references are put in their places. Only arguments are closed: results keep room for more fields.
    """
    definitions = cast("JsonObject", schema.get("$defs", {}))
    shown = _lean(schema, definitions)
    shown.pop("description", None)
    if closed:
        shown["additionalProperties"] = False
    return shown


def _lean(node: JsonObject, definitions: JsonObject) -> JsonObject:
    if "$ref" in node:
        node = definitions[str(node["$ref"]).rpartition("/")[2]] | {k: v for k, v in node.items() if k != "$ref"}
    kept = {k: v for k, v in node.items() if k not in ("title", "$defs", "default", "minLength", "minItems")}
    if isinstance(kept.get("additionalProperties"), bool):
        del kept["additionalProperties"]
    if "enum" in kept:
        kept.pop("type", None)
    options: list[JsonObject] = [option for option in kept.pop("anyOf", []) if option.get("type") != "null"]
    if len(options) == 1:
        kept = options[0] | kept
        return _lean(kept, definitions)
    if options:
        kept["anyOf"] = [_lean(option, definitions) for option in options]
    if "properties" in kept:
        kept["properties"] = {name: _lean(value, definitions) for name, value in kept["properties"].items()}
    if "items" in kept:
        kept["items"] = _lean(kept["items"], definitions)
    return kept


def size_of(raw: JsonObject) -> int:
    """Bytes of text in the arguments, as far as they count against the API's limit."""
    return sum(len(value.encode()) for value in _strings(raw))


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for item in cast("JsonObject", value).values() for text in _strings(item)]
    if isinstance(value, list):
        return [text for item in cast("list[Any]", value) for text in _strings(item)]
    return []
