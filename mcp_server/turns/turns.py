"""The counter of the house: start a job, wait for it, ask how far it is, stop it. Waiting is optional."""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from math import inf

import anyio
import structlog
from anyio.abc import TaskGroup

from mcp_server.backends.artifacts import light
from mcp_server.errors import StoreError
from mcp_server.model.answer import Usage
from mcp_server.model.job import Job, Progress
from mcp_server.model.request import TurnRequest
from mcp_server.model.value import Frozen, JsonObject, Scope
from mcp_server.turns import hygiene
from mcp_server.turns.caching import kept_for
from mcp_server.turns.ground import LEASE_SECONDS, Ground
from mcp_server.turns.layout import lay_out, left_out, with_parts
from mcp_server.turns.live import Live
from mcp_server.turns.params import check_params
from mcp_server.turns.past import look_back
from mcp_server.turns.pricing import tier
from mcp_server.turns.run import Run

Watch = Callable[[Progress], Awaitable[None]]
"""Told how far a job is, at most four times a second."""

PARTING_SECONDS = 1.5
"""Less than the 2 s after which hosts end a server whose input they have closed."""

SHORTEST_ROUND_SECONDS = 0.1

_log: structlog.stdlib.BoundLogger = structlog.get_logger("responses_mcp.turns")


class Preview(Frozen):
    """Exactly what would be sent, how many input tokens it has where the backend counts them, and what that costs.

    ``cost_usd`` is without what is read from a cache; its output is what ``max_output_tokens`` allows, none when unset.
    """

    request: JsonObject
    input_tokens: int | None
    cost_usd: float | None
    warnings: list[str]


