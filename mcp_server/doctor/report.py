"""What a check found, for a person and for a program."""

from collections.abc import Sequence
from typing import Literal

from mcp_server.errors import ServerError
from mcp_server.model.value import Frozen, JsonObject
from mcp_server.redaction import redact

Status = Literal["pass", "warn", "fail", "skipped"]
STATUSES: tuple[Status, ...] = ("pass", "warn", "fail", "skipped")

Group = Literal["configuration", "backend", "live", "afterwards"]


class Finding(Frozen):
    """``found`` is what there is, in one line or a few; ``advice`` what to do, where there is something to do.

    ``data`` is the same for programs, where it is more than words.
    """

    status: Status
    found: str
    advice: str | None = None
    data: JsonObject = {}


class Row(Finding):
    """One line of the report. ``seconds`` is how long the check took."""

    group: Group
    check: str
    seconds: float = 0.0


def good(found: str, data: JsonObject | None = None) -> Finding:
    """All is as it should be."""
    return Finding(status="pass", found=found, data=data or {})


def odd(found: str, advice: str | None = None, data: JsonObject | None = None) -> Finding:
    """It works, or the work goes on without it, and somebody should know."""
    return Finding(status="warn", found=found, advice=advice, data=data or {})


def bad(found: str, advice: str | None = None, data: JsonObject | None = None) -> Finding:
    """It does not work."""
    return Finding(status="fail", found=found, advice=advice, data=data or {})


def skipped(found: str) -> Finding:
    """It was not tried."""
    return Finding(status="skipped", found=found)


def told(error: ServerError, status: Status = "fail") -> Finding:
    """An error of ours, whose message says what happened and, after its last semicolon, what to do."""
    found, _, advice = error.message.removesuffix(".").rpartition("; ")
    fields = error.failure().model_dump(exclude_none=True, exclude={"message"})
    return Finding(
        status=status, found=found or error.message, advice=advice if found else None, data={"error": fields}
    )


def row(group: Group, check: str, finding: Finding, seconds: float = 0.0) -> Row:
    """The finding as a line, with what looks like a secret taken out."""
    return Row(
        group=group,
        check=check,
        status=finding.status,
        found=redact(finding.found),
        advice=redact(finding.advice) if finding.advice else None,
        data=finding.data,
        seconds=round(seconds, 3),
    )


def shown(line: Row) -> JsonObject:
    """The line for programs; absent things are left out."""
    fields = line.model_dump(exclude_none=True)
    return {name: value for name, value in fields.items() if name != "data" or value}


def counted(number: int, noun: str) -> str:
    """A number of things in words."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def healthy(rows: Sequence[Row]) -> bool:
    """Whether nothing failed."""
    return all(line.status != "fail" for line in rows)
