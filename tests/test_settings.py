import os
from pathlib import Path

import pytest

from mcp_server import settings
from mcp_server.errors import ConfigurationError


def load(home: Path, **variables: str) -> settings.Settings:
    return settings.load({"RESPONSES_MCP_HOME": str(home), **variables})


def test_without_variables_the_embedded_engine_serves(tmp_path: Path) -> None:
    told = load(tmp_path)
    assert told.backend == "local"
    assert told.problem is None
    assert told.store == f"sqlite:///{tmp_path / 'store.db'}"
    assert (told.wait_seconds, told.timeout_seconds, told.max_retries) == (45, 600, 2)


@pytest.mark.parametrize(
    ("variables", "backend"),
    [
        ({"OPENAI_API_KEY": "sk-1"}, "openai"),
        ({"OPENAI_API_KEY": "sk-1", "OPENAI_BASE_URL": "https://api.openai.com/v1"}, "openai"),
        ({"OPENAI_API_KEY": "sk-1", "OPENAI_BASE_URL": "https://eu.api.openai.com/v1"}, "openai"),
        ({"OPENAI_API_KEY": "sk-1", "OPENAI_BASE_URL": "https://api.openai.com.evil.example/v1"}, "compatible"),
        ({"OPENAI_BASE_URL": "http://127.0.0.1:8080/v1"}, "compatible"),
        ({"OPENAI_BASE_URL": "http://127.0.0.1:8080/v1", "RESPONSES_MCP_BACKEND": "openai"}, "openai"),
        ({"OPENAI_API_KEY": "sk-1", "AZURE_OPENAI_ENDPOINT": "https://x.example"}, "azure"),
        ({"AWS_BEARER_TOKEN_BEDROCK": "x", "AZURE_OPENAI_ENDPOINT": "https://x.example"}, "azure"),
        ({"OPENAI_API_KEY": "sk-1", "AZURE_OPENAI_API_KEY": "x"}, "openai"),
        ({"OPENAI_API_KEY": "sk-1", "AWS_BEARER_TOKEN_BEDROCK": "x"}, "bedrock"),
        ({"OPENAI_API_KEY": "sk-1", "BEDROCK_MODEL": "openai.gpt-5.4"}, "bedrock"),
        ({"OPENAI_API_KEY": "sk-1", "AWS_BEDROCK_BASE_URL": "https://x.example"}, "bedrock"),
        ({"OPENAI_API_KEY": "sk-1", "AWS_REGION": "us-west-2", "AWS_ACCESS_KEY_ID": "x"}, "openai"),
        ({"AWS_REGION": "us-west-2"}, "local"),
        ({"OPENAI_BASE_URL": "https://api.openai.com/v1"}, "local"),
        ({"OPENAI_BASE_URL": "http://[::1/v1"}, "compatible"),
        ({"OPENAI_API_KEY": "sk-1", "RESPONSES_MCP_BACKEND": "LOCAL"}, "local"),
        ({"OPENAI_API_KEY": "sk-1", "RESPONSES_MCP_BACKEND": "auto"}, "openai"),
        ({"OPENAI_API_KEY": ""}, "local"),
        ({"OPENAI_API_KEY": "${OPENAI_API_KEY}"}, "local"),
        ({"OPENAI_API_KEY": '""'}, "local"),
        ({"AZURE_OPENAI_API_KEY": "x"}, "azure"),
        ({"AZURE_OPENAI_DEPLOYMENT_NAME": "x", "AWS_REGION": "us-west-2"}, "azure"),
        ({"AZURE_OPENAI_DEPLOYMENT_NAME": "x", "OPENAI_API_KEY": "sk-1"}, "openai"),
    ],
)
def test_the_backend_is_the_named_one_or_the_first_whose_variables_are_set(
    tmp_path: Path, variables: dict[str, str], backend: str
) -> None:
    assert load(tmp_path, **variables).backend == backend


