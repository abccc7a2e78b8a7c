"""``cleanup``: delete what this server made for this caller, and nothing else; by default only say what would go."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from mcp_server.cleanup.choice import Choice, seconds_of
from mcp_server.cleanup.clean import Rooms, clean
from mcp_server.cleanup.report import counted, shown
from mcp_server.cleanup.stock import Kind
from mcp_server.model.value import JsonObject
from mcp_server.tools.shared import SessionName
from mcp_server.tools.spec import DESTROYS, Arguments, Call, Output, Tool

PATIENCE_SECONDS = 45.0
"""Below the 60 s at which hosts give up; the same call again goes on."""
MOST_NAMED = 5
"""Ids of a group that the text names."""


class CleanupArguments(Arguments):
    """What to delete: exactly one of session, ids, older_than, all."""

    session: SessionName | None = None
    ids: Annotated[list[str], Field(min_length=1)] | None = Field(
        default=None, description="Response, job, file or store ids"
    )
    older_than: str | None = Field(default=None, description='Such as "30d"; s, m, h, d or w')
    all: bool = Field(default=False, description="Everything of yours; needs confirm")
    kinds: list[Kind] | None = None
    dry_run: bool = Field(default=True, description="false really deletes")
    confirm: bool = False

    @field_validator("older_than")
    @classmethod
    def _is_an_age(cls, older_than: str | None) -> str | None:
        if older_than is not None:
            seconds_of(older_than)
        return older_than

    @model_validator(mode="after")
    def _one_choice(self) -> Self:
        chosen = [name for name in ("session", "ids", "older_than", "all") if getattr(self, name)]
        if len(chosen) != 1:
            raise ValueError("pass exactly one of session, ids, older_than and all.")
        if self.all and not self.dry_run and not self.confirm:
            raise ValueError("all deletes everything this server made for you; pass confirm: true with it.")
        return self

    def choice(self) -> Choice:
        """What is meant."""
        return Choice(
            session=self.session,
            ids=tuple(self.ids or ()),
            older_than=seconds_of(self.older_than) if self.older_than else None,
            everything=self.all,
            kinds=frozenset(self.kinds or ()),
        )


class CleanupResult(Output):
    """Each item and what became of it."""

    dry_run: bool
    items: list[JsonObject] = Field(description="id, kind, status: deleted|already_gone|skipped|failed, error")
    counts: JsonObject

    def render(self) -> str:
        """The counts, then one line for all items of a kind that went the same way: there may be hundreds."""
        said = ", ".join(f"{number:,} {_spaced(status)}" for status, number in self.counts.items())
        hint = "; nothing was deleted, dry_run: false does it" if "would_delete" in self.counts else ""
        groups: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)
        for item in self.items:
            groups[item["status"], item["kind"], item.get("error", "")].append(item["id"])
        return "\n".join(
            [f"{said or 'Nothing to clean up'}{hint}.", *(_line(*group, ids) for group, ids in groups.items())]
        )


def _spaced(word: str) -> str:
    return word.replace("_", " ")


def _line(status: str, kind: str, error: str, ids: Sequence[str]) -> str:
    more = f" and {len(ids) - MOST_NAMED:,} more" if len(ids) > MOST_NAMED else ""
    reason = f": {error}" if error else ""
    return f"- {_spaced(status)}: {len(ids):,} {_spaced(kind)} ({', '.join(ids[:MOST_NAMED])}{more}){reason}"


async def cleanup(call: Call, arguments: CleanupArguments) -> CleanupResult:
    """Delete what was chosen, or look what would go."""

    async def tell(done: int, total: int) -> None:
        await call.report(f"{done} of {total}")

    app = call.app
    rooms = Rooms(store=app.store, backend=app.backend, index=app.index, scope=call.scope)
    outcomes = await clean(
        rooms,
        arguments.choice(),
        now=app.now(),
        dry_run=arguments.dry_run,
        tell=tell,
        seconds=PATIENCE_SECONDS,
    )
    items = [shown(one) for one in outcomes]
    return CleanupResult(dry_run=arguments.dry_run, items=items, counts=counted(outcomes))


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
