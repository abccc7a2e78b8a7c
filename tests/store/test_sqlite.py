"""What is SQLite's own: the file, its migrations, the lock it shares with other processes, and its query plans."""

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator
from pathlib import Path

import anyio
import pytest

from mcp_server.errors import StoreError
from mcp_server.model.answer import Usage
from mcp_server.model.spending import Spent
from mcp_server.store import migrate
from mcp_server.store.sqlite import SqliteStore, connection, migrate_sqlite, open_sqlite
from tests.store.examples import MINE, a_session, a_turn, add_turns, an_object

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="modes and users are POSIX's")


async def opened(path: Path) -> SqliteStore:
    store = await open_sqlite(path)
    assert isinstance(store, SqliteStore)
    return store


def rows(path: Path, sql: str) -> list[tuple[object, ...]]:
    plain = sqlite3.connect(path, isolation_level=None)
    found = plain.execute(sql).fetchall()
    plain.close()
    return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "store.db"


@pytest.fixture
def other(path: Path) -> Generator[sqlite3.Connection]:
    """A connection of somebody else's to the store's file, which is there."""
    asyncio.run(migrate_sqlite(path))
    plain = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    yield plain
    plain.close()


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "BUSY_SECONDS", 0.05)


def test_the_migrations_are_numbered_without_gaps() -> None:
    known = migrate.migrations("sqlite")
    assert [migration.number for migration in known] == list(range(1, len(known) + 1))


async def test_an_empty_file_is_migrated_once(path: Path) -> None:
    known = [migration.name for migration in migrate.migrations("sqlite")]
    assert await migrate_sqlite(path) == known
    assert await migrate_sqlite(path) == []
    assert rows(path, "SELECT name FROM migrations ORDER BY number") == [(name,) for name in known]


async def test_a_migration_that_fails_leaves_nothing_behind(path: Path, other: sqlite3.Connection) -> None:
    before = rows(path, "SELECT * FROM sqlite_master")
    broken = migrate.Migration(99, "0099_broken.sql", "CREATE TABLE half (a);\nCREATE TABLE half (a)")
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        migrate._apply(other, broken)
    assert rows(path, "SELECT * FROM sqlite_master") == before
    assert await migrate_sqlite(path) == []


async def test_a_database_of_the_first_version_keeps_its_rows(path: Path) -> None:
    path.parent.mkdir()
    old = sqlite3.connect(path, isolation_level=None)
    old.row_factory = sqlite3.Row
    migrate._apply(old, migrate.migrations("sqlite")[0])
    old.execute("INSERT INTO sessions VALUES ('ann', 'openai', 's', 'resp_1', 'é', 'm', 1, 100.0, 100.0)")
    old.execute(
        "INSERT INTO turns VALUES ('ann', 'openai', 'resp_1', NULL, 's', 'job_1', 'generate', 'm', NULL,"
        """ 'completed', 1, 100.0, '{"input_tokens": 3}', '[]', '[]')"""
    )
    old.close()
    store = await opened(path)
    before = a_session(head="resp_1", instructions="é", model="m", turns=1)
    assert await store.sessions.get(MINE, "s") == before
    [turn] = await store.sessions.turns(MINE, "resp_1")
    assert (turn.usage, turn.conversation, turn.static) == (Usage(input_tokens=3), None, {})
    assert await store.spendings.total(MINE) == Spent()
    await add_turns(store, a_turn("resp_2", parent="resp_1", session="s", conversation="conv_1"), session="s")
    session = await store.sessions.get(MINE, "s")
    assert session
    assert (session.conversation, session.turns) == ("conv_1", 2)
    await store.close()


async def test_a_migration_that_another_process_has_done_is_not_done_again(other: sqlite3.Connection) -> None:
    assert migrate._apply(other, migrate.migrations("sqlite")[0]) is False


async def test_the_tables_keys_begin_with_owner_and_backend(path: Path) -> None:
    await migrate_sqlite(path)
    for table in ("jobs", "sessions", "turns", "objects", "index_files"):
        key = rows(path, f"SELECT name FROM pragma_table_info('{table}') WHERE pk > 0 ORDER BY pk")
        assert key[:2] == [("owner",), ("backend",)]


def test_processes_that_start_at_once_migrate_one_file(path: Path) -> None:
    script = (
        "import asyncio, pathlib, sys\n"
        "from mcp_server.store.sqlite import migrate_sqlite\n"
        "print('ready', flush=True)\n"
        "sys.stdin.readline()\n"
        f"print(len(asyncio.run(migrate_sqlite(pathlib.Path({str(path)!r})))))\n"
    )
    command = [sys.executable, "-c", script]
    children = [subprocess.Popen(command, stdin=-1, stdout=-1, text=True) for _ in range(4)]
    for child in children:
        assert child.stdout
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin
        child.stdin.write("go\n")
        child.stdin.flush()
    said = [child.communicate(timeout=30)[0] for child in children]
    assert sum(map(int, said)) == len(migrate.migrations("sqlite"))
    assert [child.returncode for child in children] == [0] * 4


