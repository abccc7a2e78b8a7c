"""``responses-mcp sessions``: the conversations, and the turns of one, straight from the store."""

import json
import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import anyio

from mcp_server import settings
from mcp_server.cli.jobs import age, short
from mcp_server.cli.table import lines
from mcp_server.cli.usage import OWNER
from mcp_server.errors import ConfigurationError, NotThere, ServerError
from mcp_server.model.session import Session
from mcp_server.model.spending import Spent
from mcp_server.model.value import JsonObject, Scope
from mcp_server.money.report import fields
from mcp_server.store.protocol import Store
from mcp_server.store.sqlite import open_sqlite
from mcp_server.tools.sessions import turn_fields

HEAD = ("session", "backend", "turns", "last used", "model", "input", "cached", "cost USD")
TURN_HEAD = ("response", "age", "tool", "asked", "answered")


def run(chosen: Namespace) -> int:
    """Print all sessions, or one with its turns; returns the exit code."""
    told = settings.load()
    name: str | None = chosen.name
    now = time.time()
    try:
        if told.problem:
            # What stands in for a setting that is wrong may be another store than the one that was meant.
            raise ConfigurationError(told.problem)
        path = settings.sqlite_path(told)
        none: list[JsonObject] = []
        found = anyio.run(_read, path, name) if path.is_file() else none
        if name and not found:
            raise NotThere(f"There is no session {name!r}; `responses-mcp sessions` lists them.")
    except ServerError as error:
        print(error.message, file=sys.stderr)
        return 1
    if chosen.json:
        print(json.dumps(found, indent=2))
    elif found:
        print(*lines([HEAD, *(_row(one, now) for one in found)]), sep="\n")
        for one in found if name else ():
            print("", *lines([TURN_HEAD, *(_turn_row(turn, now) for turn in one["said"])]), sep="\n")
    else:
        print("No sessions yet.")
    return 0


async def _read(path: Path, name: str | None) -> list[JsonObject]:
    """The sessions of all backends together, last used first; with a ``name`` those of that name, with their turns."""
    store = await open_sqlite(path)
    try:
        scopes = [Scope(owner=OWNER, backend=backend) for backend in settings.BACKENDS]
        kept = [one for scope in scopes for one in await store.sessions.all(scope) if name in (None, one.name)]
        found = [await _told(store, one, whole=name is not None) for one in kept]
    finally:
        await store.close()
    return sorted(found, key=lambda one: one["updated_at"], reverse=True)


async def _told(store: Store, one: Session, *, whole: bool) -> JsonObject:
    spent: Spent = await store.spendings.total(one.scope, session=one.name)
    shown = {**one.model_dump(exclude={"scope"}, exclude_none=True), "backend": one.scope.backend}
    if whole:
        turns = await store.sessions.turns(one.scope, one.head) if one.head else []
        shown["said"] = [turn_fields(turn) for turn in turns]
    return {**shown, "usage": fields(spent)}


def _row(one: JsonObject, now: float) -> Sequence[str]:
    usage = one["usage"]
    cached = "-" if usage["hit_rate"] is None else f"{usage['hit_rate']:.0%}"
    cost = "-" if usage["cost_usd"] is None else f"{usage['cost_usd']:,.4f}"
    used = age(now - one["updated_at"])
    return (
        one["name"],
        one["backend"],
        str(one["turns"]),
        used,
        one.get("model", "-"),
        str(usage["input_tokens"]),
        cached,
        cost,
    )


def _turn_row(turn: JsonObject, now: float) -> Sequence[str]:
    return turn["response_id"], age(now - turn["created_at"]), turn["tool"], short(turn["input"]), short(turn["text"])
