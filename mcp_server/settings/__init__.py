"""The only reader of the environment: variables, then ``config.toml`` in the state folder, then defaults.

An empty string and an unexpanded ``${NAME}`` count as unset: hosts pass both for a variable that is not there. Quotes
around a value are not part of it: whoever reads a file of variables without a shell, as containers do, passes them on.
Nothing here stops the server. What is wrong or not there yet is kept as ``problem`` and told by the tools that need it.
"""

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from platformdirs import user_data_path

from mcp_server.errors import ConfigurationError
from mcp_server.redaction import redact
from mcp_server.settings import parsing
from mcp_server.settings.backends import (
    BACKENDS,
    VARIABLES,
    BackendName,
    Variables,
    chosen,
    host_of,
    is_openai,
    model_variable,
)
from mcp_server.settings.values import Settings

__all__ = [
    "BACKENDS",
    "LATER",
    "PLAIN",
    "VARIABLES",
    "BackendName",
    "Settings",
    "Variables",
    "for_child",
    "for_reader",
    "host_of",
    "is_openai",
    "load",
    "model_variable",
    "sqlite_path",
    "working_folder",
]

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

SECRET = frozenset({"RESPONSES_MCP_AUTH_TOKENS", *(name for one in VARIABLES.values() for name in one.key)})
"""Of these a person may see only that they are set."""

_UNEXPANDED = re.compile(r"\$\{[^}]*\}")
_T = TypeVar("_T")


class _Reader:
    """Looks names up in the environment and the file, and remembers what was found where and what was wrong."""

    def __init__(self, environ: Mapping[str, str], file: Mapping[str, Any]) -> None:
        self._environ = environ
        self._file = file
        self.found: dict[str, str] = {}
        self.sources: dict[str, str] = {}
        self.problems: list[str] = []
        self.known: set[str] = set()

    def text(self, *names: str) -> str | None:
        """The value of the first of these that is set."""
        return next((value for name in names if (value := self._one(name)) is not None), None)

    def value(self, name: str, parse: Callable[[str], _T], default: _T, right: str) -> _T:
        """The parsed value; a wrong one is noted as a problem and the default stands."""
        found = self.text(name)
        if found is None:
            return default
        try:
            return parse(found)
        except ValueError:
            self.problems.append(f"{name} is {redact(found)!r}; set it to {right}.")
            return default

    def shown(self) -> dict[str, str]:
        """All that was found, without the secrets."""
        return {name: "set" if name in SECRET else redact(value) for name, value in self.found.items()}

    def _one(self, name: str) -> str | None:
        self.known.add(name)
        value = _bare(self._environ.get(name, ""))
        source = "environment"
        if not value or _UNEXPANDED.fullmatch(value):
            entry = self._file.get(name)
            value, source = "" if entry is None else _bare(str(entry)), "config.toml"
        if not value:
            return None
        self.found[name], self.sources[name] = value, source
        return value


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from ``environ`` (default: the process's) and the state folder's ``config.toml``."""
    environ = os.environ if environ is None else environ
    first = _Reader(environ, {})
    home = Path(first.text("RESPONSES_MCP_HOME") or user_data_path("responses-mcp", appauthor=False)).expanduser()
    file, broken = _file(home / "config.toml")
    read = _Reader(environ, file)
    values: dict[str, Any] = {
        **_endpoint(read),
        "embedding_model": read.text("RESPONSES_MCP_EMBEDDING_MODEL"),
        "store": read.value("RESPONSES_MCP_STORE", parsing.store, f"sqlite:///{home / 'store.db'}", "sqlite:///<path>"),
        "wait_seconds": read.value(
            "RESPONSES_MCP_WAIT_SECONDS", parsing.within(0, 3600), 45.0, "a number from 0 to 3600"
        ),
        "timeout_seconds": read.value(
            "RESPONSES_MCP_TIMEOUT_SECONDS", parsing.within(1, 86400), 600.0, "a number from 1 to 86400"
        ),
        "max_retries": read.value("RESPONSES_MCP_MAX_RETRIES", parsing.retries, 2, "a whole number from 0 to 10"),
        "store_responses": read.value("RESPONSES_MCP_STORE_RESPONSES", parsing.flag, True, "true or false"),
        "daily_budget_usd": read.value("RESPONSES_MCP_DAILY_BUDGET_USD", parsing.dollars, None, "an amount above 0"),
        "session_budget_usd": read.value(
            "RESPONSES_MCP_SESSION_BUDGET_USD", parsing.dollars, None, "an amount above 0"
        ),
        "local_model": read.value(
            "RESPONSES_MCP_LOCAL_MODEL", parsing.existing_file, None, "the path of a GGUF file that is there"
        ),
        "log_level": read.value("RESPONSES_MCP_LOG_LEVEL", parsing.level, "info", "debug, info, warning or error"),
        "log_format": read.value("RESPONSES_MCP_LOG_FORMAT", parsing.log_format, "auto", "auto, console or json"),
        "allowed_roots": _allowed_roots(read),
    }
    problems = [broken] if broken else []
    problems += [f"{name} is set, but this version does not honour it; unset it." for name in LATER if read.text(name)]
    problems += [
        f"{home / 'config.toml'} has {name!r}, which is no setting; name settings as in the environment, such as "
        "RESPONSES_MCP_MODEL, or remove it."
        for name in file
        if name not in read.known
    ]
    problems += read.problems
    return Settings(
        home=home,
        problem=" ".join(problems) or None,
        sources=read.sources | first.sources,
        shown=read.shown() | first.shown(),
        **values,
    )


def for_child(**changes: str) -> dict[str, str]:
    """This process's environment with ``changes``, for a server launched as a host launches it."""
    return {**os.environ, **changes}


def for_reader(**changes: str) -> dict[str, str]:
    """An environment without secrets, with ``changes``, for a program that reads what nobody vouches for."""
    return {name: value for name, value in os.environ.items() if name.upper() in PLAIN} | changes


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


def _bare(text: str) -> str:
    """Without space and one pair of quotes around it."""
    text = text.strip()
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
    return text[1:-1].strip() if quoted else text


def _file(path: Path) -> tuple[dict[str, Any], str | None]:
    """The settings file's content, and what is wrong with it."""
    try:
        return tomllib.loads(path.read_text("utf-8")), None
    except FileNotFoundError:
        return {}, None
    except (OSError, ValueError) as error:
        return {}, f"{path} cannot be read ({error}); mend or remove it."


def _endpoint(read: _Reader) -> dict[str, Any]:
    """The backend, the named one or the first whose variables are set, and how it is reached."""
    for one in VARIABLES.values():
        for name in (*one.key, *one.base_url, *one.model):
            read.text(name)
        read.known.update(one.region)
    named: BackendName | None = read.value(
        "RESPONSES_MCP_BACKEND", parsing.backend, None, f"one of auto, {', '.join(BACKENDS)}"
    )
    backend = named or chosen(read.found)
    its = VARIABLES[backend]
    return {
        "backend": backend,
        "api_key": read.text(*its.key),
        "base_url": read.text(*its.base_url),
        "region": read.text(*its.region),
        "model": read.text("RESPONSES_MCP_MODEL", *its.model),
    }


def _allowed_roots(read: _Reader) -> tuple[Path, ...] | None:
    """A wrong value allows nothing: another folder than the one that was meant must not stand in for it."""
    name = "RESPONSES_MCP_ALLOWED_ROOTS"
    return read.value(name, parsing.folders, (), "existing folders") if read.text(name) else None