async def test_stores_opened_at_once_on_a_new_file_all_work(path: Path) -> None:
    async def use(number: int) -> None:
        store = await open_sqlite(path)
        await store.objects.put(an_object(f"k{number}"))
        await store.close()

    async with anyio.create_task_group() as group:
        for number in range(8):
            group.start_soon(use, number)
    assert rows(path, "SELECT count(*) FROM objects") == [(8,)]


async def test_what_was_written_is_there_when_the_file_is_opened_again(path: Path) -> None:
    store = await open_sqlite(path)
    await store.objects.put(an_object())
    await store.close()
    store = await open_sqlite(path)
    assert await store.objects.get(MINE, "file", "k") == an_object()
    await store.close()


@POSIX
async def test_the_file_and_its_folder_are_for_this_user_alone(path: Path) -> None:
    store = await open_sqlite(path)
    await store.objects.put(an_object())
    modes = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in (path.parent, *path.parent.iterdir())}
    assert modes == {"state": 0o700, "store.db": 0o600, "store.db-wal": 0o600, "store.db-shm": 0o600}
    await store.close()


async def test_every_commit_is_synced_in_wal_mode(path: Path) -> None:
    store = await opened(path)
    for name, value in (("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("fullfsync", 1)):
        found = await store.lanes.read(lambda reader, name=name: reader.execute(f"PRAGMA {name}").fetchone()[0])
        assert found == value
    await store.close()


async def test_a_database_of_a_newer_version_is_refused(path: Path, other: sqlite3.Connection) -> None:
    other.execute("INSERT INTO migrations VALUES (99, '0099_future.sql', 0)")
    with pytest.raises(StoreError, match=r"made by a newer version .* \(schema 99, this one knows 5\); upgrade"):
        await open_sqlite(path)


def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"my diary " * 1000)
    with pytest.raises(StoreError, match="is damaged or is not an SQLite database; move the file away") as caught:
        asyncio.run(open_sqlite(path))
    assert not caught.value.retryable
    assert path.read_bytes() == b"my diary " * 1000


async def test_damage_found_while_reading_is_a_store_error(path: Path) -> None:
    store = await open_sqlite(path)
    for number in range(200):
        await store.objects.put(an_object(f"k{number}", data={"text": "word " * 100}))
    await store.close()
    [(first,)] = rows(path, "SELECT rootpage FROM sqlite_master WHERE name = 'objects'")
    assert isinstance(first, int)
    with path.open("r+b") as file:
        file.seek((first - 1) * 4096)
        file.write(b"\xff" * 4096)
    store = await open_sqlite(path)
    with pytest.raises(StoreError, match="is damaged"):
        await store.objects.all(MINE, "file")
    await store.close()


async def test_a_folder_that_cannot_be_made_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"cannot be opened for writing .*; make its folder writable"):
        await open_sqlite(tmp_path / "file" / "store.db")


async def test_a_path_that_is_a_folder_is_a_store_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened for writing"):
        await open_sqlite(tmp_path)


