"""What the words of a setting mean. Each function raises ``ValueError`` for words that mean nothing."""

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from mcp_server.settings.backends import BACKENDS, BackendName


def backend(text: str) -> BackendName | None:
    """A backend's name; None for ``auto``."""
    if text.lower() == "auto":
        return None
    for name in BACKENDS:
        if text.lower() == name:
            return name
    raise ValueError(text)


def store(text: str) -> str:
    """The address of a store."""
    if not text.startswith(("sqlite:///", "postgresql://", "postgres://")):
        raise ValueError(text)
    return text


def within(low: float, high: float) -> Callable[[str], float]:
    """A number from ``low`` to ``high``."""

    def parse(text: str) -> float:
        number = float(text)
        if not low <= number <= high:
            raise ValueError(text)
        return number

    return parse


def retries(text: str) -> int:
    """A small whole number."""
    return int(within(0, 10)(str(int(text))))


def dollars(text: str) -> float | None:
    """An amount above 0."""
    amount = float(text)
    if not 0 < amount < math.inf:
        raise ValueError(text)
    return amount


def flag(text: str) -> bool:
    """Yes or no."""
    known = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
    if text.lower() not in known:
        raise ValueError(text)
    return known[text.lower()]


def existing_file(text: str) -> Path | None:
    """The path of a file that is there."""
    path = Path(text).expanduser()
    if not path.is_file():
        raise ValueError(text)
    return path


def folders(text: str) -> tuple[Path, ...]:
    """Folders that are there, in the form of the platform's ``PATH``."""
    found = tuple(Path(part).expanduser().resolve() for part in text.split(os.pathsep) if part)
    if not found or not all(folder.is_dir() for folder in found):
        raise ValueError(text)
    return found


def level(text: str) -> str:
    """A log level."""
    if text.lower() not in ("debug", "info", "warning", "error"):
        raise ValueError(text)
    return text.lower()


def log_format(text: str) -> Literal["auto", "console", "json"]:
    """A form of log lines."""
    for known in ("auto", "console", "json"):
        if text.lower() == known:
            return known
    raise ValueError(text)
