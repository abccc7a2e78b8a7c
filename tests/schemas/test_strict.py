from typing import Any

import pytest

from mcp_server.errors import InvalidArgument
from mcp_server.schemas import limits, rewrite
from mcp_server.schemas.strict import for_grammar, prepare
from tests.schemas.rules import broken_rules

TEXT = {"type": "string"}
NODE: dict[str, Any] = {
    "$ref": "#/$defs/Node",
    "$defs": {
        "Node": {
            "type": "object",
            "title": "Node",
            "properties": {
                "value": {"type": "integer"},
                "next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}], "default": None},
                "label": TEXT,
            },
            "required": ["value"],
        }
    },
}


def an_object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def strict_form(schema: Any) -> dict[str, Any]:
    prepared = prepare(schema, strict=True)
    assert prepared.strict, prepared.reason
    assert broken_rules(prepared.json_schema) == []
    return prepared.json_schema


def the_property(schema: Any) -> dict[str, Any]:
    return strict_form(an_object(it=schema))["properties"]["it"]


def test_an_object_keeps_its_root_and_the_order_of_its_properties() -> None:
    prepared = prepare(an_object(b=TEXT, a=TEXT), strict=True)
    assert not prepared.wrapped
    assert prepared.json_schema == {
        "type": "object",
        "properties": {"b": TEXT, "a": TEXT},
        "required": ["b", "a"],
        "additionalProperties": False,
    }
    assert prepared.reason is None


@pytest.mark.parametrize(
    "root",
    [
        {"type": "array", "items": TEXT},
        {"anyOf": [an_object(a=TEXT), an_object(b=TEXT)]},
        {"type": ["object", "null"], "properties": {"a": TEXT}},
        {"type": "integer"},
        NODE,
    ],
)
def test_any_other_root_stands_under_result(root: Any) -> None:
    prepared = prepare(root, strict=True)
    assert prepared.wrapped
    assert strict_form(root)["required"] == ["result"]
    assert prepared.restore({"result": None}) is None


def test_recursion_stays_a_reference_and_nulls_go_at_every_depth() -> None:
    prepared = prepare(NODE, strict=True)
    assert prepared.json_schema["properties"] == {"result": {"$ref": "#/$defs/Node"}}
    tail = {"value": 2, "next": None, "label": None}
    restored = prepared.restore({"result": {"value": 1, "next": tail, "label": "x"}})
    assert restored == {"value": 1, "next": {"value": 2, "next": None}, "label": "x"}


def test_a_root_that_refers_to_itself_is_found_again_under_defs() -> None:
    root = {"type": "object", "properties": {"child": {"$ref": "#"}}}
    assert strict_form(root)["properties"] == {"result": {"$ref": "#/$defs/root"}}
    assert prepare(root, strict=True).restore({"result": {"child": {"child": None}}}) == {"child": {}}


def test_an_anchor_and_an_embedded_id_are_followed() -> None:
    schema = {
        "$id": "https://example.com/a",
        "type": "object",
        "properties": {"x": {"$ref": "#here"}, "y": {"$ref": "b"}, "z": {"$ref": "https://example.com/a#/$defs/c"}},
        "required": ["x", "y", "z"],
        "$defs": {"a": {"$anchor": "here", **TEXT}, "b": {"$id": "b", "type": "integer"}, "c": {"type": "null"}},
    }
    assert strict_form(schema)["$defs"] == {"here": TEXT, "b": {"type": "integer"}, "c": {"type": "null"}}


def test_two_references_of_one_name_get_two_names() -> None:
    schema = {
        **an_object(x={"$ref": "#/$defs/a/properties/a"}, y={"$ref": "#/$defs/b/properties/a"}),
        "$defs": {"a": an_object(a=TEXT), "b": an_object(a={"type": "integer"})},
    }
    assert strict_form(schema)["$defs"] == {"a": TEXT, "a_2": {"type": "integer"}}


def test_what_stands_beside_a_reference_is_kept() -> None:
    schema = {
        **an_object(
            told={"$ref": "#/$defs/base", "description": "Which one."},
            more={"$ref": "#/$defs/base", "properties": {"b": TEXT}, "required": ["b"]},
        ),
        "$defs": {"base": an_object(a=TEXT)},
    }
    properties = strict_form(schema)["properties"]
    assert properties["told"] == {"anyOf": [{"$ref": "#/$defs/base"}], "description": "Which one."}
    assert properties["more"]["required"] == ["a", "b"]


