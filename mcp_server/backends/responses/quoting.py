"""The only way words of an upstream get into our messages: one line, at most 300 characters, without secrets."""

import re
from collections.abc import Collection

from mcp_server.redaction import HIDDEN, redact

LONGEST = 300

_TOKEN = re.compile(r"[A-Za-z0-9+/_=-]{32,}")
_ID = re.compile(r"(?:resp|msg|rs|fc|ctc|ws|fs|ci|ig|call|file|vs|vsfb|conv|cntr|batch|req)[_-][A-Za-z0-9_-]+\Z")
_PIECE = r"(?:[A-Za-z]+|[A-Za-z0-9]{1,4}|\d{8})"
_NAME = re.compile(rf"{_PIECE}(?:[-_/]{_PIECE})*\Z")
"""Of a model: words, short versions and dates, such as ``deepseek-ai/DeepSeek-R1-Distill-Qwen-32B``."""


def quoted(words: str, secrets: Collection[str] = ()) -> str:
    """``words`` fit to be shown. ``secrets`` are strings that must not appear whatever they look like."""
    return _cut(_TOKEN.sub(_unless_harmless, _open(words, secrets)))


def plain(name: str, secrets: Collection[str] = ()) -> str:
    """The same for a name that may look like a secret, as the id of a request does."""
    return _cut(_open(name, secrets))


def _open(words: str, secrets: Collection[str]) -> str:
    line = " ".join(words.split())
    for secret in secrets:
        if secret:
            line = line.replace(secret, HIDDEN)
    return redact(line)


def _cut(line: str) -> str:
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def _unless_harmless(match: re.Match[str]) -> str:
    # Ids and the names of models help the reader, and long words without digits are parameter names and paths.
    token = match.group()
    harmless = _ID.match(token) or _NAME.match(token) or token.isdigit() or not re.search(r"\d", token)
    return token if harmless else HIDDEN
