"""A person's files on a machine with hosts."""

import os
import tomllib
from pathlib import Path
from typing import Any

from mcp_server.hosts import jsonc
from mcp_server.hosts.known import HOSTS, Host
from mcp_server.hosts.places import place, this_platform

KEY = "sk-never-to-be-seen-0123456789"
OURS = ("OPENAI_", "AZURE_", "AWS_", "BEDROCK_", "RESPONSES_")


def moved() -> set[str]:
    """The variables that lead a host elsewhere, or a server of ours."""
    places = [one for host in HOSTS.values() for some in host.places.values() for one in some]
    hosts = {one.split("/")[0].removeprefix("$") for one in places}
    return hosts | {name for name in os.environ if name.startswith(OURS)}


def file_of(host: Host, content: str | None = None) -> Path:
    path = place(host, this_platform(), os.environ)
    if content is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.format(host.path[0]).encode())
    return path


def servers(host: Host, path: Path) -> dict[str, Any]:
    return whole(host, path)[host.path[0]]


def whole(host: Host, path: Path) -> dict[str, Any]:
    text = path.read_text("utf-8")
    if host.form == "toml":
        return tomllib.loads(text)
    root = jsonc.parse(text)
    assert root is not None
    return root.value


def everything(home: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
