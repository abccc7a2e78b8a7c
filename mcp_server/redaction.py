"""What must never be shown, logged or stored: keys and bearers. The one place that knows what they look like."""

import re

HIDDEN = "[hidden]"

_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[^\s\"',;]+")
_KEY = re.compile(r"\b(?:sk|rk|pk|sess|ABSK)[-_A-Za-z0-9+/=*.]{6,}|\bABSK[A-Za-z0-9+/=*.]*")
_PARAMETER = re.compile(r"(?i)(?<=[?&])(api[-_]?key|token|signature)=[^&\s]+")


def redact(text: str) -> str:
    """``text`` with ``[hidden]`` where keys, bearers and signed query parameters stood."""
    return _PARAMETER.sub(rf"\1={HIDDEN}", _KEY.sub(HIDDEN, _BEARER.sub(rf"\1 {HIDDEN}", text)))