def test_the_environment_wins_over_the_file_and_the_file_over_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('RESPONSES_MCP_MODEL = "a"\nRESPONSES_MCP_WAIT_SECONDS = 5\n', "utf-8")
    told = load(tmp_path, RESPONSES_MCP_MODEL="b")
    assert (told.model, told.wait_seconds) == ("b", 5)
    assert told.sources["RESPONSES_MCP_MODEL"] == "environment"
    assert told.sources["RESPONSES_MCP_WAIT_SECONDS"] == "config.toml"
    assert "RESPONSES_MCP_TIMEOUT_SECONDS" not in told.sources


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("RESPONSES_MCP_WAIT_SECONDS", "soon", "a number from 0 to 3600"),
        ("RESPONSES_MCP_WAIT_SECONDS", "-1", "a number from 0 to 3600"),
        ("RESPONSES_MCP_MAX_RETRIES", "11", "a whole number"),
        ("RESPONSES_MCP_STORE_RESPONSES", "perhaps", "true or false"),
        ("RESPONSES_MCP_LOCAL_MODEL", "/nowhere/model.gguf", "GGUF"),
        ("RESPONSES_MCP_LOG_LEVEL", "loud", "debug, info"),
        ("RESPONSES_MCP_LOG_FORMAT", "xml", "console or json"),
        ("RESPONSES_MCP_ALLOWED_ROOTS", "/nowhere", "existing folders"),
        ("RESPONSES_MCP_BACKEND", "watson", "auto, openai"),
        ("RESPONSES_MCP_STORE", "mysql://x", "sqlite:///"),
        ("RESPONSES_MCP_DAILY_BUDGET_USD", "0", "an amount above 0"),
        ("RESPONSES_MCP_DAILY_BUDGET_USD", "nan", "an amount above 0"),
        ("RESPONSES_MCP_SESSION_BUDGET_USD", "-1", "an amount above 0"),
        ("RESPONSES_MCP_SESSION_BUDGET_USD", "inf", "an amount above 0"),
        ("RESPONSES_MCP_SESSION_BUDGET_USD", "$5", "an amount above 0"),
        ("RESPONSES_MCP_AUTH_TOKENS", "a:b", "does not honour it"),
    ],
)
def test_a_wrong_value_is_a_problem_that_names_it_and_does_not_stop_the_server(
    tmp_path: Path, name: str, value: str, right: str
) -> None:
    problem = load(tmp_path, **{name: value}).problem
    assert problem is not None
    assert name in problem
    assert right in problem


def test_a_broken_file_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("= nonsense", "utf-8")
    assert "config.toml" in (load(tmp_path).problem or "")


def test_a_name_in_the_file_that_is_no_setting_is_a_problem(tmp_path: Path) -> None:
    known = ("RESPONSES_MCP_LOG_LEVEL", "AWS_REGION", "AZURE_OPENAI_ENDPOINT", "RESPONSES_MCP_LOCAL_MODEL")
    (tmp_path / "config.toml").write_text("".join(f'{name} = ""\n' for name in known), "utf-8")
    assert load(tmp_path).problem is None
    (tmp_path / "config.toml").write_text('backend = "azure"\n', "utf-8")
    assert "config.toml has 'backend', which is no setting; " in (load(tmp_path).problem or "")


def test_quotes_around_a_value_are_not_part_of_it(tmp_path: Path) -> None:
    told = load(
        tmp_path, OPENAI_API_KEY="'sk-1'", OPENAI_BASE_URL='"http://127.0.0.1:8080/v1"', RESPONSES_MCP_MODEL='"'
    )
    assert told.api_key is not None
    assert (told.api_key.get_secret_value(), told.base_url, told.model) == ("sk-1", "http://127.0.0.1:8080/v1", '"')


def test_right_values_are_taken(tmp_path: Path) -> None:
    model = tmp_path / "m.gguf"
    model.touch()
    told = load(
        tmp_path,
        RESPONSES_MCP_LOCAL_MODEL=str(model),
        RESPONSES_MCP_STORE_RESPONSES="off",
        RESPONSES_MCP_LOG_FORMAT="json",
        RESPONSES_MCP_LOG_LEVEL="DEBUG",
        RESPONSES_MCP_ALLOWED_ROOTS=str(tmp_path),
        RESPONSES_MCP_MAX_RETRIES="0",
        RESPONSES_MCP_DAILY_BUDGET_USD="5",
        RESPONSES_MCP_SESSION_BUDGET_USD="0.25",
    )
    assert told.problem is None
    assert (told.local_model, told.store_responses, told.max_retries) == (model, False, 0)
    assert (told.daily_budget_usd, told.session_budget_usd) == (5.0, 0.25)
    assert (told.log_format, told.log_level, told.allowed_roots) == ("json", "debug", (tmp_path.resolve(),))


def test_the_working_folder_may_be_read_unless_it_is_the_disk_or_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert settings.working_folder() == (tmp_path.resolve(),)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert settings.working_folder() == ()
    monkeypatch.chdir("/")
    assert settings.working_folder() == ()


def test_a_working_folder_that_was_deleted_allows_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert settings.working_folder() == ()
    monkeypatch.chdir(tmp_path)


