"""The settings that a person is asked for at installation: one source for the bundle, the registry and ``install``."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from mcp_server.settings import SECRET

Kind: TypeAlias = Literal["string", "directory", "file", "number"]


@dataclass(frozen=True, kw_only=True)
class Variable:
    """One setting, by its environment variable. ``many``: several folders, in the form of the platform's ``PATH``."""

    name: str
    title: str
    description: str
    kind: Kind = "string"
    many: bool = False

    @property
    def secret(self) -> bool:
        """Whether a person may see no more of it than that it is set."""
        return self.name in SECRET


ASKED: tuple[Variable, ...] = (
    Variable(
        name="OPENAI_API_KEY",
        title="OpenAI API key",
        description="For OpenAI, or for the server that the base URL names.",
    ),
    Variable(
        name="OPENAI_BASE_URL",
        title="Base URL",
        description="Of another server that speaks the Responses API. Empty: OpenAI.",
    ),
    Variable(
        name="AZURE_OPENAI_ENDPOINT",
        title="Azure OpenAI endpoint",
        description="Such as https://my-resource.openai.azure.com.",
    ),
    Variable(
        name="AZURE_OPENAI_API_KEY",
        title="Azure OpenAI API key",
        description="Not needed where Microsoft Entra ID gives access.",
    ),
    Variable(
        name="AZURE_OPENAI_DEPLOYMENT_NAME",
        title="Azure OpenAI deployment",
        description="The name of the deployed model.",
    ),
    Variable(
        name="AWS_BEARER_TOKEN_BEDROCK",
        title="Amazon Bedrock API key",
        description="Not needed where AWS credentials give access.",
    ),
    Variable(
        name="AWS_REGION",
        title="AWS region",
        description="Of Amazon Bedrock. Empty: us-west-2.",
    ),
    Variable(
        name="BEDROCK_MODEL",
        title="Amazon Bedrock model",
        description="The model's id in Amazon Bedrock.",
    ),
    Variable(
        name="RESPONSES_MCP_MODEL",
        title="Model",
        description="Used when a call names none. Empty: chosen from what the backend lists.",
    ),
    Variable(
        name="RESPONSES_MCP_ALLOWED_ROOTS",
        title="Folders",
        description="Folders whose files the tools may read. Empty: those that the host announces, else the one it was "
        "started in.",
        kind="directory",
        many=True,
    ),
    Variable(
        name="RESPONSES_MCP_DAILY_BUDGET_USD",
        title="Daily budget in US dollars",
        description="Paid calls are refused once so much was spent on a day. Empty: no limit.",
        kind="number",
    ),
    Variable(
        name="RESPONSES_MCP_LOCAL_MODEL",
        title="Local model",
        description="A GGUF file for the embedded engine. Empty: its small model.",
        kind="file",
    ),
)
"""In the order in which they are asked for."""


def title(name: str) -> str:
    """What a person calls this variable: its title, or its name where it is not asked for."""
    return next((one.title for one in ASKED if one.name == name), name)
