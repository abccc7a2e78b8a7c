"""What stands in a host's file: our entry, and what else it needs there. A person may have written anything into it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from mcp_server.hosts.known import SERVER_NAME, Host
from mcp_server.hosts.variables import title
from mcp_server.model.value import JsonObject
from mcp_server.redaction import HIDDEN, redact
from mcp_server.settings import SECRET


@dataclass(frozen=True, kw_only=True)
class Launch:
    """How a host starts the server: ``values`` are variables to write down, ``secrets`` ones to name only."""

    command: str
    args: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict[str, str])
    secrets: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Entry:
    """``server`` is our entry in the host's form; ``inputs`` what VS Code is to ask for."""

    server: JsonObject
    inputs: tuple[JsonObject, ...] = ()


def entry(host: Host, launch: Launch, pasted: Mapping[str, str] | None = None) -> Entry:
    """Our entry for ``host``. A secret is named, in the host's own way, unless its value is in ``pasted``.

    Where the host has no way to name one, it is left out. A value with a ``$``, which a host that reads references
    would take for one, is named too.
    """
    pasted = pasted or {}
    told = [name for name, value in launch.values.items() if host.reference and "$" in value]
    kept = {name: value for name, value in pasted.items() if not (host.reference and "$" in value)}
    named = [*told, *(name for name in launch.secrets if name not in kept)]
    env: JsonObject = {**launch.values, **kept}
    if host.reference:
        env |= {name: reference(host, name) for name in named}
    server: JsonObject = {
        **({"type": host.type} if host.type else {}),
        "command": launch.command,
        "args": list(launch.args),
        **({host.forwards: named} if host.forwards and named else {}),
        **host.extra,
        **({"env": env} if env else {}),
    }
    return Entry(server=server, inputs=tuple(_asked(name) for name in named) if host.asks else ())


def reference(host: Host, name: str) -> str:
    """How ``host`` names the variable; empty where it cannot in an entry's ``env``."""
    return (host.reference or "").replace("NAME", input_id(name) if host.asks else name)


def named(host: Host, server: JsonObject) -> list[str]:
    """The variables that an entry names and does not hold."""
    held = variables(server)
    names = [name for name, value in held.items() if value == reference(host, name)]
    there = map(forwarded, items(server.get(host.forwards or "")))
    return [*names, *(name for name in there if name not in held)]


def forwarded(item: Any) -> str:
    """The variable that an item of ``forwards`` names: Codex takes ``{name, source}`` for one too."""
    return str(cast("JsonObject", item).get("name")) if isinstance(item, dict) else str(item)


def variables(server: JsonObject) -> JsonObject:
    """The variables that an entry holds; none where something else than an object stands."""
    found = server.get("env")
    return cast("JsonObject", found) if isinstance(found, dict) else {}


def items(value: Any) -> list[Any]:
    """The list; an empty one where something else stands."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def hidden(host: Host, server: JsonObject) -> JsonObject:
    """The entry as a person may see it: without the secrets that it holds."""
    shown = {
        name: HIDDEN if name in SECRET and value != reference(host, name) else _redacted(value)
        for name, value in variables(server).items()
    }
    return {**_redacted(server), **({"env": shown} if shown else {})}


def document(host: Host, made: Entry) -> JsonObject:
    """A whole file with nothing in it but ``made``."""
    whole: JsonObject = {SERVER_NAME: made.server}
    for key in reversed(host.path):
        whole = {key: whole}
    return {"inputs": list(made.inputs), **whole} if made.inputs else whole


def input_id(name: str) -> str:
    """What a variable is called in VS Code's ``inputs``, where all servers share one list."""
    return f"{SERVER_NAME}-{name.lower().replace('_', '-')}"


def _redacted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _redacted(item) for key, item in cast("JsonObject", value).items()}
    if isinstance(value, list):
        return [_redacted(item) for item in cast("list[Any]", value)]
    return redact(value) if isinstance(value, str) else value


def _asked(name: str) -> JsonObject:
    return {"type": "promptString", "id": input_id(name), "description": title(name), "password": True}
