"""An acknowledged write survives ``kill -9``: one file, and one process after another killed while it writes."""

import multiprocessing
import random
import sqlite3
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

from mcp_server.store.sqlite import open_sqlite
from tests.store.crash_child import SESSIONS, append_turns
from tests.store.examples import MINE

KILLS = 50
SEED = 20261121


def killed_after(seconds: float, path: Path, generation: int) -> list[str]:
    """Let a child write, kill it, and return all that it said was acknowledged.

    The moment is ``seconds`` after its start (it may not have opened the file yet) or after its first write, in turn.
    """
    context = multiprocessing.get_context("spawn" if sys.platform == "win32" else "forkserver")
    context.set_forkserver_preload(["pytest", "tests.store.crash_child"])
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=append_turns, args=(path, generation, theirs))
    child.start()
    theirs.close()
    acknowledged = [ours.recv()] if generation % 2 and ours.poll(30) else []
    acknowledged += read_until(time.monotonic() + seconds, ours)
    child.kill()
    acknowledged += read_until(time.monotonic() + 30, ours)
    child.join(30)
    assert child.exitcode == (-9 if sys.platform != "win32" else child.exitcode)
    child.close()
    ours.close()
    return acknowledged


def read_until(deadline: float, pipe: Connection) -> list[str]:
    """What comes until the deadline or the other end's death."""
    came: list[str] = []
    try:
        while pipe.poll(max(0.0, deadline - time.monotonic())):
            came.append(pipe.recv())
            if time.monotonic() > deadline:
                break
    except EOFError:
        pass
    return came


async def test_nothing_acknowledged_is_lost_when_the_process_is_killed_again_and_again(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    moments = random.Random(SEED)
    acknowledged: list[str] = []
    for generation in range(KILLS):
        acknowledged += killed_after(moments.uniform(0.0, 0.1), path, generation)
    assert len(acknowledged) >= KILLS // 2

    store = await open_sqlite(path)
    for name in SESSIONS:
        session = await store.sessions.get(MINE, name)
        assert session is not None
        assert session.head is not None
        chain = [turn.response_id for turn in await store.sessions.turns(MINE, session.head)]
        assert chain[-1] == session.head
        assert session.turns == len(chain) == len(await store.sessions.made(MINE, session=name))
        mine = [response_id for response_id in acknowledged if response_id.startswith(f"{name}.")]
        assert [response_id for response_id in chain if response_id in set(mine)] == mine
        assert all(job.ended for job in await store.jobs.find(MINE, mine))
    await store.close()

    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