def test_up_to_draft_7_what_stands_beside_a_reference_is_ignored() -> None:
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        **an_object(it={"$ref": "#/definitions/text", "type": "integer"}),
        "definitions": {"text": TEXT},
    }
    form = strict_form(schema)
    assert form["properties"] == {"it": {"$ref": "#/$defs/text"}}
    assert "definitions" not in form
    assert "$schema" not in form


def test_draft_4_says_exclusive_in_its_own_way() -> None:
    number = {"type": "number", "minimum": 1, "exclusiveMinimum": True, "maximum": 9, "exclusiveMaximum": False}
    schema = {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "id": "https://example.com/x",
        **an_object(it=number),
    }
    assert strict_form(schema)["properties"]["it"] == {"type": "number", "exclusiveMinimum": 1, "maximum": 9}


def test_all_of_becomes_one_object() -> None:
    parts = [
        an_object(a={"type": "number", "minimum": 1}),
        {"properties": {"a": {"type": "integer", "minimum": 3, "maximum": 9}, "b": TEXT}, "description": "Both."},
    ]
    properties = strict_form({"allOf": parts, "description": "Here."})["properties"]
    assert properties["a"] == {"type": ["integer"], "minimum": 3, "maximum": 9} or properties["a"]["type"] == "integer"
    assert properties["b"] == {"anyOf": [TEXT, {"type": "null"}]}


def test_all_of_joins_enums_items_alternatives_and_descriptions() -> None:
    both = {"allOf": [{"enum": ["a", "b"], "description": "One."}, {"enum": ["b", "c"], "description": "Two."}]}
    assert the_property(both) == {"type": "string", "enum": ["b"], "description": "One. Two."}
    items = {"allOf": [{"type": "array", "items": {"type": "number"}}, {"items": {"maximum": 3}}]}
    assert the_property(items) == {"type": "array", "items": {"type": "number", "maximum": 3}}
    choices = {"allOf": [{"anyOf": [{"minimum": 1}, {"maximum": -1}]}, {"oneOf": [{"type": "integer"}]}]}
    assert the_property(choices)["anyOf"][0]["anyOf"] == [{"type": "integer", "minimum": 1}]
    patterns = {"allOf": [{"type": "string", "pattern": "^a"}, {"pattern": "b$"}]}
    assert the_property(patterns)["description"] == 'Matches the regular expression "b$".'


def test_one_of_becomes_any_of_and_false_branches_go() -> None:
    assert the_property({"oneOf": [TEXT, False, {"type": "null"}]}) == {"anyOf": [TEXT, {"type": "null"}]}


def test_what_stands_beside_any_of_goes_into_each_branch() -> None:
    schema = {
        "type": "object",
        "properties": {"a": TEXT, "b": TEXT},
        "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
        "description": "At least one.",
    }
    result = strict_form(schema)["properties"]["result"]
    assert result["description"] == "At least one."
    assert all("description" not in branch for branch in result["anyOf"])
    assert [branch["properties"]["a"] == TEXT for branch in result["anyOf"]] == [True, False]
    restored = prepare(schema, strict=True).restore({"result": {"a": None, "b": "x"}})
    assert restored == {"b": "x"}


@pytest.mark.parametrize(
    ("schema", "description"),
    [
        ({"type": "string", "minLength": 2}, "At least 2 characters long."),
        ({"type": "string", "maxLength": 5, "description": "A name."}, "A name. At most 5 characters long."),
        ({"type": "string", "format": "uri"}, 'Format: "uri".'),
        ({"type": "string", "pattern": "^(?!x)"}, 'Matches the regular expression "^(?!x)".'),
        ({"type": "array", "items": TEXT, "uniqueItems": True}, "No two items are equal."),
        ({"type": "integer", "not": {"const": 3}}, 'Does not match {"const": 3}.'),
        ({**an_object(a=TEXT), "maxProperties": 1}, "At most 1 properties are given."),
        (
            {"type": "integer", "if": {"minimum": 3}, "then": {"maximum": 5}, "else": {"maximum": 0}},
            'If it matches {"minimum": 3}, then it matches {"maximum": 5}. Otherwise it matches {"maximum": 0}.',
        ),
    ],
)
def test_a_keyword_without_enforcement_is_said_in_words(schema: Any, description: str) -> None:
    assert the_property(schema)["description"] == description


