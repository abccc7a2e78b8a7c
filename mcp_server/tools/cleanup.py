"""``cleanup``: delete what this server made for this caller, and nothing else; by default only say what would go."""

import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, model_validator

from mcp_server.backends.artifacts import cited_files, file_artifact_id
from mcp_server.errors import ServerError
from mcp_server.model.session import KeptObject, Turn
from mcp_server.model.value import JsonObject
from mcp_server.tools.shared import SessionName
from mcp_server.tools.spec import DESTROYS, Arguments, Call, Output, Tool

Kind = Literal["responses", "conversations", "files", "vector_stores", "jobs", "sessions"]
Gone = Literal["deleted", "already_gone", "skipped"]

_AGE = re.compile(r"(\d{1,5})([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


class CleanupArguments(Arguments):
    """What to delete: exactly one of session, ids, older_than, all."""

    session: SessionName | None = None
    ids: Annotated[list[str], Field(min_length=1)] | None = Field(
        default=None, description="Response, job, file or store ids"
    )
    older_than: Annotated[str, Field(pattern=rf"^{_AGE.pattern}$")] | None = Field(
        default=None, description='Such as "30d"'
    )
    all: bool = Field(default=False, description="Everything of yours; needs confirm")
    kinds: list[Kind] | None = None
    dry_run: bool = Field(default=True, description="false really deletes")
    confirm: bool = False

    @model_validator(mode="after")
    def _one_choice(self) -> Self:
        chosen = [name for name in ("session", "ids", "older_than", "all") if getattr(self, name)]
        if len(chosen) != 1:
            raise ValueError("pass exactly one of session, ids, older_than and all.")
        if self.all and not self.dry_run and not self.confirm:
            raise ValueError("all deletes everything this server made for you; pass confirm: true with it.")
        return self


class CleanupResult(Output):
    """Each item and what became of it."""

    dry_run: bool
    items: list[JsonObject] = Field(description="id, kind, status: deleted|already_gone|skipped|failed, error")
    counts: JsonObject

    def render(self) -> str:
        """The counts, then one line an item."""
        head = "Would delete" if self.dry_run else "Cleaned up"
        counts = ", ".join(f"{number} {status}" for status, number in self.counts.items()) or "nothing"
        lines = [
            f"- {item['kind']} {item['id']}: {item['status']} {item.get('error', '')}".rstrip() for item in self.items
        ]
        return "\n".join([f"{head}: {counts}", *lines])


class Item(BaseModel):
    """Something that can go, and how."""

    id: str
    kind: Kind
    at: float
    session: str | None = None
    aliases: list[str] = []
    delete: Callable[[], Awaitable[Gone]]


async def cleanup(call: Call, arguments: CleanupArguments) -> CleanupResult:
    """Gather, then delete one by one; one failure does not stop the others."""
    items = [item for item in await _gather(call) if _chosen(call, arguments, item)]
    shown: list[JsonObject] = []
    for item in items:
        shown.append({"id": item.id, "kind": item.kind, **await _go(item, dry_run=arguments.dry_run)})
        await call.report(f"{len(shown)} of {len(items)}")
    named = {name for item in items for name in (item.id, *item.aliases)}
    shown += [
        {"id": lost, "kind": "unknown", "status": "skipped", "error": "not yours, or already forgotten"}
        for lost in arguments.ids or ()
        if lost not in named
    ]
    counts: JsonObject = {}
    for item in shown:
        counts[item["status"]] = counts.get(item["status"], 0) + 1
    return CleanupResult(dry_run=arguments.dry_run, items=shown, counts=counts)


async def _go(item: Item, *, dry_run: bool) -> JsonObject:
    if dry_run:
        return {"status": "would_delete"}
    try:
        gone = await item.delete()
    except ServerError as error:
        return {"status": "failed", "error": error.message}
    return {"status": gone} if gone != "skipped" else {"status": gone, "error": "still running; cancel it first"}


def _chosen(call: Call, arguments: CleanupArguments, item: Item) -> bool:
    if arguments.kinds and item.kind not in arguments.kinds:
        return False
    if arguments.session:
        return item.session == arguments.session
    if arguments.ids:
        return any(name in arguments.ids for name in (item.id, *item.aliases))
    if arguments.older_than and (age := _AGE.fullmatch(arguments.older_than)):
        return item.at < call.app.now() - int(age[1]) * _SECONDS[age[2]]
    return arguments.all


async def _gather(call: Call) -> list[Item]:
    """Everything of the caller's, the dependent things first: a job and a session may name a response."""
    store, scope = call.app.store, call.scope
    items = [
        Item(id=job.id, kind="jobs", at=job.created_at, session=job.session, delete=_job(call, job.id))
        for job in await store.jobs.recent(scope, 0.0)
    ]
    items += [
        Item(id=one.name, kind="sessions", at=one.updated_at, session=one.name, delete=_session(call, one.name))
        for one in await store.sessions.all(scope)
    ]
    items += [
        Item(
            id=turn.response_id,
            kind="responses",
            at=turn.created_at,
            session=turn.session,
            delete=_response(call, turn),
        )
        for turn in await store.sessions.made(scope)
    ]
    items += [
        Item(id=kept.key, kind="vector_stores", at=kept.created_at, aliases=[kept.id], delete=_store(call, kept.key))
        for kept in await store.objects.all(scope, "vector_store")
    ]
    items += [
        Item(id=kept.id, kind="files", at=kept.created_at, delete=_object(call, kept, call.app.backend.delete_file))
        for kept in await store.objects.all(scope, "file")
    ]
    items += [
        Item(
            id=kept.id,
            kind="conversations",
            at=kept.created_at,
            session=kept.data.get("session"),
            delete=_object(call, kept, call.app.backend.delete_conversation),
        )
        for kept in await store.objects.all(scope, "conversation")
    ]
    return items


def _job(call: Call, job_id: str) -> Callable[[], Awaitable[Gone]]:
    async def delete() -> Gone:
        # An unfinished job stays: its work would go on without anybody who could stop it.
        return "deleted" if await call.app.store.jobs.delete(call.scope, [job_id]) else "skipped"

    return delete


def _session(call: Call, name: str) -> Callable[[], Awaitable[Gone]]:
    async def delete() -> Gone:
        return "deleted" if await call.app.store.sessions.delete(call.scope, name) else "already_gone"

    return delete


def _response(call: Call, turn: Turn) -> Callable[[], Awaitable[Gone]]:
    async def delete() -> Gone:
        there = await call.app.backend.delete(turn.response_id) if turn.stored else True
        for file_id in cited_files(turn.output):
            await call.app.store.objects.delete(call.scope, "artifact", file_artifact_id(turn.response_id, file_id))
        await call.app.store.sessions.forget(call.scope, [turn.response_id])
        return "deleted" if there else "already_gone"

    return delete


def _store(call: Call, name: str) -> Callable[[], Awaitable[Gone]]:
    async def delete() -> Gone:
        return "deleted" if await call.app.index.delete(call.scope, name) else "already_gone"

    return delete


def _object(call: Call, kept: KeptObject, upstream: Callable[[str], Awaitable[bool]]) -> Callable[[], Awaitable[Gone]]:
    async def delete() -> Gone:
        there = await upstream(kept.id)
        await call.app.store.objects.delete(call.scope, kept.kind, kept.key)
        return "deleted" if there else "already_gone"

    return delete


TOOL = Tool(
    name="cleanup",
    title="Delete what was made",
    description=(
        "Delete responses, files, vector stores, jobs and sessions that this server made for you: by session, ids, age "
        "or all. Only shows what would go unless dry_run is false."
    ),
    annotations=DESTROYS,
    arguments=CleanupArguments,
    output=CleanupResult,
    handler=cleanup,
)
