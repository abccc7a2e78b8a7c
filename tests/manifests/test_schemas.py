"""Each file fits the schema of whoever reads it; ``schemas/`` says where each schema is from, and when it was taken."""

import base64
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from jsonschema import Draft7Validator

from mcp_server.hosts.known import HOSTS, SERVER_NAME
from scripts.bundle import FOLDER
from tests.manifests.files import BUNDLE, SERVER, host_file, our_entry

SCHEMAS = Path(__file__).parent / "schemas"
PUBLISHED = {path.stem: json.loads(path.read_text("utf-8")) for path in SCHEMAS.glob("*.json")}
LINKS = dict(
    re.findall(r"^\| ([\w ]+) \| \[install\]\((\S+)\) \|", (FOLDER / "links.md").read_text("utf-8"), re.MULTILINE)
)
DIRECT = re.findall(
    r"\| \[install\]\(((?:cursor|vscode|vscode-insiders):\S+)\) \|", (FOLDER / "links.md").read_text("utf-8")
)


def wrong(name: str, document: Any) -> list[str]:
    """What a schema has to say against a document."""
    return [f"{error.json_path}: {error.message}" for error in Draft7Validator(PUBLISHED[name]).iter_errors(document)]


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_schema_says_where_it_is_from(name: str) -> None:
    Draft7Validator.check_schema(PUBLISHED[name])
    assert "2026-11-22" in PUBLISHED[name]["$comment"]


@pytest.mark.parametrize("host", [name for name in HOSTS if name in PUBLISHED])
def test_a_hosts_file_fits_its_schema(host: str) -> None:
    assert wrong(host, host_file(host)) == []
    entries = host_file(host)
    for key in HOSTS[host].path:
        entries = entries[key]
    entries[SERVER_NAME]["args"] = "responses-mcp"
    assert wrong(host, {HOSTS[host].path[0]: entries}) != []


def test_the_hosts_without_a_schema_are_known() -> None:
    assert HOSTS.keys() - PUBLISHED.keys() == {"claude-desktop", "cursor", "windsurf"}


def test_the_bundles_manifest_fits_its_schema() -> None:
    assert wrong("mcpb", BUNDLE) == []
    assert wrong("mcpb", {**BUNDLE, "server": {**BUNDLE["server"], "type": "pip"}}) != []


def test_the_registrys_entry_fits_its_schema_and_rules() -> None:
    assert wrong("registry", SERVER) == []
    assert wrong("registry", {**SERVER, "description": "x" * 101}) != []
    assert SERVER["$schema"].endswith("/2025-12-11/server.schema.json")
    # modelcontextprotocol/registry, internal/validators/validators.go, beyond the schema:
    part = r"[a-zA-Z0-9][a-zA-Z0-9.{}-]*[a-zA-Z0-9]"
    assert re.fullmatch(f"{part.format('')}/{part.format('_')}", SERVER["name"])
    assert len({package["transport"]["type"] for package in SERVER["packages"]}) == len(SERVER["packages"])
    for package in SERVER["packages"]:
        assert re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc|\.dev)\d+)?", package["version"])
        assert " " not in package["identifier"]
        arguments = package.get("packageArguments", [])
        names = [one["name"] for one in arguments if one["type"] == "named"]
        values = [one.get("value", "") + one.get("default", "") for one in arguments]
        assert not [name for name in names if re.search(r"[<> $]", name)]
        assert not [value for value in values if value.startswith("-")]
        told = {*names, *(one["name"] for one in package["environmentVariables"])}
        assert set(re.findall(r"\{([^}]+)\}", package["transport"].get("url", ""))) <= told


def test_the_link_for_cursor_holds_its_entry() -> None:
    for link in (LINKS["Cursor"], DIRECT[0]):
        asked = parse_qs(urlsplit(link).query, strict_parsing=True)
        assert asked["name"] == [SERVER_NAME]
        assert json.loads(base64.b64decode(asked["config"][0], validate=True)) == our_entry("cursor")


@pytest.mark.parametrize(
    ("name", "scheme", "number"), [("VS Code", "vscode", 1), ("VS Code Insiders", "vscode-insiders", 2)]
)
def test_the_links_for_vs_code_hold_its_entry_and_what_it_asks_for(name: str, scheme: str, number: int) -> None:
    (direct,) = parse_qs(urlsplit(LINKS[name]).query, strict_parsing=True)["url"]
    assert direct == DIRECT[number]
    address, _, query = direct.partition("?")
    assert address == f"{scheme}:mcp/install"
    held: dict[str, Any] = json.loads(unquote(query))
    assert held.pop("name") == SERVER_NAME
    assert held.pop("inputs") == host_file("vscode")["inputs"]
    assert held == our_entry("vscode")
