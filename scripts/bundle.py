"""The bundle for desktop hosts: its manifest, what uv installs for it, and the archive.

The format is that of ``@anthropic-ai/mcpb`` 2.1.2, version 0.4 with a server of the type ``uv``: the host has uv make
the environment, so that one small archive serves every platform.
"""

from __future__ import annotations

import json
import re
import tomllib
import zipfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import tomlkit
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mcp_server import __version__
from mcp_server.backends.responses.profiles import OPENAI
from mcp_server.hosts.variables import ASKED, Variable
from mcp_server.server.prompts import PROMPTS, Template
from mcp_server.tools import definitions

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "manifests"
COMMAND = "python3 scripts/dev.py manifests"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

TITLE = "OpenAI Responses API"
SUMMARY = "The OpenAI Responses API as MCP tools: sessions, files, search and background jobs."
"""At most 100 characters: the registry's limit."""
ABOUT = f"""{PROJECT["description"]}

Give it the key of OpenAI, Azure OpenAI or Amazon Bedrock, or the address of another server that speaks the Responses \
API. Choose the folders whose files it may read. Sessions and jobs are kept on this computer."""
POLICIES = (
    "https://openai.com/policies/privacy-policy/",
    "https://privacy.microsoft.com/privacystatement",
    "https://aws.amazon.com/privacy/",
)
"""Of those to whom a question goes: the one whose key is given."""
EXTRAS = ("azure", "bedrock")
"""What the bundle installs beyond the core, so that its whole form works: 94 MB in all. The embedded engine would add
170 MB, and as much again for its models, when it is first used."""

SETTINGS = tuple(one for one in ASKED if one.name != "RESPONSES_MCP_LOCAL_MODEL")
"""What a person is asked where the embedded engine is not installed."""


def manifest() -> str:
    """What the host reads."""
    several = [f"${{user_config.{_key(one)}}}" for one in SETTINGS if one.many]
    return as_json(
        {
            "manifest_version": "0.4",
            "name": PROJECT["name"],
            "display_name": TITLE,
            "version": __version__,
            "description": SUMMARY,
            "long_description": ABOUT,
            "author": {"name": _authors()},
            "license": PROJECT["license"],
            "keywords": PROJECT["keywords"],
            "privacy_policies": POLICIES,
            "server": {
                "type": "uv",
                "entry_point": "server.py",
                "mcp_config": {
                    "command": "uv",
                    "args": ["run", "--directory", "${__dirname}", "server.py", *several],
                    "env": {one.name: f"${{user_config.{_key(one)}}}" for one in SETTINGS if not one.many},
                },
            },
            "tools": [{"name": one.name, "description": one.description} for one in definitions()],
            "prompts": [_prompt(one) for one in PROMPTS.values()],
            "compatibility": {
                "platforms": ["darwin", "linux", "win32"],
                "runtimes": {"python": PROJECT["requires-python"]},
            },
            "user_config": {_key(one): _field(one) for one in SETTINGS},
        }
    )


def project() -> str:
    """What uv reads: the package is not built, and every version is one that the tests ran with."""
    needs = [*PROJECT["dependencies"], *(need for extra in EXTRAS for need in PROJECT["optional-dependencies"][extra])]
    made = tomlkit.document()
    made.add(tomlkit.comment(f"Written by `{COMMAND}`."))
    about = {"name": PROJECT["name"], "version": __version__, "requires-python": PROJECT["requires-python"]}
    made["project"] = about | {"dependencies": _lines(needs)}
    made["tool"] = {"uv": {"package": False, "constraint-dependencies": _lines(_pins(needs))}}
    return tomlkit.dumps(made)


def archive(folder: Path) -> Path:
    """Write the bundle into ``folder``, the same bytes each time; returns its path."""
    package = [path for path in (ROOT / "mcp_server").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    held = {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in package}
    held |= {name: (ROOT / name).read_bytes() for name in ("README.md", "LICENSE")}
    held["server.py"] = (FOLDER / "mcpb/server.py").read_bytes()
    held["manifest.json"], held["pyproject.toml"] = manifest().encode(), project().encode()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{PROJECT['name']}-{__version__}.mcpb"
    with zipfile.ZipFile(path, "w") as packed:
        for name in sorted(held):
            member = zipfile.ZipInfo(name)  # of 1980, each time
            member.compress_type, member.external_attr, member.create_system = zipfile.ZIP_DEFLATED, 0o644 << 16, 3
            packed.writestr(member, held[name], compresslevel=9)
    return path


def as_json(value: object) -> str:
    """JSON as it stands in a file."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _prompt(one: Template) -> dict[str, Any]:
    """A prompt with a text for hosts that fill it in themselves. Asked for it, the server writes a better one."""
    text = one.write({name: f"${{arguments.{name}}}" for name, _ in one.needs}, OPENAI)
    if one.takes:
        text += "\n\nWhat else was said, where anything was:\n"
        text += "\n".join(f"{name}: ${{arguments.{name}}}" for name, _ in one.takes)
    names = [name for name, _ in (*one.needs, *one.takes)]
    return {"name": one.name, "description": one.description, "arguments": names, "text": text}


def _field(one: Variable) -> dict[str, Any]:
    """A field of the host's form. None has to be filled in: without a key the tools say what to set."""
    field: dict[str, Any] = {"type": one.kind, "title": one.title, "description": one.description}
    if one.many:
        return field | {"multiple": True, "default": []}  # without a default the placeholder stays among the arguments
    return field | ({"sensitive": True} if one.secret else {})


def _pins(needs: Sequence[str]) -> list[str]:
    """The lines of the lock for all that ``needs`` bring with them, on whatever platform."""
    locked: dict[str, list[str]] = {}
    for line in (ROOT / "requirements/dev.txt").read_text("utf-8").splitlines():
        if found := re.match(r"([\w.-]+)==[^\\]+", line):
            locked.setdefault(canonicalize_name(found[1]), []).append(found[0].strip())
    seen: set[tuple[str, str]] = set()
    waiting = [Requirement(need) for need in needs]
    while waiting:
        one = waiting.pop()
        for extra in ("", *one.extras):
            if (known := (canonicalize_name(one.name), extra)) not in seen and known[0] in locked:
                seen.add(known)
                waiting += _brought(*known)
    return [line for name in sorted({name for name, _ in seen}) for line in locked[name]]


def _brought(name: str, extra: str) -> list[Requirement]:
    """What an installed package needs, or one of its extras does."""
    try:
        needs = [Requirement(need) for need in metadata.requires(name) or ()]
    except metadata.PackageNotFoundError:  # of another platform
        return []
    return [
        need for need in needs if ("extra ==" not in (marker := str(need.marker)) or f'extra == "{extra}"' in marker)
    ]


def _key(one: Variable) -> str:
    return one.name.lower()


def _authors() -> str:
    found = re.search(r"\(c\) \d+ (?:The )?(.+)", (ROOT / "LICENSE").read_text("utf-8"))
    assert found
    return found[1]


def _lines(values: Sequence[str]) -> Any:
    array = tomlkit.array().multiline(multiline=True)
    array.extend(values)
    return array
