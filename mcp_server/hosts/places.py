"""Where a host's file is on this machine."""

import re
import sys
from collections.abc import Mapping
from pathlib import Path

from mcp_server.hosts.known import Host, Platform

_VARIABLE = re.compile(r"^(?:\$(\w+)|~)(?=/)")


def this_platform() -> Platform:
    """The one we run on; whatever is neither macOS nor Windows keeps its files where Linux does."""
    return "win32" if sys.platform == "win32" else "darwin" if sys.platform == "darwin" else "linux"


def place(host: Host, platform: Platform, variables: Mapping[str, str]) -> Path:
    """The file of ``host``, which may not be there.

    The first of its places that applies: one with a variable needs it set, one with ``*`` such a folder.
    """
    for pattern in host.places[platform]:
        found = _expanded(pattern, platform, variables)
        if found and "*" in pattern:
            found = _in_folder(found)
        if found:
            return found
    raise AssertionError(f"{host.name} has no place that always applies")


def _expanded(pattern: str, platform: Platform, variables: Mapping[str, str]) -> Path | None:
    start = _VARIABLE.match(pattern)
    assert start is not None, pattern
    value = variables.get(start[1] or ("USERPROFILE" if platform == "win32" else "HOME"), "").strip()
    relative = "XDG" in (start[1] or "") and not value.startswith("/")  # to be ignored, says the XDG specification
    if not value or relative:
        if start[1]:
            return None
        value = str(Path.home())
    if platform == "win32":
        value = value.replace("\\", "/")
    return Path(value + pattern[start.end() :])


def _in_folder(path: Path) -> Path | None:
    """With a folder that is there for the ``*``, if possible one with the file in it."""
    star = next(at for at, part in enumerate(path.parts) if "*" in part)
    folders = sorted(Path(*path.parts[:star]).glob(path.parts[star]))
    files = [folder.joinpath(*path.parts[star + 1 :]) for folder in folders if folder.is_dir()]
    return next((file for file in files if file.is_file()), files[0] if files else None)
