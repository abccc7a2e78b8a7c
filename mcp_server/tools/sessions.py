"""``sessions``: look at conversations, branch them, name them."""

from typing import Any, Literal

from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from mcp_server.backends.artifacts import light, shown
from mcp_server.backends.responses.shape import objects
from mcp_server.errors import CallFailed, InvalidArgument, NotThere
from mcp_server.model.request import TurnRequest
from mcp_server.model.session import Session, Turn
from mcp_server.model.value import JsonObject
from mcp_server.money import report
from mcp_server.tools.result import failure_of, fields
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
    # Tokens and money of all its calls, and the call that compacted it: rare enough to stand in no schema.
    usage: SkipJsonSchema[JsonObject | None] = None
    compaction: SkipJsonSchema[JsonObject | None] = None

    def render(self) -> str:
        """One line a session, then one a turn."""
        lines = [f"{one['name']}: {one['turns']} turns, head {one.get('head', 'none')}" for one in self.sessions]
        lines += [f"- {turn['response_id']}: {turn['input']} → {turn['text']}" for turn in self.turns or ()]
        if self.compaction:
            lines.append(_compacted(self.compaction))
        if self.usage:
            lines.append(_used(self.usage))
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
        return await _compact(call, session)
    if arguments.to is None:
        raise InvalidArgument(f"to: {arguments.action} needs the new name.")
    if arguments.action == "rename":
        await kept.rename(call.scope, session.name, arguments.to)
    else:
        now = call.app.now()
        await kept.create(
            session.model_copy(
                # A conversation upstream has one end; its branch is replayed from the turns.
                update={"name": arguments.to, "conversation": None, "created_at": now, "updated_at": now}
            )
        )
    made = await kept.get(call.scope, arguments.to)
    return SessionsResult(sessions=[_session(made)] if made else [])


async def _compact(call: Call, session: Session) -> SessionsResult:
    """A paid call like any other: a job in the session's queue, which may detach."""
    call.app.check()
    if session.head is None:
        raise InvalidArgument(f"session: {session.name!r} has no turns to compact yet.")
    request = TurnRequest(tool="sessions", input=[], compact=True, session=session.name, model=session.model)
    job = await call.app.turns.run(call.scope, request, call.app.settings.wait_seconds)
    if failure := failure_of(job):
        raise CallFailed(failure, job.id)
    now = await call.app.store.sessions.get(call.scope, session.name) or session
    return SessionsResult(sessions=[_session(now)], compaction=fields(job, call.app.now()))


async def _get(call: Call, session: Session) -> SessionsResult:
    store = call.app.store
    turns = await store.sessions.turns(call.scope, session.head) if session.head else []
    usage = report.fields(await store.spendings.total(call.scope, session=session.name))
    shown = {"sessions": [_session(session)], "turns": [turn_fields(turn) for turn in turns], "usage": usage}
    if usage["hit_rate"] is not None:
        shown["cache_hit_rate"] = usage["hit_rate"]
    return SessionsResult.model_validate(shown)


def _compacted(call: JsonObject) -> str:
    if call["status"] == "completed":
        return f"Compacted: the conversation goes on from {call['response_id']}."
    waiting = f"; call poll with {call['job_id']}" if "job_id" in call else ""
    return f"Not compacted: {call['status']}{waiting}."


def _used(usage: JsonObject) -> str:
    cost = "unknown" if usage["cost_usd"] is None else f"${usage['cost_usd']:.4f}, ${usage['saved_usd']:.4f} saved"
    share = f"{usage['hit_rate'] or 0:.0%}"
    return f"{usage['input_tokens']} tokens in ({share} cached), {usage['output_tokens']} out; cost {cost}"


def _session(one: Session) -> JsonObject:
    return one.model_dump(exclude={"scope"}, exclude_none=True)


def turn_fields(turn: Turn) -> JsonObject:
    """One turn as it is listed: ids, usage, and the start of what was asked and answered."""
    told = turn.model_dump(include={"response_id", "parent", "model", "usage", "created_at", "tool"}, exclude_none=True)
    return {**told, "input": _said(light(turn.input)), "text": _said(shown(turn.response_id, turn.output))}


def _said(items: list[JsonObject]) -> str:
    """The start of what the items say."""
    said: list[str] = []
    for item in items:
        content: Any = item.get("content") or item.get("output") or item.get("arguments") or item.get("result")
        said += [content] if isinstance(content, str) else [str(part.get("text", "")) for part in objects(content)]
    text = " ".join(" ".join(said).split())
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"


TOOL = Tool(
    name="sessions",
    title="Conversations",
    description=(
        "List your conversations, get one's history with cost and cache hit rate, fork (copy) it under a new name, "
        "rename or compact it."
    ),
    annotations=KEEPS,
    arguments=SessionsArguments,
    output=SessionsResult,
    handler=sessions,
)
