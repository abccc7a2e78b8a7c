"""Function calling by grammar: the model can write nothing but a call that fits its schema, or a plain message.

Most small models' templates know no tools; the grammar makes every answer readable all the same.
"""

import json
import re
import secrets
from typing import Any, NamedTuple, cast

from mcp_server.errors import InvalidArgument
from mcp_server.model.answer import ToolCall
from mcp_server.model.value import JsonObject

NO_ARGUMENTS: JsonObject = {"type": "object", "properties": {}, "additionalProperties": False}
_MESSAGE = re.compile(r'\s*\{\s*"message"\s*:\s*"(?P<text>.*)', re.DOTALL)


class Offer(NamedTuple):
    """The functions offered, and the schema of a plain message; without one a call is required."""

    functions: list[JsonObject]
    message: JsonObject | None

    def told(self) -> str:
        """What the model is told of the functions."""
        lines = ["You can call these functions:"]
        lines += [
            f"- {each['name']}: {each.get('description') or ''} Arguments: {json.dumps(_arguments(each))}"
            for each in self.functions
        ]
        lines.append('To call one, answer only with JSON: {"name": "<function>", "arguments": {…}}')
        if self.message:
            lines.append('Otherwise answer with JSON: {"message": "<your answer>"}')
        return "\n".join(lines)

    def json_schema(self) -> JsonObject:
        """What the answer must look like."""
        variants: list[JsonObject] = []
        for each in self.functions:
            arguments = rebased(_arguments(each), f"#/anyOf/{len(variants)}/properties/arguments")
            variants.append(_closed(name={"const": each["name"]}, arguments=arguments))
        if self.message:
            variants.append(_closed(message=rebased(self.message, f"#/anyOf/{len(variants)}/properties/message")))
        return {"anyOf": variants}

    def read(self, raw: str) -> ToolCall | str:
        """The call or the message that the model wrote; of an answer that was cut off, what there is of the message."""
        try:
            written: JsonObject = json.loads(raw)
        except ValueError:
            return _begun(raw)
        if "name" not in written:
            message = written["message"]
            return message if isinstance(message, str) else json.dumps(message, ensure_ascii=False)
        return ToolCall(
            call_id=f"call_{secrets.token_hex(12)}",
            name=written["name"],
            arguments=json.dumps(written["arguments"], ensure_ascii=False),
        )


def offered(params: JsonObject, message: JsonObject | None) -> Offer | None:
    """What ``tools`` and ``tool_choice`` offer; ``message`` is the schema a plain answer must have (None: any text).

    Raises:
        InvalidArgument: a tool or choice that there is no such thing here.
    """
    functions: list[JsonObject] = params.get("tools") or []
    for tool in functions:
        if tool.get("type") != "function":
            raise InvalidArgument(
                f"tools: the embedded engine has no {tool.get('type')!r} tools; offer functions only."
            )
    choice = params.get("tool_choice") or "auto"
    mode, names = _choice(choice)
    if names is not None:
        known = {each["name"] for each in functions}
        if missing := [name for name in names if name not in known]:
            raise InvalidArgument(f"tool_choice: {missing[0]!r} is not among the tools; name one that is.")
        functions = [each for each in functions if each["name"] in names]
    if mode == "none" or not functions:
        return None
    return Offer(functions, None if mode == "required" else message or {"type": "string"})


def called(call: JsonObject) -> str:
    """A call of before, as the model itself would have written it."""
    try:
        arguments: Any = json.loads(call["arguments"] or "{}")
    except ValueError:
        arguments = call["arguments"]
    return json.dumps({"name": call["name"], "arguments": arguments}, ensure_ascii=False)


def rebased(schema: Any, root: str) -> Any:
    """``schema`` for a place inside another one: its references start at ``root`` instead of ``#``."""
    if isinstance(schema, list):
        return [rebased(each, root) for each in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    inner: JsonObject = {key: rebased(value, root) for key, value in cast("JsonObject", schema).items()}
    reference = inner.get("$ref")
    if isinstance(reference, str) and reference.startswith("#"):
        inner["$ref"] = root + reference[1:]
    return inner


def _choice(choice: Any) -> tuple[str, list[str] | None]:
    """The mode (auto, none, required) and the names it is narrowed to."""
    match choice:
        case "auto" | "none" | "required":
            return choice, None
        case {"type": "function", "name": str(name)}:
            return "required", [name]
        case {"type": "allowed_tools", "mode": "auto" | "required" as mode, "tools": allowed}:
            return mode, [str(each.get("name")) for each in allowed]
        case _:
            raise InvalidArgument(
                "tool_choice: the embedded engine takes auto, none, required, one function, or allowed functions."
            )


def _arguments(function: JsonObject) -> JsonObject:
    return function.get("parameters") or NO_ARGUMENTS


def _closed(**properties: JsonObject) -> JsonObject:
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


def _begun(raw: str) -> str:
    found = _MESSAGE.match(raw)
    text = found["text"] if found else ""
    # The cut may go through an escape sequence, of at most twelve characters for a pair of surrogates.
    for end in range(len(text), max(-1, len(text) - 12), -1):
        try:
            return json.loads(f'"{text[:end]}"')
        except ValueError:
            continue
    return ""
