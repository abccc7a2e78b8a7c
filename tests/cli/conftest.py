from pathlib import Path

import pytest


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state folder of a command that is run in the test's own process."""
    monkeypatch.setenv("RESPONSES_MCP_HOME", str(tmp_path))
    return tmp_path
