"""Runs one job: its turn in the session, the request and its repairs, and the one transaction that settles it."""

from contextlib import suppress

import anyio
import structlog

from mcp_server.errors import InternalError, NotThere, ServerError, StoreError, UpstreamError
from mcp_server.model.answer import Answer, Extracted, Failure, Status, Usage
from mcp_server.model.job import Job
from mcp_server.model.request import Extraction, TurnRequest
from mcp_server.schemas.check import NOT_JSON, read, repair_message
from mcp_server.schemas.strict import Prepared
from mcp_server.turns.exchange import Exchange
from mcp_server.turns.ground import LEASE_SECONDS, Ground
from mcp_server.turns.layout import Plan
from mcp_server.turns.live import Live
from mcp_server.turns.recover import LONGEST_PAUSE, PATIENCE_SECONDS, TakenOver, interrupted, stop_upstream

_log: structlog.stdlib.BoundLogger = structlog.get_logger("responses_mcp.turns")

FIRST_PAUSE = 0.5
"""Seconds before an end that could not be written down is tried again."""
MOST_CORRECTIONS = 8
"""How often one job may be laid out anew because the backend turned out to be another than it was taken for."""
NOT_ENFORCED = "It was to answer by a JSON schema, and its answer was no JSON."
LOST_REPAIR = "The server stopped while this answer was with the model for repair; it was not sent again."


