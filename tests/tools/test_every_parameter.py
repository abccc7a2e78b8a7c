"""Every parameter of ``responses.create``, as the installed SDK knows them, driven to the wire by an MCP client."""

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import anyio
import pytest

from mcp_server.backends import parameters
from mcp_server.tools.options import OPTIONS, OWNED
from tests.serving import House
from tests.upstream_shapes import message
from tests.upstream_state import StatefulUpstream
from tests.web import Web

Arguments = dict[str, Any]
FIRST: Arguments = {"input": "Say it in one word."}
MODERATION = {"model": "omni-moderation-latest", "policy": {"input": {"mode": "score"}, "output": {"mode": "block"}}}
PROMPT = {"id": "pmpt_1", "version": "2", "variables": {"city": "Rome", "doc": {"type": "input_file", "file_id": "f"}}}
REASONING = {"effort": "low", "summary": "auto", "context": "all_turns", "mode": "pro"}
WEATHER = {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}, "strict": False}
NOTE = {
    "type": "custom",
    "name": "note",
    "description": "Writes a note.",
    "format": {"type": "grammar", "syntax": "lark", "definition": "start: /[a-z]+/"},
}


def option(name: str, value: object) -> tuple[Arguments, object]:
    """An option reaches the wire as it is."""
    return {**FIRST, "options": {name: value}}, value


REACHED: dict[str, tuple[Arguments, object]] = {
    "access_programs": option("access_programs", {"cyber": "daybreak_blue"}),
    "background": ({**FIRST, "tool": "start_background"}, True),
    "background_options": (
        {**FIRST, "tool": "start_background", "options": {"background_options": {"continuation_id": "night"}}},
        {"continuation_id": "night"},
    ),
    "context_management": option("context_management", [{"type": "compaction", "compact_threshold": 50_000}]),
    "conversation": option("conversation", "conv_1"),
    "image": option("image", {"context_compression": "disabled"}),
    "include": option("include", ["web_search_call.action.sources", "message.output_text.logprobs"]),
    "input": ({"input": [{"role": "user", "content": "Hi"}]}, [{"role": "user", "content": "Hi"}]),
    "instructions": ({**FIRST, "instructions": "Be brief."}, "Be brief."),
    "max_output_tokens": ({**FIRST, "max_output_tokens": 64}, 64),
    "max_tool_calls": option("max_tool_calls", 3),
    "metadata": option("metadata", {"ticket": "4711"}),
    "model": ({**FIRST, "model": "gpt-6-sol"}, "gpt-6-sol"),
    "moderation": option("moderation", MODERATION),
    "parallel_tool_calls": ({**FIRST, "parallel_tool_calls": False}, False),
    "previous_response_id": ({**FIRST, "previous_response_id": "the last one"}, "the last one"),
    "prompt": ({"options": {"prompt": PROMPT}}, PROMPT),
    "prompt_cache_key": option("prompt_cache_key", "team-7"),
    "prompt_cache_options": option("prompt_cache_options", {"mode": "explicit", "ttl": "12h", "prewarm": False}),
    "prompt_cache_retention": (
        {**FIRST, "model": "gpt-5.5", "options": {"prompt_cache_retention": "24h"}},
        "24h",
    ),
    "reasoning": (
        {**FIRST, "reasoning_effort": "low", "options": {"reasoning": {**REASONING, "effort": None}}},
        REASONING,
    ),
    "safety_identifier": option("safety_identifier", "user-1f3a"),
    "service_tier": option("service_tier", "flex"),
    "store": ({**FIRST, "store": False}, False),
    "stream": (FIRST, True),
    "stream_options": (FIRST, None),
    "temperature": option("temperature", 1),
    "text": (
        {"input": "In JSON", "json": True, "verbosity": "low"},
        {"format": {"type": "json_object"}, "verbosity": "low"},
    ),
    "tool_choice": ({**FIRST, "tools": [WEATHER], "tool_choice": "required"}, "required"),
    "tools": ({**FIRST, "tools": [WEATHER, NOTE]}, [NOTE, WEATHER]),
    "top_logprobs": option("top_logprobs", 5),
    "top_p": option("top_p", 0.9),
    "truncation": option("truncation", "auto"),
    "user": option("user", "ada"),
}
"""The arguments that reach each parameter, and what is then sent; None: the server never sends it."""

