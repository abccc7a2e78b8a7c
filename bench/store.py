"""Durable writes per second of the SQLite store beside plain sqlite3 with one synced transaction per write.

Both write the same row into the same schema on the same disk in the same run; trust the ratios, not the milliseconds.

    python bench/store.py [seconds per figure]
"""

import asyncio
import os
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from mcp_server.model.answer import Answer, Usage
from mcp_server.model.job import Job
from mcp_server.model.request import TurnRequest
from mcp_server.model.session import KeptObject, Turn
from mcp_server.model.value import Scope
from mcp_server.store.protocol import Store
from mcp_server.store.sqlite import open_sqlite
from mcp_server.store.sqlite.objects import PUT
from mcp_server.store.sqlite.rows import object_values

SCOPE = Scope(owner="bench", backend="bench")
WRITERS = (1, 16, 64)
Rate = tuple[float, float]
"""Writes per second, and the median milliseconds of one."""


def an_object(number: int) -> KeptObject:
    data = {"sha256": "0" * 64, "bytes": number}
    return KeptObject(scope=SCOPE, kind="file", key=f"key-{number}", id="file-1", data=data, created_at=1.0)


def rate(times: list[float], seconds: float) -> Rate:
    return len(times) / seconds, statistics.median(times) * 1000


async def concurrent(write: Callable[[int], Awaitable[object]], writers: int, seconds: float) -> Rate:
    """``writers`` tasks that each wait for their write before the next."""
    times: list[float] = []
    end = time.perf_counter() + seconds

    async def one(worker: int) -> None:
        number = worker
        while (start := time.perf_counter()) < end:
            await write(number)
            times.append(time.perf_counter() - start)
            number += writers

    start = time.perf_counter()
    await asyncio.gather(*(one(worker) for worker in range(writers)))
    return rate(times, time.perf_counter() - start)


def plain(path: Path, writers: int, seconds: float) -> Rate:
    """``writers`` threads with a connection each: BEGIN IMMEDIATE, the UPSERT, COMMIT."""
    times: list[float] = []
    start = time.perf_counter()

    def one(worker: int) -> None:
        connection = sqlite3.connect(path, timeout=60, isolation_level=None)
        connection.execute("PRAGMA synchronous = FULL")
        number = worker
        while (begun := time.perf_counter()) < start + seconds:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(PUT, object_values(an_object(number)))
            connection.execute("COMMIT")
            times.append(time.perf_counter() - begun)
            number += writers
        connection.close()

    threads = [threading.Thread(target=one, args=(worker,)) for worker in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return rate(times, time.perf_counter() - start)


async def a_call(store: Store, number: int) -> None:
    """The five writes of one paid call: admit, claim, sent, response id, settle."""
    job_id = f"job-{number}"
    request = TurnRequest(tool="generate", input=[{"role": "user", "content": "hello " * 20}])
    await store.jobs.admit(
        Job(id=job_id, scope=SCOPE, request=request, fingerprint="f", created_at=1.0, updated_at=1.0)
    )
    await store.jobs.claim(job_id, "worker", 1e12)
    await store.jobs.note(job_id, sent=True)
    await store.jobs.note(job_id, response_id=f"resp-{number}")
    answer = Answer(status="completed", text="word " * 200, response_id=f"resp-{number}", usage=Usage(input_tokens=9))
    turn = Turn(
        scope=SCOPE,
        response_id=f"resp-{number}",
        session=f"s{number % 64}",
        input=request.input,
        output=[{"type": "message", "content": [{"type": "output_text", "text": answer.text}]}],
        status="completed",
        created_at=1.0,
    )
    await store.jobs.settle(job_id, "completed", answer=answer, failure=None, turns=[turn])


def synced(folder: Path, rounds: int = 300) -> float:
    """The median milliseconds in which the disk takes 4 KiB."""
    handle = os.open(folder / "synced", os.O_CREAT | os.O_WRONLY)
    times: list[float] = []
    for _ in range(rounds):
        start = time.perf_counter()
        os.write(handle, b"x" * 4096)
        os.fsync(handle)
        times.append(time.perf_counter() - start)
    os.close(handle)
    return statistics.median(times) * 1000


async def main(seconds: float) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(f"one 4 KiB write with fsync: {synced(folder):.2f} ms\n")
        print("writers   store /s  p50 ms    plain /s  p50 ms   store : plain")
        for writers in WRITERS:
            store = await open_sqlite(folder / f"store-{writers}.db")
            await (await open_sqlite(folder / f"plain-{writers}.db")).close()
            ours = await concurrent(lambda number, s=store: s.objects.put(an_object(number)), writers, seconds)
            await store.close()
            theirs = await asyncio.to_thread(plain, folder / f"plain-{writers}.db", writers, seconds)
            print(
                f"{writers:7} {ours[0]:10.0f} {ours[1]:7.2f} {theirs[0]:11.0f} {theirs[1]:7.2f}"
                f" {ours[0] / theirs[0]:15.1f}"
            )
        print("\nwriters   whole calls /s (5 durable writes each)  p50 ms")
        for writers in WRITERS:
            store = await open_sqlite(folder / f"calls-{writers}.db")
            ours = await concurrent(lambda number, s=store: a_call(s, number), writers, seconds)
            await store.close()
            print(f"{writers:7} {ours[0]:16.0f} {ours[1]:31.2f}")


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]) if len(sys.argv) > 1 else 2.0))
