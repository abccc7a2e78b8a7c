"""What becomes of the text of a host's file: with our entry in it, and without."""

import json
import re
from typing import Any, cast

from mcp_server.hosts import jsonc, jsonc_edit, toml_edit
from mcp_server.hosts.entry import Entry, forwarded, items, variables
from mcp_server.hosts.known import SERVER_NAME, Host
from mcp_server.model.value import JsonObject

_INPUT = re.compile(rf"\$\{{input:({SERVER_NAME}-[^}}]+)\}}")


def present(host: Host, text: str) -> JsonObject | None:
    """The entry under our name in the file; None if there is none.

    Raises:
        ValueError: the file cannot be read; it says where.
    """
    path = (*host.path, SERVER_NAME)
    if host.form == "toml":
        return toml_edit.at(toml_edit.parse(text), path)
    root = jsonc.parse(text)
    node, steps = jsonc.find(text, root, path) if root else (None, 0)
    if node is None or steps < len(path):
        return None
    if not isinstance(cast("object", node.value), dict):
        raise jsonc.Broken(text, node.start, "an object should stand here")
    return node.value


def with_entry(host: Host, text: str, made: Entry, *, afresh: bool = False) -> str:
    """``text`` with our entry. One that is there keeps what a person added to it, unless it is made ``afresh``.

    Raises:
        ValueError: as in ``present``, or something else stands where the servers should.
    """
    path = (*host.path, SERVER_NAME)
    old = present(host, text)
    server = made.server if old is None or afresh else merged(host, old, made.server)
    if host.form == "toml":
        return toml_edit.set_table(toml_edit.remove_table(text, path) if afresh else text, path, server)
    if old is None or afresh:
        text = jsonc_edit.set_value(text, path, server)
    else:
        for key, value in server.items():
            text = jsonc_edit.set_value(text, (*path, key), value)
    for one in made.inputs:
        if not inputs_in(text, {one["id"]}):
            text = jsonc_edit.append(text, ("inputs",), one)
    return _without_inputs(text, inputs_of(old))


def without_entry(host: Host, text: str) -> str:
    """``text`` without our entry, what it alone needed, and what is empty then.

    Raises:
        ValueError: as in ``present``.
    """
    path = (*host.path, SERVER_NAME)
    if host.form == "toml":
        return toml_edit.remove_table(text, path)
    old = present(host, text)
    text = jsonc_edit.remove(text, path)
    text = _without_empty(text, host.path)
    return _without_inputs(text, inputs_of(old))


def merged(host: Host, old: JsonObject, new: JsonObject) -> JsonObject:
    """``new`` with the variables and limits that a person wrote into ``old``."""
    env: JsonObject = {**variables(old), **variables(new)}
    server = {**new, **{key: old[key] for key in host.extra if key in old}}
    if host.forwards:
        there = items(old.get(host.forwards))
        names = [*there, *(name for name in new.get(host.forwards, []) if name not in map(forwarded, there))]
        server |= {host.forwards: names} if names else {}
    return {**server, "env": env} if env else server


def inputs_of(server: Any) -> set[str]:
    """The ids of ours in VS Code's ``inputs`` that an entry uses."""
    return set(_INPUT.findall(json.dumps(server)))


def inputs_in(text: str, ids: set[str]) -> tuple[JsonObject, ...]:
    """Those of the file's inputs."""
    return tuple(one for one in _inputs(text) if _id(one) in ids)


def _without_inputs(text: str, ids: set[str]) -> str:
    """Without those of ``ids`` that no entry uses any more."""
    if not ids:
        return text
    used = inputs_of({key: value for key, value in _value(text).items() if key != "inputs"})
    for number, one in reversed(list(enumerate(_inputs(text)))):
        if _id(one) in ids - used:
            text = jsonc_edit.remove(text, ("inputs",), number)
    return _without_empty(text, ("inputs",))


def _without_empty(text: str, path: tuple[str, ...]) -> str:
    """Without what stands at ``path`` if nothing is in it, not even a comment."""
    root = jsonc.parse(text)
    node, steps = jsonc.find(text, root, path) if root else (None, 0)
    empty = node is not None and steps == len(path) and node.value in ({}, []) and node.solid == node.start + 1
    return jsonc_edit.remove(text, path) if empty else text


def _id(one: JsonObject) -> str | None:
    found = one.get("id")
    return found if isinstance(found, str) else None


def _value(text: str) -> JsonObject:
    root = jsonc.parse(text)
    return _object(root.value if root else None)


def _object(value: Any) -> JsonObject:
    return cast("JsonObject", value) if isinstance(value, dict) else {}


def _inputs(text: str) -> list[JsonObject]:
    found = _value(text).get("inputs")
    return [_object(one) for one in cast("list[Any]", found)] if isinstance(found, list) else []