WRONG: dict[str, tuple[Arguments, str]] = {
    "access_programs": ({"options": {"access_programs": {"cyber": "gold"}}}, "options.access_programs.cyber: it must"),
    "background_options": ({"options": {"background_options": 1}}, "options.background_options: it must be an object"),
    "context_management": (
        {"options": {"context_management": [{"type": "compaction", "compact_threshold": "9"}]}},
        "options.context_management[0].compact_threshold: it must be a whole number, not '9'.",
    ),
    "conversation": ({"options": {"conversation": {}}}, "options.conversation.id: it is missing; it must be a string."),
    "image": ({"options": {"image": {"context_compression": True}}}, "image.context_compression: it must be auto, en"),
    "include": ({"options": {"include": ["everything"]}}, "options.include[0]: it must be file_search_call.results, "),
    "input": ({"input": 3}, "input"),
    "instructions": ({"instructions": 3}, "instructions"),
    "max_output_tokens": ({"max_output_tokens": "64"}, "max_output_tokens: it must be a valid integer"),
    "max_tool_calls": ({"options": {"max_tool_calls": 1.5}}, "max_tool_calls: it must be a whole number, not 1.5."),
    "metadata": ({"options": {"metadata": {"n": 1}}}, "options.metadata.n: it must be a string, not 1."),
    "model": ({"model": ["gpt-6-sol"]}, "model"),
    "moderation": (
        {"options": {"moderation": {"model": "m", "policy": {"input": {"mode": "warn"}}}}},
        "options.moderation.policy.input.mode: it must be score or block, not 'warn'.",
    ),
    "parallel_tool_calls": ({"parallel_tool_calls": "no"}, "parallel_tool_calls: it must be a valid boolean"),
    "previous_response_id": ({"previous_response_id": 1}, "previous_response_id"),
    "prompt": (
        {"options": {"prompt": {"id": "p", "variables": {"a": {"type": "input_video"}}}}},
        "prompt.variables.a.type: it cannot be 'input_video'; it must be input_file, input_image or input_text.",
    ),
    "prompt_cache_key": ({"options": {"prompt_cache_key": 7}}, "options.prompt_cache_key: it must be a string, not 7."),
    "prompt_cache_options": ({"options": {"prompt_cache_options": {"ttl": "1h"}}}, "prompt_cache_options.ttl: it must"),
    "prompt_cache_retention": (
        {"options": {"prompt_cache_retention": "48h"}},
        "options.prompt_cache_retention: it must be in_memory or 24h, not '48h'.",
    ),
    "reasoning": (
        {"options": {"reasoning": {"effort": "huge"}}},
        "options.reasoning.effort: it must be none, minimal, low, medium, high, xhigh or max, not 'huge'.",
    ),
    "safety_identifier": ({"options": {"safety_identifier": {}}}, "safety_identifier: it must be a string, not an obj"),
    "service_tier": ({"options": {"service_tier": "slow"}}, "options.service_tier: it must be auto, default, flex, "),
    "store": ({"store": "false"}, "store: it must be a valid boolean"),
    "temperature": ({"options": {"temperature": "0.5"}}, "options.temperature: it must be a number, not '0.5'."),
    "tool_choice": ({"tool_choice": "always"}, "tool_choice: it must be none, auto, required or an object, not 'al"),
    "tools": ({"tools": [WEATHER, {**WEATHER, "parameters": []}]}, "tools[1].parameters: it must be an object, not an"),
    "top_logprobs": ({"options": {"top_logprobs": True}}, "options.top_logprobs: it must be a whole number, not true."),
    "top_p": ({"options": {"top_p": False}}, "options.top_p: it must be a number, not false."),
    "truncation": ({"options": {"truncation": "on"}}, "options.truncation: it must be auto or disabled, not 'on'."),
    "user": ({"options": {"user": ["ada"]}}, "options.user: it must be a string, not an array."),
}
"""A value of the wrong type for each parameter that a caller can pass, and the words that name it."""

