"""``sessions``: look at conversations, branch them, name them."""

from typing import Literal

from pydantic import Field

from mcp_server.errors import InvalidArgument, NotThere, NotYet
from mcp_server.model.session import Session, Turn
from mcp_server.model.value import JsonObject
from mcp_server.tools.shared import SessionName
from mcp_server.tools.spec import KEEPS, Arguments, Call, Output, Tool

SHOWN_CHARACTERS = 200


class SessionsArguments(Arguments):
    """What to do, with which session."""

    action: Literal["list", "get", "fork", "compact", "rename"]
    session: SessionName | None = None
    to: SessionName | None = Field(default=None, description="New name, for fork and rename")


class SessionsResult(Output):
    """The sessions, or one with its turns."""

    sessions: list[JsonObject] = Field(description="name, head, turns, model, updated_at")
    turns: list[JsonObject] | None = Field(
        default=None, description="response_id, input, text, model, usage, created_at"
    )
    cache_hit_rate: float | None = Field(default=None, description="Cached share of all input tokens")

    def render(self) -> str:
        """One line a session, then one a turn."""
        lines = [f"{one['name']}: {one['turns']} turns, head {one.get('head', 'none')}" for one in self.sessions]
        lines += [f"- {turn['response_id']}: {turn['input']} → {turn['text']}" for turn in self.turns or ()]
        return "\n".join(lines) or "No sessions yet."


async def sessions(call: Call, arguments: SessionsArguments) -> SessionsResult:
    """One action."""
    kept = call.app.store.sessions
    if arguments.action == "list":
        return SessionsResult(sessions=[_session(one) for one in await kept.all(call.scope)])
    if arguments.session is None:
        raise InvalidArgument(f"session: {arguments.action} needs the name of a session.")
    session = await kept.get(call.scope, arguments.session)
    if session is None:
        names = [one.name for one in await kept.all(call.scope)]
        raise NotThere(f"There is no session {arguments.session!r}; yours are {names}.")
    if arguments.action == "get":
        return await _get(call, session)
    if arguments.action == "compact":
        raise NotYet("sessions: compact is not there yet; fork the session, or start a new one with a summary.")
    if arguments.to is None:
        raise InvalidArgument(f"to: {arguments.action} needs the new name.")
    if arguments.action == "rename":
        await kept.rename(call.scope, session.name, arguments.to)
    else:
        now = call.app.now()
        await kept.create(session.model_copy(update={"name": arguments.to, "created_at": now, "updated_at": now}))
    made = await kept.get(call.scope, arguments.to)
    return SessionsResult(sessions=[_session(made)] if made else [])


async def _get(call: Call, session: Session) -> SessionsResult:
    turns = await call.app.store.sessions.turns(call.scope, session.head) if session.head else []
    usages = [turn.usage for turn in turns if turn.usage]
    read = sum(usage.input_tokens for usage in usages)
    shown = SessionsResult(sessions=[_session(session)], turns=[_turn(turn) for turn in turns])
    if not read:
        return shown
    rate = round(sum(usage.cached_tokens for usage in usages) / read, 3)
    return SessionsResult(sessions=shown.sessions, turns=shown.turns, cache_hit_rate=rate)


def _session(one: Session) -> JsonObject:
    return one.model_dump(exclude={"scope"}, exclude_none=True)


def _turn(turn: Turn) -> JsonObject:
    shown = turn.model_dump(
        include={"response_id", "parent", "model", "usage", "created_at", "tool"}, exclude_none=True
    )
    return {**shown, "input": _said(turn.input), "text": _said(turn.output)}


def _said(items: list[JsonObject]) -> str:
    """The start of what the items say."""
    said: list[str] = []
    for item in items:
        content: str | list[JsonObject] = item.get("content", item.get("output") or item.get("arguments") or "")
        said += [content] if isinstance(content, str) else [str(part.get("text", "")) for part in content]
    text = " ".join(" ".join(said).split())
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"


TOOL = Tool(
    name="sessions",
    title="Conversations",
    description=(
        "List your conversations, get one with its turns, usage and cache hit rate, fork it under a new name, rename "
        "it, or compact it."
    ),
    annotations=KEEPS,
    arguments=SessionsArguments,
    output=SessionsResult,
    handler=sessions,
)