class Run:
    """One job on its way. Make it, await ``to_the_end``, throw it away."""

    def __init__(self, ground: Ground, job: Job, request: TurnRequest, live: Live) -> None:
        self._ground = ground
        self._job = job
        self._request = request
        self._live = live
        self._exchange = Exchange(ground, job, request, live)
        self._end: tuple[Status, Answer | None, Failure | None] | None = None

    async def to_the_end(self) -> None:
        """Bring the job to its end, whatever that is; afterwards it is settled in the store or let go of.

        A caller's cancellation stops it, upstream too; a shutdown lets go of it, for the next process to take over.
        """
        live = self._live
        try:
            with live.scope:
                await self._settled()
            if live.stopped and not live.settled:
                await self._stopped()
        except StoreError as error:
            # Nothing may be said of the job that the store does not hold; it is let go of below, if that can be.
            _log.error("job_not_settled", job=self._job.id, reason=error.message)
            await self._settle_later()
        finally:
            with anyio.CancelScope(shield=True):
                await self._let_go()
            live.finish()

    async def _stopped(self) -> None:
        """A caller wants the job stopped: end it, upstream too where it would go on without us."""
        job = await self._mine()
        if job is None:
            return
        if not self._goes_on(job):
            await self._settle("cancelled", answer=self._partial())
            return
        try:
            if job.response_id is None or job.heard < job.sent:
                raise interrupted("The job was stopped before the upstream had given it an id; it may still run there")
            answer = await stop_upstream(
                self._ground, self._live, job.response_id, until=job.created_at + PATIENCE_SECONDS
            )
        except UpstreamError as error:
            await self._settle("unknown", answer=self._partial(), failure=error.failure())
            return
        if answer.status == "cancelled":
            await self._settle("cancelled", answer=self._exchange.booked(answer))
        else:
            # It was faster than the cancellation, and is paid for.
            self._job = job
            await self._settled()

    def _goes_on(self, job: Job) -> bool:
        """True when work may have begun upstream that goes on there without us."""
        if self._live.goes_on is not None:
            return self._live.goes_on
        # Another process sent it, when the backend may have been taken for another than it is taken for now.
        kept = self._ground.keep if self._request.store is None else self._request.store
        return job.background and kept and self._ground.backend.observed.documented.background and job.sent > 0

    async def _mine(self) -> Job | None:
        """The job as it is by now; None when it has ended or is another process's."""
        ground = self._ground
        found = await ground.store.jobs.find(self._job.scope, [self._job.id])
        if not found or found[0].ended:
            return None
        if found[0].worker in (None, ground.worker):
            return found[0]
        if self._live.stopped:
            await ground.store.jobs.ask_cancel(self._job.scope, self._job.id)
        return None

    async def _let_go(self) -> None:
        """Leave nothing unfinished that this process has in hand."""
        if self._live.settled:
            return
        try:
            if job := await self._mine():
                await self._leave(job)
        except StoreError as error:
            # The lease runs out by itself, and whoever takes the job over asks how it ended.
            _log.error("job_not_let_go", job=self._job.id, reason=error.message)

    async def _leave(self, job: Job) -> None:
        """The server is shutting down: the next one goes on with the job, or it is told what is known of it."""
        ground, profile, jobs = self._ground, self._ground.backend.profile, self._ground.store.jobs
        if self._end:
            await self._settle(*self._end)
        elif job.response_id and profile.retrieve and (job.background or not self._live.stopped):
            await jobs.release(ground.worker, [job.id], requeue=False)
        elif self._live.stopped and not self._goes_on(job):
            await self._settle("cancelled", answer=self._partial())
        elif profile.free or not job.sent:
            await jobs.release(ground.worker, [job.id], requeue=True)
        else:
            failure = interrupted("The server was stopped while this request was under way").failure()
            await self._settle("unknown", answer=self._partial(), failure=failure)

    async def _settled(self) -> None:
        try:
            if not await self._claim():
                return
            answer = await self._answer()
            await self._settle(answer.status, answer=answer, failure=answer.failure)
        except TakenOver:
            _log.info("job_taken_over_elsewhere", job=self._job.id)
        except StoreError:
            raise
        except ServerError as error:
            failure = error.failure()
            _log.info("job_failed", job=self._job.id, code=failure.code, status=failure.http_status)
            unknown = failure.outcome == "unknown"
            await self._settle("unknown" if unknown else "failed", answer=self._partial(), failure=failure)
        except Exception:  # noqa: BLE001 - the top of a task: a bug in one job must not end the others
            _log.exception("job_crashed", job=self._job.id)
            await self._settle("failed", failure=InternalError().failure())

    async def _settle(self, status: Status, answer: Answer | None = None, failure: Failure | None = None) -> None:
        """The one transaction: the job's end, its turns, the session's head. It is not interrupted."""
        turns, spent = self._exchange.turns, self._exchange.spent
        if answer and turns:
            # The turn holds the items; they may be megabytes of images.
            answer = answer.model_copy(update={"output": []})
        self._end = status, answer, failure
        with anyio.CancelScope(shield=True):
            try:
                self._live.settled = await self._ground.store.jobs.settle(
                    self._job.id, status, answer=answer, failure=failure, turns=turns, spent=spent
                )
            except NotThere as error:
                # Another process had taken it over and ended it, and that was cleaned up.
                _log.info("job_gone", job=self._job.id, reason=error.message)
                self._end = None

    async def _settle_later(self) -> None:
        """Try again to write down how the job ended: nobody else may know."""
        pause = FIRST_PAUSE
        while self._end and not self._live.settled:
            await anyio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            with suppress(StoreError):
                await self._settle(*self._end)

    async def _claim(self) -> bool:
        """Wait for the job's turn: jobs of one session run one after another, in the order they were admitted.

        False when another process has made the job meanwhile.
        """
        ground, jobs = self._ground, self._ground.store.jobs
        pause = 0.01
        with ground.line.joined(self._job) as first:
            while self._job.status == "queued":
                if first():
                    if claimed := await jobs.claim(self._job.id, ground.worker, ground.now() + LEASE_SECONDS):
                        self._job = claimed
                        self._live.wake()
                        if claimed.cancel_requested:
                            self._live.stop()
                        return True
                    found = await jobs.find(self._job.scope, [self._job.id])
                    if not found or found[0].ended:
                        return False
                await ground.pulse.wait(pause)
                pause = min(pause * 2, 0.5)
        return True

    async def _answer(self) -> Answer:
        plan, answer = await (self._recovered() if self._job.sent else self._asked())
        if plan.prepared and (wanted := self._request.extraction):
            answer = await self._extract(plan, plan.prepared, answer, wanted)
        return self._exchange.told(answer, plan.layout)

    async def _asked(self) -> tuple[Plan, Answer]:
        observed, refused, corrections = self._ground.backend.observed, 0, 0
        while True:
            known = observed.changes
            try:
                return await self._exchange.ask(await self._exchange.plan())
            except UpstreamError as error:
                refused = error.attempts = refused + error.attempts
                # It was refused before any work, and the backend knows better now: laid out again, it is another one.
                if not error.corrected or observed.changes == known or corrections == MOST_CORRECTIONS:
                    raise
                corrections += 1
                _log.info("profile_corrected", job=self._job.id, reason=error.message)

    async def _recovered(self) -> tuple[Plan, Answer]:
        """The job was sent by a process that is gone: ask upstream, or say that nobody can know."""
        if not self._job.response_id or not self._ground.backend.profile.retrieve:
            raise interrupted("The server stopped between sending this request and reading its answer")
        return await self._exchange.recover(self._job.response_id)

    async def _extract(self, plan: Plan, prepared: Prepared, answer: Answer, wanted: Extraction) -> Answer:
        """Read the answer against the caller's schema; an invalid one is sent back with its errors."""
        # A job that was taken over may have been at a later request, or have sent one whose answer nobody can know.
        extracted, asked = read(prepared, wanted.json_schema, answer), max(1, self._job.sent)
        lost = self._job.sent > self._job.heard
        if lost:
            self._exchange.warn(LOST_REPAIR)
        await self._look_at(plan, extracted)
        while extracted.outcome == "invalid" and asked <= wanted.max_repairs and not lost:
            self._live.start_over("the answer does not fit the schema; asking again")
            try:
                plan, again = await self._sent_back(plan, answer, repair_message(extracted.errors))
            except UpstreamError as error:
                # The answer there is was paid for: it is shown as it is.
                self._exchange.warn(f"The answer could not be sent back for repair. {error.message}")
                break
            answer = again.model_copy(update={"usage": (answer.usage or Usage()) + (again.usage or Usage())})
            extracted, asked = read(prepared, wanted.json_schema, answer), asked + 1
        return answer.model_copy(update={"extracted": extracted.model_copy(update={"attempts": asked})})

    async def _sent_back(self, plan: Plan, answer: Answer, message: str) -> tuple[Plan, Answer]:
        try:
            return await self._exchange.again(plan, answer, message)
        except UpstreamError as error:
            # The first request continued nothing, so that only this one has met a chain that is refused.
            if not error.corrected:
                raise
        return await self._exchange.again(plan, answer, message)

    async def _look_at(self, plan: Plan, extracted: Extracted) -> None:
        """An answer that is no JSON at all, where a schema was to be enforced, shows that the backend enforces none."""
        backend, model = self._ground.backend, plan.layout.model
        if plan.layout.json_schema is None or backend.profile_for(model).json_schema != "strict":
            return
        if extracted.outcome == "invalid" and extracted.errors[0].message.startswith(NOT_JSON):
            await backend.observed.note("json_schema", "none", NOT_ENFORCED, model=model)

    def _partial(self) -> Answer | None:
        """What had arrived of an answer whose end is not known: it was paid for."""
        text = self._live.progress.text_so_far
        return Answer(status="unknown", text=text, response_id=self._live.response_id) if text else None
