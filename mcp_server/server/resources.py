"""What can be read again: ``response://{id}``, ``session://{name}``, ``job://{id}``. Each under its owner."""

import json
from collections.abc import Awaitable, Callable

from mcp.server import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INVALID_PARAMS,
    ListResourcesResult,
    ListResourceTemplatesResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
    ResourceTemplate,
    TextResourceContents,
)

from mcp_server.app import App
from mcp_server.model.value import Scope

TEMPLATES = {
    "response://{id}": "The whole text of a response",
    "session://{name}": "A conversation: its turns as they were sent and received",
    "job://{id}": "A job: status, request and answer",
}


def lister() -> Callable[[ServerRequestContext, PaginatedRequestParams | None], Awaitable[ListResourcesResult]]:
    """Resources are named by ids that results give; there is no list of them."""

    async def list_resources(_ctx: ServerRequestContext, _params: PaginatedRequestParams | None) -> ListResourcesResult:
        return ListResourcesResult(resources=[])

    return list_resources


def templates() -> Callable[
    [ServerRequestContext, PaginatedRequestParams | None], Awaitable[ListResourceTemplatesResult]
]:
    """The kinds of resources there are."""
    known = [
        ResourceTemplate(uri_template=uri, name=uri.partition(":")[0], description=description, mime_type=_mime(uri))
        for uri, description in TEMPLATES.items()
    ]

    async def list_templates(
        _ctx: ServerRequestContext, _params: PaginatedRequestParams | None
    ) -> ListResourceTemplatesResult:
        return ListResourceTemplatesResult(resource_templates=known)

    return list_templates


def reader(
    app: App, owner: str
) -> Callable[[ServerRequestContext, ReadResourceRequestParams], Awaitable[ReadResourceResult]]:
    """Reads a resource, or answers that there is none: another owner's is none."""

    async def read_resource(_ctx: ServerRequestContext, params: ReadResourceRequestParams) -> ReadResourceResult:
        uri = str(params.uri)
        kind, _, name = uri.partition("://")
        text = await _read(app, app.scope(owner), kind, name)
        if text is None:
            raise MCPError(code=INVALID_PARAMS, message=f"There is no resource {uri!r}; ids come with results.")
        return ReadResourceResult(contents=[TextResourceContents(uri=uri, mime_type=_mime(uri), text=text)])

    return read_resource


def _mime(uri: str) -> str:
    return "text/plain" if uri.startswith("response:") else "application/json"


async def _read(app: App, scope: Scope, kind: str, name: str) -> str | None:
    match kind:
        case "response":
            jobs = await app.store.jobs.find(scope, [name])
            return jobs[0].answer.text if jobs and jobs[0].answer else None
        case "session":
            session = await app.store.sessions.get(scope, name)
            if session is None:
                return None
            turns = await app.store.sessions.turns(scope, session.head) if session.head else []
            shown = session.model_dump(exclude={"scope"}) | {
                "turns": [turn.model_dump(exclude={"scope"}) for turn in turns]
            }
            return json.dumps(shown, ensure_ascii=False)
        case "job":
            jobs = await app.store.jobs.find(scope, [name])
            return jobs[0].model_dump_json(exclude={"scope", "worker", "lease_until"}) if jobs else None
        case _:
            return None
