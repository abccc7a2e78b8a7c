from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path.resolve() / "files"
    made.mkdir()
    return made
