"""The definitions are what every model reads: their words are pinned, their size and shape are bounded."""

import json
import os
from pathlib import Path

import pytest
from openai.types.responses.response_create_params import ResponseCreateParamsBase, ResponseCreateParamsStreaming

from mcp_server.tools import TOOLS
from mcp_server.tools.options import OPTIONS, OWNED
from mcp_server.tools.spec import Tool
from tests.serving import House

SNAPSHOT = Path(__file__).with_name("definitions.json")
MAX_BYTES = 18_000
by_name = pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)


async def test_the_served_list_is_the_committed_snapshot_and_lean(hosted: House) -> None:
    served = (await hosted.client.list_tools()).model_dump(by_alias=True, mode="json", exclude_none=True)
    served.pop("_meta", None)
    assert len(json.dumps(served, separators=(",", ":")).encode()) <= MAX_BYTES
    shown = json.dumps(served["tools"], indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        SNAPSHOT.write_text(shown, "utf-8")
    assert shown == SNAPSHOT.read_text("utf-8"), "run `python3 scripts/dev.py snapshots` and look at the difference"


def test_the_nine_tools_are_served() -> None:
    assert [tool.name for tool in TOOLS] == [
        "generate", "structured_extract", "file_ask", "vector_search", "start_background", "poll", "cancel", "cleanup",
        "sessions",
    ]  # fmt: skip


@by_name
def test_a_tool_stands_in_the_file_of_its_name_and_has_tests(tool: Tool) -> None:
    assert tool.handler.__module__ == f"mcp_server.tools.{tool.name}"
    assert Path(__file__).with_name(f"test_{tool.name}.py").is_file()


@by_name
def test_annotations_are_complete_and_words_are_short(tool: Tool) -> None:
    definition = tool.definition()
    assert definition.annotations is not None
    hints = definition.annotations.model_dump(exclude={"title"})
    assert None not in hints.values()
    assert definition.title
    assert definition.description
    assert len(definition.description) <= 1024


@by_name
def test_schemas_are_plain_objects_closed_for_arguments_and_open_for_results(tool: Tool) -> None:
    definition = tool.definition()
    assert definition.input_schema["type"] == "object"
    assert definition.input_schema["additionalProperties"] is False
    assert definition.output_schema is not None
    assert definition.output_schema["type"] == "object"
    assert "additionalProperties" not in definition.output_schema
    for schema in (definition.input_schema, definition.output_schema):
        text = json.dumps(schema)
        assert "$ref" not in text
        assert '{"type": "null"}' not in text
        assert "oneOf" not in text


def test_options_and_owned_parameters_are_all_of_the_sdks() -> None:
    known = {*ResponseCreateParamsBase.__annotations__, *ResponseCreateParamsStreaming.__annotations__}
    assert known == set(OPTIONS) | set(OWNED)
    assert len(known) == 34
