"""The only reader of the environment: variables, then ``config.toml`` in the state folder, then defaults.

An empty string and an unexpanded ``${NAME}`` count as unset: hosts pass both for a variable that is not there. Nothing
here stops the server. What is wrong or not there yet is kept as ``problem`` and told by the tools that need it.
"""

import math
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

from platformdirs import user_data_path
from pydantic import SecretStr

from mcp_server.errors import ConfigurationError
from mcp_server.model.value import Frozen

BackendName = Literal["openai", "azure", "bedrock", "compatible", "local"]
BACKENDS: tuple[BackendName, ...] = ("openai", "azure", "bedrock", "compatible", "local")

LATER = (
    "RESPONSES_MCP_AUTH_TOKENS",
    "RESPONSES_MCP_AUTH_ISSUER",
    "RESPONSES_MCP_AUTH_AUDIENCE",
)
"""Documented settings that this version does not honour: a paid call is refused rather than made without them."""

PLAIN = (
    *("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"),
    *("PYTHONHOME", "PYTHONPATH", "PYTHONUSERBASE", "__PYVENV_LAUNCHER__"),
    *("SYSTEMROOT", "WINDIR", "APPDATA", "USERPROFILE", "TEMP", "TMP"),
)
"""What Python needs of an environment to find itself, its packages, the language and a place for scratch files."""

_UNEXPANDED = re.compile(r"\$\{[^}]*\}")
_T = TypeVar("_T")


class Settings(Frozen):
    """Everything the server was told. Times are in seconds; ``sources`` says where each value came from.

    ``allowed_roots`` None leaves it to the transport which folders may be read; empty is none at all.
    """

    home: Path
    backend: BackendName
    openai_api_key: SecretStr | None = None
    openai_base_url: str | None = None
    model: str | None = None
    embedding_model: str | None = None
    store: str
    allowed_roots: tuple[Path, ...] | None = None
    wait_seconds: float = 45.0
    timeout_seconds: float = 600.0
    max_retries: int = 2
    store_responses: bool = True
    daily_budget_usd: float | None = None
    session_budget_usd: float | None = None
    local_model: Path | None = None
    log_level: str = "info"
    log_format: Literal["auto", "console", "json"] = "auto"
    problem: str | None = None
    sources: dict[str, str] = {}


