"""What the environment says of the terminal."""

import os


def wants_plain() -> bool:
    """True where neither colours nor moving lines are wanted: ``NO_COLOR`` (no-color.org), or a terminal without."""
    return bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