TOOLS: list[Arguments] = [
    {"type": "function", "name": "bare"},
    {**WEATHER, "async": True, "defer_loading": True, "output_schema": {"type": "string"}},
    {"type": "custom", "name": "say"},
    {**NOTE, "format": {"type": "grammar", "syntax": "regex", "definition": "[0-9]+"}},
    {"type": "web_search", "filters": {"allowed_domains": ["python.org"]}, "search_context_size": "low"},
    {"type": "web_search_preview"},
    {"type": "namespace", "name": "crm", "description": "Customers", "tools": [{"type": "function", "name": "find"}]},
    {
        "type": "file_search",
        "vector_store_ids": ["vs_1"],
        "filters": {"type": "and", "filters": [{"type": "eq", "key": "year", "value": 2026}]},
        "ranking_options": {"score_threshold": 1, "hybrid_search": {"embedding_weight": 0.5, "text_weight": 0.5}},
    },
    {"type": "code_interpreter", "container": "cntr_1"},
    {"type": "code_interpreter", "container": {"type": "auto", "memory_limit": "4g"}},
    {"type": "image_generation", "model": "gpt-image-9", "size": "640x640", "output_format": "webp"},
    {"type": "mcp", "server_label": "docs", "server_url": "https://mcp.example.com", "require_approval": "never"},
    {
        "type": "mcp",
        "server_label": "mail",
        "connector_id": "connector_gmail",
        "require_approval": {"always": {"tool_names": ["send"]}},
        "allowed_tools": {"read_only": True},
    },
    {"type": "shell", "environment": {"type": "container_auto", "memory_limit": "1g"}},
    {"type": "shell", "environment": {"type": "local"}},
    {"type": "local_shell"},
    {"type": "apply_patch"},
    {"type": "computer"},
    {"type": "tool_search", "execution": "client", "parameters": {"type": "object"}},
    {"type": "programmatic_tool_calling"},
    {"type": "web_search", "a_newer_field": {"of": "the API"}},
]

CHOICES: list[str | Arguments] = [
    "none",
    "auto",
    "required",
    {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "weather"}]},
    {"type": "file_search"},
    {"type": "web_search"},
    {"type": "function", "name": "weather"},
    {"type": "mcp", "server_label": "docs", "name": "ask"},
    {"type": "custom", "name": "note"},
    {"type": "apply_patch"},
    {"type": "shell"},
    {"type": "programmatic_tool_calling"},
]


def test_the_tables_have_all_parameters_of_the_sdk() -> None:
    known = set(parameters.sdk().parameters)
    assert known == set(REACHED)
    assert known == set(OPTIONS) | set(OWNED)
    assert len(known) == 34
    assert known - set(WRONG) == {"background", "stream", "stream_options", "text"}


@pytest.mark.parametrize("name", REACHED)
async def test_a_value_reaches_the_wire(hosted: House, up: StatefulUpstream, name: str) -> None:
    given, sent = REACHED[name]
    arguments = dict(given)
    up.conversations["conv_1"] = []
    if name == "previous_response_id":
        sent = arguments[name] = (await hosted.call("generate", input="Before."))["response_id"]
    before = len(up.requests)
    await hosted.call(arguments.pop("tool", "generate"), **arguments)
    with anyio.fail_after(20):
        post = await up.arrived(before + 1)
    assert post.json.get(name) == sent