def test_allowed_folders_that_are_not_there_allow_nothing_and_unset_ones_leave_it_open(tmp_path: Path) -> None:
    assert load(tmp_path).allowed_roots is None
    told = load(tmp_path, RESPONSES_MCP_ALLOWED_ROOTS=f"{tmp_path}{os.pathsep}{tmp_path / 'missing'}")
    assert told.allowed_roots == ()
    assert "RESPONSES_MCP_ALLOWED_ROOTS" in (told.problem or "")


def test_only_a_sqlite_store_can_be_opened(tmp_path: Path) -> None:
    assert settings.sqlite_path(load(tmp_path)) == tmp_path / "store.db"
    with pytest.raises(ConfigurationError, match="PostgreSQL"):
        settings.sqlite_path(load(tmp_path, RESPONSES_MCP_STORE="postgresql://localhost/x"))


EVERYBODYS = {
    "OPENAI_API_KEY": "sk-secret-0123456789",
    "OPENAI_BASE_URL": "https://me:hunter2@own.example/v1",
    "AZURE_OPENAI_ENDPOINT": "https://res.openai.azure.com",
    "AZURE_OPENAI_API_KEY": "azure-secret",
    "AZURE_OPENAI_DEPLOYMENT": "deployed",
    "AWS_BEARER_TOKEN_BEDROCK": "aws-secret",
    "AWS_DEFAULT_REGION": "eu-north-1",
    "BEDROCK_MODEL": "openai.gpt-5.4",
    "AWS_BEDROCK_BASE_URL": "https://bedrock.example",
}


@pytest.mark.parametrize(
    ("backend", "key", "base_url", "region", "model"),
    [
        ("openai", "sk-secret-0123456789", "https://me:hunter2@own.example/v1", None, None),
        ("compatible", "sk-secret-0123456789", "https://me:hunter2@own.example/v1", None, None),
        ("azure", "azure-secret", "https://res.openai.azure.com", None, "deployed"),
        ("bedrock", "aws-secret", "https://bedrock.example", "eu-north-1", "openai.gpt-5.4"),
        ("local", None, None, None, None),
    ],
)
def test_a_backend_has_its_own_variables_and_no_others(
    tmp_path: Path, backend: str, key: str | None, base_url: str | None, region: str | None, model: str | None
) -> None:
    told = load(tmp_path, **EVERYBODYS, RESPONSES_MCP_BACKEND=backend)
    assert (told.api_key and told.api_key.get_secret_value()) == key
    assert (told.base_url, told.region, told.model) == (base_url, region, model)


@pytest.mark.parametrize(
    ("names", "first"),
    [
        (("RESPONSES_MCP_MODEL", "AZURE_OPENAI_DEPLOYMENT_NAME", "AZURE_OPENAI_DEPLOYMENT"), "model"),
        (("RESPONSES_MCP_MODEL", "BEDROCK_MODEL"), "model"),
        (("AWS_REGION", "AWS_DEFAULT_REGION"), "region"),
        (("BEDROCK_BASE_URL", "AWS_BEDROCK_BASE_URL"), "base_url"),
    ],
)
def test_of_several_names_for_one_thing_the_first_that_is_set_counts(
    tmp_path: Path, names: tuple[str, ...], first: str
) -> None:
    backend = "azure" if "AZURE_OPENAI_DEPLOYMENT" in names else "bedrock"
    for number in range(len(names)):
        told = load(tmp_path, RESPONSES_MCP_BACKEND=backend, **{name: name for name in names[number:]})
        assert getattr(told, first) == names[number]


def test_each_variable_is_shown_with_its_source_and_a_secret_only_as_set(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('AZURE_OPENAI_API_KEY = "azure-secret"\nBEDROCK_MODEL = " "\n', "utf-8")
    told = load(tmp_path, OPENAI_API_KEY="sk-secret-0123456789", OPENAI_BASE_URL="https://me:hunter2@own.example/v1")
    assert told.shown == {
        "RESPONSES_MCP_HOME": str(tmp_path),
        "OPENAI_API_KEY": "set",
        "OPENAI_BASE_URL": "https://[hidden]@own.example/v1",
        "AZURE_OPENAI_API_KEY": "set",
    }
    assert told.sources.keys() == told.shown.keys()
    assert told.sources["AZURE_OPENAI_API_KEY"] == "config.toml"


def test_a_key_is_never_shown(tmp_path: Path) -> None:
    told = load(tmp_path, **EVERYBODYS, RESPONSES_MCP_STORE="mysql://me:hunter2@x")
    assert "mysql" in (told.problem or "")
    shown = f"{told.problem} {told!r} {load(tmp_path, **EVERYBODYS, RESPONSES_MCP_BACKEND='openai')!r}"
    assert not [secret for secret in ("sk-secret", "azure-secret", "aws-secret", "hunter2") if secret in shown]
