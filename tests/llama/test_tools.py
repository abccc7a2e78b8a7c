"""Function calling by grammar, as far as no model is needed for it."""

import json

import pytest

from mcp_server.backends.llama.tools import Offer, offered, rebased
from mcp_server.errors import InvalidArgument
from mcp_server.model.answer import ToolCall

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Get the current weather for a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
}
ADD = {
    "type": "function",
    "name": "add",
    "description": "Add two numbers.",
    "parameters": {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/n"}, "b": {"$ref": "#/$defs/n"}},
        "required": ["a", "b"],
        "additionalProperties": False,
        "$defs": {"n": {"type": "integer"}},
    },
}
PING = {"type": "function", "name": "ping", "parameters": None}


def names(offer: Offer | None) -> list[str]:
    return [each["name"] for each in offer.functions] if offer else []


@pytest.mark.parametrize(
    ("choice", "functions", "plain"),
    [
        (None, ["get_weather", "add"], True),
        ("auto", ["get_weather", "add"], True),
        ("none", [], False),
        ("required", ["get_weather", "add"], False),
        ({"type": "function", "name": "add"}, ["add"], False),
        ({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "add"}]}, ["add"], True),
        ({"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "add"}]}, ["add"], False),
    ],
)
def test_the_choice_says_what_can_be_written(choice, functions, plain):
    offer = offered({"tools": [WEATHER, ADD], "tool_choice": choice}, None)
    assert names(offer) == functions
    assert bool(offer and offer.message) is plain
    assert offer is None or ('{"message"' in offer.told()) is plain


def test_without_functions_nothing_is_offered():
    assert offered({}, None) is None


@pytest.mark.parametrize("choice", [{"type": "function", "name": "fly"}, {"type": "web_search"}, "sometimes"])
def test_a_choice_that_cannot_be_met_is_refused(choice):
    with pytest.raises(InvalidArgument, match="tool_choice"):
        offered({"tools": [WEATHER], "tool_choice": choice}, None)


def test_references_point_into_their_new_place():
    offer = offered({"tools": [PING, ADD]}, {"anyOf": [{"$ref": "#"}]})
    assert offer
    schema = offer.json_schema()["anyOf"]
    assert schema[0]["properties"]["arguments"]["properties"] == {}
    assert schema[1]["properties"]["arguments"]["properties"]["a"] == {"$ref": "#/anyOf/1/properties/arguments/$defs/n"}
    assert schema[2]["properties"]["message"] == {"anyOf": [{"$ref": "#/anyOf/2/properties/message"}]}


def test_a_property_that_is_called_like_a_reference_stays():
    schema = {"properties": {"$ref": {"type": "string"}}, "$ref": "other.json#/x"}
    assert rebased(schema, "#/a") == schema


OFFER = Offer([WEATHER], {"type": "string"})


def test_a_call_is_read_with_its_arguments_as_text():
    call = OFFER.read('{"name": "get_weather", "arguments": {"city": "Ås"}}')
    assert isinstance(call, ToolCall)
    assert (call.name, call.type) == ("get_weather", "function")
    assert json.loads(call.arguments or "") == {"city": "Ås"}
    assert "Ås" in (call.arguments or "")


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ('{"message": "hello"}', "hello"),
        ('{"message": {"a": 1}}', '{"a": 1}'),
        ('{ "message" : "a\\nb and mo', "a\nb and mo"),
        ('{"message": "smile \\ud83d\\ude', "smile "),
        ('{"message": "', ""),
        ('{"name": "get_weather", "argu', ""),
        ('{"message": "\\x and much more that is no JSON', ""),
    ],
)
def test_a_message_is_read_also_when_it_was_cut_off(raw, text):
    read = OFFER.read(raw)
    assert isinstance(read, str)
    assert read.encode("utf-8", "surrogatepass").decode("utf-8", "ignore") == text