@pytest.mark.parametrize(
    "kept",
    [
        {"type": "string", "pattern": "^a+$"},
        {"type": "string", "format": "date-time"},
        {"type": "number", "multipleOf": 2, "exclusiveMinimum": 1},
        {"type": "array", "items": TEXT, "minItems": 1, "maxItems": 4},
        {"type": ["string", "null"]},
    ],
)
def test_a_keyword_that_is_enforced_stays(kept: Any) -> None:
    assert the_property(kept) == kept


def test_keywords_of_other_types_and_annotations_go() -> None:
    noise = {"title": "T", "default": "x", "examples": ["x"], "minimum": 3, "x-ours": 1, "uniqueItems": True}
    assert the_property({"type": "string", **noise}) == TEXT


def test_a_missing_type_is_told_by_values_or_keywords() -> None:
    assert the_property({"enum": ["a", 1, None]})["type"] == ["string", "integer", "null"]
    assert the_property({"const": True}) == {"type": "boolean", "const": True}
    assert the_property({"maximum": 3})["type"] == "number"
    assert the_property({"properties": {"a": TEXT}})["type"] == "object"


def test_values_of_an_enum_that_its_type_forbids_go() -> None:
    assert the_property({"type": ["string", "null"], "enum": ["a", 1]}) == {"type": "string", "enum": ["a"]}


def test_a_null_that_the_schema_allows_stays_and_any_other_goes() -> None:
    schema = {"type": "object", "properties": {"free": {"type": ["string", "null"]}, "plain": TEXT, "never": False}}
    prepared = prepare(schema, strict=True)
    assert prepared.json_schema["required"] == ["free", "plain"]
    assert prepared.restore({"free": None, "plain": None}) == {"free": None}


def test_of_two_branches_the_one_that_changes_nothing_is_taken_first() -> None:
    absent = {"type": "object", "properties": {"x": TEXT}}
    null = an_object(x={"type": "null"})
    assert prepare({"anyOf": [absent, null]}, strict=True).restore({"result": {"x": None}}) == {"x": None}


def test_a_value_that_has_another_shape_comes_back_as_it_is() -> None:
    prepared = prepare({"anyOf": [an_object(a=TEXT), {"type": "array", "items": an_object(a=TEXT)}]}, strict=True)
    for value in (3, {"result": 3}, {"a": 1}, [1]):
        expected = value["result"] if isinstance(value, dict) and "result" in value else value
        assert prepared.restore(value) == expected
    assert prepare({"type": "array", "items": an_object(a=TEXT)}, strict=True).restore({"result": "x"}) == "x"


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        (True, "any value at $"),
        ({"not": TEXT}, "any value at $"),
        (an_object(a={"type": "object", "additionalProperties": TEXT}), "an open map at $.a"),
        ({"type": "object", "patternProperties": {"^a": TEXT}, "additionalProperties": False}, "an open map at $"),
        (an_object(a={"type": "array", "items": {"type": "array"}}), "for its items at $.a[*]"),
        ({**an_object(a=TEXT), "required": ["b"]}, "a required property without a schema at $"),
        ({"const": {"a": 1}}, "an object or a list as a fixed value at $"),
        ({"type": "string", "enum": [1]}, "without a value of the type asked for at $"),
        ({"anyOf": [False]}, "no value at $"),
        (an_object(a=False), "no value at $.a"),
        ({"allOf": [TEXT, False]}, "a part that nothing can match"),
        ({"allOf": [TEXT, {"type": "integer"}]}, "different types"),
        ({"allOf": [{**an_object(a=TEXT), "additionalProperties": False}, an_object(b=TEXT)]}, "forbids another"),
        ({"$ref": "#/$defs/a", "type": "object", "$defs": {"a": {"$ref": "#/$defs/a", "minProperties": 1}}}, "itself"),
        ({"allOf": [{"anyOf": [{"const": n} for n in range(m, m + 9)]} for m in (1, 2)]}, "more than 64 combinations"),
        ({"type": "string", "allOf": [{"$ref": "#/$defs/any"}, {"items": False}], "$defs": {"any": True}}, None),
    ],
)
def test_what_strict_mode_cannot_express_is_sent_unenforced_with_the_reason(schema: Any, reason: str | None) -> None:
    prepared = prepare(schema, strict=True)
    assert prepared.strict == (reason is None)
    assert reason is None or reason in str(prepared.reason)
    assert prepared.json_schema["type"] == "object"


def test_a_schema_that_grows_without_end_when_written_out_is_not_strict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewrite, "_MOST_NODES", 500)
    pairs = {"allOf": [{"anyOf": [{"minimum": n} for n in range(m, m + 8)]} for m in (1, 2)]}
    wide = an_object(**{f"p{n}": pairs for n in range(8)})
    assert "parts once it is written out" in str(prepare(wide, strict=True).reason)


