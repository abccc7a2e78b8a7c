"""The only way words of an upstream get into our messages: one line, at most 300 characters, without secrets."""

import re
from collections.abc import Collection

from mcp_server.redaction import HIDDEN, redact

LONGEST = 300

_TOKEN = re.compile(r"[A-Za-z0-9+/_=-]{32,}")
_ID = re.compile(r"(?:resp|msg|rs|fc|ctc|ws|fs|ci|ig|call|file|vs|vsfb|conv|cntr|batch|req)[_-][A-Za-z0-9_-]+\Z")


def quoted(words: str, secrets: Collection[str] = ()) -> str:
    """``words`` fit to be shown. ``secrets`` are strings that must not appear whatever they look like."""
    line = " ".join(words.split())
    for secret in secrets:
        if secret:
            line = line.replace(secret, HIDDEN)
    line = _TOKEN.sub(_unless_harmless, redact(line))
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def _unless_harmless(match: re.Match[str]) -> str:
    # Ids help the reader, and long words without digits are parameter names and paths.
    token = match.group()
    return token if _ID.match(token) or token.isdigit() or not re.search(r"\d", token) else HIDDEN
