"""From what a tool asks to exactly what is sent: continuity, order, cache, the backend's limits."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mcp_server.backends.profile import Profile
from mcp_server.errors import InvalidArgument, NotThere
from mcp_server.model.answer import Answer
from mcp_server.model.request import Layout, TurnRequest
from mcp_server.model.value import JsonObject, Scope
from mcp_server.schemas.strict import Prepared, for_grammar, prepare
from mcp_server.turns import hygiene
from mcp_server.turns.caching import cache_key, check_retention, retention
from mcp_server.turns.params import check_params, fitted
from mcp_server.turns.past import Past, replayed
from mcp_server.turns.tool_outputs import answered, open_calls

REPLAYED = ("reasoning.encrypted_content",)
"""What a stateless request must ask for, so that its reasoning can travel with the next one."""

UNENFORCED = (
    "The backend enforces no schema: it was told the schema in words, and the answer was checked against it here."
)
MAY_KEEP = "store: this backend does not take it, so it could not be told to keep nothing; it may keep the response."
NOT_KEPT = "store: this backend keeps no responses, so it was left out; what was said is kept here."


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The wire request, how its JSON answer is to be read, and what to warn of.

    ``static`` are the hashes of its static parts. ``chained`` says that it continues a response by its id.
    """

    layout: Layout
    prepared: Prepared | None
    static: dict[str, str]
    warnings: list[str]

    @property
    def chained(self) -> bool:
        """True when the upstream has to remember what came before."""
        return self.layout.previous_response_id is not None


def lay_out(
    request: TurnRequest,
    *,
    items: list[JsonObject],
    past: Past,
    profile: Profile,
    scope: Scope,
    model: str | None,
    keep: bool,
    forgotten: bool = False,
) -> Plan:
    """What is to be sent.

    ``items`` are this turn's own with its files in them; ``keep`` is the default of ``store``. ``forgotten`` says that
    the upstream has turned out not to have what came before.

    Raises:
        InvalidArgument: the backend refuses a parameter, the schema cannot be sent, or tool calls stay unanswered.
        NotThere: ``previous_response_id`` is unknown and the backend cannot continue it by itself.
    """
    check_params(request.params, profile)
    check_retention(model, request.params)
    # What is never continued there, as a summary's own response, is not kept there: it might stay for good.
    store = (keep if request.store is None else request.store) and profile.stored and not request.compact
    conversation = None if request.compact or forgotten else _conversation(request, past, store=store)
    head, before = _before(past, profile, conversation, forgotten=forgotten)
    own = [*_outputs(request, items, past), *items]
    prepared = _prepared(request, profile)
    instructions = request.instructions or past.instructions
    params, warnings = _params(request.params, profile, model, chained=store and profile.chain)
    layout = Layout(
        model=model,
        input=[*before, *own],
        new_from=len(before),
        instructions=instructions,
        previous_response_id=head,
        conversation=conversation,
        store=store,
        background=request.background and profile.background and store,
        json_schema=prepared.json_schema if prepared else None,
        schema_name=request.extraction.name if request.extraction else "result",
        strict=prepared.strict if prepared else True,
        cache_key=cache_key(scope, request, instructions) if profile.prompt_cache_key else None,
        params=params,
    )
    static = hygiene.static_parts(layout)
    if profile.prompt_cache_key:
        last = past.turns[-1].static if past.turns else {}
        warnings += [*hygiene.changed(last, static), *hygiene.churn(layout)]
    if request.store and not profile.stored:
        warnings.append(NOT_KEPT)
    if profile.stored and not store and not request.compact and not profile.takes("store"):
        warnings.append(MAY_KEEP)
    if prepared and prepared.reason:
        warnings.append(prepared.reason)
    plan = Plan(layout=layout, prepared=prepared, static=static, warnings=warnings)
    return told_in_words(plan, profile) if prepared and profile.json_schema == "none" else plan


def _before(
    past: Past, profile: Profile, conversation: str | None, *, forgotten: bool
) -> tuple[str | None, list[JsonObject]]:
    """The response to continue from, and what has to be told again of what came before."""
    # What is kept there can be continued also by a turn that is not to be kept.
    chainable = profile.chain and conversation is None and not forgotten
    head, unkept = past.kept_upstream if chainable else (None, past.turns)
    if past.head and not past.turns and not (head or conversation):
        raise NotThere(
            f"previous_response_id {past.head!r} is not known here, and what came before cannot be replayed; "
            "continue a response this server made, or a session."
        )
    return head, [] if conversation else replayed(unkept, portable=not profile.encrypted_reasoning)


