"""What must never be shown, logged or stored: keys and bearers. The one place that knows what they look like."""

import re

HIDDEN = "[hidden]"

_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[^\s\"',;]+")
_KEY = re.compile(r"\b(?:sk|rk|pk|sess|ABSK)[-_A-Za-z0-9+/=*.]{6,}|\bABSK[A-Za-z0-9+/=*.]*")
_HEADER = re.compile(r"(?i)\b((?:x-)?api-key|x-amz-security-token)(['\"]?\s*[:=]\s*['\"]?)[^\s\"',;]+")
_AWS_KEY_ID = re.compile(r"\bA[KS]IA[A-Z0-9]{16}\b")
_JWT = re.compile(r"\beyJ[-_A-Za-z0-9]{6,}\.[-_A-Za-z0-9]+(?:\.[-_A-Za-z0-9]*)?")
_PARAMETER = re.compile(r"(?i)(?<=[?&])([-\w]*(?:key|token|secret|password|signature)|sig|code)=[^&\s]+")
_LOGIN = re.compile(r"(?<=://)[^\s/?#@]+@")


def redact(text: str) -> str:
    """``text`` with ``[hidden]`` where keys, bearers, logins in URLs and signed query parameters stood."""
    text = _BEARER.sub(rf"\1 {HIDDEN}", text)
    text = _HEADER.sub(rf"\1\2{HIDDEN}", text)
    for shape in (_KEY, _AWS_KEY_ID, _JWT):
        text = shape.sub(HIDDEN, text)
    return _LOGIN.sub(f"{HIDDEN}@", _PARAMETER.sub(rf"\1={HIDDEN}", text))
