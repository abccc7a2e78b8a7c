"""How we come into Amazon Bedrock: by its two endpoints, with a bearer token or AWS credentials.

Addresses, routes and the errors of a wrong route: AWS's user guide (Responses API, endpoints) as of November 2026.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

from mcp_server.backends.responses.access import Access, installed, no_credentials, without_login
from mcp_server.errors import ConfigurationError, extra
from mcp_server.settings import host_of

DEFAULT_REGION = "us-west-2"

NEWER, OLDER = "/openai/v1", "/v1"
ON_NEWER = re.compile(r"\bopenai\.gpt-(?:5\.[4-9]|5\.[1-9]\d|[6-9]|[1-9]\d)")
"""Mantle serves OpenAI's models from GPT-5.4 on under the newer route, and all others under the older one."""

_HOST = re.compile(r"(?:^|\.)bedrock-(mantle|runtime)(?:-fips)?\.([a-z0-9-]+)\.")
"""Also in the name of a private endpoint, such as vpce-1.bedrock-runtime.us-west-2.vpce.amazonaws.com."""
_REGION = re.compile(r"[a-z]{2,8}(-[a-z0-9]+)+-\d+")


@dataclass(frozen=True)
class BedrockAccess(Access):
    """Into one endpoint of one region. ``token`` None signs each request with AWS credentials.

    ``given`` says that the user named the route; else the model's name suggests one.
    """

    region: str = DEFAULT_REGION
    endpoint: Literal["mantle", "runtime"] = "mantle"
    given: bool = False
    token: str | None = field(default=None, repr=False)

    @property
    def whole(self) -> bool:
        """The SDK's provider adds nothing from the environment, and what is signed must arrive."""
        return True

    @property
    def secrets(self) -> tuple[str, ...]:
        """The token; AWS credentials are the signer's alone."""
        return (self.token,) if self.token else ()

    def routes(self, model: str | None) -> tuple[str, ...]:
        """Both of Mantle's; a path of a gateway's own stands alone."""
        url = urlsplit(self.base_url)
        if self.endpoint == "runtime" or url.path not in (NEWER, OLDER):
            return (self.base_url,)
        newer, older = (urlunsplit(url._replace(path=path)) for path in (NEWER, OLDER))
        is_newer = url.path == NEWER if self.given or not model else bool(ON_NEWER.search(model))
        return (newer, older) if is_newer else (older, newer)

    def options(self) -> dict[str, Any]:
        """The SDK's own provider, with the credentials that we have found."""
        from openai.providers import bedrock  # noqa: PLC0415 - off the start-up path

        proof: dict[str, Any] = {"api_key": self.token} if self.token else {"credential_provider": _credentials()}
        return {"provider": bedrock(endpoint=self.endpoint, region=self.region, base_url=self.base_url, **proof)}

    async def authorization(self) -> None:
        """The SDK's provider has signed already."""


def bedrock_access(*, token: str | None, region: str | None, base_url: str | None) -> BedrockAccess:
    """The endpoint that these settings mean.

    Raises:
        ConfigurationError: they contradict each other, or there is neither a token nor the extra for AWS credentials.
    """
    url = _trimmed(base_url or f"https://bedrock-mantle.{region or DEFAULT_REGION}.api.aws")
    host = host_of(url)
    named = _HOST.search(f"{host}.")
    place = region or (named[2] if named else DEFAULT_REGION)
    if not _REGION.fullmatch(place):
        raise ConfigurationError(f"AWS_REGION is {place!r}; set it to a region such as {DEFAULT_REGION}.")
    if named and named[2] != place:
        raise ConfigurationError(
            f"BEDROCK_BASE_URL is in {named[2]}, but AWS_REGION is {place}; change one of them so that they agree."
        )
    if host.startswith("bedrock-") and url.startswith("http:"):
        raise ConfigurationError("BEDROCK_BASE_URL begins with http://, but AWS wants https:// there; change it.")
    if not token and not installed("botocore"):
        raise ConfigurationError(
            "AWS_BEARER_TOKEN_BEDROCK is not set; set it, or use AWS credentials instead, for which you need "
            f"{extra('bedrock')}."
        )
    given = bool(urlsplit(url).path)
    return BedrockAccess(
        base_url=url if given else url + NEWER,
        region=place,
        endpoint="runtime" if named and named[1] == "runtime" else "mantle",
        given=given,
        token=token,
        key_name="AWS_BEARER_TOKEN_BEDROCK" if token else "the AWS credentials",
    )


def _trimmed(url: str) -> str:
    """Without what people copy along."""
    return re.sub(r"/responses(/.*)?$", "", without_login(url).partition("?")[0])


def _credentials() -> Callable[[], object]:
    """Where the SDK asks for AWS credentials before it signs: the machine's own chain, looked through once."""
    session, exceptions = import_module("botocore.session").Session(), import_module("botocore.exceptions")

    def credentials() -> object:
        try:
            found = session.get_credentials()
            if found is not None:
                return found.get_frozen_credentials()
        except exceptions.BotoCoreError as error:
            raise no_credentials(
                f"AWS credentials could not be read ({type(error).__name__}); check the profile or sign in again, or "
                "set AWS_BEARER_TOKEN_BEDROCK."
            ) from error
        raise no_credentials(
            "There are no AWS credentials on this machine; set AWS_BEARER_TOKEN_BEDROCK, or AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, or a profile."
        )

    return credentials
