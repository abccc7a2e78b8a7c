"""Completions: what stands in the store under a name, offered while a person types it.

A host asks with every key that is pressed, so each answer comes from the store; the backend's list of models is asked
for once in a while and not waited for long.
"""

import time
from collections.abc import Awaitable, Callable, Collection

import anyio
import structlog
from mcp.server import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS, CompleteRequestParams, CompleteResult, Completion, PromptReference

from mcp_server.app import App
from mcp_server.errors import ServerError
from mcp_server.index.names import KIND as STORE
from mcp_server.model.value import Scope
from mcp_server.server.prompts import PROMPTS
from mcp_server.server.resources import TEMPLATES
from mcp_server.tools.structured_extract import KIND as SCHEMA

MOST = 100
"""Values in one answer, by the protocol."""
PATIENCE_SECONDS = 2.0
"""For how long a person who types waits for the list of models."""
REMEMBERED_SECONDS = 300.0
AGAIN_SECONDS = 20.0
"""After a list that could not be had."""
DAY_SECONDS = 86_400.0

_log: structlog.stdlib.BoundLogger = structlog.get_logger("responses_mcp.server")


def completer(
    app: App, owner: str
) -> Callable[[ServerRequestContext, CompleteRequestParams], Awaitable[CompleteResult]]:
    """Completes the arguments of prompts and the names in resource templates, from what this owner has."""
    models = _Models(app)

    async def complete(_ctx: ServerRequestContext, params: CompleteRequestParams) -> CompleteResult:
        scope, typed = app.scope(owner), params.argument.value
        if isinstance(params.ref, PromptReference):
            _known(params.ref.name, PROMPTS, "prompt")
            found = await _names(app, scope, models, params.argument.name)
        else:
            _known(params.ref.uri, TEMPLATES, "resource template")
            found = await _addresses(app, scope, params.ref.uri)
        fitting = _fitting(found, typed)
        return CompleteResult(
            completion=Completion(values=fitting[:MOST], total=len(fitting), has_more=len(fitting) > MOST)
        )

    return complete


class _Models:
    """The ids of the backend's models, asked for at most every five minutes."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._found: list[str] = []
        self._until = 0.0

    async def names(self) -> list[str]:
        """The list; while it cannot be had, what was known of it before."""
        if time.monotonic() >= self._until:
            self._until = time.monotonic() + AGAIN_SECONDS
            try:
                with anyio.move_on_after(PATIENCE_SECONDS):
                    self._found = await self._app.backend.models()
                    self._until = time.monotonic() + REMEMBERED_SECONDS
            except ServerError as error:
                _log.info("no_models_to_complete", code=error.failure().code)
        return self._found


async def _names(app: App, scope: Scope, models: _Models, argument: str) -> list[str]:
    """What an argument of a prompt may be; nothing for what only the person knows."""
    match argument:
        case "session":
            return [one.name for one in await app.store.sessions.all(scope)]
        case "store":
            return await _kept(app, scope, STORE)
        case "schema_name":
            return await _kept(app, scope, SCHEMA)
        case "model":
            return await models.names()
        case _:
            return []


async def _kept(app: App, scope: Scope, kind: str) -> list[str]:
    return [one.key for one in reversed(await app.store.objects.all(scope, kind))]


async def _addresses(app: App, scope: Scope, template: str) -> list[str]:
    """What fills a template: the names of sessions, or the ids of the last day, newest first."""
    kind = template.partition(":")[0]
    if kind in ("session", "usage"):
        return [one.name for one in await app.store.sessions.all(scope)]
    recent = reversed(await app.store.jobs.recent(scope, app.now() - DAY_SECONDS))
    match kind:
        case "job":
            return [job.id for job in recent]
        case "response":
            return [job.response_id for job in recent if job.response_id and job.answer]
        case _:
            return []


def _known(name: str, names: Collection[str], kind: str) -> None:
    if name not in names:
        raise MCPError(code=INVALID_PARAMS, message=f"There is no {kind} {name!r}; known are {', '.join(names)}.")


def _fitting(names: list[str], typed: str) -> list[str]:
    """Those that begin with what was typed, then those that hold it elsewhere; upper and lower case are alike."""
    wanted = typed.casefold()
    begin = [name for name in names if name.casefold().startswith(wanted)]
    return begin + [name for name in names if wanted in name.casefold() and not name.casefold().startswith(wanted)]
