"""Reading formats that can do harm in processes of their own, with limits on their time and their memory.

A file that is made to crash, hang or unpack without end takes its reader with it and nothing else. Starting a reader
takes 0.2 to 0.4 s, so one that has done its work waits a little for the next file. (``anyio.to_process`` would start
with the working folder on its path, where a file named like a library would be run.)
"""

import json
import sys
from contextlib import suppress
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from threading import Timer
from typing import Literal

import anyio
import structlog
from anyio import to_process, to_thread

from mcp_server.errors import InvalidArgument, extra
from mcp_server.files.kinds import DOCUMENTS
from mcp_server.settings import for_reader

Task = Literal["pdf", "document", "picture"]

SECONDS = 120
"""The longest that one file may take."""
IDLE_SECONDS = 20.0
ENOUGH = 20_000_000
"""Bytes of files after which a reader ends, so that the memory that they took is given back."""
FAILED = ("late", "crash")
"""What goes wrong with a reader, not with a file."""

_PROGRAM = Path(__file__).with_name("child.py")
# On a machine with many cores, a thread for each would take up the addresses that the process may use.
_FEW_THREADS = {"RAYON_NUM_THREADS": "1", "TOKIO_WORKER_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
_log: structlog.stdlib.BoundLogger = structlog.get_logger("responses_mcp.files")


class MissingExtra(InvalidArgument):
    """The package that reads this kind of file is not installed."""


async def convert(task: Task, name: str, content: bytes, *, seconds: int = SECONDS) -> bytes:
    """What ``child.py`` makes of a file: JSON of its text, or a JPEG file.

    Raises:
        InvalidArgument: protected, damaged, too large once it is unpacked, or it took longer than ``seconds``.
        MissingExtra: the documents extra is not installed.
    """
    problem, answer = "late", b""
    # As many at once as the machine has cores.
    async with to_process.current_default_process_limiter():
        reader = await to_thread.run_sync(_ready)
        try:
            with anyio.move_on_after(seconds):
                problem, answer = await to_thread.run_sync(
                    reader.ask, task, name, content, seconds, abandon_on_cancel=True
                )
        finally:
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(reader.rest, problem)
    if problem in FAILED:
        _log.warning("reading_failed", task=task, problem=problem)
    if problem:
        raise _refusal(task, name, problem)
    return answer


class _Reader:
    """A running ``child.py``, asked by one thread at a time."""

    def __init__(self) -> None:
        self._read = 0
        self._timer: Timer | None = None
        self._process = Popen(
            [sys.executable, "-P", str(_PROGRAM)],
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env=for_reader(**_FEW_THREADS),
        )

    def ask(self, task: Task, name: str, content: bytes, seconds: int) -> tuple[str, bytes]:
        """What is wrong with the file, in a word (empty when nothing is), and what was made of it."""
        self._read += len(content)
        asked = {"task": task, "name": name, "size": len(content), "seconds": seconds}
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin
        assert stdout
        try:
            stdin.write(json.dumps(asked).encode() + b"\n" + content)
            stdin.flush()
            told = json.loads(stdout.readline())
            answer = stdout.read(told["size"])
        except (OSError, ValueError):
            return "crash", b""
        return (told["problem"], answer) if len(answer) == told["size"] else ("crash", b"")

    def rest(self, problem: str) -> None:
        """Wait for the next file, or end: after what went wrong, or when it has read enough."""
        if problem in FAILED or self._read > ENOUGH:
            self._end()
            return
        self._timer = Timer(IDLE_SECONDS, self._retire)
        self._timer.daemon = True
        self._timer.start()
        _idle.append(self)

    def wakes(self) -> bool:
        """Make it ready for a file; False when it is gone."""
        if self._timer is not None:
            self._timer.cancel()
        if self._process.poll() is None:
            return True
        self._end()
        return False

    def _retire(self) -> None:
        with suppress(ValueError):  # it was taken just now
            _idle.remove(self)
            self._end()

    def _end(self) -> None:
        self._process.kill()
        with suppress(OSError), self._process:
            pass  # closes the pipes and waits


_idle: list[_Reader] = []
"""Of the whole process, whichever event loop asks: readers know nothing of loops."""


def _ready() -> _Reader:
    with suppress(IndexError):
        while True:
            reader = _idle.pop()
            if reader.wakes():
                return reader
    return _Reader()


def _refusal(task: Task, name: str, problem: str) -> InvalidArgument:
    kinds = {"pdf": "a PDF file", "picture": "an image"}
    kind = kinds.get(task) or DOCUMENTS.get(Path(name).suffix.lower(), "a document")
    if problem == "missing":
        other = "PNG or JPEG" if task == "picture" else "PDF or text"
        return MissingExtra(
            f"{name} is {kind}, and reading it here needs the documents extra: run {extra('documents')}, or save it as "
            f"{other}."
        )
    sentences = {
        "locked": "is protected by a password: save it without one.",
        "cipher": "is encrypted in a way that cannot be read: save it without.",
        "large": "is too large once it is unpacked: split it, or save what matters as text.",
        "late": "took too long to read: split it, or save what matters as text.",
        "damaged": f"is not {kind} that can be read: it is damaged or cut off.",
        "crash": f"made the program that reads {kind} fail: save it anew, or as text.",
    }
    return InvalidArgument(f"{name} {sentences.get(problem, sentences['crash'])}")
