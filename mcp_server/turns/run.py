"""Runs one job: its turn in the session, its files, the request, repairs, and the one transaction that settles it."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import anyio
import structlog

from mcp_server.errors import InternalError, ServerError, StoreError, UpstreamError
from mcp_server.files.content import message_parts
from mcp_server.model.answer import Answer, Failure, SentFile, Status, Usage
from mcp_server.model.events import Activity, Created, Cursor, Event, Finished
from mcp_server.model.job import Job
from mcp_server.model.request import Extraction, Layout
from mcp_server.model.session import Turn
from mcp_server.model.value import JsonObject
from mcp_server.schemas.check import read, repair_message
from mcp_server.schemas.strict import Prepared
from mcp_server.turns.ground import LEASE_SECONDS, Ground
from mcp_server.turns.layout import lay_out, look_back, next_try, with_parts
from mcp_server.turns.live import Live
from mcp_server.turns.recover import ask_upstream, interrupted, stop

_log: structlog.stdlib.BoundLogger = structlog.get_logger("responses_mcp.turns")


class Run:
    """One job on its way. Make it, await ``to_the_end``, throw it away."""

    def __init__(self, ground: Ground, job: Job, live: Live) -> None:
        self._ground = ground
        self._job = job
        self._live = live
        self._turns: list[Turn] = []
        self._files: list[SentFile] = []
        self._warnings: list[str] = []

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
            await stop(self._ground, self._job, self._live)
        except StoreError as error:
            # The lease runs out by itself, and whoever takes the job over asks how it ended.
            _log.error("job_not_let_go", job=self._job.id, reason=error.message)

    async def _settled(self) -> None:
        try:
            await self._claim()
            answer = await (self._recover() if self._job.sent else self._answer())
            await self._settle(answer.status, answer=answer, failure=answer.failure)
        except StoreError:
            raise
        except ServerError as error:
            failure = error.failure()
            _log.info("job_failed", job=self._job.id, code=failure.code, status=failure.http_status)
            await self._settle("unknown" if failure.outcome == "unknown" else "failed", failure=failure)
        except Exception:  # noqa: BLE001 - the top of a task: a bug in one job must not end the others
            _log.exception("job_crashed", job=self._job.id)
            await self._settle("failed", failure=InternalError().failure())

    async def _settle(self, status: Status, *, answer: Answer | None = None, failure: Failure | None = None) -> None:
        """The one transaction: the job's end, its turns, the session's head. It is not interrupted."""
        with anyio.CancelScope(shield=True):
            await self._ground.store.jobs.settle(
                self._job.id, status, answer=answer, failure=failure, turns=self._turns
            )
        self._live.done.set()

    async def _claim(self) -> None:
        """Wait for the job's turn: jobs of one session run one after another, in the order they were admitted."""
        pause = 0.01
        while self._job.status == "queued":
            until = self._ground.now() + LEASE_SECONDS
            if claimed := await self._ground.store.jobs.claim(self._job.id, self._ground.worker, until):
                self._job = claimed
                self._live.wake()
                return
            await self._ground.pulse.wait(pause)
            pause = min(pause * 2, 0.5)

    async def _answer(self) -> Answer:
        layout, prepared, parent = await self._lay_out()
        answer = await self._respond(layout, parent)
        wanted = self._job.request.extraction
        if prepared and wanted:
            answer = await self._extract(layout, answer, prepared, wanted)
        return answer.model_copy(
            update={
                "files": self._files,
                "cache_key": layout.cache_key,
                "warnings": [*self._warnings, *answer.warnings],
            }
        )

    async def _lay_out(self) -> tuple[Layout, Prepared | None, str | None]:
        ground, request = self._ground, self._job.request
        past = await look_back(ground.store, self._job.scope, request)
        parts, self._files, self._warnings = await message_parts(
            request.files, ground.backend, ground.store, self._job.scope, ground.roots, ground.now, ground.uploads
        )
        layout, prepared = lay_out(
            request,
            items=with_parts(request.input, parts),
            past=past,
            profile=ground.backend.profile,
            scope=self._job.scope,
            model=await ground.models.choose(request.model),
            keep=ground.keep,
        )
        if prepared and prepared.reason:
            self._warnings.append(prepared.reason)
        return layout, prepared, past.head

    async def _extract(self, layout: Layout, answer: Answer, prepared: Prepared, wanted: Extraction) -> Answer:
        """Read the answer against the caller's schema; an invalid one is sent back with its errors."""
        extracted = read(prepared, wanted.json_schema, answer)
        for _ in range(wanted.max_repairs):
            if extracted.outcome != "invalid":
                break
            self._live.start_over("the answer does not fit the schema; asking again")
            chained = self._ground.backend.profile.chain and layout.store
            layout = next_try(layout, answer, repair_message(extracted.errors), chained=chained)
            again = await self._respond(layout, answer.response_id)
            answer = again.model_copy(update={"usage": (answer.usage or Usage()) + (again.usage or Usage())})
            extracted = read(prepared, wanted.json_schema, answer)
        tries = max(1, len(self._turns))
        return answer.model_copy(update={"extracted": extracted.model_copy(update={"attempts": tries})})

    async def _respond(self, layout: Layout, parent: str | None) -> Answer:
        """Send one request of the job. From here on the job can never be sent again by somebody else."""
        await self._ground.store.jobs.note(self._job.id, sent=True)
        self._live.response_id = None
        try:
            async with aclosing(self._ground.backend.respond(layout)) as events:
                answer = await self._listen(events)
        except UpstreamError as error:
            known = self._live.response_id
            if error.outcome != "unknown" or not known or not (self._ground.backend.profile.stored and layout.store):
                raise
            self._live.tell(Activity(message="the stream broke off; asking the backend how it ended"))
            answer = await ask_upstream(self._ground, known, patient=layout.background)
        self._remember(answer, layout.input[layout.new_from :], layout, parent)
        return answer

    async def _listen(self, events: AsyncGenerator[Event]) -> Answer:
        async for event in events:
            match event:
                case Finished():
                    return event.answer
                case Created():
                    # Durable before anybody is told: with this id the response can be asked about after a crash.
                    await self._ground.store.jobs.note(self._job.id, response_id=event.response_id)
                case Cursor():
                    await self._ground.store.jobs.note(self._job.id, cursor=event.sequence)
                case _:
                    pass
            self._live.tell(event)
        raise interrupted("The backend ended its stream without an answer")

    async def _recover(self) -> Answer:
        """The job was sent by a process that is gone: ask upstream, or say that nobody can know."""
        job, profile = self._job, self._ground.backend.profile
        if not job.response_id or not profile.stored:
            raise interrupted("The server stopped between sending this request and reading its answer")
        answer = await ask_upstream(self._ground, job.response_id, patient=job.request.background)
        layout, prepared, parent = await self._lay_out()
        self._remember(answer, layout.input[layout.new_from :], layout, parent)
        if prepared and job.request.extraction:
            answer = await self._extract(layout, answer, prepared, job.request.extraction)
        return answer

    def _remember(self, answer: Answer, new: list[JsonObject], layout: Layout, parent: str | None) -> None:
        if answer.status not in ("completed", "incomplete") or not answer.response_id:
            return
        turn = Turn(
            scope=self._job.scope,
            response_id=answer.response_id,
            parent=parent,
            session=self._job.request.session,
            job_id=self._job.id,
            tool=self._job.request.tool,
            model=answer.model or layout.model,
            instructions=layout.instructions,
            input=new,
            output=answer.output,
            status=answer.status,
            stored=layout.store and self._ground.backend.profile.stored,
            usage=answer.usage,
            created_at=self._ground.now(),
        )
        self._turns.append(turn)
