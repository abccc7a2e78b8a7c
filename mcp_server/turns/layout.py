"""From what a tool asks to exactly what is sent: continuity, order, cache key, the backend's limits."""

import hashlib
import json

from mcp_server.backends.profile import Profile
from mcp_server.errors import InvalidArgument, NotThere
from mcp_server.model.answer import Answer
from mcp_server.model.request import Layout, TurnRequest
from mcp_server.model.session import Turn
from mcp_server.model.value import Frozen, JsonObject, Scope
from mcp_server.schemas.strict import Prepared, for_grammar, prepare
from mcp_server.store.protocol import Store

REPLAYED = ("reasoning.encrypted_content",)
"""What a stateless request must ask for, so that its reasoning can travel with the next one."""


class Past(Frozen):
    """What a turn continues: the chain of turns we hold, and the response id it ends at (maybe foreign to us)."""

    head: str | None = None
    turns: list[Turn] = []
    instructions: str | None = None


def lay_out(
    request: TurnRequest, *, items: list[JsonObject], past: Past, profile: Profile, scope: Scope, model: str, keep: bool
) -> tuple[Layout, Prepared | None]:
    """The wire request, and how its JSON answer is to be read when it has a schema.

    ``items`` are this turn's own with its files in them; ``keep`` is the default of ``store``.

    Raises:
        InvalidArgument: the backend refuses a parameter, or the schema cannot be sent.
        NotThere: ``previous_response_id`` is unknown and the backend cannot continue it by itself.
    """
    check_params(request.params, profile)
    store = keep if request.store is None else request.store
    chained = profile.chain and store and (not past.turns or past.turns[-1].stored)
    if past.head and not chained and not past.turns:
        raise NotThere(
            f"previous_response_id {past.head!r} is not known here, and what came before cannot be replayed; "
            "continue a response this server made, or a session."
        )
    prepared = _prepared(request, profile)
    instructions = request.instructions or past.instructions
    params = dict(request.params)
    if profile.stored and not store:
        params["include"] = sorted({*params.get("include", ()), *REPLAYED})
    replayed = [] if chained else [item for turn in past.turns for item in (*turn.input, *turn.output)]
    layout = Layout(
        model=model,
        input=[*replayed, *items],
        new_from=len(replayed),
        instructions=instructions,
        previous_response_id=past.head if chained else None,
        store=store,
        background=request.background and profile.background and store,
        json_schema=prepared.json_schema if prepared else None,
        schema_name=request.extraction.name if request.extraction else "result",
        strict=prepared.strict if prepared else True,
        cache_key=_cache_key(scope, request, instructions) if profile.prompt_cache_key else None,
        params=params,
    )
    return layout, prepared


def check_params(params: JsonObject, profile: Profile) -> None:
    """Refuse what the backend would refuse, before anything is admitted.

    Raises:
        InvalidArgument: names the parameter or tool type.
    """
    for name in params:
        if name in profile.refused:
            raise InvalidArgument(f"options: this backend does not take {name!r}; leave it out.")
    for tool in params.get("tools", ()):
        kind = tool.get("type")
        if kind in ("function", "custom"):
            if not profile.function_tools or (kind == "custom" and "custom" in profile.refused):
                raise InvalidArgument(f"tools: this backend has no {kind} tools; leave them out.")
        elif kind not in profile.hosted_tools:
            raise InvalidArgument(
                f"tools: this backend does not run {kind!r}; use a backend that does, or leave it out."
            )


def next_try(layout: Layout, answer: Answer, message: str, *, chained: bool) -> Layout:
    """The same request again after an invalid answer: that answer and what is wrong with it come before it."""
    told: JsonObject = {"role": "user", "content": message}
    if chained:
        return layout.model_copy(update={"input": [told], "new_from": 0, "previous_response_id": answer.response_id})
    said = [*layout.input, *answer.output]
    return layout.model_copy(update={"input": [*said, told], "new_from": len(said)})


def _prepared(request: TurnRequest, profile: Profile) -> Prepared | None:
    if request.extraction is None:
        return None
    if profile.json_schema == "grammar":
        return for_grammar(request.extraction.json_schema)
    return prepare(request.extraction.json_schema, strict=request.extraction.strict)


def _cache_key(scope: Scope, request: TurnRequest, instructions: str | None) -> str | None:
    """A stable name of the prefix that repeats: the session's, or for a one-off that of its static part.

    Only a hash of user text ever leaves; at most 64 characters are allowed.
    """
    if "prompt_cache_key" in request.params:
        return None
    static = [request.session] if request.session else [instructions, request.params.get("tools"), request.extraction]
    text = json.dumps([scope.owner, scope.backend, static], default=lambda value: value.model_dump(), sort_keys=True)
    return "rmcp-" + hashlib.sha256(text.encode()).hexdigest()[:40]


async def look_back(store: Store, scope: Scope, request: TurnRequest) -> Past:
    """What the request continues: the response it names, else its session's head."""
    session = await store.sessions.get(scope, request.session) if request.session else None
    head = request.previous_response_id or (session.head if session else None)
    turns = await store.sessions.turns(scope, head) if head else []
    return Past(head=head, turns=turns, instructions=session.instructions if session else None)


def with_parts(items: list[JsonObject], parts: list[JsonObject]) -> list[JsonObject]:
    """The input with the files' parts before the last message's own text: static first, the question last."""
    if not parts:
        return items
    content = items[-1].get("content")
    own = [{"type": "input_text", "text": content}] if isinstance(content, str) else list(content or ())
    return [*items[:-1], {**items[-1], "content": [*parts, *own]}]
