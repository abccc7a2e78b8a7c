"""What is not allowed is refused with the rule, whatever way it is named, and nothing is sent anywhere."""

import asyncio
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mcp_server.files.roots import is_glob
from tests.files.parts import PIXEL
from tests.serving import House
from tests.upstream_state import StatefulUpstream

SECRET = "the secret of another folder"
OUTSIDE = "outside the allowed folders"
NEVER = "nothing under /proc, /sys or /dev is ever read"
NO_FILE = "not a regular file"


@pytest.fixture
def allowed(tmp_path: Path) -> Path:
    """The allowed folder with whatever an attacker can put into it."""
    (tmp_path / "private").mkdir()
    secret = tmp_path / "private" / "secret.txt"
    secret.write_text(SECRET)
    folder = tmp_path / "files"
    folder.mkdir(exist_ok=True)
    (folder / "deep").mkdir()
    links = {
        "to-file": secret,
        "to-folder": secret.parent,
        "chained": "to-file",
        "deep/up": "../..",
        "dangling-out": secret.parent / "missing.txt",
        "dangling": "missing.txt",
        "loop": "other",
        "other": "loop",
        "environ": "/proc/self/environ",
    }
    for name, target in links.items():
        (folder / name).symlink_to(target)
    os.link(secret, folder / "twin.txt")
    os.mkfifo(folder / "pipe")
    with (folder / "huge.txt").open("wb") as stream:
        stream.write(b"text " * 1000)
        stream.truncate(10_000_000_000)
    (folder / "program").write_bytes(b"\x7fELF" + bytes(range(256)))
    return folder


ATTACKS = {
    "../private/secret.txt": OUTSIDE,
    "../private/missing.txt": OUTSIDE,
    "../private": OUTSIDE,
    "deep/../../private/secret.txt": OUTSIDE,
    "{private}/secret.txt": OUTSIDE,
    "{private}": OUTSIDE,
    "/etc/passwd": OUTSIDE,
    "/": OUTSIDE,
    "to-file": OUTSIDE,
    "to-folder/secret.txt": OUTSIDE,
    "chained": OUTSIDE,
    "deep/up/private/secret.txt": OUTSIDE,
    "dangling-out": OUTSIDE,
    "dangling": "does not exist",
    "loop": NO_FILE,
    "environ": NEVER,
    "twin.txt": "is a hard link",
    "pipe": NO_FILE,
    "socket": NO_FILE,
    "/proc/self/environ": NEVER,
    "/proc/self/root/etc/passwd": NEVER,
    "/proc/self/cwd/pyproject.toml": NEVER,
    "/dev/zero": NEVER,
    "/dev/fd/0": NEVER,
    "/dev/stdin": NEVER,
    "../*": OUTSIDE,
    "deep/../../*": OUTSIDE,
    "to-folder/*": OUTSIDE,
    "{private}/*.txt": OUTSIDE,
    "**/../private/*": "climbs with '..'",
    "d*/../../private/secret.txt": "climbs with '..'",
    "to-f*/secret.txt": "matches no file",
    "to-fi[l]e": "matches no file",
    "[.][.]/private/*": "matches no file",
    "**/secret.txt": "matches no file",
    "{{..,deep}}/private/*": "matches no file",
    "/proc/self/env*": NEVER,
    "a\0b": "is not a path",
    "a\nb": "is not a path",
    "a\x1b]0;b": "is not a path",
    "": "is not a path",
    "x" * 5000: "is not a path",
    "x" * 300: "cannot be read",
    "~root/.ssh/id_rsa": "does not exist",
    "~/secret.txt": OUTSIDE,
}


def form(source: str, allowed: Path) -> str:
    return source.format(private=allowed.parent / "private")


@pytest.fixture
def with_socket(allowed: Path, monkeypatch: pytest.MonkeyPatch) -> socket.socket:
    monkeypatch.chdir(allowed)  # the name of a socket must be short
    listening = socket.socket(socket.AF_UNIX)
    listening.bind("socket")
    return listening


WAYS: dict[str, Callable[[str], dict[str, Any]]] = {
    "file_ask": lambda named: {"question": "What?", "files": [named]},
    "vector_search": lambda named: {"store": "s", "paths": [named], "query": "secret"},
    "generate": lambda named: {"input": "What?", "images": [named]},
    "structured_extract": lambda named: {"schema": {"type": "object"}, "files": [named]},
    "start_background": lambda named: {"input": "What?", "files": [named]},
}
AS_FILE_ASK = ("structured_extract", "start_background")
"""Their files take the way of those of ``file_ask``: a few names show that."""


