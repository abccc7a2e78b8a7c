"""The requests of one job: laid out, sent, and kept as turns of the conversation.

What may have been sent is never sent again; only a refusal that proves that nothing was done is answered with another
request.
"""

from dataclasses import replace

import structlog

from mcp_server.errors import ServerError, UpstreamError
from mcp_server.files.content import message_parts
from mcp_server.files.roots import Roots
from mcp_server.model.answer import Answer, SentFile, Usage
from mcp_server.model.job import Job
from mcp_server.model.request import Layout, TurnRequest
from mcp_server.model.session import KeptObject, Turn
from mcp_server.model.spending import Spending
from mcp_server.model.value import JsonObject
from mcp_server.turns import compaction
from mcp_server.turns.caching import kept_for
from mcp_server.turns.forgotten import forget_lost
from mcp_server.turns.ground import Ground
from mcp_server.turns.layout import UNENFORCED, Plan, lay_out, left_out, next_try, told_in_words, with_parts
from mcp_server.turns.listen import Listener
from mcp_server.turns.live import Live
from mcp_server.turns.made_files import with_files
from mcp_server.turns.params import NEW
from mcp_server.turns.past import Past, look_back
from mcp_server.turns.pricing import tier
from mcp_server.turns.sources import with_sources

_log: structlog.stdlib.BoundLogger = structlog.get_logger("responses_mcp.turns")

FORGOTTEN = (
    "The upstream no longer had the response to continue from, so the conversation was sent again from the turns kept "
    "here; what came before is billed as new input once."
)
IGNORED = (
    "The upstream ignored previous_response_id and answered without the conversation, so that was sent again from the "
    "turns kept here; both requests are billed."
)
CHAIN = "chain"


