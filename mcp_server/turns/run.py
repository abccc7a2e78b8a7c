"""Runs one job: its turn in the session, the request and its repairs, and the one transaction that settles it."""

import anyio
import structlog

from mcp_server.errors import InternalError, ServerError, StoreError, UpstreamError
from mcp_server.model.answer import Answer, Failure, Status, Usage
from mcp_server.model.job import Job
from mcp_server.model.request import Extraction
from mcp_server.schemas.check import read, repair_message
from mcp_server.schemas.strict import Prepared
from mcp_server.turns.exchange import Exchange
from mcp_server.turns.ground import LEASE_SECONDS, Ground
from mcp_server.turns.layout import Plan
from mcp_server.turns.live import Live
from mcp_server.turns.recover import TakenOver, interrupted

_log: structlog.stdlib.BoundLogger = structlog.get_logger("responses_mcp.turns")


class Run:
    """One job on its way. Make it, await ``to_the_end``, throw it away."""

    def __init__(self, ground: Ground, job: Job, live: Live) -> None:
        self._ground = ground
        self._job = job
        self._live = live
        self._exchange = Exchange(ground, job, live)

    async def to_the_end(self) -> None:
        """Bring the job to its end, whatever that is; afterwards it is settled in the store or let go of.

        A caller's cancellation settles it as cancelled; a shutdown lets go of it, for the next process to take over.
        """
        try:
            with self._live.scope:
                await self._settled()
        except StoreError as error:
            # Nothing may be said of the job that the store does not hold; it is let go of below, if that can be.
            _log.error("job_not_settled", job=self._job.id, reason=error.message)
        finally:
            with anyio.CancelScope(shield=True):
                await self._let_go()
            self._live.finish()

    async def _let_go(self) -> None:
        if self._live.done.is_set():
            return
        try:
            await self._stop()
        except StoreError as error:
            # The lease runs out by itself, and whoever takes the job over asks how it ended.
            _log.error("job_not_let_go", job=self._job.id, reason=error.message)

    async def _stop(self) -> None:
        """The job's task was cancelled: by a caller (``live.stopped``) or because the server is shutting down."""
        ground, live, jobs = self._ground, self._live, self._ground.store.jobs
        found = await jobs.find(self._job.scope, [self._job.id])
        job = found[0] if found else self._job
        if job.worker not in (None, ground.worker):
            # It is another process's by now; what becomes of it is told there.
            if live.stopped:
                await jobs.ask_cancel(job.scope, job.id)
        elif live.stopped:
            await self._settle("cancelled", answer=await self._cancelled_upstream(job))
        elif ground.backend.profile.free or not job.sent:
            await jobs.release(ground.worker, [job.id], requeue=True)
        elif job.response_id and ground.backend.profile.stored:
            await jobs.release(ground.worker, [job.id], requeue=False)
        else:
            failure = interrupted("The server was stopped while this request was under way").failure()
            await self._settle("unknown", answer=self._partial(), failure=failure)

    async def _cancelled_upstream(self, job: Job) -> Answer | None:
        """Cancel a background response, with its final usage; a foreground one has stopped with its stream."""
        backend = self._ground.backend
        if not (job.request.background and job.response_id and backend.profile.background):
            return self._partial()
        try:
            answer = await backend.cancel(job.response_id)
        except ServerError as error:
            _log.warning("cancel_failed", job=job.id, code=error.failure().code)
            return None
        return self._exchange.booked(answer).model_copy(update={"status": "cancelled"})

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

    async def _settle(self, status: Status, *, answer: Answer | None = None, failure: Failure | None = None) -> None:
        """The one transaction: the job's end, its turns, the session's head. It is not interrupted."""
        turns, spent = self._exchange.turns, self._exchange.spent
        if answer and turns:
            # The turn holds the items; they may be megabytes of images.
            answer = answer.model_copy(update={"output": []})
        with anyio.CancelScope(shield=True):
            self._live.settled = await self._ground.store.jobs.settle(
                self._job.id, status, answer=answer, failure=failure, turns=turns, spent=spent
            )
        self._live.done.set()

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
                        return True
                    found = await jobs.find(self._job.scope, [self._job.id])
                    if not found or found[0].ended:
                        return False
                await ground.pulse.wait(pause)
                pause = min(pause * 2, 0.5)
        return True

    async def _answer(self) -> Answer:
        plan, answer = await (self._recovered() if self._job.sent else self._asked())
        if plan.prepared and (wanted := self._job.request.extraction):
            answer = await self._extract(plan, plan.prepared, answer, wanted)
        return self._exchange.told(answer, plan.layout)

    async def _asked(self) -> tuple[Plan, Answer]:
        return await self._exchange.ask(await self._exchange.plan())

    async def _recovered(self) -> tuple[Plan, Answer]:
        """The job was sent by a process that is gone: ask upstream, or say that nobody can know."""
        if not self._job.response_id or not self._ground.backend.profile.stored:
            raise interrupted("The server stopped between sending this request and reading its answer")
        return await self._exchange.recover(self._job.response_id)

    async def _extract(self, plan: Plan, prepared: Prepared, answer: Answer, wanted: Extraction) -> Answer:
        """Read the answer against the caller's schema; an invalid one is sent back with its errors."""
        extracted, asked = read(prepared, wanted.json_schema, answer), 1
        while extracted.outcome == "invalid" and asked <= wanted.max_repairs:
            self._live.start_over("the answer does not fit the schema; asking again")
            try:
                plan, again = await self._exchange.again(plan, answer, repair_message(extracted.errors))
            except UpstreamError as error:
                # The answer there is was paid for: it is shown as it is.
                self._exchange.warn(f"The answer could not be sent back for repair. {error.message}")
                break
            answer = again.model_copy(update={"usage": (answer.usage or Usage()) + (again.usage or Usage())})
            extracted, asked = read(prepared, wanted.json_schema, answer), asked + 1
        return answer.model_copy(update={"extracted": extracted.model_copy(update={"attempts": asked})})

    def _partial(self) -> Answer | None:
        """What had arrived of an answer whose end is not known: it was paid for."""
        text = self._live.progress.text_so_far
        return Answer(status="unknown", text=text, response_id=self._live.response_id) if text else None
