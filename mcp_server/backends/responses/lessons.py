"""What a refusal teaches about the server that refused: which capability it lacks, or which parameter it does not take.

Only a refusal before any work counts, and only one that says in some way "not supported" and names what was sent: a
wrong value, or an answer about the caller's own words, teaches nothing.
"""

import json
import re
from typing import NamedTuple

from mcp_server.backends.profile import HARMLESS
from mcp_server.errors import UpstreamError
from mcp_server.model.value import JsonObject

ENCRYPTED = "reasoning.encrypted_content"
FILE = "input_file"

SWITCHES: dict[str, tuple[str, object]] = {
    "previous_response_id": ("chain", False),
    "background": ("background", False),
    "store": ("stored", False),
    ENCRYPTED: ("encrypted_reasoning", False),
    FILE: ("pdf", False),
    "text.format": ("json_schema", "none"),
    "response_format": ("json_schema", "none"),
    "json_schema": ("json_schema", "none"),
}
"""What a request holds because of a capability: the field of ``Profile``, and what it is when that is refused."""

_UNSUPPORTED = re.compile(
    r"un(?:supported|known|recognized|recognised|expected)|isn't (?:supported|available)|is disabled"
    r"|not (?:yet |currently )?(?:supported|permitted|allowed|available|recognized|implemented|enabled)"
    r"|does ?n[o't]+ (?:yet |currently )?(?:support|allow|take)|extra (?:inputs|fields)"
    r"|must be (?:null|false|unset)|(?:only|expected) (?:null|false)|cannot be (?:used|set|true)"
    r"|invalid (?:input: expected|literal value, expected) (?:null|false|undefined)",
    re.IGNORECASE,
)
_ABOUT_A_SCHEMA = re.compile(r"invalid schema|in context", re.IGNORECASE)
_ABOUT_A_FILE = re.compile(r"input_file|file inputs|content\[\]\.type|\binput file", re.IGNORECASE)
_ABOUT_ENCRYPTION = re.compile(r"encrypted[ _](?:content|reasoning)", re.IGNORECASE)
"""And not a PDF with a password."""
_ABOUT_A_MODEL = re.compile(r"\bmodel\b", re.IGNORECASE)


_STANDING_OUT = (
    r"['\"`.]{0}\b",
    r"\b{0} (?:parameter|field)\b",
    r"\b[Pp]arameters?:? {0}\b",
    r"\b{0} must be (?:null|false|unset)",
    r"\b{0}: (?:[Ii]nvalid|[Ee]xtra|[Uu]nknown)",
)
"""How a parameter whose name is a common word stands in a sentence that is about it."""


class Lesson(NamedTuple):
    """What was learned: see ``Observation``. ``of_model`` says that it holds for the model that was asked alone."""

    about: str
    found: object
    of_model: bool


def of_refusal(fault: UpstreamError, body: JsonObject) -> Lesson | None:
    """What a refused ``POST /responses`` teaches; None when it is about something else."""
    if fault.http_status not in (400, 422, 501) or fault.kind != "invalid_request":
        return None
    if not _UNSUPPORTED.search(fault.message):
        return None
    for name in _sent(body):
        if not _names(name, fault):
            continue
        if name == "store" and body["store"] is False:
            # Whoever cannot even be told to keep nothing is not told anything of it.
            return Lesson("store", False, of_model=False)
        if name in SWITCHES and not (name == "text.format" and _ABOUT_A_SCHEMA.search(fault.message)):
            return Lesson(*SWITCHES[name], of_model=_ABOUT_A_MODEL.search(fault.message) is not None)
        if name in HARMLESS:
            return Lesson(name, False, of_model=True)
    return None


def _sent(body: JsonObject) -> list[str]:
    """What stands in a request that may be left out of it, the most telling first."""
    text: JsonObject = body.get("text") or {}
    form: JsonObject = text.get("format") or {}
    names = ["text.format", "json_schema"] if form.get("type") == "json_schema" else []
    names += ["response_format", "json_schema"] if "response_format" in body else []
    names += [ENCRYPTED] if ENCRYPTED in (body.get("include") or ()) else []
    names += [FILE] if f'"type": "{FILE}"' in json.dumps(body.get("input")) else []
    names += [name for name in ("previous_response_id", "background") if body.get(name)]
    names += [name for name in sorted(HARMLESS) if _holds(body, name)]
    return [*names, "store"] if "store" in body else names


def _holds(body: JsonObject, name: str) -> bool:
    whole, _, part = name.partition(".")
    return whole in body and (not part or part in (body[whole] or {}))


def _names(name: str, fault: UpstreamError) -> bool:
    """Whether the refusal is about this: by its ``param``, or in its words, where a common word must stand out."""
    if name == ENCRYPTED:
        return _ABOUT_ENCRYPTION.search(fault.message) is not None
    if name == FILE:
        return _ABOUT_A_FILE.search(fault.message) is not None
    if fault.param:
        return fault.param == name or fault.param.startswith((f"{name}.", f"{name}["))
    if re.search(r"[._]", name):
        return name in fault.message
    return any(re.search(form.format(name), fault.message) for form in _STANDING_OUT)
