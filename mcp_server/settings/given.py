"""What the environment holds of our settings, for a program that is to start the server elsewhere later."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pydantic import SecretStr

from mcp_server.redaction import redact
from mcp_server.settings import LATER, SECRET, VARIABLES, Settings, load
from mcp_server.settings.backends import BackendName


class Given(NamedTuple):
    """The settings of the chosen backend, and ours, that stand in the environment: ``values`` and ``secrets``.

    Paths in them are absolute: who starts the server later stands in another folder. ``key_from`` says where the key
    of the backend is, in the "environment" or in "config.toml" of the state folder ``home``; None: nowhere. ``in_file``
    are the secrets that stand in that file too. ``named`` says that the backend was named, not chosen by what is set.
    """

    backend: BackendName
    named: bool
    home: Path
    values: dict[str, str]
    secrets: dict[str, SecretStr]
    in_file: frozenset[str]
    key_from: str | None
    problem: str | None


def given(environ: Mapping[str, str] | None = None) -> Given:
    """Read it from ``environ`` (default: the process's), without what only other backends than the chosen one use."""
    environ = os.environ if environ is None else environ
    told = load(environ)
    its = {name for part in VARIABLES[told.backend] for name in part}
    others = {name for one in VARIABLES.values() for part in one for name in part} - its
    values: dict[str, str] = {}
    secrets: dict[str, SecretStr] = {}
    for name, source in told.sources.items():
        if source != "environment" or name in LATER or name in others:
            continue
        if name in SECRET or redact(environ[name]) != environ[name]:
            secrets[name] = SecretStr(environ[name].strip())
        else:
            values[name] = told.shown[name]
    elsewhere = load({**environ, **dict.fromkeys(secrets, "")}).sources
    return Given(
        backend=told.backend,
        named="RESPONSES_MCP_BACKEND" in told.sources,
        home=told.home.absolute(),
        values={name: _absolute(told, name, value) for name, value in values.items()},
        secrets=secrets,
        in_file=frozenset(name for name in secrets if name in elsewhere),
        key_from=next((told.sources[name] for name in VARIABLES[told.backend].key if name in told.sources), None),
        problem=told.problem,
    )


def _absolute(told: Settings, name: str, value: str) -> str:
    match name:
        case "RESPONSES_MCP_HOME":
            return str(told.home.absolute())
        case "RESPONSES_MCP_LOCAL_MODEL" if told.local_model:
            return str(told.local_model.absolute())
        case "RESPONSES_MCP_ALLOWED_ROOTS" if told.allowed_roots:
            return os.pathsep.join(map(str, told.allowed_roots))
        case "RESPONSES_MCP_STORE" if value.startswith("sqlite:///"):
            return f"sqlite:///{Path(value.removeprefix('sqlite:///')).expanduser().absolute()}"
        case _:
            return value
