"""A program of somebody else's: started with nothing of our environment, waited for, and ended with its whole group."""

import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

START_SECONDS = 120.0
STOP_SECONDS = 10.0
LAST_WORDS = 40


@contextmanager
def running(command: Sequence[str | Path], folder: Path, ready: str, **variables: str) -> Iterator[None]:
    """Run ``command`` in ``folder``, from when it has said ``ready`` until the block ends."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        _wait(process, ready)
        yield
    finally:
        _end(process)


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def installed(name: str) -> Path:
    """The environment that ``scripts/dev.py real`` made for this server."""
    return Path(os.environ["REAL_SERVERS"]) / name


def packages(name: str) -> Path:
    """Where the packages of that environment are."""
    return next((installed(name) / "lib").glob("python3.*/site-packages"))


def _wait(process: subprocess.Popen[str], ready: str) -> None:
    assert process.stdout
    said: list[str] = []
    too_late = threading.Timer(START_SECONDS, process.kill)
    too_late.start()
    for line in process.stdout:
        said.append(line)
        if ready in line:
            break
    else:
        raise AssertionError(f"{process.args} did not start:\n{''.join(said[-LAST_WORDS:])}")
    too_late.cancel()
    # What it says later is nobody's, and it must never wait for a full pipe.
    threading.Thread(target=_drain, args=(process.stdout,), daemon=True).start()


def _drain(output: IO[str]) -> None:
    with output:
        output.read()


def _end(process: subprocess.Popen[str]) -> None:
    """Ask the group to end, then make sure: a server's own children may outlive it."""
    with suppress(subprocess.TimeoutExpired):
        process.terminate()
        process.wait(STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