@pytest.mark.parametrize("name", OWNED)
async def test_what_the_server_owns_is_no_option(hosted: House, up: StatefulUpstream, name: str) -> None:
    words, error = await hosted.refused("generate", **FIRST, options={name: REACHED[name][1]})
    assert words.startswith(f"options: {name!r} is not an option; ")
    assert OWNED[name] in words
    assert error["code"] == "invalid_argument"
    assert up.posts() == []


@pytest.mark.parametrize("name", WRONG)
async def test_a_wrong_type_is_named_with_its_path(hosted: House, up: StatefulUpstream, name: str) -> None:
    arguments, expected = WRONG[name]
    words, error = await hosted.refused("generate", **{**FIRST, **arguments})
    assert expected in words
    assert error["code"] == "invalid_argument"
    assert error["outcome"] == "not_sent"
    assert up.posts() == []


async def test_every_kind_of_tool_reaches_the_wire(hosted: House, up: StatefulUpstream) -> None:
    await hosted.call("generate", **FIRST, tools=TOOLS)
    sent = up.posts()[-1].json["tools"]
    assert sorted(map(str, sent)) == sorted(map(str, TOOLS))


@pytest.mark.parametrize(
    ("tool", "words"),
    [
        ({"name": "weather"}, "tools[0].type: it is missing; it must be apply_patch, "),
        ({"type": "function"}, "tools[0].name: it is missing; it must be a string."),
        (
            {**NOTE, "format": {"type": "json"}},
            "tools[0].format.type: it cannot be 'json'; it must be grammar or text.",
        ),
        (
            {**NOTE, "format": {"type": "grammar", "syntax": "ebnf", "definition": "x"}},
            "tools[0].format.syntax: it must be lark or regex, not 'ebnf'.",
        ),
        (
            {"type": "mcp", "server_label": "a", "require_approval": "ask"},
            "require_approval: it must be always, never or",
        ),
        (
            {"type": "file_search", "vector_store_ids": "vs_1"},
            "tools[0].vector_store_ids: it must be an array, not 'vs",
        ),
        ({"type": "code_interpreter"}, "tools[0].container: it is missing; it must be a string or an object."),
        ({"type": "shell", "environment": {"type": "mine"}}, "tools[0].environment.type: it cannot be 'mine'"),
        ({"type": "image_generation", "quality": "best"}, "tools[0].quality: it must be low, medium, high, xhigh, max"),
        (
            {"type": "namespace", "name": "n", "description": "", "tools": [{"type": "custom"}]},
            "tools[0].tools[0].name",
        ),
        ({"type": "teleport"}, "does not run 'teleport'"),
    ],
)
async def test_a_tool_that_is_not_well_formed_is_named(
    hosted: House, up: StatefulUpstream, tool: Arguments, words: str
) -> None:
    said, error = await hosted.refused("generate", **FIRST, tools=[tool])
    assert words in said
    assert error["code"] == "invalid_argument"
    assert up.posts() == []


async def test_a_tool_may_be_chosen_in_every_form(hosted: House, up: StatefulUpstream) -> None:
    for choice in CHOICES:
        await hosted.call("generate", **FIRST, tools=[WEATHER], tool_choice=choice)
    assert [post.json["tool_choice"] for post in up.posts()] == CHOICES


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"type": "teleport"}, "tool_choice.type: it cannot be 'teleport'; it must be allowed_tools, "),
        ({"name": "weather"}, "tool_choice.type: it is missing"),
        ({"type": "function"}, "tool_choice.name: it is missing; it must be a string."),
        ({"type": "allowed_tools", "mode": "any", "tools": []}, "tool_choice.mode: it must be auto or required"),
    ],
)
async def test_a_choice_that_is_not_well_formed_is_named(
    hosted: House, up: StatefulUpstream, choice: Arguments, words: str
) -> None:
    said, _ = await hosted.refused("generate", **FIRST, tool_choice=choice)
    assert words in said
    assert up.posts() == []


