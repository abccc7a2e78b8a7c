"""What lies in ``manifests/`` is what the command writes, and agrees with the package."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from mcp_server import __version__, settings
from mcp_server.cli import _parser
from mcp_server.hosts.known import HOSTS
from mcp_server.server.prompts import PROMPTS
from mcp_server.tools import definitions
from scripts import manifests
from scripts.bundle import COMMAND, FOLDER, PROJECT, ROOT, SUMMARY
from scripts.manifests import MADE, REGISTRY_NAME
from tests.docs.settings_known import KNOWN
from tests.manifests.files import BUNDLE, SERVER, our_entry

DOCKERFILE = (FOLDER / "Dockerfile").read_text("utf-8")
BY_HAND = "mcpb/server.py"


def steps() -> list[tuple[str, str]]:
    """Each instruction of the Dockerfile and what it is given."""
    lines = "".join(line for line in DOCKERFILE.splitlines(keepends=True) if not line.startswith("#"))
    whole = lines.replace("\\\n", " ").splitlines()
    return [(first, rest.strip()) for first, _, rest in (line.partition(" ") for line in whole if line)]


@pytest.mark.parametrize("name", MADE)
def test_a_file_is_what_the_command_writes_now(name: str) -> None:
    stands = (FOLDER / name).read_text("utf-8") if (FOLDER / name).is_file() else None
    assert stands == MADE[name](), f"{name} is not as it would be written now: run `{COMMAND}`"


def test_the_command_writes_what_is_missing_and_looks_only_when_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(manifests, "FOLDER", tmp_path)
    assert manifests.main(["--check"]) == 1
    assert "server.json" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
    assert (manifests.main([]), manifests.main(["--check"])) == (0, 0)
    monkeypatch.setattr(manifests, "ROOT", tmp_path)
    assert manifests.main(["bundle"]) == 0
    assert [path.suffix for path in (tmp_path / "dist").iterdir()] == [".mcpb"]


def test_nothing_else_lies_there() -> None:
    lies = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file()}
    assert {name for name in lies if "__pycache__" not in name} == {*MADE, BY_HAND}


def test_every_host_has_its_file() -> None:
    assert {name for name in MADE if name.startswith("hosts/")} == {
        f"hosts/{one.name}.{one.form}" for one in HOSTS.values()
    }


def test_the_version_is_the_packages() -> None:
    project = tomllib.loads((FOLDER / "mcpb/pyproject.toml").read_text("utf-8"))["project"]
    versions = {
        BUNDLE["version"],
        SERVER["version"],
        project["version"],
        *(one["version"] for one in SERVER["packages"]),
    }
    versions |= {value.strip('"') for value in re.findall(r"image\.version=(\S+)", DOCKERFILE)}
    assert versions == {__version__}


def test_the_bundle_names_the_tools_and_prompts_that_are_served() -> None:
    assert BUNDLE["tools"] == [{"name": one.name, "description": one.description} for one in definitions()]
    served = [one.definition() for one in PROMPTS.values()]
    assert [(one["name"], one["arguments"]) for one in BUNDLE["prompts"]] == [
        (one.name, [argument.name for argument in one.arguments or ()]) for one in served
    ]


def test_a_prompts_text_asks_for_each_of_its_arguments_once() -> None:
    for one in BUNDLE["prompts"]:
        assert sorted(re.findall(r"\$\{arguments\.(\w+)\}", one["text"])) == sorted(one["arguments"])


def test_every_variable_is_one_that_the_settings_read() -> None:
    named = set(BUNDLE["server"]["mcp_config"]["env"])
    named |= {one["name"] for package in SERVER["packages"] for one in package["environmentVariables"]}
    named |= {name for host in HOSTS for name in our_entry(host).get("env", {})} | set(our_entry("codex")["env_vars"])
    named |= {name for name in re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", DOCKERFILE) if name.startswith("RESPONSES")}
    assert named - KNOWN == set()
    assert {"OPENAI_API_KEY", "RESPONSES_MCP_ALLOWED_ROOTS", "RESPONSES_MCP_HOME"} <= named


def test_every_secret_is_marked_as_one_and_no_file_holds_a_value() -> None:
    form = {
        name: BUNDLE["user_config"][name.lower()].get("sensitive", False)
        for name in BUNDLE["server"]["mcp_config"]["env"]
    }
    assert {name for name, secret in form.items() if secret} == settings.SECRET & form.keys()
    for package in SERVER["packages"]:
        asked = {one["name"]: one.get("isSecret", False) for one in package["environmentVariables"]}
        assert {name for name, secret in asked.items() if secret} == settings.SECRET & asked.keys()
    for host in HOSTS:
        assert all("$" in value for value in our_entry(host).get("env", {}).values())


def test_every_field_of_the_bundle_reaches_the_server() -> None:
    config = BUNDLE["server"]["mcp_config"]
    used = re.findall(r"\$\{user_config\.(\w+)\}", json.dumps(config))
    assert sorted(used) == sorted(BUNDLE["user_config"])
    # Of several folders only arguments can be made, and without a default the placeholder would stay one.
    for key, field in BUNDLE["user_config"].items():
        assert (f"${{user_config.{key}}}" in config["args"]) == field.get("multiple", False) == ("default" in field)


def test_every_command_line_is_one_of_ours() -> None:
    lines = [our_entry(host)["args"] for host in HOSTS]
    lines += [[package["identifier"], *spelt(package)] for package in SERVER["packages"]]
    lines += [[*json.loads(rest)] for name, rest in steps() if name == "ENTRYPOINT"]
    assert len(lines) == len(HOSTS) + 3
    for command, *arguments in lines:
        assert command in PROJECT["scripts"]
        _parser().parse_args(arguments)


def spelt(package: dict[str, Any]) -> list[str]:
    """The arguments of a registry's package, with their defaults."""
    words: list[str] = []
    for one in package.get("packageArguments", ()):
        words += [one["name"]] if one["type"] == "named" else []
        words.append(one.get("value") or one["default"])
    return words


def test_the_registry_finds_its_name_where_it_looks_for_it() -> None:
    """In the README: modelcontextprotocol/registry, internal/validators/registries/pypi.go."""
    readme = (ROOT / "README.md").read_text("utf-8")
    assert re.findall(r"<!-- mcp-name: (\S+) -->", readme) == [REGISTRY_NAME]
    assert SERVER["name"] == REGISTRY_NAME


def test_the_image_is_labelled_copies_what_is_there_and_runs_as_nobody_special() -> None:
    done = steps()
    labels = dict(re.findall(r'([\w.]+)="([^"]*)"', next(rest for name, rest in done if name == "LABEL")))
    assert labels.pop("io.modelcontextprotocol.server.name") == REGISTRY_NAME
    assert labels == {
        "org.opencontainers.image.title": PROJECT["name"],
        "org.opencontainers.image.description": SUMMARY,
        "org.opencontainers.image.version": __version__,
        "org.opencontainers.image.licenses": PROJECT["license"],
    }
    copied = [rest.split()[:-1] for name, rest in done if name == "COPY" and not rest.startswith("--from")]
    assert [name for names in copied for name in names if not (ROOT / name).exists()] == []
    assert [rest for name, rest in done if name == "USER"] == ["app"]
    # The state outlives the container.
    home = next(re.findall(r"RESPONSES_MCP_HOME=(\S+)", rest)[0] for name, rest in done if name == "ENV")
    assert [rest for name, rest in done if name == "VOLUME"] == [home]
