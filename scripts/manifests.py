"""Writes ``manifests/`` from the package: ``python scripts/manifests.py``, and ``--check`` to look only.

With ``bundle`` it also puts the bundle for desktop hosts into ``dist``, which git ignores.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import tomlkit

from mcp_server import __version__
from mcp_server.hosts.entry import Launch, document, entry
from mcp_server.hosts.known import HOSTS, SERVER_NAME, Host
from mcp_server.hosts.variables import Variable
from scripts import bundle
from scripts.bundle import COMMAND, FOLDER, PROJECT, ROOT, SETTINGS, SUMMARY, TITLE, as_json

REGISTRY_NAME = "io.github.responses-mcp/responses-mcp"
"""In the MCP registry. Its owner is an assumption: nothing else here names an address of the project."""
LAUNCH = Launch(command="uvx", args=(PROJECT["name"],), secrets=("OPENAI_API_KEY",))
"""How the ready files start the released package."""
IMAGE = "python:3.13-slim"
PORT = 8000
PLATFORMS = {"linux": "Linux", "darwin": "macOS", "win32": "Windows"}

LINKS = """\
<!-- Written by `{command}`. -->

# Install links and ready files

All of them start the released package with `uvx`, which has to be on the host's path. They name `OPENAI_API_KEY` where
the host can name a variable or ask for it; none holds a key. `responses-mcp install HOST` puts such an entry into a
file that has others.

| host | from a web page | directly |
|---|---|---|
{links}

| host | a whole file | where it goes |
|---|---|---|
{files}
"""
DOCKERFILE = """\
# Written by `{command}`.
#
#   docker build --file manifests/Dockerfile --tag {name} .
#   docker run --rm --interactive --env OPENAI_API_KEY \\
#     --volume {name}:/state --volume "$PWD":/files:ro {name}
#
# It serves stdio: over HTTP the server binds to loopback only, which nobody outside a container reaches.

FROM {image} AS build
WORKDIR /build
COPY requirements/demo.txt pyproject.toml README.md LICENSE ./
COPY mcp_server ./mcp_server
# The versions of the lock without its hashes, which would have to be there for the package itself too.
RUN grep -o '^[^ ]*==[^\\]*' demo.txt > versions.txt \\
 && python -m venv --without-pip /opt/{name} \\
 && pip --python /opt/{name} install --no-cache-dir --constraint versions.txt .

FROM {image}
LABEL {labels}
COPY --from=build /opt/{name} /opt/{name}
RUN useradd --uid 10001 --create-home --home-dir /home/app app \\
 && install --directory --owner app --mode 0700 /state
ENV PATH=/opt/{name}/bin:$PATH \\
    RESPONSES_MCP_HOME=/state
