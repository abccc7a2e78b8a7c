"""The whole visit: one check after another, each within its time, and everything deleted at the end."""

import tempfile
import time
from collections.abc import Awaitable, Callable

import anyio

from mcp_server.app import open_app
from mcp_server.cleanup.choice import Choice
from mcp_server.doctor.checks import BASICS, CHECKS, Check
from mcp_server.doctor.report import Finding, Group, Row, bad, good, odd, row, skipped, told
from mcp_server.doctor.visit import Visit
from mcp_server.errors import ServerError, UpstreamError
from mcp_server.files.roots import Roots
from mcp_server.settings import Settings

CLEANING_SECONDS = 40.0
WITHOUT = "nothing: the tools do without it as long as the observation counts"

NAMING_SECONDS = 3.0
STOPPING_SECONDS = 10.0

Tell = Callable[[Row], None]
"""Told of each line when it is there."""


async def examine(
    given: Settings,
    tell: Tell,
    *,
    forget: bool = False,
    offline: bool = False,
    cache: bool = False,
    say: Callable[[str], None] | None = None,
) -> list[Row]:
    """Run all checks and return their lines. Cancelled in the middle, it still deletes what it made.

    ``forget`` takes the backend for what is documented again, ``offline`` sends no request, ``cache`` also tries the
    prompt cache, which costs a few thousand tokens.
    """
    rows = _Rows(tell, say or _nobody)
    for basic in BASICS:
        await rows.add(basic.name, basic.group, basic.looks(given))
    if rows.failed("store"):
        for check in CHECKS:
            rows.note(check, skipped("there is no store to work with"))
        return rows.lines
    # Another process's jobs are not for a visit that is over in a minute.
    with tempfile.TemporaryDirectory(prefix="responses-mcp-doctor-") as folder:
        async with open_app(given, adopt=False) as app:
            if forget:
                await app.backend.observed.forget()
            (real,) = Roots.of([folder]).folders
            await _look(Visit(app=app, folder=real, say=rows.say, cache=cache), rows, offline=offline)
    return rows.lines


async def _look(visit: Visit, rows: "_Rows", *, offline: bool) -> None:
    began = visit.app.now()
    try:
        for check in CHECKS:
            if (why := _why_not(check, rows, offline=offline)) is not None:
                rows.note(check, skipped(why))
            else:
                await rows.add(check.name, check.group, check.looks(visit), check.seconds)
    finally:
        if not (offline or rows.failed("backend")):
            with anyio.CancelScope(shield=True):
                await rows.add("cost", "afterwards", _spent(visit, began))
                await rows.add("cleanup", "afterwards", _tidied(visit), CLEANING_SECONDS)


def _why_not(check: Check, rows: "_Rows", *, offline: bool) -> str | None:
    """Why a check is not worth trying."""
    if check.asks and offline:
        return "--offline sends nothing"
    if check.asks and rows.failed("settings"):
        return "the settings have a problem, and the tools refuse to work with it"
    missing = [name for name in check.needs if rows.failed(name)]
    return f"{missing[0]!r} did not pass" if missing else None


class _Rows:
    """The lines so far."""

    def __init__(self, tell: Tell, say: Callable[[str], None]) -> None:
        self.lines: list[Row] = []
        self.say = say
        self._tell = tell

    async def add(self, name: str, group: Group, looking: Awaitable[Finding], seconds: float = 60.0) -> None:
        """The line of a check; what it raises of ours is what it found."""
        self.say(name)
        started = time.monotonic()
        finding = bad(f"no end after {seconds:g} s", "try again, or look at what the server is doing")
        with anyio.move_on_after(seconds):
            try:
                finding = await looking
            except ServerError as error:
                without = isinstance(error, UpstreamError) and error.missing
                finding = odd(told(error).found, WITHOUT) if without else told(error)
        self._line(row(group, name, finding, time.monotonic() - started))

    def note(self, check: Check, finding: Finding) -> None:
        """The line of a check that was not run."""
        self._line(row(check.group, check.name, finding))

    def failed(self, name: str) -> bool:
        """Whether that check failed, or was not run because another one did."""
        return any(line.check == name and line.status in ("fail", "skipped") for line in self.lines)

    def _line(self, line: Row) -> None:
        self.lines.append(line)
        self._tell(line)


async def _spent(visit: Visit, began: float) -> Finding:
    """What the visit has cost, as it stands in the ledger."""
    spent = await visit.app.store.spendings.total(visit.scope, since=began)
    usage = spent.usage
    cost = "of unknown cost" if spent.unpriced else f"${usage.cost_usd or 0:.4f}"
    words = f"{spent.requests} requests, {usage.input_tokens:,} tokens in, {usage.output_tokens:,} out, {cost}"
    data = {"requests": spent.requests, **usage.model_dump(exclude={"saved_usd"})}
    return good(words, data | ({"cost_usd": None} if spent.unpriced else {}))


async def _tidied(visit: Visit) -> Finding:
    """Everything of the doctor's goes, upstream and here; also what an earlier visit could not delete."""
    app, scope = visit.app, visit.scope
    running = [job for job in await app.store.jobs.recent(scope, app.now()) if not job.ended]
    with anyio.move_on_after(NAMING_SECONDS):
        # What has no id yet could not be deleted.
        running = [await visit.named(job) for job in running]
    await app.turns.cancel(scope, running, STOPPING_SECONDS)
    outcomes = await visit.clean(Choice(everything=True), seconds=CLEANING_SECONDS - STOPPING_SECONDS - NAMING_SECONDS)
    made = len(outcomes)
    left = [one for one in outcomes if one.status in ("failed", "skipped")]
    if left:
        whys = {one.error: [other.id for other in left if other.error == one.error] for one in left}
        lines = [f"{len(left)} of {made} things could not be deleted:"]
        lines += [f"{', '.join(ids)}: {why}" for why, ids in whys.items()]
        return bad("\n".join(lines), "run doctor again, which tries it again, or delete them at the provider")
    if visit.keeps and not visit.profile.delete:
        ids = [answer.response_id for answer in visit.answers if answer.response_id]
        return odd(f"{made} things are deleted here; the backend deletes no responses, so these stay: {', '.join(ids)}")
    return good(
        f"all of the {made} things that were made are deleted" if made else "nothing was made", {"deleted": made}
    )


def _nobody(text: str) -> None:
    del text