async def test_no_name_of_a_file_leads_out(
    hosted: House, up: StatefulUpstream, allowed: Path, with_socket: socket.socket
) -> None:
    with with_socket:
        for number, (source, rule) in enumerate(ATTACKS.items()):
            named = form(source, allowed)
            for tool, arguments in WAYS.items():
                if (tool == "generate" and is_glob(source)) or (tool in AS_FILE_ASK and number % 10):
                    continue
                sentence, _ = await hosted.refused(tool, **arguments(named))
                assert rule in sentence, (tool, source, sentence)
                assert SECRET not in sentence
    assert up.requests == []


async def test_what_is_too_large_or_binary_is_refused_before_anything_else_is_sent(
    hosted: House, up: StatefulUpstream, allowed: Path
) -> None:
    (allowed / "a.pdf").write_bytes(b"%PDF-1.4\n")
    (allowed / "many").mkdir()
    for number in range(101):
        (allowed / "many" / f"{number}.txt").write_text("x")
    for source, rule in {"huge.txt": "larger than 10 MB", "program": "looks binary", "many": "at most 100"}.items():
        sentence, _ = await hosted.refused("file_ask", question="What?", files=["a.pdf", source])
        assert rule in sentence
    assert up.requests == []


async def test_a_folder_is_indexed_without_what_leads_out_and_the_rest_is_reported(
    hosted: House, up: StatefulUpstream, allowed: Path
) -> None:
    (allowed / "a.md").write_text("harmless")
    (allowed / "photo.png").write_bytes(PIXEL)
    (allowed / ".gitignore").write_text("*.tmp")
    (allowed / "b.tmp").write_text("ignored")
    index = (await hosted.call("vector_search", store="s", paths=["."]))["index"]
    assert (index["added"], index["status"]) == (1, "completed")
    rules = {
        "huge.txt": "larger than 10 MB",
        "photo.png": "is an image",
        "program": "looks binary",
        "twin.txt": "is a hard link",
    }
    reasons = {Path(failed["path"]).name: failed["reason"] for failed in index["failed"]}
    assert reasons.keys() == rules.keys()
    assert all(rule in reasons[name] for name, rule in rules.items())
    assert all(SECRET.encode() not in request.content for request in up.requests)


def swap_file(allowed: Path) -> None:
    (allowed / "deep" / "secret.txt").unlink()
    (allowed / "deep" / "secret.txt").symlink_to(allowed.parent / "private" / "secret.txt")


def swap_folder(allowed: Path) -> None:
    (allowed / "deep").rename(allowed / "moved")
    (allowed / "deep").symlink_to(allowed.parent / "private", target_is_directory=True)


def swap_root(allowed: Path) -> None:
    allowed.rename(allowed.with_name("moved"))
    (allowed.parent / "private" / "deep").mkdir()
    (allowed.parent / "private" / "secret.txt").rename(allowed.parent / "private" / "deep" / "secret.txt")
    allowed.symlink_to(allowed.parent / "private", target_is_directory=True)


def swap_hard_link(allowed: Path) -> None:
    (allowed / "deep" / "secret.txt").unlink()
    os.link(allowed.parent / "private" / "secret.txt", allowed / "deep" / "secret.txt")


@pytest.mark.parametrize(
    ("swap", "rule"),
    [(swap_file, OUTSIDE), (swap_folder, OUTSIDE), (swap_root, OUTSIDE), (swap_hard_link, "is a hard link")],
)
async def test_what_is_swapped_in_while_a_job_waits_is_not_read(
    hosted: House, up: StatefulUpstream, allowed: Path, swap: Callable[[Path], None], rule: str
) -> None:
    (allowed / "deep" / "secret.txt").write_text("harmless")
    up.pause = asyncio.Event()
    first = await hosted.call("generate", input="x", session="s", wait_seconds=0)
    await up.arrived(1)
    question = {"question": "What?", "files": ["deep/secret.txt"], "session": "s", "wait_seconds": 0}
    second = await hosted.call("file_ask", **question)
    swap(allowed)
    up.pause.set()
    await hosted.collect(first["job_id"])
    job = await hosted.collect(second["job_id"])
    assert job["status"] == "failed"
    assert rule in job["error"]["message"]
    assert len(up.requests) == 1
