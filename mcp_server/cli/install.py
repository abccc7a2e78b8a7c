"""``responses-mcp install`` and ``uninstall``: into a host's own file, and out of it."""

import json
import shlex
import sys
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

from mcp_server import settings
from mcp_server.errors import ServerError
from mcp_server.hosts.entry import Entry, document, hidden, named, variables
from mcp_server.hosts.install import Plan, carry_out, plan_install, plan_uninstall
from mcp_server.hosts.known import HOSTS, SERVER_NAME, Host
from mcp_server.hosts.launch import command, launch
from mcp_server.hosts.places import place, this_platform
from mcp_server.model.value import JsonObject
from mcp_server.settings.given import Given, given


def run(chosen: Namespace) -> int:
    """Install or uninstall; returns the exit code."""
    try:
        return (_uninstall if chosen.command == "uninstall" else _install)(chosen)
    except ServerError as error:
        if chosen.json:
            print(json.dumps({"error": error.message}, indent=2))
        print(error.message, file=sys.stderr)
        return 1


def _install(chosen: Namespace) -> int:
    host = HOSTS[chosen.host]
    told = given()
    pasted = {name: value.get_secret_value() for name, value in told.secrets.items()} if chosen.paste_keys else {}
    launched = launch(told, command(this_platform()))
    plan = plan_install(host, _place(host), launched, pasted, force=chosen.force)
    if chosen.print:
        return _show(plan, as_json=chosen.json)
    folder = plan.path.parent.is_dir()
    kept = carry_out(plan)
    if told.problem:
        print(told.problem, file=sys.stderr)
    notes = list(_notes(plan, told, folder=folder))
    if chosen.json:
        print(json.dumps({**_facts(plan, kept), "notes": notes, "next": host.next_step}, indent=2, default=str))
        return 0
    if plan.changes:
        print(
            f"Written to {plan.path}: the server {SERVER_NAME!r}, which {host.title} starts as {_words(plan.server)}."
        )
    else:
        print(f"{plan.path} has it already; nothing was changed.")
    print(*notes, sep="\n", end="\n" if notes else "")
    if kept:
        print(f"The file as it was: {kept}")
    print(f"Next: {host.next_step}")
    return 0


def _uninstall(chosen: Namespace) -> int:
    host = HOSTS[chosen.host]
    plan = plan_uninstall(host, _place(host))
    if chosen.print:
        return _show(plan, as_json=chosen.json)
    kept = carry_out(plan)
    if chosen.json:
        print(json.dumps(_facts(plan, kept), indent=2, default=str))
    elif not plan.changes:
        print(f"{plan.path} has no server {SERVER_NAME!r}; nothing was changed.")
    else:
        gone = "was made by install and is gone" if plan.after is None else f"has no server {SERVER_NAME!r} any more"
        print(f"{plan.path} {gone}. Restart {host.title}.")
        if kept:
            print(f"The file as it was: {kept}")
    return 0


def _place(host: Host) -> Path:
    return place(host, this_platform(), settings.for_child())


def _show(plan: Plan, *, as_json: bool) -> int:
    """What stands in the file then, or will go: for a person to paste, or for a program."""
    if as_json:
        print(json.dumps(_facts(plan, None), indent=2, default=str))
        return 0
    if plan.server is None:
        print(f"{plan.path} has no server {SERVER_NAME!r}.", file=sys.stderr)
        return 0
    print(f"{plan.path}{'' if plan.changes else ' has it already'}:", file=sys.stderr)
    whole = document(plan.host, Entry(server=hidden(plan.host, plan.server), inputs=plan.inputs))
    if plan.host.form == "json":
        print(json.dumps(whole, indent=2, ensure_ascii=False))
        return 0
    import tomlkit  # noqa: PLC0415 - one host of eight has TOML

    print(tomlkit.dumps(whole), end="")
    return 0


def _facts(plan: Plan, kept: Path | None) -> JsonObject:
    return {
        "host": plan.host.name,
        "path": str(plan.path),
        "changed": plan.changes,
        "backup": str(kept) if kept else None,
        "entry": hidden(plan.host, plan.server) if plan.server else None,
    }


def _notes(plan: Plan, told: Given, *, folder: bool) -> Iterator[str]:
    """What a person should know of the entry; never a value."""
    title, server = plan.host.title, plan.server or {}
    env = variables(server)
    names = named(plan.host, server)
    held = [name for name in told.secrets if name in env and name not in names]
    if not folder:
        yield f"{plan.path.parent} was not there and was made: is {title} installed?"
    if names:
        yield _named(plan.host, names, local=told.backend == "local")
    if held:
        yield f"The value of {_listed(held)} stands in this file; you alone should be able to read it."
    if written := [name for name in env if name not in (*names, *held)]:
        yield f"Written down as it is now: {_listed(written)}."
    config = told.home / "config.toml"
    if missing := [name for name in told.secrets if name not in (*names, *held, *told.in_file)]:
        hands = "only what it has itself" if plan.host.inherits else "no variables"
        yield (
            f"{_listed(missing)} is set here, but {title} hands {hands} on to a server: put it into {config}, readable "
            "by you alone, or into this file with --paste-keys. Until then the tools say that it is missing."
        )
    elif not names and told.backend == "local" and "RESPONSES_MCP_BACKEND" not in env:
        yield f"No key is set: for a backend other than the embedded one, put its key into {config}."


def _named(host: Host, names: list[str], *, local: bool) -> str:
    """What becomes of the variables that the entry names and does not hold."""
    if host.asks:
        return f"{host.title} asks for {_listed(names)} once, and keeps it."
    if local and names == ["OPENAI_API_KEY"]:
        return f"No key is set, so the embedded engine answers; OpenAI does once {host.title} starts with {names[0]}."
    return f"It names {_listed(names)} without the value: {host.title} must have it when it starts."


def _listed(names: list[str]) -> str:
    return ", ".join(names)


def _words(server: JsonObject | None) -> str:
    return shlex.join([str((server or {}).get("command")), *map(str, (server or {}).get("args", []))])
