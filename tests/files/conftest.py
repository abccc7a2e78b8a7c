from collections.abc import Generator
from pathlib import Path

import pytest

from mcp_server.files import documents
from mcp_server.files.documents import _Reader
from mcp_server.files.roots import Roots


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "allowed"
    made.mkdir()
    return made


@pytest.fixture
def roots(folder: Path) -> Roots:
    return Roots((folder,))


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A file beside the allowed folder."""
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    return secret


@pytest.fixture
def readers(monkeypatch: pytest.MonkeyPatch) -> Generator[list[_Reader]]:
    """The processes that were started to read this test's files; none was there before, and none stays."""
    started: list[_Reader] = []

    class Told(_Reader):
        def __init__(self) -> None:
            super().__init__()
            started.append(self)

    monkeypatch.setattr(documents, "_idle", [])
    monkeypatch.setattr(documents, "_Reader", Told)
    yield started
    for reader in started:
        reader.wakes()
        reader._end()