class _Reader:
    """Looks names up in the environment and the file, and remembers where each was found and what was wrong."""

    def __init__(self, environ: Mapping[str, str], file: Mapping[str, Any]) -> None:
        self._environ = environ
        self._file = file
        self.sources: dict[str, str] = {}
        self.problems: list[str] = []

    def text(self, name: str) -> str | None:
        value = self._environ.get(name, "").strip()
        if value and not _UNEXPANDED.fullmatch(value):
            self.sources[name] = "environment"
            return value
        if (entry := self._file.get(name)) is not None:
            self.sources[name] = "config.toml"
            return str(entry)
        return None

    def value(self, name: str, parse: Callable[[str], _T], default: _T, right: str) -> _T:
        """The parsed value; a wrong one is noted as a problem and the default stands."""
        found = self.text(name)
        if found is None:
            return default
        try:
            return parse(found)
        except ValueError:
            self.problems.append(f"{name} is {found!r}; set it to {right}.")
            return default


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from ``environ`` (default: the process's) and the state folder's ``config.toml``."""
    environ = os.environ if environ is None else environ
    first = _Reader(environ, {})
    home = Path(first.text("RESPONSES_MCP_HOME") or user_data_path("responses-mcp", appauthor=False)).expanduser()
    try:
        file = tomllib.loads((home / "config.toml").read_text("utf-8"))
        broken = None
    except FileNotFoundError:
        file, broken = {}, None
    except (OSError, ValueError) as error:
        file, broken = {}, f"{home / 'config.toml'} cannot be read ({error}); mend or remove it."
    read = _Reader(environ, file)
    values: dict[str, Any] = {
        "openai_api_key": read.text("OPENAI_API_KEY"),
        "openai_base_url": read.text("OPENAI_BASE_URL"),
        "model": read.text("RESPONSES_MCP_MODEL"),
        "embedding_model": read.text("RESPONSES_MCP_EMBEDDING_MODEL"),
        "store": read.value("RESPONSES_MCP_STORE", _store, f"sqlite:///{home / 'store.db'}", "sqlite:///<path>"),
        "wait_seconds": read.value("RESPONSES_MCP_WAIT_SECONDS", _within(0, 3600), 45.0, "a number from 0 to 3600"),
        "timeout_seconds": read.value(
            "RESPONSES_MCP_TIMEOUT_SECONDS", _within(1, 86400), 600.0, "a number from 1 to 86400"
        ),
        "max_retries": read.value("RESPONSES_MCP_MAX_RETRIES", _retries, 2, "a whole number from 0 to 10"),
        "store_responses": read.value("RESPONSES_MCP_STORE_RESPONSES", _flag, True, "true or false"),
        "daily_budget_usd": read.value("RESPONSES_MCP_DAILY_BUDGET_USD", _dollars, None, "an amount above 0"),
        "session_budget_usd": read.value("RESPONSES_MCP_SESSION_BUDGET_USD", _dollars, None, "an amount above 0"),
        "local_model": read.value("RESPONSES_MCP_LOCAL_MODEL", _path, None, "the path of a GGUF file"),
        "log_level": read.value("RESPONSES_MCP_LOG_LEVEL", _level, "info", "debug, info, warning or error"),
        "log_format": read.value("RESPONSES_MCP_LOG_FORMAT", _format, "auto", "auto, console or json"),
        "allowed_roots": _allowed_roots(read),
    }
    backend = _backend(read, values["openai_api_key"], values["openai_base_url"])
    problems = [broken] if broken else []
    problems += [f"{name} is set, but this version does not honour it; unset it." for name in LATER if read.text(name)]
    problems += read.problems
    return Settings(
        home=home, backend=backend, problem=" ".join(problems) or None, sources=read.sources | first.sources, **values
    )


def for_child(**changes: str) -> dict[str, str]:
    """This process's environment with ``changes``, for a server launched as a host launches it."""
    return {**os.environ, **changes}


def for_reader(**changes: str) -> dict[str, str]:
    """An environment without secrets, with ``changes``, for a program that reads what nobody vouches for."""
    return {name: value for name, value in os.environ.items() if name.upper() in PLAIN} | changes


def _backend(read: _Reader, key: str | None, base_url: str | None) -> BackendName:
    """The named backend, or the first whose variables are set."""
    named: BackendName | None = read.value("RESPONSES_MCP_BACKEND", _name, None, f"auto, {', '.join(BACKENDS)}")
    if named:
        return named
    if read.text("AZURE_OPENAI_ENDPOINT"):
        return "azure"
    if read.text("AWS_BEARER_TOKEN_BEDROCK") or read.text("BEDROCK_BASE_URL") or read.text("BEDROCK_MODEL"):
        return "bedrock"
    if base_url and not is_openai(base_url):
        return "compatible"
    return "openai" if key else "local"


def is_openai(base_url: str | None) -> bool:
    """Whether the address is OpenAI's own (none means the default one): what is meant for OpenAI goes nowhere else."""
    host = urlsplit(base_url).hostname or "" if base_url else "api.openai.com"
    return host == "api.openai.com" or host.endswith(".api.openai.com")


def sqlite_path(settings: Settings) -> Path:
    """The database file that ``RESPONSES_MCP_STORE`` names.

    Raises:
        ConfigurationError: it names something other than a SQLite file.
    """
    if not settings.store.startswith("sqlite:///"):
        raise ConfigurationError(
            "RESPONSES_MCP_STORE names a PostgreSQL database, which this version cannot use; unset it."
        )
    return Path(settings.store.removeprefix("sqlite:///")).expanduser()


def working_folder() -> tuple[Path, ...]:
    """The folder we were started in, unless that is the whole disk or the whole home: nobody means those."""
    try:
        folder = Path.cwd().resolve()
        home = Path.home().resolve()
    except (OSError, RuntimeError):  # it was deleted, or nobody knows where home is
        return ()
    return () if folder in (Path(folder.anchor), home) else (folder,)


def _allowed_roots(read: _Reader) -> tuple[Path, ...] | None:
    """A wrong value allows nothing: another folder than the one that was meant must not stand in for it."""
    name = "RESPONSES_MCP_ALLOWED_ROOTS"
    return read.value(name, _folders, (), "existing folders") if read.text(name) else None


def _name(text: str) -> BackendName | None:
    if text.lower() == "auto":
        return None
    for name in BACKENDS:
        if text.lower() == name:
            return name
    raise ValueError(text)


def _store(text: str) -> str:
    if not text.startswith(("sqlite:///", "postgresql://", "postgres://")):
        raise ValueError(text)
    return text


def _within(low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        number = float(text)
        if not low <= number <= high:
            raise ValueError(text)
        return number

    return parse


def _retries(text: str) -> int:
    return int(_within(0, 10)(str(int(text))))


def _dollars(text: str) -> float | None:
    amount = float(text)
    if not 0 < amount < math.inf:
        raise ValueError(text)
    return amount


def _flag(text: str) -> bool:
    known = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
    if text.lower() not in known:
        raise ValueError(text)
    return known[text.lower()]


def _path(text: str) -> Path | None:
    path = Path(text).expanduser()
    if not path.is_file():
        raise ValueError(text)
    return path


def _folders(text: str) -> tuple[Path, ...]:
    folders = tuple(Path(part).expanduser().resolve() for part in text.split(os.pathsep) if part)
    if not folders or not all(folder.is_dir() for folder in folders):
        raise ValueError(text)
    return folders


def _level(text: str) -> str:
    if text.lower() not in ("debug", "info", "warning", "error"):
        raise ValueError(text)
    return text.lower()


def _format(text: str) -> Literal["auto", "console", "json"]:
    for known in ("auto", "console", "json"):
        if text.lower() == known:
            return known
    raise ValueError(text)
