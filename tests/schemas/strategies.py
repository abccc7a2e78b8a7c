"""Random JSON Schemas, each with a valid value, the same value in the strict form, and what is to come back of it."""

from typing import Any, NamedTuple

from hypothesis import strategies as st


class Sample(NamedTuple):
    """``back`` differs from ``value`` only where null and absent both are valid: then null comes back."""

    schema: Any
    value: Any
    strict: Any
    back: Any
    nullable: bool = False


NAMES = st.sampled_from(["a", "b", "c", "$ref", "type", "properties", "x y", "result", "ä"])
TEXT = st.text(st.characters(codec="utf-8", categories=("L", "N", "Zs")), max_size=8)
NOTES = st.fixed_dictionaries(
    {},
    optional={
        "title": st.just("T"),
        "description": st.just("D."),
        "default": st.just(1),
        "examples": st.just([{"$ref": "#/nowhere"}]),
        "x-ours": st.just({"type": "no schema"}),
        "deprecated": st.booleans(),
    },
)


def same(schema: Any, value: Any, *, nullable: bool = False) -> Sample:
    return Sample(schema, value, value, value, nullable)


@st.composite
def scalars(draw: st.DrawFn) -> Sample:
    kind = draw(st.sampled_from(["string", "integer", "number", "boolean", "null", "enum", "const", "nullable"]))
    notes = draw(NOTES)
    if kind == "string":
        value = draw(TEXT)
        limits = {"minLength": len(value), "maxLength": len(value) + 2, "contentEncoding": "none"}
        chosen = draw(st.sets(st.sampled_from(sorted(limits))))
        return same({"type": "string", **notes, **{key: limits[key] for key in chosen}}, value)
    if kind == "integer":
        value = draw(st.integers(-1000, 1000))
        return same({"type": "integer", "minimum": value - 1, "exclusiveMaximum": value + 1, **notes}, value)
    if kind == "number":
        return same({"type": "number", "maximum": 1e6, **notes}, draw(st.floats(-1e6, 1e6)))
    if kind == "enum":
        values = draw(st.lists(st.one_of(TEXT, st.integers(), st.none()), min_size=1, max_size=4))
        return same({"enum": values, **notes}, draw(st.sampled_from(values)), nullable=None in values)
    if kind == "const":
        value = draw(st.one_of(TEXT, st.integers(), st.none()))
        return same({"const": value, **notes}, value, nullable=value is None)
    if kind == "nullable":
        return same({"type": ["string", "null"], **notes}, draw(st.one_of(TEXT, st.none())), nullable=True)
    return same({"type": kind, **notes}, None if kind == "null" else draw(st.booleans()), nullable=kind == "null")


@st.composite
def objects(draw: st.DrawFn, inner: st.SearchStrategy[Sample]) -> Sample:
    members = draw(st.dictionaries(NAMES, inner, min_size=1, max_size=4))
    required = [name for name in members if draw(st.booleans())]
    present = {name: sample for name, sample in members.items() if name in required or draw(st.booleans())}
    schema: dict[str, Any] = {"properties": {name: sample.schema for name, sample in members.items()}}
    schema |= draw(NOTES) | {"type": "object", "required": required, "minProperties": len(present)}
    if draw(st.booleans()):
        schema["additionalProperties"] = False
    absent = {name: None for name in members if name not in present}
    back = {name: sample.back for name, sample in present.items()}
    return Sample(
        schema,
        {name: sample.value for name, sample in present.items()},
        {name: sample.strict for name, sample in present.items()} | absent,
        back | {name: None for name in absent if members[name].nullable},
    )


@st.composite
def lists(draw: st.DrawFn, inner: st.SearchStrategy[Sample]) -> Sample:
    sample = draw(inner)
    times = draw(st.integers(0, 3))
    schema = {"type": "array", "items": sample.schema, "maxItems": 3, "uniqueItems": times < 2, **draw(NOTES)}
    return Sample(schema, [sample.value] * times, [sample.strict] * times, [sample.back] * times)


@st.composite
def choices(draw: st.DrawFn, inner: st.SearchStrategy[Sample]) -> Sample:
    """Branches are told apart by a tag, so that ``oneOf`` holds and what is to come back is certain."""
    samples = draw(st.lists(inner, min_size=1, max_size=3))
    number = draw(st.integers(0, len(samples) - 1))
    branches = [
        {
            "type": "object",
            "properties": {"tag": {"const": index}, "inner": sample.schema},
            "required": ["tag", "inner"],
        }
        for index, sample in enumerate(samples)
    ]
    chosen = samples[number]
    schema = {draw(st.sampled_from(["anyOf", "oneOf"])): branches, **draw(NOTES)}
    value, strict, back = ({"tag": number, "inner": inner} for inner in chosen[1:4])
    return Sample(schema, value, strict, back)


@st.composite
def merged(draw: st.DrawFn, inner: st.SearchStrategy[Sample]) -> Sample:
    """An ``allOf`` of two objects with different properties."""
    first, second = draw(inner), draw(inner)
    parts = [
        {"type": "object", "properties": {name: sample.schema}, "required": [name]}
        for name, sample in (("first", first), ("second", second))
    ]
    pairs = zip(first[1:4], second[1:4], strict=True)
    value, strict, back = ({"first": one, "second": two} for one, two in pairs)
    return Sample({"allOf": parts, **draw(NOTES)}, value, strict, back)


def containers(inner: st.SearchStrategy[Sample]) -> st.SearchStrategy[Sample]:
    return st.one_of(objects(inner), lists(inner), choices(inner), merged(inner))


SAMPLES = st.recursive(scalars(), containers, max_leaves=8)
OPEN = st.sampled_from(
    [
        True,
        {},
        {"type": "object"},
        {"type": "array"},
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"type": "object", "properties": {}, "patternProperties": {"^a": {"type": "string"}}},
        {"type": "array", "prefixItems": [{"type": "string"}], "items": False},
        {"enum": [{"a": 1}]},
        {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["b"]},
        {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": True},
    ]
)
