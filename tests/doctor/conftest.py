from collections.abc import Callable
from pathlib import Path

import pytest

from mcp_server.backends import choose
from tests.doctor.ran import Doctor, doctor

Use = Callable[[dict[str, str]], None]


@pytest.fixture
def use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Use:
    """Sets a user's variables; the state folder is the test's own."""
    monkeypatch.setenv("RESPONSES_MCP_HOME", str(tmp_path / "home"))

    def given(variables: dict[str, str]) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return given


@pytest.fixture
def run(use: Use, capsys: pytest.CaptureFixture[str]) -> Doctor:
    """Runs the command."""
    return doctor(capsys)


@pytest.fixture
def words_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain install: nobody here embeds."""
    monkeypatch.setattr(choose, "find_spec", lambda name: None)
