"""The caller's parameters as the backend takes them: what it does not take is refused, or left out and told.

Left out is what changes nothing about the answer (``HARMLESS``); nothing is ever ignored in silence.
"""

from collections.abc import Iterator, Sequence

from mcp_server.backends.profile import HARMLESS, Profile
from mcp_server.errors import InvalidArgument
from mcp_server.model.value import JsonObject

NEW = "new"
"""``options.conversation`` that asks for a conversation to be made."""

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""From the least to the most."""

ARGUMENTS = {
    "max_output_tokens": "max_output_tokens",
    "parallel_tool_calls": "parallel_tool_calls",
    "reasoning.effort": "reasoning_effort",
    "text.verbosity": "verbosity",
    "tool_choice": "tool_choice",
    "tools": "tools",
}
"""Parameters that have an argument of their own; all others stand in ``options``."""


def check_params(params: JsonObject, profile: Profile) -> None:
    """Refuse what the backend would refuse or ignore, before anything is admitted.

    Raises:
        InvalidArgument: names the parameter or tool type.
    """
    if params.get("conversation") and not profile.conversations:
        raise InvalidArgument("options: this backend has no conversations; leave it out, a session works without one.")
    for name in _names(params):
        if not profile.takes(name) and name not in HARMLESS:
            where = ARGUMENTS.get(name, f"options.{name}")
            raise InvalidArgument(f"{where}: this backend does not take it; leave it out.")
    _check_effort(params.get("reasoning") or {}, profile)
    if not profile.json_mode and "format" in (params.get("text") or {}):
        raise InvalidArgument("json: this backend has no JSON mode; use structured_extract, with a schema.")
    _check_tools(params.get("tools", ()), profile)


def _check_tools(tools: Sequence[JsonObject], profile: Profile) -> None:
    for tool in tools:
        kind = tool.get("type")
        if kind in ("function", "custom"):
            if not profile.function_tools or (kind == "custom" and "custom" in profile.refused):
                raise InvalidArgument(f"tools: this backend has no {kind} tools; leave them out.")
        elif kind not in profile.hosted_tools:
            raise InvalidArgument(
                f"tools: this backend does not run {kind!r}; use a backend that does, or leave it out."
            )


def fitted(params: JsonObject, profile: Profile) -> tuple[JsonObject, list[str]]:
    """The parameters without what the backend does not take and nobody will miss, and a warning for each."""
    fit, warnings = dict(params), list[str]()
    for name in [name for name in _names(params) if not profile.takes(name)]:
        whole, _, part = name.partition(".")
        value = fit.pop(whole)
        rest = {key: value[key] for key in value if key != part} if part else None
        fit |= {whole: rest} if rest else {}
        warnings.append(f"options.{name}: this backend does not take it, so it was left out.")
    tier, tiers = fit.get("service_tier"), profile.service_tiers
    if tier and tiers is not None and tier not in tiers:
        del fit["service_tier"]
        known = ", ".join(sorted(tiers))
        warnings.append(f"options.service_tier: this backend knows only {known}, so {tier!r} was left out.")
    return fit, warnings


def _names(params: JsonObject) -> Iterator[str]:
    """Parameters by name; of the two that are made of several, the parts."""
    for name, value in params.items():
        if name in ("reasoning", "text"):
            yield from (f"{name}.{part}" for part in value or ())
        else:
            yield name


def _check_effort(reasoning: JsonObject, profile: Profile) -> None:
    effort = reasoning.get("effort")
    if effort and profile.efforts is not None and effort not in profile.efforts:
        known = ", ".join(one for one in EFFORTS if one in profile.efforts)
        raise InvalidArgument(f"reasoning_effort: this backend knows only {known}; choose one of them.")
