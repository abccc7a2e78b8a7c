"""Index updates under way: one that outlasts its caller's wait goes on, and the same call again meets it."""

import json
from collections.abc import Sequence
from pathlib import Path

import anyio
import structlog
from anyio.abc import TaskGroup

from mcp_server.errors import InternalError, ServerError
from mcp_server.index.protocol import Filing, IndexReport, Progress, SearchIndex
from mcp_server.model.value import Scope

_log: structlog.stdlib.BoundLogger = structlog.get_logger("responses_mcp.index")


class _Update:
    def __init__(self) -> None:
        self.scope = anyio.CancelScope()
        self.done = anyio.Event()
        self.listeners: list[Progress] = []
        self.report: IndexReport | None = None
        self.error: ServerError | None = None

    async def tell(self, done: int, total: int, message: str) -> None:
        for listener in list(self.listeners):
            await listener(done, total, message)


class Updates:
    """The updates of this process. ``tasks`` is where they run when nobody waits for them."""

    def __init__(self, index: SearchIndex, tasks: TaskGroup) -> None:
        self._index = index
        self._tasks = tasks
        self._running: dict[str, _Update] = {}

    async def update(
        self,
        scope: Scope,
        store_name: str,
        paths: Sequence[Path],
        filing: Filing,
        progress: Progress,
        seconds: float,
    ) -> IndexReport | None:
        """``SearchIndex.update``, or None when it is still under way after ``seconds``.

        Cancelling this call stops the update, unless somebody else waits for it too.
        """
        key = json.dumps([scope.owner, scope.backend, store_name, [str(path) for path in paths], filing.model_dump()])
        found = self._running.get(key)
        if found is None:
            found = self._running[key] = _Update()
            self._tasks.start_soon(self._run, key, found, scope, store_name, paths, filing)
        found.listeners.append(progress)
        try:
            with anyio.move_on_after(seconds):
                await found.done.wait()
        except anyio.get_cancelled_exc_class():
            if found.listeners == [progress]:
                found.scope.cancel()
            raise
        finally:
            found.listeners.remove(progress)
        if found.error:
            raise found.error
        return found.report

    async def _run(
        self,
        key: str,
        update: _Update,
        scope: Scope,
        store_name: str,
        paths: Sequence[Path],
        filing: Filing,
    ) -> None:
        try:
            with update.scope:
                update.report = await self._index.update(scope, store_name, paths, filing, update.tell)
        except ServerError as error:
            # Whoever waits is told; if nobody does, the same call again runs into it again.
            update.error = error
        except Exception:  # noqa: BLE001 - the top of a task: a bug in one update must not end the others
            _log.exception("update_crashed", store=store_name)
            update.error = InternalError()
        finally:
            del self._running[key]
            update.done.set()