async def test_named_arguments_and_options_are_merged_and_may_not_contradict(
    hosted: House, up: StatefulUpstream
) -> None:
    await hosted.call(
        "generate", **FIRST, reasoning_effort="high", verbosity="low", options={"reasoning": {"summary": "concise"}}
    )
    sent = up.posts()[-1].json
    assert sent["reasoning"] == {"summary": "concise", "effort": "high"}
    assert sent["text"] == {"verbosity": "low"}
    words, _ = await hosted.refused(
        "generate", **FIRST, reasoning_effort="high", options={"reasoning": {"effort": "low"}}
    )
    assert "options.reasoning.effort excludes reasoning_effort" in words


async def test_a_null_says_what_leaving_it_out_says(hosted: House, up: StatefulUpstream) -> None:
    nothing: Arguments = {"truncation": None, "reasoning": None, "include": None, "conversation": None}
    await hosted.call("generate", **FIRST, session="s", store=False, reasoning_effort="low", options=nothing)
    sent = up.posts()[-1].json
    assert sent["reasoning"] == {"effort": "low"}
    assert not {"truncation", "conversation"} & set(sent)


async def test_what_is_newer_than_the_sdk_passes_inside_an_object(hosted: House, up: StatefulUpstream) -> None:
    await hosted.call("generate", **FIRST, options={"reasoning": {"depth": 7}})
    assert up.posts()[-1].json["reasoning"] == {"depth": 7}


async def test_background_options_are_for_background_work(hosted: House, up: StatefulUpstream) -> None:
    options = {"background_options": {"completion_window": "soonest"}}
    words, _ = await hosted.refused("generate", **FIRST, options=options)
    assert "use start_background" in words
    words, _ = await hosted.refused("structured_extract", input="x", schema={}, options=options)
    assert "use start_background" in words
    assert up.posts() == []


async def test_images_by_path_and_by_url_go_together(hosted: House, up: StatefulUpstream, web: Web) -> None:
    hosted.app.fetcher.network = web.network
    web.page("/dot.png", bytes.fromhex("89504e470d0a1a0a"), "image/png")
    picture = hosted.app.roots.folders[0] / "dot.png"
    picture.write_bytes(bytes.fromhex("89504e470d0a1a0a") + b"rest")
    await hosted.call("generate", input="Compare.", images=[str(picture), "https://example.com/dot.png"])
    (asked,) = up.posts()[-1].json["input"]
    *pictures, text = asked["content"]
    assert [picture["image_url"].partition(",")[0] for picture in pictures] == [
        "data:image/png;base64",
        "https://example.com/dot.png",
    ]
    assert text == {"type": "input_text", "text": "Compare."}


def test_of_forms_that_share_a_type_one_has_to_fit() -> None:
    said = message("Hi")
    assert parameters.item_problem("input[0]", said) is None
    assert parameters.item_problem("input[0]", {**said, "role": 3}) == "input[0].role: it must be assistant, not 3."


def leaves(kind: Any, seen: set[Any]) -> Iterator[Any]:
    """The simple types that a type is made of."""
    for option in parameters.alternatives(kind):
        if option in seen:
            continue
        seen.add(option)
        inner = get_args(option) if get_origin(option) and get_origin(option) is not Literal else ()
        if hasattr(option, "__total__"):
            inner = tuple(parameters.fields(option).values())
        elif not inner or not (parameters.is_list(option) or parameters.is_object(option)):
            yield option
        for part in inner:
            yield from leaves(part, seen)


def test_there_is_no_type_in_the_sdk_that_is_not_understood() -> None:
    sdk, seen = parameters.sdk(), set[Any]()
    kinds = [*sdk.parameters.values(), sdk.tool, sdk.item]
    simple = {leaf for kind in kinds for leaf in leaves(kind, seen) if get_origin(leaf) is not Literal}
    assert simple == {str, int, float, bool, object, type(None)}
    assert len(seen) > 300
