from pathlib import Path

import pytest

from mcp_server.files.roots import Roots


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "allowed"
    made.mkdir()
    return made


@pytest.fixture
def roots(folder: Path) -> Roots:
    return Roots((folder,))
