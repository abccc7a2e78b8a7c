from pathlib import Path

import pytest

from mcp_server.index.search import SearchIndex, open_index
from mcp_server.store.protocol import Store
from tests.index.parts import TEXTS, Embedding


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path.resolve() / "files"
    made.mkdir()
    return made


@pytest.fixture
def backend() -> Embedding:
    return Embedding()


@pytest.fixture
def index(backend: Embedding, store: Store) -> SearchIndex:
    """The embedded index."""
    return open_index(backend.as_backend(), store, backend.as_backend)


@pytest.fixture
def texts(folder: Path) -> Path:
    """A folder with ``TEXTS``."""
    for name, text in TEXTS.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder
