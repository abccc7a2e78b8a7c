"""What a backend turned out to be, as another process or another version has written it down."""

import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from mcp_server.backends.observed import Observation
from mcp_server.model.session import KeptObject
from mcp_server.model.value import Scope
from mcp_server.store.protocol import Store
from mcp_server.turns.notes import KIND, Notes

HERE = "http://127.0.0.1:8000/v1"
SCOPE = Scope(owner="", backend="compatible")


def about(name: str, found: Any, **more: Any) -> dict[str, Any]:
    return {"about": name, "found": found, "model": None, "why": "seen", "until": time.time() + 60, **more}


async def keep(store: Store, data: dict[str, Any]) -> None:
    await store.objects.put(KeptObject(scope=SCOPE, kind=KIND, key=str(data), id=HERE, data=data, created_at=1.0))


async def test_an_observation_is_read_where_it_was_made_and_nowhere_else(store: Store) -> None:
    one = Observation(**about("files", False))
    await Notes(store, "compatible", HERE).write(one)
    assert await Notes(store, "compatible", HERE).read() == [one]
    assert await Notes(store, "compatible", "http://127.0.0.1:8001/v1").read() == []
    assert await Notes(store, "openai", HERE).read() == []


async def test_what_is_forgotten_is_forgotten_for_this_address_alone(store: Store) -> None:
    there = Notes(store, "compatible", "http://127.0.0.1:8001/v1")
    for notes in (Notes(store, "compatible", HERE), there):
        await notes.write(Observation(**about("files", False)))
    await Notes(store, "compatible", HERE).clear()
    assert await Notes(store, "compatible", HERE).read() == []
    assert len(await there.read()) == 1


@pytest.mark.parametrize(
    "strange",
    [
        {"about": "files"},
        about("files", False, more=1),
        about("files", False, until="soon"),
        about("json_schema", "loose"),
        about("taken", False),
        about("efforts", 5),
        about("server", ["ollama"]),
    ],
    ids=["too little", "too much", "no time", "unknown value", "no list", "no list either", "no name"],
)
async def test_what_this_version_cannot_use_is_passed_over(store: Store, strange: dict[str, Any]) -> None:
    await keep(store, strange)
    await keep(store, about("chain", False))
    assert [one.about for one in await Notes(store, "compatible", HERE).read()] == ["chain"]


@pytest.mark.parametrize("data", ["[]", "{"])
async def test_rows_that_nobody_can_read_stop_nothing(store: Store, tmp_path: Path, data: str) -> None:
    await keep(store, about("chain", False))
    with sqlite3.connect(tmp_path / "state" / "store.db") as connection:
        connection.execute("UPDATE objects SET data = ?", [data])
    assert await Notes(store, "compatible", HERE).read() == []