@pytest.fixture
def unprivileged() -> Generator[Path]:
    """A folder of a user to whom modes apply: root may write everywhere."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        root = os.geteuid() == 0
        if root:
            os.chown(folder, 65534, 65534)
            os.seteuid(65534)
        yield folder
        if root:
            os.seteuid(0)


@POSIX
def test_a_read_only_folder_is_a_store_error(unprivileged: Path) -> None:
    unprivileged.chmod(0o500)
    with pytest.raises(StoreError, match=r"cannot be opened for writing \(Permission denied\)"):
        asyncio.run(open_sqlite(unprivileged / "store.db"))
    with pytest.raises(StoreError, match=r"cannot be opened for writing \(Permission denied\)"):
        asyncio.run(open_sqlite(unprivileged / "state" / "store.db"))


@POSIX
def test_a_folder_that_takes_no_new_files_is_a_store_error(unprivileged: Path) -> None:
    path = unprivileged / "store.db"
    asyncio.run(migrate_sqlite(path))
    unprivileged.chmod(0o500)
    with pytest.raises(StoreError, match=r"cannot be (written|opened)"):
        asyncio.run(open_sqlite(path))


async def test_an_sqlite_that_is_too_old_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "OLDEST", (99, 0, 0))
    with pytest.raises(StoreError, match="too old or lacks FTS5"):
        await open_sqlite(path)


@pytest.mark.usefixtures("_impatient")
async def test_a_lock_held_for_too_long_is_a_store_error_worth_another_try(
    path: Path, other: sqlite3.Connection
) -> None:
    store = await open_sqlite(path)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="is busy: another process holds its lock for too long; try again") as caught:
        await store.objects.put(an_object())
    assert caught.value.retryable
    assert await store.objects.all(MINE, "file") == []
    other.execute("ROLLBACK")
    await store.objects.put(an_object())
    await store.close()


@pytest.mark.usefixtures("_impatient")
async def test_a_file_that_is_locked_whole_cannot_be_opened_but_may_be_later(path: Path) -> None:
    path.parent.mkdir()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreError, match="is busy") as caught:
        await open_sqlite(path)
    assert caught.value.retryable
    holder.close()
    await (await open_sqlite(path)).close()


@pytest.mark.usefixtures("_impatient")
async def test_a_reader_in_the_way_of_wal_makes_opening_fail_and_later_succeed(path: Path) -> None:
    path.parent.mkdir()
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("CREATE TABLE anything (a)")
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM anything").fetchone() == (0,)
    with pytest.raises(StoreError, match="is busy"):
        await open_sqlite(path)
    reader.close()
    await (await open_sqlite(path)).close()


async def test_a_lock_held_for_a_moment_is_waited_for(path: Path, other: sqlite3.Connection) -> None:
    store = await open_sqlite(path)
    other.execute("BEGIN IMMEDIATE")
    threading.Timer(0.1, other.execute, ("ROLLBACK",)).start()
    await store.objects.put(an_object())
    assert await store.objects.get(MINE, "file", "k")
    await store.close()


async def test_a_full_disk_is_a_store_error_and_the_store_goes_on_when_there_is_room(path: Path) -> None:
    store = await opened(path)
    pages = await store.lanes.read(lambda reader: reader.execute("PRAGMA page_count").fetchone()[0])
    await store.lanes.write(lambda writer: writer.execute(f"PRAGMA max_page_count = {pages + 1}").fetchone()[0])
    with pytest.raises(StoreError, match="cannot grow because the disk is full; free some space"):
        await store.objects.put(an_object("large", data={"text": "x" * 100_000}))
    await store.lanes.write(lambda writer: writer.execute("PRAGMA max_page_count = 100000").fetchone()[0])
    await store.objects.put(an_object())
    assert [item.key for item in await store.objects.all(MINE, "file")] == ["k"]
    await store.close()


async def test_when_sqlite_gives_up_the_whole_transaction_nobody_in_it_is_told_it_worked(path: Path) -> None:
    store = await opened(path)
    heard: list[str] = []

    async def write(sql: str) -> None:
        try:
            await store.lanes.write(lambda writer: writer.execute(sql).rowcount)
        except sqlite3.IntegrityError:
            return
        heard.append(sql)

    insert = "INSERT OR ROLLBACK INTO migrations VALUES ({0}, 'x', 0)"
    held = sqlite3.connect(path, isolation_level=None)
    held.execute("BEGIN IMMEDIATE")
    async with anyio.create_task_group() as group:
        for number in (50, 51, 1, 52):
            group.start_soon(write, insert.format(number))
        await anyio.lowlevel.checkpoint()
        held.execute("ROLLBACK")
    held.close()
    said = {insert.format(number) for (number,) in rows(path, "SELECT number FROM migrations WHERE number >= 50")}
    assert set(heard) == said
    await store.close()


async def test_a_commit_that_fails_is_told_and_rolled_back(path: Path) -> None:
    store = await opened(path)

    def orphan(writer: sqlite3.Connection) -> None:
        writer.execute("PRAGMA defer_foreign_keys = ON")
        writer.execute(
            "INSERT INTO chunks (owner, backend, store, path, file_id, ordinal, text, parts)"
            " VALUES ('a', 'b', 'c', 'd', 'e', 0, '', '')"
        )

    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        await store.lanes.write(orphan)
    await store.objects.put(an_object())
    await store.close()
    assert rows(path, "SELECT (SELECT count(*) FROM chunks), (SELECT count(*) FROM objects)") == [(0, 1)]


async def test_a_mistake_in_our_sql_stays_what_it_is(path: Path) -> None:
    store = await opened(path)
    for lane in (store.lanes.read, store.lanes.write):
        with pytest.raises(sqlite3.OperationalError, match="no such column"):
            await lane(lambda connection: connection.execute("SELECT nonsense"))
    await store.objects.put(an_object())
    await store.close()


async def test_a_closed_store_says_so(path: Path) -> None:
    store = await open_sqlite(path)
    await store.close()
    with pytest.raises(StoreError, match="has been closed"):
        await store.objects.put(an_object())
    assert [entry.name for entry in path.parent.iterdir()] == ["store.db"]


def test_a_write_whose_event_loop_is_gone_is_still_done(path: Path, other: sqlite3.Connection) -> None:
    loop = asyncio.new_event_loop()
    store = loop.run_until_complete(opened(path))
    other.execute("BEGIN IMMEDIATE")
    waiting = loop.create_task(store.objects.put(an_object()))
    loop.run_until_complete(asyncio.wait([waiting], timeout=0.02))
    waiting.cancel()
    loop.run_until_complete(asyncio.wait([waiting]))
    loop.close()
    other.execute("ROLLBACK")
    asyncio.run(store.close())
    assert rows(path, "SELECT key FROM objects") == [("k",)]
