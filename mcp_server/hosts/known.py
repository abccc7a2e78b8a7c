"""The hosts that ``install`` knows: where each keeps its servers, and how an entry looks there.

The source of each fact stands beside it; they were read in November 2026. The command line reads this to know its own
words, so nothing else is imported here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Platform: TypeAlias = Literal["linux", "darwin", "win32"]

SERVER_NAME = "responses"
"""Our name in every host."""


@dataclass(frozen=True, kw_only=True)
class Host:
    """One host. ``path`` are the keys that lead to its servers.

    ``reference`` is how an entry names a variable, with ``NAME`` in its place; None where a host has no such form.
    ``forwards`` is the key of a list of variable names that the host hands on. ``asks``: the host asks for a secret
    itself and keeps it (VS Code's ``inputs``). ``inherits``: the server gets all variables that the host has.
    ``places`` are the file's possible addresses on each platform; the first whose variables are set counts, and ``*``
    stands for a folder that is there. ``extra`` is what else an entry holds. ``next_step`` is what a person does then.
    """

    name: str
    title: str
    form: Literal["json", "toml"] = "json"
    path: tuple[str, ...] = ("mcpServers",)
    reference: str | None = None
    forwards: str | None = None
    asks: bool = False
    inherits: bool = False
    type: str | None = None
    extra: dict[str, Any] = field(default_factory=dict[str, Any])
    places: Mapping[Platform, tuple[str, ...]]
    next_step: str


def _everywhere(*places: str) -> dict[Platform, tuple[str, ...]]:
    return {"linux": places, "darwin": places, "win32": places}


# modelcontextprotocol.io, "Connect to local MCP servers" (macOS, Windows) and "Debugging": a server gets HOME, PATH,
# USER and what `env` holds, nothing else. The Windows installer has been an MSIX package since February 2026, which
# reads a place of its own and never %APPDATA%: anthropics/claude-code#26073, akitaonrails/ai-memory#250.
_CLAUDE_DESKTOP = Host(
    name="claude-desktop",
    title="Claude Desktop",
    places={
        "linux": (
            "$XDG_CONFIG_HOME/Claude/claude_desktop_config.json",
            "~/.config/Claude/claude_desktop_config.json",
        ),
        "darwin": ("~/Library/Application Support/Claude/claude_desktop_config.json",),
        "win32": (
            "$LOCALAPPDATA/Packages/Claude_*/LocalCache/Roaming/Claude/claude_desktop_config.json",
            "$APPDATA/Claude/claude_desktop_config.json",
            "~/AppData/Roaming/Claude/claude_desktop_config.json",
        ),
    },
    next_step="Quit Claude Desktop and start it again.",
)

# code.claude.com/docs/en/mcp, "Environment variable expansion": ${VAR} and ${VAR:-default}; without a default a
# variable that is not set is a warning and arrives as written. User scope is ~/.claude.json, or .claude.json in
# CLAUDE_CONFIG_DIR: microsoft/apm#2096.
_CLAUDE_CODE = Host(
    name="claude-code",
    title="Claude Code",
    reference="${NAME:-}",
    type="stdio",
    places=_everywhere("$CLAUDE_CONFIG_DIR/.claude.json", "~/.claude.json"),
    next_step="Start a new session; `claude mcp list` shows it.",
)

# cursor.com/docs/mcp: global file, "type" is required for stdio, "Config interpolation" ${env:NAME}.
_CURSOR = Host(
    name="cursor",
    title="Cursor",
    reference="${env:NAME}",
    type="stdio",
    places=_everywhere("~/.cursor/mcp.json"),
    next_step="Restart Cursor; its settings list it under MCP.",
)

# code.visualstudio.com/docs/copilot/reference/mcp-configuration: servers, inputs (promptString, password).
# The folder: microsoft/vscode src/vs/platform/environment/node/userDataPath.ts.
_VSCODE = Host(
    name="vscode",
    title="VS Code",
    path=("servers",),
    asks=True,
    reference="${input:NAME}",
    type="stdio",
    places={
        "linux": (
            "$VSCODE_PORTABLE/user-data/User/mcp.json",
            "$VSCODE_APPDATA/Code/User/mcp.json",
            "$XDG_CONFIG_HOME/Code/User/mcp.json",
            "~/.config/Code/User/mcp.json",
        ),
        "darwin": (
            "$VSCODE_PORTABLE/user-data/User/mcp.json",
            "$VSCODE_APPDATA/Code/User/mcp.json",
            "~/Library/Application Support/Code/User/mcp.json",
        ),
        "win32": (
            "$VSCODE_PORTABLE/user-data/User/mcp.json",
            "$VSCODE_APPDATA/Code/User/mcp.json",
            "$APPDATA/Code/User/mcp.json",
            "~/AppData/Roaming/Code/User/mcp.json",
        ),
    },
    next_step="Run `MCP: List Servers` from the command palette and start it.",
)

# openai/codex codex-rs/config/src/mcp_types.rs (RawMcpServerConfig: env_vars, startup_timeout_sec, tool_timeout_sec);
# a server gets a short list of variables and what env and env_vars name. Codex gives a server ten seconds to start and
# an answer one minute, which a first download by uvx, or `wait_seconds` above the default, may need longer than.
_CODEX = Host(
    name="codex",
    title="Codex",
    form="toml",
    path=("mcp_servers",),
    forwards="env_vars",
    extra={"startup_timeout_sec": 60, "tool_timeout_sec": 600},
    places=_everywhere("$CODEX_HOME/config.toml", "~/.codex/config.toml"),
    next_step="Start a new session; `codex mcp list` shows it.",
)

# google-gemini/gemini-cli docs/tools/mcp-server.md: $NAME, empty when not set; variables named like keys reach a server
# only when its entry names them; an answer has ten minutes. The folder: packages/core/src/utils/paths.ts. Servers are
# started in trusted folders only: packages/core/src/tools/mcp-client.ts.
_GEMINI = Host(
    name="gemini",
    title="Gemini CLI",
    reference="$NAME",
    places=_everywhere("$GEMINI_CLI_HOME/.gemini/settings.json", "~/.gemini/settings.json"),
    next_step="Start a new session in a folder that Gemini trusts; `gemini mcp list` shows it.",
)

# docs.windsurf.com/windsurf/cascade/mcp: the file, ${env:NAME}, the refresh button. Devin Desktop since June 2026.
_WINDSURF = Host(
    name="windsurf",
    title="Windsurf",
    reference="${env:NAME}",
    places=_everywhere("~/.codeium/windsurf/mcp_config.json"),
    next_step="Press refresh in Windsurf's list of MCP servers.",
)

# zed.dev/docs/ai/mcp. No references: zed-industries/zed crates/settings_content/src/project.rs. All variables of Zed,
# its login shell's among them: crates/context_server/src/transport/stdio_transport.rs, docs/src/environment.md. Folder:
# crates/paths/src/paths.rs.
_ZED = Host(
    name="zed",
    title="Zed",
    path=("context_servers",),
    inherits=True,
    places={
        "linux": (
            "$FLATPAK_XDG_CONFIG_HOME/zed/settings.json",
            "$XDG_CONFIG_HOME/zed/settings.json",
            "~/.config/zed/settings.json",
        ),
        "darwin": ("~/.config/zed/settings.json",),
        "win32": ("$APPDATA/Zed/settings.json", "~/AppData/Roaming/Zed/settings.json"),
    },
    next_step="Zed starts it at once; the Agent Panel's settings list it.",
)

HOSTS: dict[str, Host] = {
    host.name: host for host in (_CLAUDE_DESKTOP, _CLAUDE_CODE, _CURSOR, _VSCODE, _CODEX, _GEMINI, _WINDSURF, _ZED)
}
