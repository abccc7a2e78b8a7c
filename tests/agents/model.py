"""A model that does as it was told: what the three fake model APIs share."""

from abc import abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from tests.upstream import ScriptedUpstream
from tests.upstream_answers import Answer, JsonObject, Request, reply


@dataclass
class Use:
    """The model wants a tool of ours, by our name for it."""

    tool: str
    arguments: JsonObject


Turn = Use | str | Callable[[str], Use]
"""What the model says in one turn; a function is handed what the host last showed it of a tool."""


class Model(ScriptedUpstream):
    """Speaks one maker's API and says its ``turns``, then "Done.".

    ``tools`` are our definitions as they came with the last request, by our names. ``seen`` is what the host showed it
    of each tool's result. ``elsewhere`` is what the host asked for beside the conversation.
    """

    def __init__(self) -> None:
        super().__init__()
        self.turns: deque[Turn] = deque()
        self.tools: dict[str, JsonObject] = {}
        self.seen: list[str] = []
        self.elsewhere: list[str] = []
        self.numbers = count(1)

    @property
    def address(self) -> str:
        """Where it stands, without the version that ``base_url`` ends in."""
        return self.base_url.removesuffix("/v1")

    @abstractmethod
    def converse(self, request: Request) -> Answer | None:
        """The answer to a turn of the conversation; None when the request is none."""

    def otherwise(self, request: Request) -> Answer:
        try:
            answer = self.converse(request) if request.method == "POST" else None
        except AssertionError as missed:  # of a turn that did not find what it was to go on from
            self.broken.append(missed)
            return reply({"error": {"type": "invalid_request_error", "message": "not that"}}, 400)
        if answer is None:
            self.elsewhere.append(f"{request.method} {request.path}")
        return answer or reply({"error": {"type": "not_found_error", "message": "not here"}}, 404)

    def turn(self) -> Use | str:
        """What it says now."""
        turn = self.turns.popleft() if self.turns else "Done."
        return turn if isinstance(turn, Use | str) else turn(self.seen[-1])
