from typing import Any

import pytest

from mcp_server.errors import InvalidArgument
from mcp_server.model.answer import Answer, SchemaError, ToolCall
from mcp_server.schemas.check import errors, read, repair_message
from mcp_server.schemas.strict import prepare

ITEM = {
    "type": "object",
    "properties": {"price": {"type": "number"}, "note": {"type": "string"}},
    "required": ["price"],
}
ORDER = {"type": "object", "properties": {"items": {"type": "array", "items": ITEM}}, "required": ["items"]}


def reading(text: str, schema: Any = ORDER, *, strict: bool = True) -> Any:
    return read(prepare(schema, strict=strict), schema, Answer(status="completed", text=text))


def messages(schema: Any, value: Any) -> list[tuple[str, str]]:
    return [(error.path, error.message) for error in errors(schema, value)]


def test_a_valid_value_has_no_errors() -> None:
    assert errors(ORDER, {"items": [{"price": 1.5}]}) == []


@pytest.mark.parametrize(
    ("schema", "value", "path", "message"),
    [
        (ORDER, {"items": [{"price": 1}, {}, {"price": "x"}]}, "$.items[1]", "'price' is a required property"),
        ({"type": ["string", "null"]}, 3, "$", "must be of type string or null, but is 3"),
        ({"enum": ["a", None]}, True, "$", 'must be one of ["a", null], but is true'),
        ({"items": {"const": 1}}, [1, 2], "$[1]", "must be 1, but is 2"),
        ({"pattern": "^a$"}, "b", "$", 'must match "^a$", but is "b"'),
        ({"anyOf": [ITEM, {"type": "null"}]}, {"price": "x"}, "$.price", 'must be of type number, but is "x"'),
        ({"not": {"const": 1}}, 1, "$", 'must not match {"const": 1}'),
    ],
)
def test_an_error_has_a_path_and_a_short_message(schema: Any, value: Any, path: str, message: str) -> None:
    assert messages(schema, value)[0] == (path, message)


def test_alternatives_that_all_fail_are_told_in_turn() -> None:
    [(path, message)] = messages({"anyOf": [{"type": "string"}, {"type": "null"}]}, 3)
    assert path == "$"
    assert message == "must be of type string, but is 3; or must be of type null, but is 3"


def test_messages_stay_short_and_few() -> None:
    found = messages({"items": {"type": "string"}}, [list(range(1000))] * 50)
    assert len(found) == 20
    assert all(len(message) <= 200 for _, message in found)
    [(_, unknown)] = messages({"additionalProperties": False}, {"x" * 1000: 1})
    assert len(unknown) == 200


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("date-time", "2026-02-28T10:00:00.5+01:00", "2026-02-30T10:00:00Z"),
        ("date-time", "2026-02-28t10:00:00z", "2026-02-28T10:00:00"),
        ("time", "23:59:60Z", "24:00:00Z"),
        ("date", "2026-02-28", "2026-2-28"),
        ("duration", "P1DT2H", "P"),
        ("email", "a@example.com", "a"),
        ("hostname", "a-b.example", "-a.example"),
        ("uri", "https://example.com/a?b#c", "//example.com"),
        ("uri", "urn:isbn:1", "http://[::1"),
        ("uuid", "7d444840-9dc0-11d1-b245-5ffdce74fad2", "7d44"),
        ("ipv4", "127.0.0.1", "127.0.0.256"),
        ("ours", "anything", None),
    ],
)
def test_formats_are_checked_on_strings_alone(name: str, good: str, bad: str | None) -> None:
    assert errors({"format": name}, good) == []
    assert errors({"format": name}, 3) == []
    if bad is not None:
        assert messages({"format": name}, bad) == [("$", f'must have the format {name}, but is "{bad}"')]


def test_the_draft_is_the_one_the_schema_names() -> None:
    tuples = {"type": "array", "items": [{"type": "string"}]}
    assert messages({"$schema": "http://json-schema.org/draft-07/schema#", **tuples}, [1])[0][0] == "$[0]"
    with pytest.raises(InvalidArgument, match=r"\$\.items"):
        errors(tuples, [1])


def test_a_reference_outside_or_without_end_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="nothing is fetched"):
        errors({"$ref": "https://example.com/x.json"}, 1)
    with pytest.raises(InvalidArgument, match="without end"):
        errors({"$ref": "#"}, 1)


def test_a_valid_answer_is_read_without_the_nulls_of_the_strict_form() -> None:
    extracted = reading('{"items": [{"price": 1, "note": null}]}')
    assert (extracted.outcome, extracted.data, extracted.errors) == ("ok", {"items": [{"price": 1}]}, [])


def test_a_wrapped_answer_is_unwrapped_and_null_may_be_the_answer() -> None:
    assert reading('{"result": [1]}', {"type": "array", "items": {"type": "integer"}}).data == [1]
    extracted = reading('{"result": null}', {"type": ["string", "null"]})
    assert (extracted.outcome, extracted.data) == ("ok", None)


def test_an_answer_against_the_callers_own_schema_is_invalid_with_its_paths() -> None:
    schema = {"type": "object", "properties": {"name": {"type": "string", "minLength": 3}}, "required": ["name"]}
    extracted = reading('{"name": "ab"}', schema)
    assert extracted.outcome == "invalid"
    assert extracted.data is None
    assert extracted.errors == [
        SchemaError(path="$.name", message='must be at least 3 characters long, but is "ab"'),
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "Expecting value"),
        ('{"items": [', "Expecting value"),
        ("NaN", "NaN is not a JSON value"),
        ("1e999", "not JSON compliant"),
        ('"\\ud800"', "half of a surrogate pair"),
        ("[" * 100_000, "nested too deeply"),
        ('```json\n{"items": []}\n```', "Expecting value"),
    ],
)
def test_what_is_not_json_is_invalid(text: str, reason: str) -> None:
    extracted = reading(text)
    assert extracted.outcome == "invalid"
    assert extracted.errors[0].path == "$"
    assert extracted.errors[0].message.startswith("the answer is not JSON: ")
    assert reason in extracted.errors[0].message


@pytest.mark.parametrize(
    "text", ['```json\n{"items": []}\n```', 'Here it is:\n```\n{"items": []}\n``` ', '{"items": []}']
)
def test_a_fenced_block_is_read_where_nothing_enforces_the_form(text: str) -> None:
    assert reading(text, strict=False).data == {"items": []}


def test_fences_inside_a_json_text_are_part_of_it() -> None:
    schema = {"type": "object", "properties": {"code": {"type": "string"}}, "required": ["code"]}
    assert reading('{"code": "```\\n1\\n```"}', schema, strict=False).data == {"code": "```\n1\n```"}


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Answer(status="completed", refusal="No."), "refusal"),
        (Answer(status="incomplete", text='{"items": []', incomplete_reason="max_output_tokens"), "incomplete"),
        (Answer(status="completed", tool_calls=[ToolCall(call_id="c", name="f")]), "tool_call"),
    ],
)
def test_an_answer_that_is_no_json_has_its_own_outcome(answer: Answer, outcome: str) -> None:
    extracted = read(prepare(ORDER, strict=True), ORDER, answer, attempts=2)
    assert (extracted.outcome, extracted.data, extracted.attempts) == (outcome, None, 2)


def test_the_repair_message_says_what_is_wrong_and_what_to_do() -> None:
    message = repair_message([SchemaError(path="$.a", message="must be 1, but is 2")])
    assert message.splitlines() == [
        "That answer is not valid:",
        "- $.a: must be 1, but is 2",
        "Answer again with the whole corrected JSON and nothing else.",
    ]
