"""A job as the process that runs it sees it: the text so far, what it is doing, and who waits for it."""

import anyio

from mcp_server.model.events import Activity, Created, Cursor, Event, Finished, TextDelta, Thought
from mcp_server.model.job import Job
from mcp_server.model.value import Frozen


class Progress(Frozen):
    """How far a running job is. ``events`` counts what the backend has told so far."""

    events: int = 0
    text_so_far: str = ""
    reasoning_summary: str = ""
    activity: str | None = None


class Live:
    """One running job.

    ``scope`` stops it; ``stopped`` says that a caller wanted that (a shutdown does not set it). ``response_id`` is the
    running request's, once the backend has accepted it; ``cursor`` is how far its stream was read. ``settled`` is
    the job as it ended in the store.
    """

    def __init__(self) -> None:
        self.scope = anyio.CancelScope()
        self.done = anyio.Event()
        self.stopped = False
        self.response_id: str | None = None
        self.cursor: int | None = None
        self.settled: Job | None = None
        self._changed: anyio.Event | None = None
        self._events = 0
        self._text: list[str] = []
        self._thoughts: list[str] = []
        self._activity: str | None = None

    @property
    def progress(self) -> Progress:
        """How far it is now."""
        return Progress(
            events=self._events,
            text_so_far="".join(self._text),
            reasoning_summary="".join(self._thoughts),
            activity=self._activity,
        )

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
            case Created():
                self.response_id = event.response_id
            case Cursor():
                # Nothing that anybody waits for.
                self.cursor = event.sequence
                return
            case Finished():
                pass
        self._events += 1
        self.wake()

    def start_over(self, why: str) -> None:
        """Forget the text of an answer that is being asked for again."""
        self._text.clear()
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
        """A caller wants it stopped."""
        self.stopped = True
        self.scope.cancel()
