"""``responses-mcp cleanup``: what the tool does, for whoever is at the terminal, and the sweep of expired things."""

import json
import sys
import time
from argparse import Namespace
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import anyio

from mcp_server import log, settings
from mcp_server.app import open_app
from mcp_server.cleanup.choice import Choice
from mcp_server.cleanup.clean import Rooms, clean
from mcp_server.cleanup.expired import sweep
from mcp_server.cleanup.report import Outcome, counted, shown
from mcp_server.cli.table import lines
from mcp_server.cli.usage import OWNER
from mcp_server.errors import ConfigurationError, ServerError
from mcp_server.model.value import Scope
from mcp_server.settings import Settings

HEAD = ("status", "kind", "id", "why")


def run(chosen: Namespace) -> int:
    """Delete what was chosen, or without ``--yes`` say what would go; ``--expired`` is a sweep.

    Returns the exit code: 1 when something could not be deleted.
    """
    told = settings.load()
    log.configure("error", told.log_format)
    try:
        if told.problem:
            # What stands in for a setting that is wrong may be another store than the one that was meant.
            raise ConfigurationError(told.problem)
        there = settings.sqlite_path(told).is_file()
        outcomes = anyio.run(_cleaned, told, chosen) if there else []
    except ServerError as error:
        print(error.message, file=sys.stderr)
        return 1
    counts = counted(outcomes)
    dry_run = not (chosen.yes or chosen.expired)
    if chosen.json:
        items = [shown(one) for one in outcomes]
        print(json.dumps({"dry_run": dry_run, "items": items, "counts": counts}, indent=2))
    else:
        print(*_lines(outcomes, counts, dry_run=dry_run), sep="\n")
    return 1 if "failed" in counts else 0


async def _cleaned(told: Settings, chosen: Namespace) -> list[Outcome]:
    async with _rooms(told) as rooms:
        if chosen.expired:
            return await sweep(rooms, now=time.time(), tell=_tell)
        for other in await _others(rooms):
            print(
                f"What was made with the backend {other} is left out; set RESPONSES_MCP_BACKEND={other} for it.",
                file=sys.stderr,
            )
        return await clean(rooms, _choice(chosen), now=time.time(), dry_run=not chosen.yes, tell=_tell)


def _choice(chosen: Namespace) -> Choice:
    return Choice(
        session=chosen.session,
        ids=tuple(chosen.ids or ()),
        older_than=chosen.older_than,
        everything=chosen.all,
        kinds=frozenset(chosen.kinds),
    )


async def _tell(done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done:,} of {total:,}", end="\n" if done == total else "", file=sys.stderr, flush=True)


async def _others(rooms: Rooms) -> list[str]:
    """The other backends that something was made with: only with their own settings can it be deleted there."""
    scopes = [Scope(owner=OWNER, backend=name) for name in settings.BACKENDS if name != rooms.scope.backend]
    return [scope.backend for scope in scopes if await rooms.store.jobs.recent(scope, 0.0)]


@asynccontextmanager
async def _rooms(told: Settings) -> AsyncGenerator[Rooms]:
    """What a cleanup needs; jobs that wait in the store are left to the servers."""
    async with open_app(told, adopt=False) as app:
        yield Rooms(store=app.store, backend=app.backend, index=app.index, scope=app.scope(OWNER))


def _lines(outcomes: Sequence[Outcome], counts: dict[str, int], *, dry_run: bool) -> list[str]:
    if not outcomes:
        return ["Nothing to clean up."]
    rows = [(one.status.replace("_", " "), one.kind.replace("_", " "), one.id, one.error or "") for one in outcomes]
    said = ", ".join(f"{number:,} {status.replace('_', ' ')}" for status, number in counts.items())
    hint = "; nothing was deleted, --yes does it" if dry_run else ""
    return [*lines([HEAD, *rows]), "", f"{said}{hint}."]