VOLUME /state
# The folder that may be read, unless RESPONSES_MCP_ALLOWED_ROOTS names others.
WORKDIR /files
USER app
ENTRYPOINT ["{name}"]
"""


def registry_entry() -> str:
    """What the MCP registry takes."""
    variables = [_variable(one) for one in SETTINGS]
    package = {
        "registryType": "pypi",
        "identifier": PROJECT["name"],
        "version": __version__,
        "runtimeHint": LAUNCH.command,
    }
    over_http = [
        {"type": "positional", "value": "serve"},
        {"type": "named", "name": "--transport", "value": "http"},
        {"type": "named", "name": "--port", "description": "On 127.0.0.1", "format": "number", "default": str(PORT)},
    ]
    return as_json(
        {
            "$schema": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
            "name": REGISTRY_NAME,
            "title": TITLE,
            "description": SUMMARY,
            "version": __version__,
            "packages": [
                {**package, "transport": {"type": "stdio"}, "environmentVariables": variables},
                {
                    **package,
                    "packageArguments": over_http,
                    "transport": {"type": "streamable-http", "url": "http://127.0.0.1:{--port}/mcp"},
                    "environmentVariables": variables,
                },
            ],
        }
    )


def host_file(host: Host) -> str:
    """A whole file of a host that has no other server."""
    whole = document(host, entry(host, LAUNCH))
    return as_json(whole) if host.form == "json" else tomlkit.dumps(whole)


def links() -> str:
    """The page of links that install with one click, and of where the ready files go."""
    rows = [_cursor(), _vscode("VS Code", "vscode.dev", "vscode")]
    rows.append(_vscode("VS Code Insiders", "insiders.vscode.dev", "vscode-insiders"))
    return LINKS.format(
        command=COMMAND,
        links="\n".join(f"| {name} | [install]({web}) | [install]({direct}) |" for name, web, direct in rows),
        files="\n".join(
            f"| {host.title} | [{_file(host)}]({_file(host)}) | {_places(host)} |" for host in HOSTS.values()
        ),
    )


def dockerfile() -> str:
    """An image that serves stdio."""
    labels = {
        "io.modelcontextprotocol.server.name": REGISTRY_NAME,
        "org.opencontainers.image.title": PROJECT["name"],
        "org.opencontainers.image.description": SUMMARY,
        "org.opencontainers.image.version": __version__,
        "org.opencontainers.image.licenses": PROJECT["license"],
    }
    said = " \\\n      ".join(f"{name}={json.dumps(value)}" for name, value in labels.items())
    return DOCKERFILE.format(command=COMMAND, image=IMAGE, name=PROJECT["name"], labels=said)


def _cursor() -> tuple[str, str, str]:
    """The JSON of our entry in base64: cursor.com/docs/mcp/install-links."""
    config = base64.b64encode(_compact(entry(HOSTS["cursor"], LAUNCH).server)).decode()
    query = urlencode({"name": SERVER_NAME, "config": config})
    web, direct = f"https://cursor.com/install-mcp?{query}", f"cursor://anysphere.cursor-deeplink/mcp/install?{query}"
    return "Cursor", web, direct


def _vscode(name: str, site: str, scheme: str) -> tuple[str, str, str]:
    """The JSON of our entry with its name and inputs, quoted: microsoft/vscode, mcpWorkbenchService.ts.

    The redirect is for pages that show ``https`` links only, such as GitHub's: README of microsoft/playwright-mcp.
    """
    made = entry(HOSTS["vscode"], LAUNCH)
    whole = {"name": SERVER_NAME, "inputs": list(made.inputs), **made.server}
    direct = f"{scheme}:mcp/install?{quote(_compact(whole), safe='')}"
    return name, f"https://{site}/redirect?url={quote(direct, safe='')}", direct


def _variable(one: Variable) -> dict[str, Any]:
    """A variable in the registry's form, which has paths, but not several in one value."""
    form = {"file": "filepath", "directory": "filepath", "number": "number"}.get(one.kind, "string")
    words = f"{one.title}. {one.description}" + (" Several are separated as in PATH." if one.many else "")
    made = {"name": one.name, "description": words, "format": "string" if one.many else form}
    return made | ({"isSecret": True} if one.secret else {})


def _file(host: Host) -> str:
    return f"hosts/{host.name}.{host.form}"


def _places(host: Host) -> str:
    """Where its file usually is; where that depends on the platform, for each."""
    usual = {platform: places[-1] for platform, places in host.places.items()}
    if len(set(usual.values())) == 1:
        return f"`{usual['linux']}`"
    return ", ".join(f"`{place}` ({PLATFORMS[platform]})" for platform, place in usual.items())


def _compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


MADE: dict[str, Callable[[], str]] = {
    "mcpb/manifest.json": bundle.manifest,
    "mcpb/pyproject.toml": bundle.project,
    "server.json": registry_entry,
    "links.md": links,
    "Dockerfile": dockerfile,
    **{_file(host): lambda host=host: host_file(host) for host in HOSTS.values()},
}
"""Each file below ``manifests/``, and what writes it."""


def main(arguments: Sequence[str]) -> int:
    """Write the files, or say with ``--check`` which are not as they would be written; returns the exit code."""
    stale = []
    for name, make in MADE.items():
        path, text = FOLDER / name, make()
        if not path.is_file() or path.read_text("utf-8") != text:
            stale.append(name)
            if "--check" not in arguments:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, "utf-8")
    print(f"{'not as written by' if '--check' in arguments else 'written by'} {COMMAND}: {', '.join(stale) or 'none'}")
    if "bundle" in arguments:
        path = bundle.archive(ROOT / "dist")
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size:,} bytes")
    return int(bool(stale) and "--check" in arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