def test_without_strict_only_the_root_is_wrapped() -> None:
    prepared = prepare({"type": "array", "items": TEXT, "title": "Names"}, strict=False)
    assert prepared.json_schema["properties"]["result"] == {"type": "array", "items": TEXT, "title": "Names"}
    assert (prepared.strict, prepared.wrapped, prepared.reason) == (False, True, None)
    assert prepared.restore({"result": ["a"]}) == ["a"]


def test_a_grammar_leaves_optional_properties_optional() -> None:
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "properties": {"a": TEXT}}
    assert for_grammar(schema).json_schema == {"type": "object", "properties": {"a": TEXT}}


def test_a_closed_object_stays_closed_for_a_grammar() -> None:
    inner = {"type": "object", "properties": {"b": TEXT}, "additionalProperties": False}
    schema = {"type": "object", "properties": {"a": inner}, "additionalProperties": False}
    assert for_grammar(schema).json_schema == schema


def test_a_grammar_gets_no_booleans_and_nothing_beside_any_of() -> None:
    schema = {
        "type": "object",
        "properties": {"a": True, "b": {"type": "object", "additionalProperties": {"$ref": "#/$defs/x"}}},
        "oneOf": [{"required": ["a"]}],
        "$defs": {"x": {"items": True, "type": "array"}},
    }
    form = for_grammar(schema).json_schema
    branch = form["properties"]["result"]["anyOf"][0]
    assert branch["properties"]["a"] == {}
    assert branch["required"] == ["a"]
    assert form["$defs"] == {"x": {"items": {}, "type": "array"}}
    assert for_grammar(False).json_schema["properties"]["result"] == {"not": {}}
    assert for_grammar({"allOf": [TEXT, {"type": "null"}]}).json_schema["properties"]["result"]["allOf"]


@pytest.mark.parametrize(
    ("schema", "where"),
    [
        ({"type": "strin"}, r"at \$\.type, it must be one of .* but is \"strin\""),
        (an_object(a={"minimum": "3"}), r"at \$\.properties\.a\.minimum, it must be of type number, but is \"3\""),
        (an_object(a={"pattern": "("}), r"at \$\.properties\.a\.pattern"),
        (an_object(a={"$ref": "#/$defs/x"}), "refers to '#/\\$defs/x', which it does not hold"),
        (an_object(a={"$ref": "https://example.com/x.json"}), "nothing is fetched"),
    ],
)
def test_a_wrong_schema_is_refused_with_the_place_and_the_reason(schema: Any, where: str) -> None:
    for make in (
        lambda: prepare(schema, strict=True),
        lambda: prepare(schema, strict=False),
        lambda: for_grammar(schema),
    ):
        with pytest.raises(InvalidArgument, match=where):
            make()


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = an_object(end=TEXT)
    for _ in range(levels - 1):
        schema = an_object(inner=schema)
    return schema


@pytest.mark.parametrize(
    ("most", "over", "limit"),
    [
        (nested(10), nested(11), "11 levels of nested objects; the API takes at most 10"),
        (an_object(a={"enum": list(range(1000))}), an_object(a={"enum": list(range(1001))}), "1,001 enum values"),
        (
            an_object(a={"enum": [f"{n:060}" for n in range(250)]}),
            an_object(a={"enum": [f"{n:060}" for n in range(251)]}),
            "15,060 characters in an enum of more than 250 values; the API takes at most 15,000",
        ),
        (an_object(a={"const": "x" * 119_999}), an_object(a={"const": "x" * 120_000}), "at most 120,000"),
    ],
)
def test_the_limits_hold_in_strict_mode(most: Any, over: Any, limit: str) -> None:
    assert prepare(most, strict=True).strict
    with pytest.raises(InvalidArgument, match=limit):
        prepare(over, strict=True)
    assert prepare(over, strict=False).json_schema["properties"]


def test_more_than_5000_properties_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="5,001 properties; the API takes at most 5,000"):
        limits.check(an_object(**{f"p{number}": TEXT for number in range(5001)}))


def test_a_schema_deeper_than_python_goes_is_refused() -> None:
    deep: dict[str, Any] = TEXT
    for _ in range(2000):
        deep = {"type": "array", "items": deep}
    with pytest.raises(InvalidArgument, match="nested too deeply"):
        prepare(deep, strict=True)