class Turns:
    """All paid calls of this process. ``tasks`` is where jobs run when nobody waits for them."""

    def __init__(self, ground: Ground, tasks: TaskGroup) -> None:
        self._ground = ground
        self._tasks = tasks
        self._live: dict[str, Live] = {}

    async def start(self, scope: Scope, request: TurnRequest) -> tuple[Job, bool]:
        """Admit a request and begin with it; False beside the job when its ``request_key`` had one already.

        Raises:
            InvalidArgument: the backend does not take a parameter.
            BudgetExceeded: what may be spent was spent.
            Conflict: the key belongs to a call with other arguments.
            StoreError: it could not be made durable; nothing was sent.
        """
        ground = self._ground
        check_params(request.params, ground.backend.profile_for(request.model))
        now = ground.now()
        await self._afford(scope, request)
        job = Job(
            id=f"job_{secrets.token_urlsafe(16)}",
            scope=scope,
            tool=request.tool,
            session=request.session,
            background=request.background,
            request_key=request.request_key,
            fingerprint=request.fingerprint(),
            created_at=now,
            updated_at=now,
            worker=self._ground.worker,
            lease_until=now + LEASE_SECONDS,
        )
        # The row may be there although its caller has just left: who admits a job begins with it, and can then stop it.
        admitted = job  # for the type checker: the block is always run
        with anyio.CancelScope(shield=True):
            admitted = await self._ground.store.jobs.admit(job, request)
        new = admitted.id == job.id
        if new:
            self._drive(admitted, request)
        return admitted, new

    async def _afford(self, scope: Scope, request: TurnRequest) -> None:
        """Keep to the budgets; a call that was paid for before is given again whatever they say."""
        ground = self._ground
        if not ground.budget.limited:
            return
        if request.request_key and await ground.store.jobs.keyed(scope, request.request_key):
            return
        await ground.budget.check(
            ground.store.spendings,
            scope,
            model=await ground.model(request),
            session=request.session,
            now=ground.now(),
            tier=tier(request.params),
            retention=kept_for(request.params),
        )

    async def run(self, scope: Scope, request: TurnRequest, seconds: float, watch: Watch | None = None) -> Job:
        """Start a job and wait up to ``seconds``; cancelling this call stops the job, unless it is background."""
        job, new = await self.start(scope, request)
        try:
            return await self.wait(job, seconds, watch)
        except anyio.get_cancelled_exc_class():
            live = self._live.get(job.id)
            if live and new and not request.background:
                live.stop()
            raise

    async def wait(self, job: Job, seconds: float, watch: Watch | None = None) -> Job:
        """The job when it has ended or when ``seconds`` are over, whichever comes first."""
        live = self._live.get(job.id)
        if not job.ended:
            with anyio.move_on_after(seconds):
                await self._ended(job, live, watch)
        if live and live.settled:
            return live.settled
        found = await self._ground.store.jobs.find(job.scope, [job.id])
        return found[0] if found else job

    async def _ended(self, job: Job, live: Live | None, watch: Watch | None) -> None:
        if live:
            told = Progress()
            while not live.done.is_set():
                if live.progress == told:
                    await live.change()
                told = live.progress
                if watch:
                    await watch(told)
                with anyio.move_on_after(0.25):
                    await live.done.wait()
            return
        # Another process runs it: the store is the only place where its end can be seen.
        await self.wait_any([job], inf, watch)

    async def wait_any(self, jobs: Sequence[Job], seconds: float, watch: Watch | None = None) -> list[Job]:
        """The same jobs as they are when the first of them has ended, or when ``seconds`` are over."""
        running = _by_id([job for job in jobs if not job.ended])
        if not running:
            return list(jobs)
        told: dict[str, Progress | None] = {}
        deadline = anyio.current_time() + seconds
        while True:
            elsewhere = [job_id for job_id in running if job_id not in self._live]
            now = await self._ground.store.jobs.find(jobs[0].scope, elsewhere) if elsewhere else []
            if len(now) < len(elsewhere) or any(job.ended for job in now):
                break
            running |= _by_id(now)
            for job in running.values() if watch else ():
                progress = self.progress(job)
                if watch and progress and told.get(job.id) != progress:
                    told[job.id] = progress
                    await watch(progress)
            if (left := deadline - anyio.current_time()) <= 0:
                break
            await self._ground.pulse.wait(min(left, 0.5))
        return await self._ground.store.jobs.find(jobs[0].scope, [job.id for job in jobs])

    async def cancel(self, scope: Scope, jobs: Sequence[Job], seconds: float = 10.0) -> list[Job]:
        """Stop jobs wherever they run; returns them as they are when all have ended or ``seconds`` are over."""
        running = [job for job in jobs if not job.ended]
        for job in running:
            # Written down first: whoever has the job, now or after a crash, finds that it is to be stopped.
            await self._ground.store.jobs.ask_cancel(scope, job.id)
            if live := self._live.get(job.id):
                live.stop()
        deadline = anyio.current_time() + seconds
        now = await self._ground.store.jobs.find(scope, [job.id for job in jobs]) if running else list(jobs)
        while any(not job.ended for job in now) and (left := deadline - anyio.current_time()) > 0:
            now = await self.wait_any(now, left)
        return now

    def progress(self, job: Job) -> Progress | None:
        """How far the job is, as the process that runs it knows or has last written down."""
        live = self._live.get(job.id)
        return live.progress if live else job.progress

    async def preview(self, scope: Scope, request: TurnRequest) -> Preview:
        """What ``start`` would send. Files are named, not read; nothing is sent but the question for a token count."""
        ground = self._ground
        model = await ground.model(request)
        profile = ground.backend.profile_for(model)
        parts = left_out(request.files)
        plan = lay_out(
            request,
            items=with_parts(request.input, parts),
            past=await look_back(ground.store, scope, request),
            profile=profile,
            scope=scope,
            model=model,
            keep=ground.keep,
        )
        layout = plan.layout
        counted = None if parts else await ground.backend.count_tokens(layout)
        usage = Usage(input_tokens=counted or 0, output_tokens=layout.params.get("max_output_tokens", 0))
        priced = ground.costs.of(usage, layout.model, tier(layout.params), kept_for(layout.params))
        return Preview(
            request=light(ground.backend.body(layout)),
            input_tokens=counted,
            cost_usd=None if counted is None else priced.cost_usd,
            warnings=[*plan.warnings, *(hygiene.short(counted) if profile.prompt_cache_key else [])],
        )

    def _drive(self, job: Job, request: TurnRequest) -> None:
        live = self._live[job.id] = Live(job)
        if job.cancel_requested:
            live.stop()

        async def go() -> None:
            try:
                await Run(self._ground, job, request, live).to_the_end()
            finally:
                del self._live[job.id]
                self._ground.pulse.beat()

        self._tasks.start_soon(go, name=job.id)

    async def keep(self, adopt: bool = True) -> None:
        """For ever: renew our leases, stop what others asked to stop; if ``adopt``, take over what a dead one left."""
        ground = self._ground
        while True:
            pause = LEASE_SECONDS / 3
            try:
                await self.look_after(adopt=adopt)
                # A dead process's jobs go on when its lease ends, not a round later.
                if adopt and (expiry := await ground.store.jobs.next_expiry(ground.backend.name, ground.worker)):
                    pause = min(pause, max(SHORTEST_ROUND_SECONDS, expiry - ground.now()))
            except StoreError as error:
                _log.warning("store_unreachable", reason=error.message)
            await anyio.sleep(pause)

    async def part(self) -> None:
        """Before this process lets go of its jobs: a moment for work upstream to get the id it is found again by."""
        with anyio.move_on_after(PARTING_SECONDS, shield=True):
            while nameless := [live for live in self._live.values() if live.nameless]:
                await nameless[0].change()

    async def look_after(self, *, adopt: bool = True) -> None:
        """One round of ``keep``."""
        ground, now = self._ground, self._ground.now()
        asked = await ground.store.jobs.keep(ground.worker, list(self._live), now + LEASE_SECONDS) if self._live else []
        for job in asked:
            if live := self._live.get(job.id):
                live.stop()
        for job_id, live in list(self._live.items()):
            # A stream writes down how far it is with an event; the last ones before a long silence wait for us.
            if live.untold:
                await ground.store.jobs.note(
                    job_id, worker=ground.worker, cursor=live.cursor, progress=live.taken_down()
                )
        if adopt:
            await self._adopt(now)

    async def _adopt(self, now: float) -> None:
        """Take over what dead processes left."""
        ground, backend = self._ground, self._ground.backend
        taken = await ground.store.jobs.take_over(
            backend.name, ground.worker, now + LEASE_SECONDS, now, again=backend.profile.free
        )
        if taken:
            await backend.acquaint()
        for job in taken:
            if job.id not in self._live and (request := await ground.store.jobs.request(job.id)):
                _log.info("job_taken_over", job=job.id, sent=job.sent)
                self._drive(job, request)


def _by_id(jobs: Sequence[Job]) -> dict[str, Job]:
    return {job.id: job for job in jobs}
