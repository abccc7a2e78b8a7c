import io
import os
import threading
from collections import Counter
from pathlib import Path

import pytest

from mcp_server.errors import InvalidArgument
from mcp_server.files import reading
from mcp_server.files.reading import list_folder, open_and_compare, probe, read
from mcp_server.files.roots import Roots


@pytest.fixture(params=["folder by folder", "open and compare"])
def _opening(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "open and compare":
        monkeypatch.setattr(reading, "_open", open_and_compare)


@pytest.mark.usefixtures("_opening")
def test_a_link_swapped_in_after_the_check_is_not_followed(roots: Roots, folder: Path, outside: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "deep" / "secret.txt").write_text("harmless")
    checked = roots.resolve("deep/secret.txt")
    assert read(checked).content == b"harmless"
    checked.unlink()
    checked.symlink_to(outside)
    with pytest.raises(InvalidArgument, match="through a link"):
        read(checked)
    checked.unlink()
    (folder / "deep").rmdir()
    (folder / "deep").symlink_to(outside.parent, target_is_directory=True)
    with pytest.raises(InvalidArgument, match="through a link"):
        read(checked)


@pytest.mark.usefixtures("_opening")
def test_what_became_of_a_checked_file_is_said(roots: Roots, folder: Path) -> None:
    (folder / "a.txt").write_text("x")
    checked = roots.resolve("a.txt")
    checked.unlink()
    with pytest.raises(InvalidArgument, match="does not exist"):
        read(checked)
    os.mkfifo(checked)
    with pytest.raises(InvalidArgument, match="not a regular file"):
        read(checked)
    checked.unlink()
    checked.mkdir()
    with pytest.raises(InvalidArgument, match="is a folder"):
        read(checked)


def test_reading_leaves_no_file_open(roots: Roots, folder: Path, outside: Path) -> None:
    (folder / "a.txt").write_text("x")
    (folder / "b.txt").symlink_to(outside)
    before = len(list(Path("/dev/fd").iterdir()))
    (folder / "inner").mkdir()
    for name in ("a.txt", "b.txt", "c.txt", "inner"):
        try:
            read(folder.resolve() / name)
        except InvalidArgument:
            continue
    with pytest.raises(OSError, match="symbolic links"):
        open_and_compare(folder.resolve() / "b.txt")
    assert len(list(Path("/dev/fd").iterdir())) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_says_so(roots: Roots, folder: Path) -> None:
    (folder / "a.txt").write_text("x")
    (folder / "a.txt").chmod(0)
    with pytest.raises(InvalidArgument, match="check its permissions"):
        read(roots.resolve("a.txt"))


def test_a_huge_file_is_refused_by_its_size_and_not_read(
    roots: Roots, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (folder / "huge.txt").open("wb") as stream:
        stream.write(b"text")
        stream.truncate(10_000_000_000)
    with (folder / "data.txt").open("wb") as stream:
        stream.write(bytes(range(256)))
        stream.truncate(9_000_000)
    asked: list[int] = []

    class Counting(io.BufferedReader):
        def read(self, size: int | None = -1, /) -> bytes:
            asked.append(size or -1)
            return super().read(size)

    monkeypatch.setattr(reading.os, "fdopen", lambda number, _mode: Counting(io.FileIO(number)))
    for name, rule in {"huge.txt": "larger than 10 MB", "data.txt": "looks binary"}.items():
        with pytest.raises(InvalidArgument, match=rule):
            read(roots.resolve(name))
    assert asked == [4096, 4096]


def test_a_file_that_grows_while_it_is_read_is_read_up_to_its_limit(
    roots: Roots, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / "grows.txt"
    path.write_text("x" * 5000)

    class Growing(io.BufferedReader):
        def read(self, size: int | None = -1, /) -> bytes:
            with path.open("ab") as more:
                more.truncate(10_000_100)
            return super().read(size)

    monkeypatch.setattr(reading.os, "fdopen", lambda number, _mode: Growing(io.FileIO(number)))
    with pytest.raises(InvalidArgument, match="larger than 10 MB"):
        read(roots.resolve("grows.txt"))


@pytest.mark.usefixtures("_opening")
def test_a_hard_link_made_after_the_check_is_refused(roots: Roots, folder: Path, outside: Path) -> None:
    (folder / "a.txt").write_text("x")
    checked = roots.resolve("a.txt")
    checked.unlink()
    os.link(outside, checked)
    with pytest.raises(InvalidArgument, match="hard link"):
        read(checked)
    with pytest.raises(InvalidArgument, match="hard link"):
        probe(checked)


@pytest.mark.parametrize("swap", ["the file", "its folder"])
def test_a_swap_at_any_moment_never_gives_the_secret_away(roots: Roots, folder: Path, outside: Path, swap: str) -> None:
    """The one who swaps needs no luck in timing here: the swaps go on while the file is checked and read."""
    (folder / "deep").mkdir()
    wanted = folder / "deep" / "secret.txt"
    wanted.write_text("harmless")
    outside.write_text("stolen")
    place, evil = (wanted, outside) if swap == "the file" else (wanted.parent, outside.parent)
    place.rename(good := folder / "good")
    stop = threading.Event()

    def swapping() -> None:
        while not stop.is_set():
            (folder / "next").symlink_to(evil)
            good.rename(place)
            place.rename(good)
            (folder / "next").rename(place)
            place.unlink()

    thread = threading.Thread(target=swapping)
    thread.start()
    seen: Counter[bytes | str] = Counter()
    try:
        while sum(seen.values()) < 2000:
            try:
                seen[read(roots.resolve("deep/secret.txt")).content] += 1
            except InvalidArgument:
                seen["refused"] += 1
    finally:
        stop.set()
        thread.join()
    assert set(seen) <= {b"harmless", "refused"}
    assert seen["refused"]


def test_a_folder_is_listed_without_following_a_link_on_the_way(folder: Path, outside: Path) -> None:
    real = folder.resolve()
    (real / "a.txt").write_text("x")
    (real / "link").symlink_to(outside.parent, target_is_directory=True)
    assert [(entry.name, entry.file, entry.link) for entry in sorted(list_folder(real))] == [
        ("a.txt", True, False),
        ("link", False, True),
    ]
    assert list_folder(real / "link") == []
    assert list_folder(real / "link" / "allowed") == []
    assert list_folder(real / "missing") == []


def test_a_file_over_its_limit_is_refused_with_the_limit(roots: Roots, folder: Path) -> None:
    with (folder / "big.txt").open("wb") as stream:
        stream.truncate(10_000_001)
    with pytest.raises(InvalidArgument, match="larger than 10 MB"):
        read(roots.resolve("big.txt"))
    with (folder / "big.pdf").open("wb") as stream:
        stream.truncate(50_000_001)
    with pytest.raises(InvalidArgument, match="larger than 50 MB"):
        read(roots.resolve("big.pdf"))
    (folder / "fits.txt").write_bytes(b"x" * 10_000_000)
    assert len(read(roots.resolve("fits.txt")).content) == 10_000_000
