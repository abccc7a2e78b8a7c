"""The evaluation set, and what of a call a judge may leave to the model's own words."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mcp_server.tools import TOOLS
from mcp_server.tools.spec import Tool

NONE = "none"
BY_NAME: dict[str, Tool] = {tool.name: tool for tool in TOOLS}
WORDS = frozenset({"input", "question", "query"})
"""Arguments that hold what is asked: any wording will do."""


@dataclass(frozen=True)
class Request:
    """What a user says, the tool that is right for it, a call that is right, and tools that are near misses."""

    say: str
    tool: str
    call: dict[str, Any] = field(default_factory=dict[str, Any])
    near: tuple[str, ...] = ()
    lang: str = "en"

    def is_met_by(self, tool: str, arguments: dict[str, Any]) -> bool:
        """Whether this call would do: the same tool, and every argument that is not just words as it should be."""
        if self.tool == NONE or tool != self.tool:
            return False
        meant = {name: value for name, value in self.call.items() if name not in WORDS}
        worded = WORDS & self.call.keys()
        return all(arguments.get(name) == value for name, value in meant.items()) and all(map(arguments.get, worded))


def requests() -> list[Request]:
    """All of them, in the order of the file."""
    entries = tomllib.loads(Path(__file__).with_name("requests.toml").read_text("utf-8"))["requests"]
    return [Request(**{**entry, "near": tuple(entry.get("near", ()))}) for entry in entries]
