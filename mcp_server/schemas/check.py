"""An answer is judged by the caller's own schema, whatever form of it the backend was sent."""

import json
import re
from collections.abc import Sequence
from itertools import islice
from typing import Any, Never

from jsonschema.protocols import Validator
from referencing.exceptions import Unresolvable

from mcp_server.errors import InvalidArgument
from mcp_server.model.answer import Answer, Extracted, SchemaError
from mcp_server.schemas.dialect import Schema, unchecked, validator
from mcp_server.schemas.json_text import brief
from mcp_server.schemas.messages import described
from mcp_server.schemas.strict import Prepared

_MOST_ERRORS = 20
NOT_JSON = "the answer is not JSON"
"""How the only error of an answer begins that could not be read at all."""

_MESSAGE = 200
_FENCE = re.compile(r"```(?:json)?[ \t]*\n(.*?)\n[ \t]*```", re.DOTALL | re.IGNORECASE)


def errors(schema: Schema, value: Any) -> list[SchemaError]:
    """Why ``value`` is not valid, at most 20 reasons in the order of the value; empty when it is.

    Raises ``InvalidArgument`` when ``schema`` is not a JSON Schema or refers to something it does not hold.
    """
    return _errors(validator(schema), value)


def read(prepared: Prepared, original: Schema, answer: Answer, attempts: int = 1) -> Extracted:
    """How an answer that completed, or was cut short, reads against the caller's schema ``original``.

    ``prepared`` was made from ``original``, and so proved that it is a schema.
    """
    if answer.refusal is not None:
        return Extracted(outcome="refusal", attempts=attempts)
    if answer.status == "incomplete":
        return Extracted(outcome="incomplete", attempts=attempts)
    if answer.tool_calls:
        return Extracted(outcome="tool_call", attempts=attempts)
    try:
        data = prepared.restore(_parse(answer.text, fences=not prepared.strict))
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        problem = SchemaError(path="$", message=brief(f"{NOT_JSON}: {reason}", _MESSAGE))
        return Extracted(outcome="invalid", errors=[problem], attempts=attempts)
    found = _errors(unchecked(original), data)
    if found:
        return Extracted(outcome="invalid", errors=found, attempts=attempts)
    return Extracted(outcome="ok", data=data, attempts=attempts)


def repair_message(found: Sequence[SchemaError]) -> str:
    """The user message that sends an invalid answer back."""
    lines = [f"- {error.path}: {error.message}" for error in found]
    return "\n".join(
        ["That answer is not valid:", *lines, "Answer again with the whole corrected JSON and nothing else."]
    )


def _errors(checker: Validator, value: Any) -> list[SchemaError]:
    try:
        found = list(islice(checker.iter_errors(value), _MOST_ERRORS))
    except Unresolvable as error:
        raise InvalidArgument(
            f"`schema` refers to {error.ref!r}, which it does not hold; nothing is fetched."
        ) from error
    except RecursionError as error:
        raise InvalidArgument(
            "`schema` or the answer is nested too deeply, or refers to itself without end."
        ) from error
    return [described(error) for error in found]


def _parse(text: str, *, fences: bool) -> Any:
    """The JSON value of a text. Raises ``ValueError`` for what is not JSON, or could not be written as JSON again."""
    fenced = _FENCE.search(text) if fences and text.lstrip()[:1] not in ("{", "[") else None
    value = json.loads(fenced[1] if fenced else text, parse_constant=_refuse)
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError as error:
        raise ValueError("it holds half of a surrogate pair") from error
    return value


def _refuse(constant: str) -> Never:
    raise ValueError(f"{constant} is not a JSON value")
