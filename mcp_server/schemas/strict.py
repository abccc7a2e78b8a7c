"""What a backend is sent instead of the caller's schema, and the way back for its answer."""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from mcp_server.errors import InvalidArgument
from mcp_server.model.value import JsonObject
from mcp_server.schemas import limits
from mcp_server.schemas.dialect import Schema, validator
from mcp_server.schemas.json_text import is_object
from mcp_server.schemas.merge import CHOICES, Unexpressible, flatten
from mcp_server.schemas.references import Document, collect, map_inner
from mcp_server.schemas.rewrite import Form, Rewriter, same

_RESULT = "result"


@dataclass(frozen=True)
class Prepared:
    """The schema that a backend gets.

    ``strict`` says that ``json_schema`` obeys the API's strict subset; ``reason`` why it does not although that was
    asked for. ``wrapped``: the answer stands under "result", because a root must be an object. ``restore`` undoes the
    wrap and takes out the nulls that only stand for absent properties; a null the caller's schema allows stays.
    """

    json_schema: JsonObject
    strict: bool
    wrapped: bool
    restore: Callable[[Any], Any]
    reason: str | None = None


def prepare(schema: Schema, *, strict: bool) -> Prepared:
    """Rewrite a caller's schema for a backend whose profile says ``strict`` or ``none``. The schema is not changed.

    Where the strict subset cannot express it, the form is not strict. Raises ``InvalidArgument`` when ``schema`` is
    not a JSON Schema, refers outside itself, or is over the API's limits in its strict form.
    """
    with _bounded():
        checker, document = validator(schema), collect(schema)
        if not strict:
            return _loose(document, None)
        try:
            rewriter = Rewriter(document, checker)
            form = rewriter.strict(document.root)
        except Unexpressible as error:
            return _loose(document, f"strict mode cannot express this schema, which has {error}")
        wrapped = form.schema.get("type") != "object"
        prepared = _whole(form, {name: made.schema for name, made in rewriter.defs.items()}, wrapped, strict=True)
        limits.check(prepared.json_schema)
        return prepared


def for_grammar(schema: Schema) -> Prepared:
    """Rewrite for a backend that enforces any JSON Schema while it generates: optional properties stay optional.

    llama.cpp takes references into ``$defs`` alone, no ``true`` for "any value", and forgets what stands beside
    ``anyOf``. Raises ``InvalidArgument`` as ``prepare`` does.
    """
    with _bounded():
        validator(schema)
        document = collect(schema)
        spread = Document(_spread(document.root, document.defs), {})
        spread.defs.update({name: _spread(value, document.defs) for name, value in document.defs.items()})
        return _loose(spread, None)


def _loose(document: Document, reason: str | None) -> Prepared:
    root: JsonObject = document.root if isinstance(document.root, dict) else _anything(document.root)
    wrapped = not _is_object(root)
    return _whole(Form(root, same), document.defs, wrapped, strict=False, reason=reason)


def _whole(
    form: Form, defs: Mapping[str, Schema], wrapped: bool, *, strict: bool, reason: str | None = None
) -> Prepared:
    root = form.schema
    if wrapped:
        root = {"type": "object", "properties": {_RESULT: root}, "required": [_RESULT], "additionalProperties": False}
    if defs:
        root = {**root, "$defs": dict(defs)}

    def restore(value: Any) -> Any:
        if wrapped and is_object(value) and value.keys() == {_RESULT}:
            value = value[_RESULT]
        return form.restore(value)

    return Prepared(root, strict, wrapped, restore, reason)


def _is_object(schema: JsonObject) -> bool:
    if "$ref" in schema or not schema.keys().isdisjoint(CHOICES):
        return False
    return schema.get("type", "object" if "properties" in schema else None) == "object"


def _spread(schema: Any, defs: Mapping[str, Schema]) -> Any:
    if not is_object(schema):
        return _anything(schema)
    if not schema.keys().isdisjoint(("allOf", *CHOICES)):
        with suppress(Unexpressible):
            schema = flatten(schema, defs)
    spread = map_inner(schema, lambda inner: _spread(inner, defs))
    # Here alone llama.cpp takes a bool, and only a bool closes the object: {"not": {}} would let everything in.
    if isinstance(closed := schema.get("additionalProperties"), bool):
        spread["additionalProperties"] = closed
    return spread


def _anything(schema: bool) -> JsonObject:
    return {} if schema else {"not": {}}


@contextmanager
def _bounded() -> Generator[None]:
    try:
        yield
    except RecursionError as error:
        raise InvalidArgument("`schema` is nested too deeply, or refers to itself without end; simplify it.") from error