class Exchange:
    """What one job says and hears. ``turns`` and ``spent`` are what its settling writes down."""

    def __init__(self, ground: Ground, job: Job, request: TurnRequest, live: Live) -> None:
        self.turns: list[Turn] = []
        self.spent: list[Spending] = []
        self._ground = ground
        self._job = job
        self._request = request
        self._listener = Listener(ground, job, live)
        self._past = Past()
        self._parent: str | None = None
        self._items: list[JsonObject] = []
        self._files: list[SentFile] = []
        self._warnings: list[str] = []
        self._began = 0.0
        self._answered: Answer | None = None

    async def plan(self) -> Plan:
        """Look back, read the files, and lay the request out; what was told of an earlier plan is forgotten."""
        ground, self._began = self._ground, self._ground.now()
        self._warnings = []
        self._past = await look_back(ground.store, self._job.scope, self._request)
        self._parent = None if self._request.compact else self._past.head
        self._request = await self._with_conversation(self._request)
        self._warnings += await self._read()
        if self._request.compact:
            self._items = compaction.asking(ground.backend.profile)
            self._request = self._request.model_copy(update={"params": compaction.bounds(ground.backend.profile)})
        plan = await self._laid_out()
        self._warnings += plan.warnings
        return plan

    async def ask(self, plan: Plan) -> tuple[Plan, Answer]:
        """Send the request, and again for each thing it was refused for because the upstream has forgotten it."""
        lost: set[str] = set()
        refused = 0
        while True:
            try:
                answer = await self._send(plan.layout)
            except UpstreamError as error:
                refused = error.attempts = refused + error.attempts
                more = await self._lost(plan, error)
                if not more:
                    raise
                lost |= more
            else:
                if not await self._ignored_chain(plan, answer):
                    return plan, await self._remember(answer, plan)
                lost.add(CHAIN)
            plan = await self._laid_out(forgotten=CHAIN in lost)

    async def _ignored_chain(self, plan: Plan, answer: Answer) -> bool:
        """Whether the upstream answered as if there were no conversation: paid for, and of no use."""
        backend, model = self._ground.backend, plan.layout.model
        asked = plan.chained and self._past.whole and not self._request.compact and backend.profile_for(model).echoes
        if not asked or answer.previous_response_id or answer.status not in ("completed", "incomplete"):
            return False
        await backend.observed.note("chain", False, IGNORED)
        self._warnings.append(IGNORED)
        self.booked(answer, plan.layout)
        return True

    async def _lost(self, plan: Plan, error: UpstreamError) -> set[str]:
        """What the upstream has forgotten and can be sent again: the chain, or uploaded files, which now are again."""
        # Some servers have one 404 for whatever they do not find; if it was not the chain, the replay meets it again.
        gone = error.kind == "previous_response_not_found" or (error.http_status == 404 and not error.missing)
        if gone and plan.chained and self._past.whole:
            _log.info("chain_rebuilt", job=self._job.id, turns=len(self._past.turns))
            self._warnings.append(FORGOTTEN)
            return {CHAIN}
        lost = await forget_lost(self._ground.store, self._job.scope, self._files, error, self._began)
        if lost:
            _log.info("files_uploaded_again", job=self._job.id, files=sorted(lost))
            await self._read()
        return lost

    async def again(self, plan: Plan, answer: Answer, message: str) -> tuple[Plan, Answer]:
        """Send an answer back with what is wrong with it."""
        profile = self._ground.backend.profile_for(plan.layout.model)
        plan = replace(plan, layout=next_try(plan.layout, answer, message, profile))
        if plan.layout.json_schema is not None and profile.json_schema == "none":
            plan = told_in_words(plan, profile)
            self.warn(UNENFORCED)
        # What was answered is paid for: it is kept before the next request may end this process.
        await self._ground.store.jobs.bank(self._job.id, turns=self.turns, spent=self.spent)
        self.turns, self.spent = [], []
        return plan, await self._remember(await self._send(plan.layout), plan)

    async def recover(self, response_id: str) -> tuple[Plan, Answer]:
        """The answer to what was sent before, by a process that is gone or before the job was stopped."""
        self.turns, self.spent = [], []
        answer = await self._listener.catch_up(response_id, background=self._request.background)
        if "conversation" in self._request.params:
            params = {**self._request.params, "conversation": answer.conversation}
            self._request = self._request.model_copy(update={"params": params})
        self._answered = answer
        banked = await self._ground.store.jobs.banked(self._job.id)
        plan = await self.plan()
        for turn in banked:
            if turn.response_id == response_id:
                return plan, answer.model_copy(update={"usage": turn.usage})
            self._parent = turn.response_id
        answer = await self._remember(answer, plan)
        used = sum((turn.usage for turn in banked if turn.usage), answer.usage or Usage())
        return plan, answer.model_copy(update={"usage": used})

    def warn(self, words: str) -> None:
        """Tell the caller something beside the answer."""
        if words not in self._warnings:
            self._warnings.append(words)

    def told(self, answer: Answer, layout: Layout) -> Answer:
        """The answer with what the caller is told beside it."""
        more = {
            "files": self._files,
            "cache_key": layout.cache_key or layout.params.get("prompt_cache_key"),
            "cache_retention": kept_for(layout.params),
            "warnings": [*self._warnings, *answer.warnings],
        }
        return answer.model_copy(update=more)

    def booked(self, answer: Answer, layout: Layout | None = None) -> Answer:
        """The answer with what it cost, which is a line of the ledger from now on."""
        if answer.usage is None:
            return answer
        params = layout.params if layout else self._request.params
        model = answer.model or (layout.model if layout else self._request.model)
        usage = self._ground.costs.of(answer.usage, model, tier(params, answer.service_tier), kept_for(params))
        line = Spending(
            scope=self._job.scope,
            at=self._ground.now(),
            job_id=self._job.id,
            response_id=answer.response_id,
            session=self._request.session,
            tool=self._request.tool,
            model=model,
            usage=usage,
        )
        self.spent.append(line)
        return answer.model_copy(update={"usage": usage})

    async def _read(self) -> list[str]:
        """Read the files and make them parts of the input; returns warnings."""
        ground, request = self._ground, self._request
        try:
            parts, self._files, warnings = await message_parts(
                request.files,
                backend=ground.backend,
                profile=ground.backend.profile_for(await self._model()),
                store=ground.store,
                scope=self._job.scope,
                roots=Roots(tuple(request.roots)),
                now=ground.now,
                uploads=ground.uploads,
                fetcher=ground.fetcher,
                keep=self._keeps(),
            )
        except ServerError as error:
            if not self._answered:
                raise
            # The answer is there and paid for: a file that is gone since only leaves a gap in what is kept of the turn.
            parts, warnings = left_out(request.files), [f"What was sent of the files is not kept. {error.message}"]
        self._items = with_parts(request.input, parts)
        return warnings

    async def _with_conversation(self, request: TurnRequest) -> TurnRequest:
        """The request with a conversation of its own, where it asks for one or the backend has nothing else."""
        profile, asked = self._ground.backend.profile, request.params.get("conversation")
        needs = asked is None and profile.conversations and not profile.chain and self._keeps() and not self._past.head
        if asked != NEW and not (needs and request.session):
            return request
        made = await self._ground.backend.create_conversation()
        await self._ground.store.objects.put(
            KeptObject(
                scope=self._job.scope,
                kind="conversation",
                key=made,
                id=made,
                data={"session": request.session},
                created_at=self._ground.now(),
            )
        )
        return request.model_copy(update={"params": {**request.params, "conversation": made}})

    def _keeps(self) -> bool:
        """Whether anything of this may stay upstream."""
        return self._ground.keep if self._request.store is None else self._request.store

    async def _laid_out(self, *, forgotten: bool = False) -> Plan:
        ground, model = self._ground, await self._model()
        plan = lay_out(
            self._request,
            items=self._items,
            past=self._past,
            profile=ground.backend.profile_for(model),
            scope=self._job.scope,
            model=model,
            keep=ground.keep,
            forgotten=forgotten,
        )
        if (key := plan.layout.cache_key) is None:
            return plan
        return replace(plan, layout=plan.layout.model_copy(update={"cache_key": ground.shards.place(key)}))

    async def _model(self) -> str | None:
        """The model to ask; of an answer that is there, the one that gave it."""
        if self._answered:
            return self._request.model or self._answered.model
        return await self._ground.model(self._request)

    async def _send(self, layout: Layout) -> Answer:
        backend = self._ground.backend
        if self._request.compact and backend.profile.compact:
            await self._listener.leave()
            return await backend.compact(layout)
        return await self._listener.send(layout)

    async def _remember(self, answer: Answer, plan: Plan) -> Answer:
        """Keep what was said and what it cost."""
        answer = await with_files(self._ground, self._job.scope, self.booked(answer, plan.layout))
        answer = await with_sources(self._ground.store, self._job.scope, self._request, answer)
        job, layout, request = self._job, plan.layout, self._request
        new, output, static = layout.input[layout.new_from :], answer.output, plan.static
        if request.compact:
            # The next turn is compared with the one before, not with this.
            new, output = [], compaction.window(answer, self._ground.backend.profile)
            static = self._past.turns[-1].static if self._past.turns else {}
        if answer.status not in ("completed", "incomplete") or not answer.response_id or not (output or new):
            return answer
        turn = Turn(
            scope=job.scope,
            response_id=answer.response_id,
            parent=self._parent,
            session=request.session,
            job_id=job.id,
            tool=request.tool,
            # As it was asked for, not the snapshot that answered: the next call may ask for it again.
            model=layout.model or answer.model,
            instructions=layout.instructions,
            input=new,
            output=output,
            status=answer.status,
            stored=layout.store,
            conversation=layout.conversation,
            static=static,
            usage=answer.usage,
            created_at=self._ground.now(),
        )
        self.turns.append(turn)
        self._parent = answer.response_id
        return answer
