"""An update of a hosted store that breaks off, wherever that is, and the next one."""

import itertools
from collections import Counter
from functools import partial
from pathlib import Path

import anyio
import pytest

from mcp_server.errors import UpstreamError
from mcp_server.index.hosted import HostedIndex
from mcp_server.index.search import Chunking, Filing
from mcp_server.store.protocol import Store
from tests.index.parts import SCOPE, Hosted, Trouble, file, nothing_left_over

BEFORE = Filing(attributes={"lang": "en"})
AFTER = Filing(attributes={"lang": "fr"}, chunking=Chunking(tokens=200, overlap=0))


def fail() -> None:
    raise UpstreamError("The upstream failed.", kind="upstream_unavailable", http_status=503)


def begun(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    for name in ("changed.md", "gone.md", "same.md"):
        (folder / name).write_text(name)


def edited(folder: Path) -> None:
    """After some work one file is changed, one gone, one the same, and two are new with the same content."""
    (folder / "changed.md").write_text("changed")
    (folder / "gone.md").unlink()
    for name in ("new.md", "twin.md"):
        (folder / name).write_text("new")


# Cut off before a request is done, a cancelled update leaves what a failed one leaves.
@pytest.mark.parametrize(
    ("how", "late"),
    [("fails", False), ("fails", True), ("is cancelled", True)],
    ids=["fails before it is done", "fails after it is done", "is cancelled after it is done"],
)
async def test_whichever_request_an_update_breaks_off_at_the_next_one_goes_on(
    store: Store, folder: Path, how: str, late: bool
) -> None:
    for number in itertools.count(1):
        backend = Hosted()
        index = HostedIndex(backend.as_backend(), store)
        begun(folder)
        await file(index, BEFORE, folder)
        edited(folder)
        update = partial(file, index, AFTER, folder)
        with anyio.CancelScope() as scope:
            strike = fail if how == "fails" else scope.cancel
            backend.trouble = {len(backend.log) + number: Trouble(strike, late)}
            try:
                await update()
            except UpstreamError:
                assert how == "fails"
        enough = bool(backend.trouble)
        backend.trouble.clear()
        await update()
        assert sorted(backend.contents().values()) == [b"changed", b"new", b"same.md"], number
        assert {found.attributes["lang"] for found in backend.attached_files["vs_1"].values()} == {"fr"}, number
        assert {found.chunking for found in backend.attached_files["vs_1"].values()} == {(200, 0)}, number
        assert max(Counter(backend.uploaded).values()) == 1, number
        assert await update() == {"unchanged": 4}
        await nothing_left_over(store, backend)
        assert await index.delete(SCOPE, "docs")
        await nothing_left_over(store, backend)
        if enough:
            assert number > 15
            return
    raise AssertionError("an update ends")


@pytest.mark.parametrize("then", ["changed again", "deleted"])
async def test_what_was_attached_and_is_no_more_is_taken_out_at_once(store: Store, folder: Path, then: str) -> None:
    backend = Hosted()
    index = HostedIndex(backend.as_backend(), store)
    (folder / "a.md").write_text("first")
    (folder / "b.md").write_text("other")
    backend.trouble = {number: Trouble(fail, late=True) for number in range(4, 8)}
    with pytest.raises(UpstreamError):
        await file(index, BEFORE, folder)
    assert b"first" in backend.contents().values()
    backend.trouble.clear()
    (folder / "a.md").write_text("second")
    if then == "deleted":
        (folder / "a.md").unlink()
    await file(index, BEFORE, folder)
    assert set(backend.contents().values()) == ({b"other"} if then == "deleted" else {b"second", b"other"})
    await nothing_left_over(store, backend)
