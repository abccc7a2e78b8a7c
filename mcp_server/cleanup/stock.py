"""What there is of one caller's that can go, and what still stands on it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

from mcp_server.files.uploads import KIND as FILE
from mcp_server.index.holdings import LOOSE
from mcp_server.index.names import KIND as VECTOR_STORE
from mcp_server.model.job import Job
from mcp_server.model.session import KeptObject, Session, Turn
from mcp_server.model.value import Scope
from mcp_server.store.protocol import Store

Kind = Literal["responses", "conversations", "files", "vector_stores", "jobs", "sessions"]
KINDS: tuple[Kind, ...] = ("responses", "conversations", "vector_stores", "files", "jobs", "sessions")
"""In the order in which they go: what is upstream before the rows that know it."""

Row: TypeAlias = Turn | Job | Session | KeptObject

UNANSWERED = frozenset({"failed", "cancelled", "unknown"})
"""How jobs end whose response may be upstream although no turn was made of it."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """One thing that can go. ``at`` is when it was made or last used, in seconds since the epoch.

    ``names`` are what a caller may know it by beside its ``id``. ``unfiled`` is the response upstream that nothing but
    this job knows.
    """

    id: str
    kind: Kind
    at: float
    row: Row
    session: str | None = None
    names: tuple[str, ...] = ()
    unfiled: str | None = None


@dataclass(frozen=True)
class Stock:
    """``busy`` are sessions with a job that has not ended.

    ``followed`` says which sessions go on from a response or live in a conversation, ``held`` which stores hold a file.
    """

    items: list[Item]
    busy: frozenset[str]
    followed: dict[str, set[str]]
    held: dict[str, set[str]]


async def take_stock(store: Store, scope: Scope, *, stored: bool) -> Stock:
    """Everything of the caller's; ``stored`` says that the backend keeps responses and deletes them.

    Raises:
        StoreError: it cannot be read.
    """
    ledger = _Ledger(
        jobs=await store.jobs.recent(scope, 0.0),
        turns={turn.response_id: turn for turn in await store.sessions.made(scope)},
        sessions=await store.sessions.all(scope),
    )
    held: defaultdict[str, set[str]] = defaultdict(set)
    shelves = [await _shelf(store, kept, held) for kept in await store.objects.all(scope, VECTOR_STORE)]
    for loose in await store.objects.all(scope, LOOSE):
        held[loose.id].add(loose.data["store"])
    names = {shelf.id for shelf in shelves}
    items = [
        *ledger.responses(stored=stored),
        *ledger.conversations(await store.objects.all(scope, "conversation")),
        *shelves,
        *(
            Item(id=kept.id, kind="files", at=kept.created_at, row=kept)
            for kept in await store.objects.all(scope, FILE)
        ),
        *ledger.of_jobs(stored=stored),
        *(Item(id=one.name, kind="sessions", at=one.updated_at, row=one, session=one.name) for one in ledger.sessions),
    ]
    return Stock(
        items=items,
        busy=frozenset(job.session for job in ledger.jobs if job.session and not job.ended),
        followed=ledger.followed(),
        # A store that is forgotten holds nothing any more.
        held={file_id: stores & names for file_id, stores in held.items()},
    )


async def _shelf(store: Store, kept: KeptObject, held: defaultdict[str, set[str]]) -> Item:
    """A vector store; its files are noted in ``held``."""
    used = kept.created_at
    for file in await store.index.files(kept.scope, kept.key):
        held[file.file_id].add(kept.key)
        used = max(used, file.indexed_at)
    return Item(id=kept.key, kind="vector_stores", at=used, row=kept, names=(kept.id,))


class _Home(NamedTuple):
    session: str | None
    at: float


@dataclass(frozen=True)
class _Ledger:
    """Jobs, turns and sessions, and how they belong together: a turn's session is right also after a renaming."""

    jobs: Sequence[Job]
    turns: dict[str, Turn]
    sessions: Sequence[Session]
    filed: dict[str, str | None] = field(init=False)

    def __post_init__(self) -> None:
        filed = {turn.job_id: turn.session for turn in self.turns.values() if turn.job_id}
        object.__setattr__(self, "filed", filed)

    def responses(self, *, stored: bool) -> Iterable[Item]:
        """Those that became turns, and those that are upstream without a turn."""
        for turn in self.turns.values():
            yield Item(id=turn.response_id, kind="responses", at=turn.created_at, row=turn, session=turn.session)
        for job in self.jobs:
            if stored and (response_id := self._unfiled(job)):
                yield Item(id=response_id, kind="responses", at=job.created_at, row=job, session=job.session)

    def of_jobs(self, *, stored: bool) -> Iterable[Item]:
        """All jobs; one that runs is also known by its response, which nobody can delete yet."""
        for job in self.jobs:
            running = (job.response_id,) if job.response_id and not job.ended else ()
            yield Item(
                id=job.id,
                kind="jobs",
                at=job.ended_at or job.created_at,
                row=job,
                session=self.filed.get(job.id, job.session),
                names=running,
                unfiled=self._unfiled(job) if stored else None,
            )

    def conversations(self, kept: Iterable[KeptObject]) -> Iterable[Item]:
        """Conversations upstream; one that turns live in is as old as the last of them."""
        homes = {turn.conversation: _Home(turn.session, turn.created_at) for turn in self.turns.values()}
        for one in kept:
            home = homes.get(one.id) or _Home(one.data.get("session"), one.created_at)
            yield Item(id=one.id, kind="conversations", at=max(home.at, one.created_at), row=one, session=home.session)

    def followed(self) -> dict[str, set[str]]:
        """The sessions that go on from each response, or live in each conversation."""
        followed: defaultdict[str, set[str]] = defaultdict(set)
        for one in self.sessions:
            if one.conversation:
                followed[one.conversation].add(one.name)
            response_id = one.head
            # A circle of parents ends where it began.
            while response_id and one.name not in followed[response_id]:
                followed[response_id].add(one.name)
                turn = self.turns.get(response_id)
                response_id = turn.parent if turn else None
        return dict(followed)

    def _unfiled(self, job: Job) -> str | None:
        unanswered = job.status in UNANSWERED and job.response_id not in self.turns
        return job.response_id if unanswered else None
