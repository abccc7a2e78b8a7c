import ssl
from io import BytesIO
from pathlib import Path

import pytest
from pypdf import PdfReader

from mcp_server import settings
from mcp_server.cli import main
from mcp_server.doctor import material
from mcp_server.doctor.configuration import values
from mcp_server.doctor.endpoint import region_of, unreachable
from mcp_server.doctor.report import row, told
from mcp_server.errors import ConfigurationError, UpstreamError


@pytest.mark.parametrize(
    ("address", "region"),
    [
        ("https://bedrock-mantle.us-west-2.api.aws/openai/v1", "us-west-2"),
        ("https://bedrock-runtime.us-gov-east-1.amazonaws.com/openai/v1", "us-gov-east-1"),
        ("https://vpce-0a1b.bedrock-runtime.eu-west-1.vpce.amazonaws.com/openai/v1", "eu-west-1"),
        ("https://eu.api.openai.com/v1", "eu"),
        ("https://api.openai.com/v1", None),
        ("https://my-res-2.openai.azure.com/openai/v1/", None),
        ("http://127.0.0.1:11434/v1", None),
        ("embedded", None),
    ],
)
def test_a_region_is_read_from_the_host_that_tells_one(address: str, region: str | None) -> None:
    assert region_of(address) == region


def test_the_page_is_a_pdf_with_its_code_word() -> None:
    (page,) = PdfReader(BytesIO(material.pdf()), strict=True).pages
    assert "lantern" in page.extract_text()


def untrusted() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "self-signed"
    return error


@pytest.mark.parametrize(
    ("cause", "found"),
    [
        (untrusted(), "the certificate of example.org is not trusted (self-signed)"),
        (ssl.SSLError(1, "wrong version number"), "does not speak TLS"),
        (ConnectionRefusedError(), "nothing listens at https://example.org/v1"),
        (OSError(), "The upstream could not be reached"),
    ],
)
def test_why_nothing_came_back_is_read_from_the_cause(cause: OSError, found: str) -> None:
    fault = UpstreamError("The upstream could not be reached; check it.", kind="connect")
    fault.__cause__ = OSError("all attempts failed")
    fault.__cause__.__cause__ = cause
    said = unreachable(fault, "https://example.org/v1")
    assert found in said.found
    assert said.status == "fail"
    assert said.advice


def test_an_error_of_ours_falls_into_what_happened_and_what_to_do() -> None:
    said = told(ConfigurationError("The key (of a; b) is wrong; set it, or unset it."))
    assert (said.found, said.advice) == ("The key (of a; b) is wrong", "set it, or unset it")
    assert told(ConfigurationError("It is wrong.")).found == "It is wrong."


def test_a_row_hides_what_looks_like_a_key() -> None:
    shown = row("live", "text", told(ConfigurationError("sk-0123456789abcdef is wrong; drop sk-0123456789abcdef.")))
    assert "sk-" not in shown.model_dump_json()


@pytest.mark.parametrize("arguments", [["--offline", "--online"], ["everything"], ["--json=no"]])
def test_wrong_usage_ends_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["doctor", *arguments])
    assert ended.value.code == 2


def test_a_key_that_no_host_handed_on_is_seen_to_be_missing(tmp_path: Path) -> None:
    rows = {row["name"]: row["value"] for row in values(settings.load({"RESPONSES_MCP_HOME": str(tmp_path)}))}
    assert (rows["OPENAI_API_KEY"], rows["RESPONSES_MCP_BACKEND"]) == ("-", "auto")
    azure = {"RESPONSES_MCP_HOME": str(tmp_path), "AZURE_OPENAI_ENDPOINT": "https://x.openai.azure.com"}
    rows = {row["name"]: row["value"] for row in values(settings.load(azure))}
    assert rows["AZURE_OPENAI_API_KEY"] == "-"
    assert rows["AZURE_OPENAI_ENDPOINT"] == "https://x.openai.azure.com"
    assert "OPENAI_API_KEY" not in rows
