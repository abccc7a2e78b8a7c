"""``responses-mcp doctor`` run in the test's own process, and what it printed."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from anyio import to_thread

from mcp_server.cli import main


@dataclass
class Ran:
    """What a run printed."""

    code: int
    out: str
    err: str

    @property
    def told(self) -> dict[str, Any]:
        """Its JSON."""
        return json.loads(self.out)

    @property
    def checks(self) -> dict[str, dict[str, Any]]:
        """What each check found, by its name."""
        return {check["check"]: check for check in self.told["checks"]}

    @property
    def statuses(self) -> dict[str, str]:
        """How each check ended."""
        return {name: check["status"] for name, check in self.checks.items()}

    def but_for(self, status: str) -> dict[str, str]:
        """The checks that ended otherwise."""
        return {name: ended for name, ended in self.statuses.items() if ended != status}


Doctor = Callable[..., Awaitable[Ran]]


def doctor(capsys: pytest.CaptureFixture[str]) -> Doctor:
    """Runs the command; the settings are those of the environment."""

    async def run(*arguments: str) -> Ran:
        capsys.readouterr()
        code = await to_thread.run_sync(main, ["doctor", *arguments])
        told = capsys.readouterr()
        return Ran(code, told.out, told.err)

    return run
