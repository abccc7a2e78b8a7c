from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.errors import InvalidArgument
from mcp_server.index.filters import check_attributes, check_filters, matches

KEYS = st.sampled_from(["a", "b", "c"])
NUMBERS = st.integers(-2, 2) | st.sampled_from([0.5, 1.0])
STRINGS = st.sampled_from(["", "x", "y", "1"])
SCALARS = NUMBERS | STRINGS | st.booleans()
ATTRIBUTES = st.dictionaries(KEYS, SCALARS)
COMPARISONS = st.one_of(
    st.fixed_dictionaries({"type": st.sampled_from(["eq", "ne"]), "key": KEYS, "value": SCALARS}),
    st.fixed_dictionaries(
        {"type": st.sampled_from(["gt", "gte", "lt", "lte"]), "key": KEYS, "value": NUMBERS | STRINGS}
    ),
    st.fixed_dictionaries(
        {"type": st.sampled_from(["in", "nin"]), "key": KEYS, "value": st.lists(SCALARS, min_size=1, max_size=3)}
    ),
)
FILTERS = st.recursive(
    COMPARISONS,
    lambda inner: st.fixed_dictionaries(
        {"type": st.sampled_from(["and", "or"]), "filters": st.lists(inner, min_size=1, max_size=3)}
    ),
    max_leaves=8,
)


def sort_of(value: Any) -> str:
    return {bool: "bool", int: "number", float: "number", str: "str"}.get(type(value), "none")


def naive(filters: Any, attributes: dict[str, Any]) -> bool:
    """The language spelled out, case by case."""
    kind = filters["type"]
    if kind == "and":
        return not [one for one in filters["filters"] if not naive(one, attributes)]
    if kind == "or":
        return bool([one for one in filters["filters"] if naive(one, attributes)])
    value, wanted = attributes.get(filters["key"]), filters["value"]
    if kind in ("in", "nin"):
        among = (sort_of(value), value) in [(sort_of(one), one) for one in wanted]
        return among == (kind == "in")
    if sort_of(value) != sort_of(wanted):
        return kind == "ne"
    return {
        "eq": value == wanted,
        "ne": value != wanted,
        "gt": value > wanted,
        "gte": value >= wanted,
        "lt": value < wanted,
        "lte": value <= wanted,
    }[kind]


@given(FILTERS, ATTRIBUTES)
def test_a_filter_means_what_the_language_says(filters: dict[str, Any], attributes: dict[str, Any]) -> None:
    check_filters(filters)
    assert matches(filters, attributes) is naive(filters, attributes)


def test_true_is_not_one_and_what_is_missing_is_only_unequal() -> None:
    assert not matches({"type": "eq", "key": "a", "value": 1}, {"a": True})
    assert matches({"type": "eq", "key": "a", "value": 1}, {"a": 1.0})
    assert matches({"type": "ne", "key": "a", "value": 1}, {})
    assert matches({"type": "nin", "key": "a", "value": [1]}, {})
    assert not matches({"type": "lt", "key": "a", "value": 1}, {})
    assert not matches({"type": "lt", "key": "a", "value": 1}, {"a": "0"})


EQ = {"type": "eq", "key": "a", "value": 1}


def nested(levels: int) -> Any:
    return EQ if levels == 0 else {"type": "and", "filters": [nested(levels - 1)]}


@pytest.mark.parametrize(
    ("filters", "complaint"),
    [
        ([EQ], "filters must be an object with a type, not list"),
        (
            {"key": "a", "value": 1},
            "type is None: it must be one of eq, ne, gt, gte, lt, lte, in, nin, and, or",
        ),
        ({"type": "like", "key": "a", "value": 1}, "filters.type is 'like'"),
        ({"type": ["eq"], "key": "a", "value": 1}, "filters.type is ['eq']"),
        ({"type": "eq", "value": 1}, "filters of type eq needs 'key'"),
        ({"type": "eq", "key": "a"}, "filters of type eq needs 'value'"),
        ({**EQ, "extra": 1}, "filters of type eq does not know 'extra'"),
        ({**EQ, "key": ""}, "filters.key must be the name of an attribute"),
        ({**EQ, "key": 3}, "filters.key must be the name of an attribute"),
        ({**EQ, "value": None}, "filters.value must be a string or a number, or a boolean, for eq"),
        ({**EQ, "value": [1]}, "filters.value must be a string or a number, or a boolean, for eq"),
        ({**EQ, "type": "gt", "value": True}, "filters.value must be a string or a number for gt"),
        ({**EQ, "type": "in"}, "filters.value must be a list of strings, numbers or booleans for in"),
        ({**EQ, "type": "nin", "value": []}, "filters.value must be a list"),
        ({**EQ, "type": "in", "value": [1, None]}, "filters.value must be a list"),
        ({"type": "and"}, "filters of type and needs 'filters'"),
        ({"type": "or", "filters": []}, "filters.filters must be a list with at least one filter"),
        ({"type": "or", "filters": EQ}, "filters.filters must be a list with at least one filter"),
        ({"type": "or", "filters": [EQ], "key": "a"}, "filters of type or does not know 'key'"),
        (
            {"type": "and", "filters": [EQ, {"type": "or", "filters": [EQ, {**EQ, "value": {}}]}]},
            "filters.filters[1].filters[1].value must be",
        ),
        (nested(17), "nested more than 16 levels deep"),
    ],
)
def test_a_wrong_filter_is_refused_with_its_place(filters: Any, complaint: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        check_filters(filters)
    assert complaint in refused.value.message


def test_attributes_at_the_limits_are_fine() -> None:
    check_attributes({f"{number:064}": "x" * 512 for number in range(16)})
    check_attributes({"a": 1, "b": 1.5, "c": True, "d": ""})
    check_filters(nested(16))


@pytest.mark.parametrize(
    ("attributes", "complaint"),
    [
        ({str(number): 1 for number in range(17)}, "attributes has 17 keys: at most 16"),
        ({"x" * 65: 1}, "must have 1 to 64 characters"),
        ({"": 1}, "must have 1 to 64 characters"),
        ({"a": "x" * 513}, "attributes.a has 513 characters: at most 512"),
        ({"a": None}, "attributes.a must be a string, a number or a boolean"),
        ({"a": ["x"]}, "attributes.a must be a string, a number or a boolean"),
    ],
)
def test_attributes_over_the_limits_are_refused(attributes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        check_attributes(attributes)
    assert complaint in refused.value.message
