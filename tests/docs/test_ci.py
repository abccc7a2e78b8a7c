"""What CI runs is what README tells a stranger to run."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_ci_runs_readmes_two_commands_as_they_stand_there_and_before_anything_else() -> None:
    commands = re.findall(r"^```sh\n(.+)\n```$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    run = re.findall(r"^timed (.+)$", (ROOT / ".ci/run").read_text("utf-8"), re.MULTILINE)
    assert run[:2] == commands[:2] == ["python3 scripts/dev.py demo", "python3 scripts/dev.py test"]
