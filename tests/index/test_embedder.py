from importlib.util import find_spec
from pathlib import Path

import pytest

from mcp_server.app import open_app
from mcp_server.backends import choose
from mcp_server.backends.choose import open_backend, open_embedder
from mcp_server.backends.llama.embedder import LocalEmbedder
from mcp_server.index.embedded import EmbeddedIndex
from mcp_server.index.protocol import Filing
from mcp_server.index.search import ChosenIndex
from mcp_server.model.value import Scope
from mcp_server.settings import Settings
from tests.index.parts import quiet
from tests.serving import told


def settings(home: Path, **more: str) -> Settings:
    return told(home, OPENAI_BASE_URL="http://127.0.0.1:9/v1", **more)


def test_a_backend_that_embeds_does_so_itself(tmp_path: Path) -> None:
    ours = told(tmp_path, OPENAI_API_KEY="sk-test")
    backend = open_backend(ours)
    assert open_embedder(backend, ours) is backend


def test_a_compatible_server_embeds_where_its_embedding_model_is_named(tmp_path: Path) -> None:
    ours = settings(tmp_path, RESPONSES_MCP_EMBEDDING_MODEL="nomic-embed-text")
    backend = open_backend(ours)
    assert open_embedder(backend, ours) is backend


def test_another_one_has_the_packaged_model_where_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = settings(tmp_path)
    assert isinstance(open_embedder(open_backend(ours), ours), LocalEmbedder)
    monkeypatch.setattr(choose, "find_spec", lambda name: None if name == "xllamacpp" else find_spec(name))
    assert open_embedder(open_backend(ours), ours) is None


@pytest.fixture
def files(folder: Path) -> list[Path]:
    made = [folder / "doctor.txt", folder / "cars.txt"]
    made[0].write_text("A physician visits the village on Mondays.\n")
    made[1].write_text("The red automobile needs new tyres.\n")
    return made


@pytest.fixture
def home(folder: Path, weights: Path) -> Path:
    made = folder.with_name("home")
    made.mkdir()
    (made / "models").symlink_to(weights)
    return made


@pytest.mark.engine
async def test_the_packaged_model_embeds_beside_a_backend_and_ends_with_the_app(home: Path, files: list[Path]) -> None:
    scope = Scope(owner="local", backend="compatible")
    async with open_app(settings(home)) as app:
        await app.index.update(scope, "docs", files, Filing(), quiet)
        found = await app.index.search(scope, "docs", ["who can help when somebody is ill"], max_results=2)
        assert [passage.filename for passage in found.passages] == ["doctor.txt", "cars.txt"]
        assert found.warnings == []
        assert isinstance(app.index, ChosenIndex)
        index = await app.index.serving(scope, "docs")
        assert isinstance(index, EmbeddedIndex)
        embedder = index._embedder
        assert isinstance(embedder, LocalEmbedder)
        child = embedder.child
        assert child.alive
    assert not child.alive
