"""``responses-mcp jobs``: what runs and what ran, straight from the store."""

import json
import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import anyio

from mcp_server import settings
from mcp_server.cli.table import lines
from mcp_server.cli.usage import OWNER
from mcp_server.errors import ConfigurationError, ServerError
from mcp_server.model.job import Job
from mcp_server.model.value import JsonObject, Scope
from mcp_server.store.sqlite import open_sqlite

DAY_SECONDS = 86_400.0
HEAD = ("job", "tool", "status", "age", "response", "what it does")
MOST_SAID = 60
UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"))


def run(chosen: Namespace) -> int:
    """Print the unfinished jobs and those that ended within the last day, or all; returns the exit code."""
    told = settings.load()
    now = time.time()
    try:
        if told.problem:
            # What stands in for a setting that is wrong may be another store than the one that was meant.
            raise ConfigurationError(told.problem)
        path = settings.sqlite_path(told)
        none: list[Job] = []
        found = anyio.run(_read, path, 0.0 if chosen.all else now - DAY_SECONDS) if path.is_file() else none
    except ServerError as error:
        print(error.message, file=sys.stderr)
        return 1
    if chosen.json:
        print(json.dumps([_fields(job, now) for job in found], indent=2))
    elif found:
        print(*lines([HEAD, *(_row(job, now) for job in found)]), sep="\n")
    else:
        print("No jobs." if chosen.all else "No jobs within the last day; --all shows older ones.")
    return 0


async def _read(path: Path, ended_since: float) -> list[Job]:
    """The jobs of all backends together, oldest first."""
    store = await open_sqlite(path)
    try:
        scopes = [Scope(owner=OWNER, backend=name) for name in settings.BACKENDS]
        found = [job for scope in scopes for job in await store.jobs.recent(scope, ended_since)]
    finally:
        await store.close()
    return sorted(found, key=lambda job: job.created_at)


def _fields(job: Job, now: float) -> JsonObject:
    kept = {"tool", "status", "session", "background", "response_id", "created_at", "ended_at"}
    told = job.model_dump(include=kept, exclude_none=True)
    shown = {"job_id": job.id, "backend": job.scope.backend, "age_seconds": round(now - job.created_at, 1), **told}
    return {**shown, "doing": doing} if (doing := _doing(job)) else shown


def _row(job: Job, now: float) -> Sequence[str]:
    return job.id, job.tool, job.status, age(now - job.created_at), job.response_id or "-", short(_doing(job))


def age(seconds: float) -> str:
    """``5m`` or ``3d``: whole units, rounded down."""
    whole = max(0, int(seconds))
    return next((f"{whole // size}{unit}" for size, unit in UNITS if whole >= size), f"{whole}s")


def _doing(job: Job) -> str:
    """What a running job does, or why an ended one has no answer."""
    if job.ended:
        return job.failure.message if job.failure else ""
    if job.cancel_requested:
        return "stopping"
    if job.progress is None:
        return "waiting for its turn" if job.status == "queued" else ""
    return job.progress.activity or (job.progress.steps[-1] if job.progress.steps else "")


def short(text: str) -> str:
    """One line that fits into a column."""
    line = " ".join(text.split())
    return line if len(line) <= MOST_SAID else line[: MOST_SAID - 1] + "…"
