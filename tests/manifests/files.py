"""The files of ``manifests/`` as whoever reads them does."""

import json
import tomllib
from typing import Any

from mcp_server.hosts.known import HOSTS, SERVER_NAME
from scripts.bundle import FOLDER

BUNDLE: dict[str, Any] = json.loads((FOLDER / "mcpb/manifest.json").read_text("utf-8"))
SERVER: dict[str, Any] = json.loads((FOLDER / "server.json").read_text("utf-8"))


def host_file(name: str) -> dict[str, Any]:
    """A host's file, read as the host does."""
    text = (FOLDER / f"hosts/{name}.{HOSTS[name].form}").read_text("utf-8")
    return tomllib.loads(text) if HOSTS[name].form == "toml" else json.loads(text)


def our_entry(name: str) -> dict[str, Any]:
    """Our entry in a host's file."""
    found = host_file(name)
    for key in (*HOSTS[name].path, SERVER_NAME):
        found = found[key]
    return found
