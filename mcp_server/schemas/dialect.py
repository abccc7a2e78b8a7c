"""One validator for a caller's schema: its own draft, formats checked, and nothing ever fetched from a network."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for
from referencing.jsonschema import SchemaRegistry

from mcp_server.errors import InvalidArgument
from mcp_server.model.value import JsonObject
from mcp_server.schemas.messages import described

Schema = JsonObject | bool
NOTHING_ELSE = SchemaRegistry()
"""What a reference may point at besides the schema itself."""

_OFFSET = r"([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)"
_TIME = re.compile(rf"([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?{_OFFSET}", re.ASCII)
_DURATION = re.compile(r"P(?!$)(\d+W|(\d+Y)?(\d+M)?(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+S)?)?)", re.ASCII)
_LABEL = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)", re.ASCII)
_URI_CHARACTERS = re.compile(r"[!#$%&'()*+,\-./0-9:;=?@A-Z\[\]_a-z~]+")


def validator(schema: Schema) -> Validator:
    """A validator for values of ``schema``, in the draft that its ``$schema`` names (else 2020-12).

    Raises ``InvalidArgument`` when it is not a JSON Schema, saying where and why.
    """
    checker = unchecked(schema)
    dialect: Any = type(checker)
    error = next(dialect(dialect.META_SCHEMA, format_checker=dialect.FORMAT_CHECKER).iter_errors(schema), None)
    if error is not None:
        found = described(error)
        raise InvalidArgument(f"`schema` is not a valid JSON Schema: at {found.path}, it {found.message}.")
    return checker


def unchecked(schema: Schema) -> Validator:
    """The same for a schema that ``validator`` has seen: looking it through costs about 1 ms for each of its parts."""
    dialect: Any = validator_for(schema, default=Draft202012Validator)
    return dialect(schema, registry=NOTHING_ELSE, format_checker=_FORMATS)


def within(checker: Validator, defs: Mapping[str, Schema]) -> Validator:
    """A validator of the same draft for parts of a document with these ``$defs``."""
    return cast("Any", type(checker))({"$defs": defs}, registry=NOTHING_ELSE, format_checker=_FORMATS)


def part(checker: Validator, schema: Schema) -> Validator:
    """A validator for ``schema`` as a part of the document that ``checker`` is for."""
    return cast("Any", checker).evolve(schema=schema)


def _date_time(value: object) -> bool:
    if not isinstance(value, str):
        return True
    date, mark, time = value[:10], value[10:11], value[11:]
    return mark in ("T", "t", " ") and _date(date) and _TIME.fullmatch(time) is not None


def _date(value: str) -> bool:
    try:
        return datetime.strptime(value, "%Y-%m-%d").strftime("%Y-%m-%d") == value  # noqa: DTZ007 (a date has no zone)
    except ValueError:
        return False


def _hostname(value: object) -> bool:
    return not isinstance(value, str) or (
        0 < len(value) <= 253 and all(_LABEL.fullmatch(label) for label in value.split("."))
    )


def _uri(value: object) -> bool:
    if not isinstance(value, str):
        return True
    try:
        return _URI_CHARACTERS.fullmatch(value) is not None and bool(urlsplit(value).scheme)
    except ValueError:
        return False


def _time(value: object) -> bool:
    return not isinstance(value, str) or _TIME.fullmatch(value) is not None


def _duration(value: object) -> bool:
    return not isinstance(value, str) or _DURATION.fullmatch(value) is not None


def _formats() -> FormatChecker:
    """The library's own checks, and those for which it would want a package each."""
    checker = FormatChecker()
    checker.checks("date-time")(_date_time)
    checker.checks("time")(_time)
    checker.checks("duration")(_duration)
    checker.checks("hostname")(_hostname)
    checker.checks("uri")(_uri)
    return checker


_FORMATS = _formats()
