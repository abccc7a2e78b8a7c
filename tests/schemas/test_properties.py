"""For any schema: the strict form obeys every rule, and a valid value comes back through it."""

import copy
from typing import Any

from hypothesis import given, settings
from jsonschema import Draft202012Validator

from mcp_server.schemas.check import errors
from mcp_server.schemas.strict import for_grammar, prepare
from tests.schemas.rules import broken_rules
from tests.schemas.strategies import OPEN, SAMPLES, Sample, lists, merged, objects

bounded = settings(max_examples=25)


def wrapped(prepared: Any, value: Any) -> Any:
    return {"result": value} if prepared.wrapped else value


@given(SAMPLES)
@bounded
def test_a_valid_value_survives_the_strict_form_and_the_way_back(sample: Sample) -> None:
    before = copy.deepcopy(sample.schema)
    prepared = prepare(sample.schema, strict=True)
    assert prepared.strict, prepared.reason
    assert broken_rules(prepared.json_schema) == []
    Draft202012Validator.check_schema(prepared.json_schema)
    assert errors(prepared.json_schema, wrapped(prepared, sample.strict)) == []
    assert prepared.restore(wrapped(prepared, sample.strict)) == sample.back
    assert errors(sample.schema, sample.value) == errors(sample.schema, sample.back) == []
    assert sample.schema == before


@given(SAMPLES)
@bounded
def test_a_schema_moved_into_defs_means_the_same(sample: Sample) -> None:
    schema = {"$defs": {"a/b %": sample.schema}, "$ref": "#/$defs/a~1b%20%25", "description": "Beside the reference."}
    prepared = prepare(schema, strict=True)
    assert prepared.strict
    assert broken_rules(prepared.json_schema) == []
    assert prepared.restore({"result": sample.strict}) == sample.back


@given(SAMPLES)
@bounded
def test_the_other_forms_take_the_value_as_it_is(sample: Sample) -> None:
    for prepared in (prepare(sample.schema, strict=False), for_grammar(sample.schema)):
        assert not prepared.strict
        assert errors(prepared.json_schema, wrapped(prepared, sample.value)) == []
        assert prepared.restore(wrapped(prepared, sample.value)) == sample.value


@given(OPEN.flatmap(lambda schema: lists_and_objects_of(Sample(schema, None, None, None))))
@bounded
def test_what_strict_mode_cannot_express_is_sent_as_it_is(sample: Sample) -> None:
    prepared = prepare(sample.schema, strict=True)
    assert not prepared.strict
    assert prepared.reason
    assert prepared.json_schema["type"] == "object"


def lists_and_objects_of(sample: Sample) -> Any:
    from hypothesis import strategies as st

    inner = st.just(sample)
    return st.one_of(inner, objects(inner), lists(inner), merged(inner))
