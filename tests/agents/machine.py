"""A machine with one agent on it, our server installed for it, and no way out."""

import os
import signal
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import anyio

from tests.agents.agents import Agent
from tests.agents.model import Model
from tests.hosts.node import NODE
from tests.serving import openai
from tests.transports.process import COMMAND
from tests.upstream import ScriptedUpstream, serving
from tests.upstream_answers import Answer, Request, reply
from tests.upstream_state import StatefulUpstream, stateful

PATIENCE_SECONDS = 90.0
KEY = openai("")["OPENAI_API_KEY"]


class WayOut(ScriptedUpstream):
    """A proxy that remembers who was asked for, and lets nobody through."""

    def otherwise(self, request: Request) -> Answer:
        return reply("", 403)

    @property
    def wanted(self) -> set[str]:
        return {request.headers["host"] for request in self.requests}


@dataclass
class Machine:
    """``model`` is the agent's, ``up`` what our server calls, ``way_out`` what all else goes through."""

    agent: Agent
    home: Path
    model: Model
    up: StatefulUpstream
    way_out: WayOut

    @property
    def folder(self) -> Path:
        """Where the agent works."""
        return self.home / "work"

    async def ask(self, prompt: str = "Go on.", **variables: str | None) -> str:
        """Let the agent work on ``prompt`` until it is done; returns what it printed."""
        return await self.run(*self.agent.asks, prompt, **variables)

    async def run(self, *arguments: str, **variables: str | None) -> str:
        """Run the agent; a variable that is None is not set."""
        wanted = {**self._environment(), "OPENAI_API_KEY": KEY, **self._of_agent(), **variables}
        environment = {name: value for name, value in wanted.items() if value is not None}
        command = [NODE, str(self.agent.path), *map(self._placed, self.agent.options), *arguments]
        code, printed = await _run(command, environment, self.folder)
        self.model.check()
        assert code == 0, printed
        return printed

    async def install(self) -> None:
        """What a person types who has the variables of our server set in the shell."""
        environment = self._environment() | openai(self.up.base_url, RESPONSES_MCP_HOME=str(self.home / "state"))
        code, printed = await _run([*COMMAND, "install", self.agent.name], environment, self.folder)
        assert code == 0, printed

    def _environment(self) -> dict[str, str]:
        away = dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY"), self.way_out.base_url.removesuffix("/v1"))
        temporary = self.home / "tmp"
        temporary.mkdir(exist_ok=True)
        here = {"PATH": os.environ["PATH"], "HOME": str(self.home), "TMPDIR": str(temporary)}
        return {**here, **away, "NO_PROXY": "127.0.0.1", "COLUMNS": "500"}

    def _of_agent(self) -> dict[str, str]:
        return {name: self._placed(value) for name, value in self.agent.variables.items()}

    def _placed(self, text: str) -> str:
        return text.replace("ADDRESS", self.model.address)


@asynccontextmanager
async def machine(agent: Agent, home: Path) -> AsyncGenerator[Machine]:
    """One with ``home`` as its home folder, and our server installed."""
    (home / "work").mkdir()
    async with stateful() as up, serving(agent.model()) as model, serving(WayOut()) as way_out:
        made = Machine(agent, home, model, up, way_out)
        agent.prepare(home)
        await made.install()
        yield made


async def _run(command: list[str], environment: dict[str, str], folder: Path) -> tuple[int | None, str]:
    """Run a command and all that it starts; returns its exit code, and what it printed and complained of."""
    printed = [b"", b""]

    async def read(number: int, stream: anyio.abc.ByteReceiveStream) -> None:
        async for part in stream:
            printed[number] += part

    async with await anyio.open_process(
        command, stdin=subprocess.DEVNULL, env=environment, cwd=folder, start_new_session=True
    ) as process:
        assert process.stdout
        assert process.stderr
        try:
            with anyio.move_on_after(PATIENCE_SECONDS):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(read, 0, process.stdout)
                    tasks.start_soon(read, 1, process.stderr)
                    await process.wait()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    return process.returncode, "\n".join(part.decode() for part in printed)
