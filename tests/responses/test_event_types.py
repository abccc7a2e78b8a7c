"""Every kind of stream event there is, and kinds that nobody knows yet, leave the answer whole."""

import typing
from typing import Any

from openai.types.responses import ResponseStreamEvent

from mcp_server.backends.responses.backend import ResponsesBackend
from mcp_server.model.events import Activity, Finished, TextDelta, Thought
from tests.responses.talk import events
from tests.upstream import ScriptedUpstream
from tests.upstream_answers import stream
from tests.upstream_shapes import text_events

POST = "POST", "/v1/responses"


def every_type() -> dict[str, Any]:
    """The SDK's model of each event, by its type."""
    union = typing.get_args(typing.get_args(ResponseStreamEvent)[0])
    return {typing.get_args(model.model_fields["type"].annotation)[0]: model for model in union}


def smallest_event(kind: str, model: Any) -> dict[str, Any]:
    """An event of this type with every string field "x" and every number 0."""
    event: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        event[name] = kind if name == "type" else _smallest(field.annotation)
    return event


def _smallest(annotation: Any) -> Any:
    if annotation is str:
        return "x"
    if annotation in (int, float):
        return 0
    return [] if typing.get_origin(annotation) is list else {}


ENDS = {"response.completed", "response.failed", "response.incomplete", "error"}
"""The ones that end a stream have tests of their own."""


def test_there_are_59_types_and_this_file_knows_them_all() -> None:
    assert len(every_type()) == 59
    assert every_type().keys() > ENDS


async def test_every_type_of_event_is_survived_and_unknown_ones_too(
    up: ScriptedUpstream, backend: ResponsesBackend
) -> None:
    first, *rest = text_events("Hello there")
    others = [smallest_event(kind, model) for kind, model in every_type().items() if kind not in ENDS]
    strange = [
        {"type": "response.from_the_future", "anything": [1, {"a": None}]},
        {"type": "acme:telemetry"},
        {"type": None, "sequence_number": "seven"},
        {},
        {"type": "response.output_text.delta", "delta": None},
        {"type": "response.output_item.done", "item": "not an object", "output_index": 5},
        {"type": "response.output_item.added", "item": None},
    ]
    up.on(*POST, stream([first, *others, *strange, *rest]))
    told = await events(backend)
    assert isinstance(told[-1], Finished)
    assert told[-1].answer.text == "Hello there"
    assert [event.text for event in told if isinstance(event, Thought)] == ["x"]
    assert "".join(event.text for event in told if isinstance(event, TextDelta)) == "xHello there"
    assert {"searching the web", "running code", "drawing an image"} <= {
        event.message for event in told if isinstance(event, Activity)
    }
