"""The threads that touch the database: one that writes, in groups, and a few that read.

All writes that wait are done in one transaction with one sync of the disk (group commit), and a caller hears of its
write only after that. Each write has a savepoint of its own, so that one that fails leaves the others alone.
"""

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Generic, TypeAlias, TypeVar, cast

import anyio.to_thread

from mcp_server.errors import StoreError
from mcp_server.store.sqlite.failures import translate

T = TypeVar("T")
Work: TypeAlias = Callable[[sqlite3.Connection], T]
LARGEST_GROUP = 256


class Task(Generic[T]):
    """Work and who waits for it. As a context manager it keeps whatever the work raises for the one who waits."""

    __slots__ = ("error", "future", "result", "work")

    def __init__(self, work: Work[T], future: asyncio.Future[T]) -> None:
        self.work = work
        self.future = future
        self.result: T | None = None
        self.error: BaseException | None = None

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """Carry the error to the waiting task instead of ending the thread that all others depend on."""
        self.error = error
        return True

    def deliver(self, path: str) -> None:
        """Tell the one who waits, unless it has been cancelled meanwhile. Runs in the event loop."""
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(cast("T", self.result))
        else:
            self.future.set_exception(translate(self.error, path))


class Lanes:
    """Runs work on the writing or on a reading connection, for tasks of the event loop that made it.

    A read sees every write whose ``write`` returned before. A cancelled caller's work may still be done.
    """

    def __init__(self, path: str, writer: sqlite3.Connection, readers: Sequence[sqlite3.Connection]) -> None:
        self._path = path
        self._loop = asyncio.get_running_loop()
        self._writes: SimpleQueue[Task[Any] | None] = SimpleQueue()
        self._reads: SimpleQueue[Task[Any] | None] = SimpleQueue()
        self._closed = False
        self._threads = [threading.Thread(target=self._serve_writes, args=(writer,), daemon=True)]
        self._threads += [threading.Thread(target=self._serve_reads, args=(reader,), daemon=True) for reader in readers]
        for thread in self._threads:
            thread.start()

    async def write(self, work: Work[T]) -> T:
        """Do ``work`` inside a transaction; it is durable when this returns.

        Raises:
            StoreError: the database cannot be written; ``retryable`` when another process was in the way.
        """
        return await self._put(self._writes, work)

    async def read(self, work: Work[T]) -> T:
        """Do ``work``, which must not write.

        Raises:
            StoreError: the database cannot be read.
        """
        return await self._put(self._reads, work)

    async def close(self) -> None:
        """Finish what waits, then end the threads and their connections."""
        self._closed = True
        await anyio.to_thread.run_sync(self._end)

    async def _put(self, queue: SimpleQueue[Task[Any] | None], work: Work[T]) -> T:
        if self._closed:
            raise StoreError("The store has been closed because the server is stopping; call again once it runs.")
        future: asyncio.Future[T] = self._loop.create_future()
        queue.put(Task(work, future))
        return await future

    def _end(self) -> None:
        """The writer comes last: only a connection that closes alone can fold its log into the file."""
        writer, *readers = self._threads
        for _ in readers:
            self._reads.put(None)
        for reader in readers:
            reader.join()
        self._writes.put(None)
        writer.join()

    def _serve_reads(self, connection: sqlite3.Connection) -> None:
        while (task := self._reads.get()) is not None:
            with task:
                task.result = task.work(connection)
            self._tell([task])
        connection.close()

    def _serve_writes(self, connection: sqlite3.Connection) -> None:
        while group := _next_group(self._writes):
            _commit(connection, group)
            self._tell(group)
        connection.close()

    def _tell(self, group: list[Task[Any]]) -> None:
        def deliver() -> None:
            for task in group:
                task.deliver(self._path)

        with contextlib.suppress(RuntimeError):  # the loop has been closed: nobody waits any more
            self._loop.call_soon_threadsafe(deliver)


def _next_group(queue: SimpleQueue[Task[Any] | None]) -> list[Task[Any]]:
    """Wait for a task and take all that stand behind it; empty when it is time to stop."""
    group: list[Task[Any]] = []
    task = queue.get()
    with contextlib.suppress(Empty):
        while task is not None:
            group.append(task)
            if len(group) == LARGEST_GROUP:
                return group
            task = queue.get_nowait()
        if group:
            queue.put(None)
    return group


def _commit(connection: sqlite3.Connection, group: list[Task[Any]]) -> None:
    """One transaction for all. When it is lost as a whole (busy, disk full), each of them failed."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        for task in group:
            _attempt(connection, task)
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        for task in group:
            task.error = task.error or error
        with contextlib.suppress(sqlite3.Error):  # what SQLite has rolled back by itself cannot be rolled back again
            connection.execute("ROLLBACK")


def _attempt(connection: sqlite3.Connection, task: Task[Any]) -> None:
    connection.execute("SAVEPOINT one")
    with task:
        task.result = task.work(connection)
    if task.error is not None:
        if isinstance(task.error, sqlite3.Error) and not connection.in_transaction:
            raise task.error
        connection.execute("ROLLBACK TO one")
    connection.execute("RELEASE one")
