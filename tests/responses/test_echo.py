"""What is seen in an answer of the request it answers."""

from typing import Any

import pytest

from mcp_server.backends.responses.echo import Echo
from mcp_server.errors import UpstreamError


@pytest.mark.parametrize(
    ("sent", "shown", "ignored"),
    [
        ({"max_output_tokens": 50, "top_p": 0.5}, {"max_output_tokens": 50, "top_p": 1.0}, ["top_p"]),
        ({"max_output_tokens": 50, "tool_choice": "none"}, {"max_output_tokens": None}, ["max_output_tokens"]),
        ({"tool_choice": "required", "temperature": 0.1}, {"tool_choice": "auto"}, ["tool_choice"]),
        # To say what would be so anyway, and to be shown something else, changes nothing.
        (
            {"parallel_tool_calls": True, "tool_choice": "auto", "truncation": "disabled"},
            {"parallel_tool_calls": False, "tool_choice": "none", "truncation": None},
            [],
        ),
        ({"metadata": {"a": "b"}}, {}, []),
        ({}, {"metadata": {"a": "b"}}, []),
    ],
)
def test_a_parameter_that_was_used_with_another_value_is_told(
    sent: dict[str, Any], shown: dict[str, Any], ignored: list[str]
) -> None:
    assert Echo(sent).ignored(shown) == [
        f"options: the backend ignored {name}: it was used as {shown[name]!r}." for name in ignored
    ]


@pytest.mark.parametrize(
    ("sent", "shown", "seen"),
    [
        ({"background": True}, {"background": False}, True),
        ({"background": True}, {"background": True}, False),
        ({"background": True}, {}, False),
        ({}, {"background": False}, False),
    ],
)
def test_background_work_in_the_foreground_is_seen_where_it_is_shown(
    sent: dict[str, Any], shown: dict[str, Any], seen: bool
) -> None:
    echo = Echo(sent)
    echo.look(shown)
    assert echo.in_foreground is seen


def test_a_chain_that_goes_nowhere_stops_the_answer() -> None:
    echo = Echo({"previous_response_id": "resp_1"})
    echo.look({"previous_response_id": "resp_1"})
    with pytest.raises(UpstreamError) as caught:
        echo.look({"previous_response_id": None})
    assert caught.value.kind == "not_continued"
    Echo({}).look({"previous_response_id": None})
