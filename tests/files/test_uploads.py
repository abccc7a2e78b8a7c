"""The same bytes are uploaded once."""

import time
from collections.abc import AsyncGenerator
from hashlib import sha256
from pathlib import Path
from typing import Any

import anyio
import pytest

from mcp_server.errors import UpstreamError
from mcp_server.files.reading import Source
from mcp_server.files.uploads import CLAIM, CLAIM_SECONDS, KIND, UPLOAD_SECONDS, Uploads, finished
from mcp_server.model.session import KeptObject
from mcp_server.model.value import Scope
from mcp_server.store.protocol import Store
from mcp_server.store.sqlite import open_sqlite

SCOPE = Scope(owner="me", backend="test")
PAPER = Source(Path("/files/a.pdf"), "pdf", b"%PDF-", sha256(b"%PDF-").hexdigest())


class Taking:
    """A backend that takes files; while ``gate`` is closed an upload does not end."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[str, str, int | None]] = {}
        self.began = 0
        self.gate = anyio.Event()
        self.gate.set()

    async def upload(self, filename: str, content: bytes, purpose: str, *, expires_seconds: int | None = None) -> str:
        self.began += 1
        file_id = f"file-{self.began}"
        await self.gate.wait()
        self.files[file_id] = (filename, purpose, expires_seconds)
        return file_id

    async def delete_file(self, file_id: str) -> bool:
        return self.files.pop(file_id, None) is not None

    def as_backend(self) -> Any:
        return self


@pytest.fixture
def backend() -> Taking:
    return Taking()


@pytest.fixture
async def other(store: Store, tmp_path: Path) -> AsyncGenerator[Store]:
    """The same database as another process has it open."""
    opened = await open_sqlite(tmp_path / "state" / "store.db")
    yield opened
    await opened.close()


async def ask(uploads: Uploads, backend: Taking, store: Store, now: float | None = None) -> str:
    moment = time.time() if now is None else now
    return await uploads.file_id(PAPER, SCOPE, backend.as_backend(), store, lambda: moment)


async def test_the_same_content_is_uploaded_anew_a_day_before_it_expires(backend: Taking, store: Store) -> None:
    uploads, now = Uploads(), time.time()
    assert await ask(uploads, backend, store, now) == await ask(uploads, backend, store, now + 28 * 86_400) == "file-1"
    assert backend.files == {"file-1": ("a.pdf", "user_data", UPLOAD_SECONDS)}
    assert await ask(uploads, backend, store, now + 29 * 86_400 + 1) == "file-2"
    assert [one.id for one in await store.objects.all(SCOPE, KIND)] == ["file-2"]


async def test_calls_at_once_upload_once_in_one_process_and_in_two(backend: Taking, store: Store, other: Store) -> None:
    mine, theirs, got = Uploads(), Uploads(), list[str]()
    backend.gate = anyio.Event()

    async def one(uploads: Uploads, where: Store) -> None:
        got.append(await ask(uploads, backend, where))

    async with anyio.create_task_group() as tasks:
        for uploads, where in ((mine, store), (mine, store), (theirs, other), (theirs, other)):
            tasks.start_soon(one, uploads, where)
        await anyio.wait_all_tasks_blocked()
        backend.gate.set()
    assert got == ["file-1"] * 4
    assert backend.began == 1
    assert await store.objects.all(SCOPE, CLAIM) == []


async def test_what_another_process_has_just_uploaded_is_not_uploaded_again(
    backend: Taking, store: Store, other: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = store.objects.add

    async def late(wanted: KeptObject) -> KeptObject:
        if wanted.kind == CLAIM:
            assert await ask(Uploads(), backend, other) == "file-1"
        return await add(wanted)

    monkeypatch.setattr(store.objects, "add", late)
    assert await ask(Uploads(), backend, store) == "file-1"
    assert backend.began == 1


async def test_a_process_that_died_does_not_hold_the_others_up_for_long(backend: Taking, store: Store) -> None:
    moment = time.time() - CLAIM_SECONDS
    claim = KeptObject(
        scope=SCOPE, kind=CLAIM, key=PAPER.sha256, id="dead", created_at=moment, expires_at=moment + CLAIM_SECONDS
    )
    await store.objects.put(claim)
    assert await ask(Uploads(), backend, store) == "file-1"


async def test_of_two_uploads_of_the_same_content_one_stays(backend: Taking, store: Store) -> None:
    backend.gate = anyio.Event()
    got: list[str] = []

    async def one() -> None:
        got.append(await ask(Uploads(), backend, store))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(one)
        while not backend.began:
            await anyio.wait_all_tasks_blocked()
        # The first one takes so long that its claim is over.
        await store.objects.delete(SCOPE, CLAIM, PAPER.sha256)
        tasks.start_soon(one)
        while backend.began < 2:
            await anyio.wait_all_tasks_blocked()
        backend.gate.set()
    assert len(set(got)) == 1
    assert set(backend.files) == set(got)


async def test_an_upload_that_fails_is_not_remembered(backend: Taking, store: Store) -> None:
    uploads = Uploads()

    async def fail(*_: object, **__: object) -> str:
        raise UpstreamError("no", kind="rate_limited")

    backend.upload, works = fail, backend.upload  # type: ignore[method-assign]
    with pytest.raises(UpstreamError):
        await ask(uploads, backend, store)
    backend.upload = works  # type: ignore[method-assign]
    assert await store.objects.all(SCOPE, CLAIM) == []
    assert await ask(uploads, backend, store) == "file-1"


async def test_a_cancelled_upload_that_ends_soon_is_remembered(backend: Taking, store: Store) -> None:
    uploads = Uploads()
    backend.gate = anyio.Event()

    async def end_soon() -> None:
        with anyio.CancelScope(shield=True):
            await anyio.wait_all_tasks_blocked()
            backend.gate.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask, uploads, backend, store)
        while not backend.began:
            await anyio.wait_all_tasks_blocked()
        tasks.start_soon(end_soon)
        await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()
    assert await ask(uploads, backend, store) == "file-1"
    assert backend.began == 1


async def test_cancelled_work_that_does_not_end_is_given_up() -> None:
    ended = anyio.Event()

    async def work() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.set()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(finished, work, 0.01)
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
    assert ended.is_set()
