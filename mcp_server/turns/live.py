"""A job as the process that runs it sees it: the text so far, what it is doing, and who waits for it."""

from collections import deque

import anyio

from mcp_server.model.answer import Answer
from mcp_server.model.events import Accepted, Activity, Created, Cursor, Event, Finished, Step, TextDelta, Thought
from mcp_server.model.job import Job, Progress

STEPS = 50
"""How many of the last steps are remembered."""
NAME_SECONDS = 10.0
"""How long a job that is to be stopped may wait for the id under which the upstream can be told to stop."""


class Live:
    """One running job, from where ``job`` says that it is.

    ``scope`` stops it; ``stopped`` says that a caller wanted that (a shutdown does not set it). ``response_id`` is the
    running request's, once the backend has accepted it; ``cursor`` is how far its stream was read. ``nameless`` says
    that work has begun upstream that would go on without us, and whose id we do not know yet; ``goes_on`` whether what
    was sent last does so, None when another process sent it. ``settled`` is the job as it ended in the store.
    """

    def __init__(self, job: Job) -> None:
        known = job.progress or Progress()
        self.scope = anyio.CancelScope()
        self.done = anyio.Event()
        self.stopped = False
        self.nameless = False
        self.goes_on: bool | None = None
        self.response_id = job.response_id
        self.cursor = job.cursor
        self.settled: Job | None = None
        self._changed: anyio.Event | None = None
        self._events = self._written = known.events
        self._text = [known.text_so_far]
        self._thoughts = [known.reasoning_summary]
        self._activity = known.activity
        self._steps = deque(known.steps, STEPS)

    @property
    def progress(self) -> Progress:
        """How far it is now."""
        return Progress(
            events=self._events,
            text_so_far="".join(self._text),
            reasoning_summary="".join(self._thoughts).strip(),
            activity=self._activity,
            steps=list(self._steps),
        )

    @property
    def untold(self) -> bool:
        """True when something has come since it was last taken down."""
        return self._events != self._written

    def taken_down(self) -> Progress:
        """How far it is now, to be written down."""
        self._written = self._events
        return self.progress

    def tell(self, event: Event) -> None:
        """Take in what the backend told."""
        match event:
            case TextDelta():
                self._text.append(event.text)
                self._activity = "writing"
            case Thought():
                self._thoughts.append(event.text)
                self._activity = "thinking"
            case Activity():
                self._activity = event.message
            case Step():
                self._steps.append(event.text)
            case Created():
                self._named(event.response_id)
            case Cursor():
                # Nothing that anybody waits for.
                self.cursor = event.sequence
                return
            case Finished() | Accepted():
                pass
        self._events += 1
        self.wake()

    def look(self, answer: Answer) -> None:
        """Take in a response as it was found when it was asked about."""
        self._text = [answer.text] if answer.text else self._text
        self._thoughts = [answer.reasoning_summary] if answer.reasoning_summary else self._thoughts
        self._steps = deque(answer.steps, STEPS) if answer.steps else self._steps
        queued = answer.status == "queued"
        self.tell(Activity(message="waiting in the upstream's queue" if queued else "working upstream"))

    def sending(self, *, nameless: bool) -> None:
        """A request is about to leave; what was told of the one before says nothing of it."""
        self.nameless = self.goes_on = nameless
        self.response_id = self.cursor = None

    def start_over(self, why: str) -> None:
        """Forget what was told of an answer that is being asked for, or told, again."""
        self._text.clear()
        self._thoughts.clear()
        self._steps.clear()
        self.tell(Activity(message=why))

    def wake(self) -> None:
        """Wake everybody who waits for a change."""
        if self._changed:
            self._changed.set()
            self._changed = None

    async def change(self) -> None:
        """Return at the next change."""
        # Most events come while nobody waits for one.
        self._changed = self._changed or anyio.Event()
        await self._changed.wait()

    def finish(self) -> None:
        """The job has ended in the store, or this process has let go of it."""
        self.done.set()
        self.wake()

    def stop(self) -> None:
        """A caller wants it stopped. What has no name yet gets a moment to get one: without it, it could not be."""
        if self.stopped:
            return
        self.stopped = True
        if self.nameless:
            self.scope.deadline = anyio.current_time() + NAME_SECONDS
        else:
            self.scope.cancel()

    def _named(self, response_id: str) -> None:
        self.response_id, self.nameless = response_id, False
        if self.stopped:
            self.scope.cancel()
