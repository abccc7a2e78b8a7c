"""What a turn continues, and how it is told to a backend that does not remember it."""

from collections.abc import Iterator

from mcp_server.model.request import TurnRequest
from mcp_server.model.session import Turn
from mcp_server.model.value import Frozen, JsonObject, Scope
from mcp_server.store.protocol import Store

PORTABLE = frozenset(
    {"message", "function_call", "function_call_output", "custom_tool_call", "custom_tool_call_output", "compaction"}
)
"""Item types that every Responses server reads; some answer 400 to a type they do not know. Who compacts reads that."""


class Past(Frozen):
    """The chain of turns we hold, and the response id it ends at (maybe foreign to us).

    ``conversation`` is the upstream's conversation that the session lives in.
    """

    head: str | None = None
    turns: list[Turn] = []
    instructions: str | None = None
    conversation: str | None = None

    @property
    def whole(self) -> bool:
        """True when we hold every turn of it, so that it can be told from the beginning."""
        return bool(self.turns) and self.turns[0].parent is None

    @property
    def kept_upstream(self) -> tuple[str | None, list[Turn]]:
        """The last response that can be continued by its id, and the turns after it, which only we hold.

        What a conversation holds is not behind an id. Before our first turn there may be a response foreign to us.
        """
        for number, turn in reversed(list(enumerate(self.turns, 1))):
            if turn.stored and turn.conversation is None:
                return turn.response_id, self.turns[number:]
        return (self.turns[0].parent if self.turns else self.head), self.turns


async def look_back(store: Store, scope: Scope, request: TurnRequest) -> Past:
    """What the request continues: the response it names, else its session's conversation or head."""
    session = await store.sessions.get(scope, request.session) if request.session else None
    head = request.previous_response_id or (session.head if session else None)
    moves = request.previous_response_id is not None
    return Past(
        head=head,
        turns=await store.sessions.turns(scope, head) if head else [],
        instructions=session.instructions if session else None,
        conversation=session.conversation if session and not moves else None,
    )


def replayed(turns: list[Turn], *, portable: bool) -> list[JsonObject]:
    """The turns' items as input for a request that continues nothing upstream.

    ``portable`` leaves out what a server may not know. Reasoning travels encrypted or not at all, and items whose
    reasoning stays behind lose the ids by which the API would ask for it ("provided without its required reasoning").
    """
    return [item for turn in turns for item in (*turn.input, *_output(turn.output, portable=portable))]


def _output(items: list[JsonObject], *, portable: bool) -> Iterator[JsonObject]:
    reasoning = [item for item in items if item.get("type") == "reasoning"]
    severed = any(not item.get("encrypted_content") for item in reasoning)
    for item in items:
        if not (portable or severed):
            yield item
        elif item.get("type", "message") in PORTABLE:
            yield {name: value for name, value in item.items() if not (severed and name == "id")}
