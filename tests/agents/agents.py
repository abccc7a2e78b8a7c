"""The agents: how each is started, shown its fake model, and kept quiet about all else."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.agents.anthropic_api import AnthropicApi
from tests.agents.gemini_api import GeminiApi
from tests.agents.model import Model
from tests.agents.openai_api import OpenaiApi

MODULES = Path(__file__).parent / "node_modules"


@dataclass(frozen=True, kw_only=True)
class Agent:
    """``row`` is its name on the page, ``name`` the one that ``install`` knows it by; ``package`` and ``program`` are
    where it stands.

    ``options`` begin every command line, ``asks`` one that ends in a prompt. ``slash`` is how a prompt of ours is
    asked for, with its name and its first argument; empty where that cannot be. ``lists`` is what `mcp list` prints of
    us. In ``options`` and ``variables``, ``ADDRESS`` stands for the model's. ``prepare`` is handed the home folder.
    """

    row: str
    name: str
    package: str
    program: str
    model: type[Model]
    variables: dict[str, str]
    options: tuple[str, ...] = ()
    asks: tuple[str, ...]
    slash: str = ""
    lists: str
    prepare: Callable[[Path], None] = lambda _home: None

    @property
    def path(self) -> Path:
        return MODULES / self.package / self.program

    @property
    def version(self) -> str:
        return json.loads((MODULES / self.package / "package.json").read_text("utf-8"))["version"]


def _settings_of_gemini(home: Path) -> None:
    """How to sign in, and no statistics; `install` adds us to this file."""
    settings = {"security": {"auth": {"selectedType": "gemini-api-key"}}, "privacy": {"usageStatisticsEnabled": False}}
    (home / ".gemini").mkdir()
    (home / ".gemini" / "settings.json").write_text(json.dumps(settings, indent=2), "utf-8")


CLAUDE_CODE = Agent(
    row="Claude Code",
    name="claude-code",
    package="@anthropic-ai/claude-code",
    program="cli-wrapper.cjs",  # the program itself is put in place by an install script, and none runs here
    model=AnthropicApi,
    variables={
        "ANTHROPIC_BASE_URL": "ADDRESS",
        "ANTHROPIC_API_KEY": "fake",
        "DISABLE_TELEMETRY": "1",
        "DISABLE_AUTOUPDATER": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "MCP_CONNECTION_NONBLOCKING": "0",  # we are there before the first turn, and our slash commands with us
    },
    asks=("--allowedTools", "mcp__responses", "--output-format", "stream-json", "--verbose", "-p"),
    slash="/mcp__responses__{} {}",
    lists=r"responses: .* - ✔ Connected",
)
CODEX = Agent(
    row="Codex CLI",
    name="codex",
    package="@openai/codex",
    program="bin/codex.js",
    model=OpenaiApi,
    variables={"FAKE_KEY": "fake"},
    options=(
        *("-c", 'model_provider="fake"', "-c", 'model="gpt-5.5"'),
        *("-c", 'model_providers.fake={name="fake",base_url="ADDRESS/v1",wire_api="responses",env_key="FAKE_KEY"}'),
        *("-c", "model_providers.fake.supports_websockets=false"),
        *("-c", "check_for_update_on_startup=false", "-c", "analytics.enabled=false"),
        *("-c", "features.plugins=false", "-c", "features.apps=false"),
        # We are there before the first turn; and nobody can be asked whether a tool may be called, as is the default.
        *("-c", "mcp_servers.responses.required=true"),
        *("-c", 'mcp_servers.responses.default_tools_approval_mode="approve"'),
    ),
    asks=("exec", "--skip-git-repo-check", "--json"),
    lists=r"responses .* enabled",  # read from the file; it starts nothing
)
GEMINI = Agent(
    row="Gemini CLI",
    name="gemini",
    package="@google/gemini-cli",
    program="bundle/gemini.js",
    model=GeminiApi,
    variables={
        "GEMINI_API_KEY": "fake",
        "GOOGLE_GEMINI_BASE_URL": "ADDRESS",
        "GEMINI_CLI_TRUST_WORKSPACE": "true",
    },
    asks=("--model", "gemini-2.5-pro", "--approval-mode", "yolo", "--output-format", "stream-json", "-p"),
    slash='/{} --question="{}"',
    lists=r"✓ responses: .* - Connected",
    prepare=_settings_of_gemini,
)
AGENTS = (CLAUDE_CODE, CODEX, GEMINI)
