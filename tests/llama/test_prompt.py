"""What of a layout reaches the model, and what is refused by name."""

import pytest

from mcp_server.backends.llama.backend import LlamaBackend
from mcp_server.backends.llama.prompt import REFUSED, completion, messages
from mcp_server.errors import InvalidArgument
from mcp_server.model.request import Layout
from tests.llama.conftest import MODEL, said
from tests.llama.test_tools import ADD, WEATHER


def laid_out(*items, **more) -> Layout:
    return Layout(model=MODEL, input=list(items), **more)


def test_without_instructions_no_system_message_is_invented():
    assert messages(said("hi"), None) == [{"role": "user", "content": "hi"}]


def test_instructions_come_first_and_the_history_follows_in_order():
    layout = laid_out(
        {"type": "message", "role": "developer", "content": "be brief"},
        {"role": "user", "content": [{"type": "input_text", "text": "one"}, {"type": "input_text", "text": "two"}]},
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {
            "role": "assistant",
            "content": [{"type": "output_text", "text": "three"}, {"type": "refusal", "refusal": "no"}],
        },
        instructions="you are terse",
    )
    assert messages(layout, None) == [
        {"role": "system", "content": "you are terse"},
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "one\ntwo"},
        {"role": "assistant", "content": "three\nno"},
    ]


def test_calls_and_their_results_are_told_as_turns():
    layout = laid_out(
        {"role": "user", "content": "12 + 30?"},
        {"type": "function_call", "call_id": "c1", "name": "add", "arguments": '{"a": 12, "b": 30}'},
        {"type": "function_call_output", "call_id": "c1", "output": "42"},
        {"type": "function_call", "call_id": "c2", "name": "add", "arguments": "not json"},
        {"type": "function_call_output", "call_id": "c9", "output": [{"type": "input_text", "text": "43"}]},
    )
    assert messages(layout, None)[1:] == [
        {"role": "assistant", "content": '{"name": "add", "arguments": {"a": 12, "b": 30}}'},
        {"role": "user", "content": "Result of add: 42"},
        {"role": "assistant", "content": '{"name": "add", "arguments": "not json"}'},
        {"role": "user", "content": "Result of c9: 43"},
    ]


def test_functions_are_described_after_the_instructions():
    layout = said("hi", instructions="be kind", params={"tools": [WEATHER]})
    body, _ = completion(layout)
    system = body["messages"][0]["content"]
    assert system.startswith("be kind\n\n")
    assert "get_weather" in system


@pytest.mark.parametrize(
    ("item", "named"),
    [
        ({"type": "item_reference", "id": "x"}, "item_reference"),
        ({"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}, "input_image"),
        ({"role": "user", "content": [{"type": "input_file", "file_id": "x"}]}, "input_file"),
        ({"role": "tool", "content": "x"}, "tool"),
    ],
)
def test_an_item_that_is_not_text_is_refused_by_name(item, named):
    with pytest.raises(InvalidArgument, match=named):
        completion(laid_out(item))


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"service_tier": "flex"}, "service_tier"),
        ({"truncation": "auto"}, "truncation"),
        ({"frobnicate": 1}, "frobnicate"),
        ({"include": ["message.output_text.logprobs"]}, "logprobs"),
        ({"text": {"verbosity": "low"}}, "verbosity"),
        ({"tools": [{"type": "web_search"}]}, "web_search"),
        *[({name: "x"}, name) for name in sorted(REFUSED)],
    ],
)
def test_a_parameter_it_cannot_honour_is_refused_by_name(params, named):
    with pytest.raises(InvalidArgument, match=named):
        completion(said("hi", params=params))


def test_parameters_that_change_nothing_are_accepted_and_sampling_goes_through():
    params = {
        "metadata": {"a": "b"},
        "service_tier": "auto",
        "truncation": "disabled",
        "include": ["reasoning.encrypted_content"],
        "text": {"verbosity": "medium", "format": {"type": "text"}},
        "max_output_tokens": 7,
        "temperature": 0,
        "top_p": 0.5,
        "seed": 3,
    }
    body, offer = completion(said("hi", params=params))
    assert offer is None
    del body["messages"], body["stream"], body["stream_options"], body["return_progress"]
    assert body == {"max_tokens": 7, "temperature": 0, "top_p": 0.5, "seed": 3}


@pytest.mark.parametrize(
    ("more", "schema"),
    [
        ({"json_schema": {"type": "array"}}, {"type": "array"}),
        ({"params": {"text": {"format": {"type": "json_object"}}}}, {"type": "object"}),
        ({"params": {"text": {"format": {"type": "json_schema", "schema": {"type": "null"}}}}}, {"type": "null"}),
    ],
)
def test_a_schema_is_enforced_whichever_way_it_is_asked_for(more, schema):
    body, _ = completion(said("hi", **more))
    assert body["response_format"]["json_schema"]["schema"] == schema


def test_functions_and_a_schema_together_let_a_plain_answer_fit_the_schema():
    body, _ = completion(said("hi", json_schema={"type": "integer"}, params={"tools": [ADD]}))
    variants = body["response_format"]["json_schema"]["schema"]["anyOf"]
    assert variants[1]["properties"] == {"message": {"type": "integer"}}


async def test_another_model_is_refused(tmp_path):
    backend = LlamaBackend(tmp_path)
    with pytest.raises(InvalidArgument, match="gpt-5"):
        await anext(backend.respond(said("hi").model_copy(update={"model": "gpt-5"})))
