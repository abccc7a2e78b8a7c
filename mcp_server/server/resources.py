"""What can be read again: responses, sessions, jobs, artifacts, what was used, the models. Each under its owner."""

import json
from base64 import b64encode
from collections.abc import Awaitable, Callable

from mcp.server import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    BlobResourceContents,
    ListResourcesResult,
    ListResourceTemplatesResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    TextResourceContents,
)

from mcp_server.app import App
from mcp_server.backends.artifacts import light, shown
from mcp_server.errors import ServerError
from mcp_server.model.value import JsonObject, Scope
from mcp_server.redaction import redact
from mcp_server.server.artifacts import read_artifact
from mcp_server.server.usage import usage_text

RESOURCES = {
    "usage://today": "Tokens and money used today",
    "models://list": "The models the backend offers, the default one first",
}
TEMPLATES = {
    "response://{id}": "The whole text of a response",
    "session://{name}": "A conversation: its turns as they were sent and received",
    "job://{id}": "A job: status, request and answer",
    "artifact://{id}": "An image or a file that a response made",
    "usage://session/{name}": "Tokens and money used by a conversation",
}


def lister() -> Callable[[ServerRequestContext, PaginatedRequestParams | None], Awaitable[ListResourcesResult]]:
    """The resources that everybody has; all others are named by ids that results give."""
    known = [
        Resource(uri=uri, name=uri.replace("://", " "), description=description, mime_type=_mime(uri))
        for uri, description in RESOURCES.items()
    ]

    async def list_resources(_ctx: ServerRequestContext, _params: PaginatedRequestParams | None) -> ListResourcesResult:
        return ListResourcesResult(resources=known)

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
        try:
            contents = await _contents(app, app.scope(owner), params.uri)
        except ServerError as error:
            raise MCPError(code=INTERNAL_ERROR, message=redact(error.message)) from error
        if contents is None:
            message = f"There is no resource {params.uri!r}; ids come with results."
            raise MCPError(code=INVALID_PARAMS, message=message, data={"uri": params.uri})
        return ReadResourceResult(contents=[contents])

    return read_resource


def _mime(uri: str) -> str | None:
    match uri.partition(":")[0]:
        case "response":
            return "text/plain"
        case "artifact":
            return None
        case _:
            return "application/json"


async def _contents(app: App, scope: Scope, uri: str) -> TextResourceContents | BlobResourceContents | None:
    kind, _, name = uri.partition("://")
    if kind == "artifact":
        artifact = await read_artifact(app, scope, name)
        if artifact is None:
            return None
        mime_type, content = artifact
        return BlobResourceContents(uri=uri, mime_type=mime_type, blob=b64encode(content).decode())
    text = await _text(app, scope, kind, name)
    return None if text is None else TextResourceContents(uri=uri, mime_type=_mime(uri), text=text)


async def _text(app: App, scope: Scope, kind: str, name: str) -> str | None:
    match kind:
        case "response":
            jobs = await app.store.jobs.find(scope, [name])
            return jobs[0].answer.text if jobs and jobs[0].answer else None
        case "session":
            return await _session(app, scope, name)
        case "job":
            return await _job(app, scope, name)
        case "usage":
            return await usage_text(app, scope, name)
        case "models" if name == "list":
            return json.dumps(await app.backend.models())
        case _:
            return None


async def _session(app: App, scope: Scope, name: str) -> str | None:
    session = await app.store.sessions.get(scope, name)
    if session is None:
        return None
    turns = await app.store.sessions.turns(scope, session.head) if session.head else []
    told = [
        {
            **turn.model_dump(exclude={"scope", "input", "output"}),
            "input": light(turn.input),
            "output": shown(turn.response_id, turn.output),
        }
        for turn in turns
    ]
    return json.dumps({**session.model_dump(exclude={"scope"}), "turns": told}, ensure_ascii=False)


async def _job(app: App, scope: Scope, name: str) -> str | None:
    jobs = await app.store.jobs.find(scope, [name])
    if not jobs:
        return None
    told: JsonObject = jobs[0].model_dump(mode="json", exclude={"scope", "worker", "lease_until", "answer"})
    request = await app.store.jobs.request(jobs[0].id)
    told["request"] = request and request.model_dump(mode="json")
    answer = jobs[0].answer
    told["answer"] = answer and {
        **answer.model_dump(exclude={"output"}),
        "output": shown(answer.response_id or "", answer.output),
    }
    return json.dumps(light(told), ensure_ascii=False)
