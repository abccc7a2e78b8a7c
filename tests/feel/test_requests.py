"""What users ask for can be said with our tools as they are served, and a wrong tool says so where it can be told."""

from collections import Counter
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from mcp_server.backends import parameters
from mcp_server.backends.llama.embedder import LocalEmbedder
from mcp_server.errors import InvalidArgument
from mcp_server.tools import TOOLS
from mcp_server.tools.spec import explain
from tests.feel.evaluation import BY_NAME, NONE, Request, requests
from tests.feel.measured import retrieval
from tests.serving import House
from tests.upstream_state import StatefulUpstream

REQUESTS = requests()
ours = [request for request in REQUESTS if request.tool != NONE]
each_of_ours = pytest.mark.parametrize("request_", ours, ids=lambda request: request.say[:40])

# Where the second takes whatever the first takes, only the descriptions can lead.
UNTOLD = {
    ("generate", "start_background"),
    ("start_background", "generate"),
    ("start_background", "structured_extract"),
    ("poll", "cancel"),
    ("cancel", "poll"),
    ("cleanup", "cancel"),
    ("cleanup", "poll"),
}
# What the second wants is not required by its schema, because something else may stand in for it: the call is refused.
WHEN_CALLED = {
    ("generate", "structured_extract"),
    ("poll", "generate"),
    ("poll", "cleanup"),
    ("poll", "start_background"),
}

FIRST, SECOND = 0.35, 0.6
"""Floors of the shares measured by ``tests.feel.measured``; picking at random has 0.11 and 0.22."""

IMPORTANT = {
    *("session", "previous_response_id", "instructions", "model", "reasoning_effort", "verbosity", "max_output_tokens"),
    *("store", "options", "wait_seconds", "request_key", "dry_run"),
    *("input", "images", "tools", "tool_outputs", "tool_choice", "parallel_tool_calls", "json"),
    *("schema", "schema_name", "files", "strict", "max_repairs", "question"),
    *("query", "paths", "attributes", "filters", "max_results", "score_threshold", "rewrite_query", "answer"),
    *("expires_after", "ids", "older_than", "all", "kinds", "confirm", "action", "to"),
}


@pytest.fixture(scope="module", autouse=True)
async def _types_are_read(anyio_backend: str) -> None:
    """Some arguments are checked by the SDK's own types, which the server reads when the first of them comes."""
    del anyio_backend
    await parameters.ready()


@pytest.fixture(scope="module")
def validators() -> dict[str, Draft202012Validator]:
    """What ``tools/list`` serves, as a host would check a call with it."""
    return {tool.name: Draft202012Validator(tool.definition().input_schema) for tool in TOOLS}


def refusal(tool: str, call: dict[str, Any]) -> str | None:
    """What the tool itself says to this call; None where it takes it."""
    try:
        BY_NAME[tool].arguments.model_validate(call)
    except ValidationError as error:
        return explain(tool, BY_NAME[tool].arguments, error)
    except InvalidArgument as error:
        return error.message
    return None


async def test_the_served_schemas_are_the_ones_judged_by(
    hosted: House, validators: dict[str, Draft202012Validator]
) -> None:
    served = {tool.name: tool.input_schema for tool in (await hosted.client.list_tools()).tools}
    assert served == {name: validator.schema for name, validator in validators.items()}


@each_of_ours
def test_a_request_can_be_said_with_the_right_tool(
    request_: Request, validators: dict[str, Draft202012Validator]
) -> None:
    wrong = [error.message for error in validators[request_.tool].iter_errors(request_.call)]
    assert not wrong
    assert refusal(request_.tool, request_.call) is None


@each_of_ours
def test_a_near_miss_is_refused_wherever_the_definitions_can_tell(
    request_: Request, validators: dict[str, Draft202012Validator]
) -> None:
    for tool in request_.near:
        if not validators[tool].is_valid(request_.call):
            assert refusal(tool, request_.call), f"{tool} takes what its schema refuses: {request_.call}"
        else:
            assert (request_.tool, tool) in UNTOLD | WHEN_CALLED, f"the schema of {tool} takes {request_.call}"


async def test_what_only_a_call_can_tell_is_refused_before_anything_is_sent(
    hosted: House, up: StatefulUpstream, validators: dict[str, Draft202012Validator]
) -> None:
    told: set[tuple[str, str]] = set()
    for request in ours:
        for tool in request.near:
            if (request.tool, tool) in WHEN_CALLED and validators[tool].is_valid(request.call):
                await hosted.refused(tool, **request.call)
                told.add((request.tool, tool))
    assert told == WHEN_CALLED
    assert up.posts() == []


def test_the_set_is_large_varied_and_complete() -> None:
    tools, languages = Counter(one.tool for one in REQUESTS), Counter(one.lang for one in REQUESTS)
    assert len(REQUESTS) >= 80
    assert len({one.say for one in REQUESTS}) == len(REQUESTS)
    assert set(tools) == {*BY_NAME, NONE}
    assert min(tools.values()) >= 4
    assert tools[NONE] >= 10
    assert len(languages) >= 6
    assert languages["en"] < 0.75 * len(REQUESTS)
    assert all(one.near for one in ours)
    assert {tool for one in ours for tool in one.near} == set(BY_NAME)


def test_every_important_argument_is_needed_by_somebody() -> None:
    used = {name for one in ours for name in one.call}
    assert used == IMPORTANT | {"action", "to"}
    known = {field.alias or name for tool in TOOLS for name, field in tool.arguments.model_fields.items()}
    assert used <= known
    assert known - used == {"ranking_options", "chunking_strategy"}


def test_a_judge_lets_words_vary_and_nothing_else() -> None:
    asked = Request("?", "file_ask", {"question": "Who signed?", "files": ["a.pdf"]})
    assert asked.is_met_by("file_ask", {"question": "By whom is it signed?", "files": ["a.pdf"], "verbosity": "low"})
    assert not asked.is_met_by("file_ask", {"question": "Who signed?", "files": ["b.pdf"]})
    assert not asked.is_met_by("file_ask", {"question": "", "files": ["a.pdf"]})
    assert not asked.is_met_by("vector_search", asked.call)
    assert not Request("Thanks!", NONE).is_met_by("poll", {})


@pytest.mark.engine
async def test_descriptions_are_near_to_what_users_say(weights: Any) -> None:
    """A floor far below what was measured: it is there to notice a description that lost its words."""
    embedder = LocalEmbedder(weights)
    try:
        found = await retrieval(embedder, [request for request in ours if request.lang == "en"])
    finally:
        await embedder.close()
    assert found.first >= FIRST
    assert found.second >= SECOND
