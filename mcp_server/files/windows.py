"""Names that mean something else on Windows than a file in a folder.

They are judged by how they are written: to look one up may already call another machine or open a device.
"""

import re
from collections.abc import Sequence
from pathlib import PureWindowsPath

_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*([.:].*)?", re.IGNORECASE)


def refused(source: str, folders: Sequence[PureWindowsPath]) -> str | None:
    """Why a path is never looked up; None when it may be. ``folders`` are the allowed ones."""
    path = PureWindowsPath(source)
    names = path.parts[1:] if path.anchor else path.parts
    if path.drive.startswith("\\\\") and not any(path.is_relative_to(folder) for folder in folders):
        return "is a network or device path outside the allowed folders: name a file in them"
    if path.drive and not path.root:
        return "is relative to a drive: write the folder out"
    if any(":" in name for name in names):
        return "names a stream of a file: name the file itself"
    if any(_DEVICE.fullmatch(name) for name in names):
        return "names a device: it is never read"
    return None
