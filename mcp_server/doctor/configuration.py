"""What was set and where, and whether there is a place to keep things: nothing here asks the backend."""

import tempfile
from pathlib import Path

import anyio
from pydantic_core import PydanticUndefined

from mcp_server import settings as configuration
from mcp_server.doctor.report import Finding, bad, counted, good, told
from mcp_server.errors import ServerError
from mcp_server.model.value import JsonObject
from mcp_server.money.prices import Prices
from mcp_server.settings import VARIABLES, Settings
from mcp_server.store.sqlite import open_sqlite

DERIVED = frozenset({"api_key", "base_url", "region", "problem", "sources", "shown"})
"""What of the settings has no variable of its own name."""


def values(given: Settings) -> list[JsonObject]:
    """Each setting with its value and where that comes from; of a secret only that it is set.

    Of the backends' variables those of the chosen one; where none is set up, OpenAI's: a host may have kept them.
    """
    names = {f"RESPONSES_MCP_{field.upper()}": field for field in Settings.model_fields if field not in DERIVED}
    its = VARIABLES["openai" if given.backend == "local" else given.backend]
    unset = dict.fromkeys((*its.key, *its.base_url, *its.region, *its.model), "-")
    unset |= {name: _default(given, field) for name, field in names.items()}
    return [
        *({"name": name, "value": given.shown[name], "source": given.sources[name]} for name in sorted(given.shown)),
        *(
            {"name": name, "value": value, "source": "default"}
            for name, value in sorted(unset.items())
            if name not in given.shown
        ),
    ]


def _default(given: Settings, field: str) -> str:
    if field == "backend":
        return "auto"
    default = Settings.model_fields[field].default
    value = getattr(given, field) if default is PydanticUndefined else default
    return "-" if value is None else str(value)


async def settings_fit(given: Settings) -> Finding:
    """Whether every setting can be honoured."""
    if problem := given.problem or Prices.load(given).problem:
        found, _, advice = problem.removesuffix(".").rpartition("; ")
        return bad(found or problem, advice or None)
    found = f"backend {given.backend}, {_why(given)}; {counted(len(given.sources), 'setting')} set"
    return good(found, {"backend": given.backend})


def _why(given: Settings) -> str:
    """What chose the backend, and which variables are those of another one and do nothing."""
    its = VARIABLES[given.backend]
    idle = [
        name
        for other in VARIABLES.values()
        for name in (*other.key, *other.base_url)
        if name in given.sources and name not in (*its.key, *its.base_url)
    ]
    unused = f" ({', '.join(dict.fromkeys(idle))} not used)" if idle else ""
    if how := given.sources.get("RESPONSES_MCP_BACKEND"):
        return f"named in the {how}{unused}"
    known = [name for name in (*its.chosen_by, *its.key, *its.model) if name in given.sources]
    return f"chosen by {known[0]}{unused}" if known else f"because no other one is set up{unused}"


async def folder_is_writable(given: Settings) -> Finding:
    """Whether the state folder is there, or can be made, and takes a file."""
    try:
        given.home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=given.home):
            return good(str(given.home))
    except OSError as error:
        return bad(
            f"{given.home} cannot be written to ({error.strerror or error})",
            "make it writable, or name another folder in RESPONSES_MCP_HOME",
        )


async def store_opens(given: Settings) -> Finding:
    """Whether the store can be read and written; it is made, as the server would make it."""
    try:
        path: Path = configuration.sqlite_path(given)
        await (await open_sqlite(path)).close()
    except ServerError as error:
        return told(error)
    size = (await anyio.Path(path).stat()).st_size
    return good(f"SQLite, {path} ({size / 1e6:,.1f} MB)")