def told_in_words(plan: Plan, profile: Profile) -> Plan:
    """The same request for a backend that enforces no schema: JSON mode, where there is one, and the schema in words.

    JSON mode wants the word JSON in the input, and without enforcement the model sees the schema nowhere else.
    """
    layout = plan.layout
    schema = json.dumps(layout.json_schema, ensure_ascii=False)
    words = f"Answer with JSON that is valid against this JSON Schema, and with nothing else:\n{schema}"
    text: JsonObject = {**(layout.params.get("text") or {}), "format": {"type": "json_object"}}
    update = {
        "json_schema": None,
        "input": [*layout.input, {"role": "user", "content": words}],
        "params": {**layout.params, "text": text} if profile.json_mode else layout.params,
    }
    return replace(plan, layout=layout.model_copy(update=update), warnings=[*plan.warnings, UNENFORCED])


def next_try(layout: Layout, answer: Answer, message: str, profile: Profile) -> Layout:
    """The same request again after an invalid answer: that answer and what is wrong with it come before it."""
    told: JsonObject = {"role": "user", "content": message}
    if layout.conversation:
        return layout.model_copy(update={"input": [told], "new_from": 0})
    if layout.store and profile.chain:
        return layout.model_copy(update={"input": [told], "new_from": 0, "previous_response_id": answer.response_id})
    said = [*layout.input, *answer.output]
    return layout.model_copy(update={"input": [*said, told], "new_from": len(said)})


def with_parts(items: list[JsonObject], parts: list[JsonObject]) -> list[JsonObject]:
    """The input with the files' parts before the user's last text: static first, the question last."""
    if not parts:
        return items
    if not items or items[-1].get("role") != "user":
        return [*items, {"role": "user", "content": parts}]
    content = items[-1].get("content")
    own = [{"type": "input_text", "text": content}] if isinstance(content, str) else list(content or ())
    return [*items[:-1], {**items[-1], "content": [*parts, *own]}]


def left_out(files: Sequence[str]) -> list[JsonObject]:
    """What stands in the place of files that are named and not read."""
    return [{"type": "input_text", "text": f"[{source}: left out]"} for source in files]


def _outputs(request: TurnRequest, items: list[JsonObject], past: Past) -> list[JsonObject]:
    """The answers to the tool calls of the turn before, which all need one, in whatever form they were given."""
    if request.compact:
        return []
    if request.tool_outputs:
        return answered(request.tool_outputs, past.turns)
    given = {item.get("call_id") or item.get("approval_request_id") or item.get("id") for item in items}
    if waiting := [call.call_id for call in open_calls(past.turns) if call.call_id not in given]:
        raise InvalidArgument(
            f"tool_outputs: the turn before made tool calls that nobody has answered yet; answer {waiting} first, or "
            "continue from an earlier response."
        )
    return []


def _conversation(request: TurnRequest, past: Past, *, store: bool) -> str | None:
    """The upstream's conversation that holds the history, if it is one that does."""
    given: str | JsonObject | None = request.params.get("conversation")
    named: str | None = given.get("id") if isinstance(given, dict) else given
    if named and past.head and named != past.conversation:
        raise InvalidArgument(
            "options: the session has turns outside this conversation; start a new session for the conversation."
        )
    found = named or past.conversation
    if found and not store:
        if named:
            raise InvalidArgument("store: a conversation is kept upstream; leave out store: false, or conversation.")
        return None
    return found


def _params(given: JsonObject, profile: Profile, model: str | None, *, chained: bool) -> tuple[JsonObject, list[str]]:
    """The parameters in their final form, and warnings; tools in one order, so that the cached prefix stays the same.

    ``chained`` says that the next turn can continue this one by its id.
    """
    params, warnings = fitted({name: value for name, value in given.items() if name != "conversation"}, profile)
    if "tools" in params:
        params["tools"] = sorted(params["tools"], key=_place)
    if profile.prompt_cache_key and chained:
        ours = retention(model, params)
        params = {**{name: value for name, value in ours.items() if profile.takes(name)}, **params}
    if profile.encrypted_reasoning and not chained:
        params["include"] = sorted({*params.get("include", ()), *REPLAYED})
    return params, warnings


def _place(tool: JsonObject) -> tuple[str, str, str]:
    name = tool.get("name") or tool.get("server_label") or ""
    return str(tool.get("type")), str(name), json.dumps(tool, sort_keys=True)


def _prepared(request: TurnRequest, profile: Profile) -> Prepared | None:
    if request.extraction is None:
        return None
    if profile.json_schema == "grammar":
        return for_grammar(request.extraction.json_schema)
    return prepare(request.extraction.json_schema, strict=request.extraction.strict and profile.json_schema == "strict")
