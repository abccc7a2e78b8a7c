import sqlite3
from pathlib import Path

from mcp_server.store import migrate
from mcp_server.store.sqlite import open_sqlite
from tests.store.examples import MINE, a_file, chunks


async def test_passages_of_an_earlier_version_are_found_in_their_own_stores(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    old = sqlite3.connect(path, isolation_level=None)
    old.row_factory = sqlite3.Row
    for migration in migrate.migrations("sqlite")[:3]:
        migrate._apply(old, migration)
    for number, name in enumerate(("a", "b", "a")):
        file = ("ann", "openai", name, f"/{number}", f"f{number}")
        old.execute("INSERT INTO index_files VALUES (?, ?, ?, ?, ?, '0', 1, '{}', 100.0)", file)
        old.execute(
            "INSERT INTO chunks (owner, backend, store, path, file_id, ordinal, text, parts)"
            " VALUES (?, ?, ?, ?, ?, 0, 'old retries', '')",
            file,
        )
    old.close()
    store = await open_sqlite(path)
    await store.index.replace(MINE, a_file("/0", store="a", file_id="f0"), chunks("new retries", file_id="f0"))
    for name, texts in (("a", ["old retries", "new retries"]), ("b", ["old retries"])):
        found = [key for key, _ in await store.index.match(MINE, name, ["retry"], 10)]
        assert [chunk.text for chunk in await store.index.chunks(MINE, name, found)] == texts
    await store.close()
