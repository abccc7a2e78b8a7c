"""``responses-mcp doctor`` run in the test's own process, and what it printed."""

import json
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import structlog
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


@contextmanager
def doctor(capsys: pytest.CaptureFixture[str]) -> Iterator[Doctor]:
    """Runs the command; the settings are those of the environment."""
    root = logging.getLogger()
    before = (list(root.handlers), root.level)

    async def run(*arguments: str) -> Ran:
        capsys.readouterr()
        code = await to_thread.run_sync(main, ["doctor", *arguments])
        told = capsys.readouterr()
        return Ran(code, told.out, told.err)

    yield run
    root.handlers, root.level = before
    structlog.reset_defaults()
