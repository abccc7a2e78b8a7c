"""Hears a job's responses to their ends, wherever their streams break off, and keeps what it has heard.

A background response's stream is read on where it broke off, by us or by the process that takes the job over; where
that cannot be, the backend is asked how it ended.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import anyio
import structlog

from mcp_server.errors import StoreError, UpstreamError
from mcp_server.model.answer import Answer
from mcp_server.model.events import Accepted, Activity, Created, Cursor, Event, Finished
from mcp_server.model.job import Job
from mcp_server.model.request import Layout
from mcp_server.model.value import JsonObject
from mcp_server.turns.ground import Ground
from mcp_server.turns.live import Live
from mcp_server.turns.recover import PATIENCE_SECONDS, TakenOver, ask_upstream, interrupted

_log: structlog.stdlib.BoundLogger = structlog.get_logger("responses_mcp.turns")

KEEP_SECONDS = 1.0
"""How often what was heard is written down, for others who ask and for the process that may have to go on."""


class Listener:
    """What one job hears."""

    def __init__(self, ground: Ground, job: Job, live: Live) -> None:
        self._ground = ground
        self._job = job
        self._live = live
        self._kept_at = anyio.current_time()
        self._unwritten: JsonObject = {}

    async def leave(self, *, nameless: bool = False) -> None:
        """A request is about to leave; from here on it can never be sent again by somebody else.

        Raises:
            TakenOver: the job is another process's by now.
        """
        ground = self._ground
        if not ground.backend.profile.free:
            # What takes long comes first: a crash between the note and the request leaves a job unknown for nothing.
            async for _ in ground.backend.prepare():
                pass
        # From the note on it counts as sent: whoever stops it in between must wait for its name.
        self._live.sending(nameless=nameless)
        if not await ground.store.jobs.note(self._job.id, worker=ground.worker, sent=True):
            raise TakenOver

    async def send(self, layout: Layout) -> Answer:
        """Send a request and hear its answer.

        Raises:
            TakenOver: the job is another process's by now.
            UpstreamError: there is no answer.
        """
        ground, profile = self._ground, self._ground.backend.profile
        try:
            await self.leave(nameless=layout.background)
            async with aclosing(ground.backend.respond(layout)) as events:
                heard = await self._listen(events, resumable=layout.background)
        except UpstreamError as error:
            if error.outcome != "unknown":
                self._live.goes_on = False
            known = self._live.response_id
            if error.outcome != "unknown" or not known or not (profile.retrieve and layout.store):
                raise
            self._live.tell(Activity(message="the stream broke off; asking the backend how it ended"))
            return await self.catch_up(known, background=layout.background)
        finally:
            self._live.nameless = False
        if isinstance(heard, Accepted) and not (profile.retrieve and layout.store):
            raise interrupted("The upstream took the request and keeps nothing that could be asked about")
        return await self._end(heard, self._live.response_id, background=layout.background)

    async def catch_up(self, response_id: str, *, background: bool) -> Answer:
        """Read a background response's stream on from where it broke off, as long as that leads on; else ask."""
        ground, live = self._ground, self._live
        while background and ground.backend.profile.resume:
            before = live.cursor
            if before is None:
                live.start_over("reading the stream from its beginning")
            try:
                async with aclosing(ground.backend.resume(response_id, before)) as events:
                    heard = await self._listen(events, resumable=True)
            except UpstreamError as error:
                _log.info("stream_not_resumed", job=self._job.id, code=error.kind, after=before)
                if live.cursor == before or error.kind == "bad_upstream_response":
                    break
            else:
                return await self._end(heard, response_id, background=True)
        return await self._end(None, response_id, background=background)

    async def _end(self, heard: Finished | Accepted | None, response_id: str | None, *, background: bool) -> Answer:
        """The answer: the one that was heard, else what the backend says when it is asked."""
        if isinstance(heard, Finished):
            return heard.answer
        if response_id is None:
            raise interrupted("The upstream took the request and gave it no id")
        ground = self._ground
        until = self._job.created_at + PATIENCE_SECONDS if background else ground.now() + ground.timeout_seconds
        first_pause = heard.answer.poll_after_seconds if heard else 0.0
        return await ask_upstream(ground, self._live, response_id, until=until, first_pause=first_pause)

    async def _listen(self, events: AsyncGenerator[Event], *, resumable: bool) -> Finished | Accepted:
        async for event in events:
            match event:
                case Finished() | Accepted():
                    return event
                case Created():
                    if not self._ground.backend.profile.background:
                        self._live.goes_on = False  # it has just shown that it ends with its stream
                    # Durable before anybody is told: with this id the response can be asked about after a crash.
                    await self._write(response_id=event.response_id)
                case _:
                    pass
            self._live.tell(event)
            await self._keep(event, resumable=resumable)
        raise interrupted("The backend ended its stream without an answer")

    async def _keep(self, event: Event, *, resumable: bool) -> None:
        """Write down how far it is: now and then, and where a resumable stream has a border, always both together."""
        now, live = anyio.current_time(), self._live
        # Between an event and its cursor the two would not belong together.
        whole = live.cursor is None or isinstance(event, Cursor)
        border = resumable and isinstance(event, Cursor) and event.mark
        if whole and (border or now - self._kept_at >= KEEP_SECONDS):
            self._kept_at = now
            await self._write(cursor=live.cursor, progress=live.taken_down())

    async def _write(self, **known: Any) -> None:
        """Write down what is known, or with the next what cannot be for now: no paid work is given up for a note."""
        self._unwritten |= known
        try:
            await self._ground.store.jobs.note(self._job.id, **self._unwritten)
        except StoreError as error:
            _log.warning("job_not_noted", job=self._job.id, reason=error.message)
        else:
            self._unwritten = {}
