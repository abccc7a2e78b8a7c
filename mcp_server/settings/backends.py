"""Which variables belong to which backend, as data, and which backend the variables mean."""

from typing import Literal, NamedTuple
from urllib.parse import urlsplit

BackendName = Literal["openai", "azure", "bedrock", "compatible", "local"]
BACKENDS: tuple[BackendName, ...] = ("openai", "azure", "bedrock", "compatible", "local")


class Variables(NamedTuple):
    """The variables of one backend; of several for one thing the first that is set counts.

    ``chosen_by`` are those that make ``auto`` take this backend. ``RESPONSES_MCP_MODEL`` comes before ``model``.
    """

    key: tuple[str, ...] = ()
    base_url: tuple[str, ...] = ()
    region: tuple[str, ...] = ()
    model: tuple[str, ...] = ()
    chosen_by: tuple[str, ...] = ()


_OPENAI = Variables(key=("OPENAI_API_KEY",), base_url=("OPENAI_BASE_URL",))

VARIABLES: dict[BackendName, Variables] = {
    "azure": Variables(
        key=("AZURE_OPENAI_API_KEY",),
        base_url=("AZURE_OPENAI_ENDPOINT",),
        model=("AZURE_OPENAI_DEPLOYMENT_NAME", "AZURE_OPENAI_DEPLOYMENT"),
        chosen_by=("AZURE_OPENAI_ENDPOINT",),
    ),
    "bedrock": Variables(
        key=("AWS_BEARER_TOKEN_BEDROCK",),
        base_url=("BEDROCK_BASE_URL", "AWS_BEDROCK_BASE_URL"),
        region=("AWS_REGION", "AWS_DEFAULT_REGION"),
        model=("BEDROCK_MODEL",),
        # Not the region: whoever uses AWS for something else has it set.
        chosen_by=("AWS_BEARER_TOKEN_BEDROCK", "BEDROCK_MODEL", "BEDROCK_BASE_URL", "AWS_BEDROCK_BASE_URL"),
    ),
    "openai": _OPENAI._replace(chosen_by=("OPENAI_API_KEY",)),
    "compatible": _OPENAI._replace(chosen_by=("OPENAI_BASE_URL",)),
    "local": Variables(),
}
"""In the order in which ``auto`` asks for them."""


def chosen(known: dict[str, str]) -> BackendName:
    """The backend that ``auto`` means, of the variables that are set: the first one whose are, else the embedded.

    One whose address is missing is meant when no other one is.
    """
    for name, variables in VARIABLES.items():
        if any(variable in known for variable in variables.chosen_by):
            if name in ("openai", "compatible"):
                own = is_openai(known.get("OPENAI_BASE_URL"))
                return ("openai" if "OPENAI_API_KEY" in known else "local") if own else "compatible"
            return name
    # Half of what a backend needs is meant for it too: it says what is missing, the embedded engine would not.
    for name, its in VARIABLES.items():
        if any(variable in known for variable in (*its.key, *its.model)):
            return name
    return "local"


def model_variable(backend: str) -> str:
    """The variable in which the users of a backend expect its model."""
    own = next((its.model for name, its in VARIABLES.items() if name == backend), ())
    return (*own, "RESPONSES_MCP_MODEL")[0]


def is_openai(base_url: str | None) -> bool:
    """Whether the address is OpenAI's own (none means the default one): what is meant for OpenAI goes nowhere else."""
    host = host_of(base_url) if base_url else "api.openai.com"
    return host == "api.openai.com" or host.endswith(".api.openai.com")


def host_of(url: str) -> str:
    """The host of a URL, empty where there is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # such as an IPv6 address that is none
        return ""
