"""How a host is to start this very installation, and with which variables."""

import json
import re
import shutil
import sys
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path
from typing import cast

from mcp_server.hosts.entry import Launch
from mcp_server.hosts.known import Platform
from mcp_server.model.value import JsonObject
from mcp_server.settings.given import Given

DISTRIBUTION = "responses-mcp"

# A uv cache: astral-sh/uv#6325, #15333. pipx: `_get_temporary_venv_path` in pypa/pipx src/pipx/commands/run.py, a hash
# of 15 characters below PIPX_HOME's .cache or the user's cache folder for pipx.
_UV_CACHE = re.compile(r"(?:archive|environments)-v\d+")
_PIPX_CACHE = re.compile(r"[0-9a-f]{15}")
_OURS = re.compile(r"(?:.*[\\/])?responses-mcp(?:\.exe)?(?:[\s\[@=<>~!].*)?|mcp_server")


def launch(given: Given, command: tuple[str, ...]) -> Launch:
    """``command`` with what is set now: secrets by name, the rest as it is.

    Where the key is set the backend is written down too: should the host not see the key, the tools say what is missing
    instead of answering from the small embedded model. With nothing set the usual key is named.
    """
    values, secrets = dict(given.values), tuple(given.secrets)
    if given.key_from == "environment":
        values["RESPONSES_MCP_BACKEND"] = given.backend
    elif given.backend == "local" and not given.named:
        secrets = (*secrets, "OPENAI_API_KEY")
    return Launch(command=command[0], args=command[1:], values=values, secrets=secrets)


def command(platform: Platform, *, executable: str = sys.executable, prefix: str = sys.prefix) -> tuple[str, ...]:
    """What starts this installation, with absolute paths: a host on the desktop has another ``PATH`` than a shell.

    What uvx and pipx run stands in a cache that is cleared some day, so a host is to use them too.
    """
    parts = Path(prefix.replace("\\", "/")).parts
    if any(_UV_CACHE.fullmatch(part) for part in parts):
        return (shutil.which("uvx") or "uvx", *_requirement("--from"), DISTRIBUTION)
    if _PIPX_CACHE.fullmatch(parts[-1]) and "pipx" in parts[-3:-1]:
        return (shutil.which("pipx") or "pipx", "run", *_requirement("--spec"), DISTRIBUTION)
    script = Path(executable).parent / (f"{DISTRIBUTION}.exe" if platform == "win32" else DISTRIBUTION)
    if script.is_file():
        return (str(script),)
    return (executable, "-P", "-m", "mcp_server")  # -P: not from a folder of that name where the host stands


def is_ours(server: JsonObject) -> bool:
    """Whether an entry starts this server, in whatever way."""
    arguments = server.get("args")
    words = [server.get("command"), *(cast("list[object]", arguments) if isinstance(arguments, list) else [])]
    return any(isinstance(word, str) and _OURS.fullmatch(word) for word in words)


def _requirement(option: str) -> tuple[str, ...]:
    """What a runner must be told besides the name: the extras that are installed, and where we came from.

    That is in ``direct_url.json`` (PEP 610) when it was a folder or a repository: by the name alone the runner would
    fetch what is published, which may be something else.
    """
    extras = installed_extras()
    named = f"{DISTRIBUTION}[{','.join(extras)}]" if extras else DISTRIBUTION
    direct = json.loads(distribution(DISTRIBUTION).read_text("direct_url.json") or "{}")
    if address := direct.get("url"):
        version = direct.get("vcs_info")
        named += f" @ {version['vcs']}+{address}@{version['commit_id']}" if version else f" @ {address}"
    return (option, named) if named != DISTRIBUTION else ()


def installed_extras() -> list[str]:
    """The extras of this distribution that are here, as far as one can see: by the first package of each."""
    first = {"azure": "azure.identity", "bedrock": "botocore", "documents": "xberg", "local": "xllamacpp"}
    return [extra for extra, module in first.items() if _there(module)]


def _there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of the package around it
        return False
