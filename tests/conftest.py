"""What every test starts from: no environment of the machine's, asyncio, and the models fetched once."""

import os
from pathlib import Path

import pytest

OURS = ("RESPONSES_MCP_", "OPENAI_", "AZURE_", "AWS_", "BEDROCK_")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(OURS):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded engine's model files, fetched by the first test that needs them and kept between runs.

    Fetching is safe side by side, so several workers need no lock here.
    """
    folder = tmp_path_factory.getbasetemp().parent
    if folder.name.startswith("pytest-") and folder.name.removeprefix("pytest-").isdigit():
        folder = folder.parent  # below a worker's folder of pytest-xdist
    models = folder / "responses-mcp-models" / "models"
    models.mkdir(parents=True, exist_ok=True)
    return models
