"""How we come into a server: its address and what proves who we are. One small frozen class per kind.

Nothing is imported, read or asked for before the first request needs it.
"""

import base64
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import anyio
import anyio.to_thread

from mcp_server.errors import ConfigurationError, UpstreamError, extra
from mcp_server.settings import is_openai

OPENAI_URL = "https://api.openai.com/v1"
UNUSED = "unused"
"""The key for a server without keys: the SDK insists on one, and many a server on the header."""

ENTRA_SCOPE = "https://ai.azure.com/.default"


@dataclass(frozen=True)
class Access:
    """Into a server that wants nothing. ``base_url`` has no login in it and no slash at its end.

    ``key_name`` is what a person has to check when we are not let in.
    """

    base_url: str
    key_name: str = field(default="the key", kw_only=True)

    @property
    def whole(self) -> bool:
        """Whether all may arrive that the SDK adds of its own to a request, or only what any server may know."""
        return False

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be seen in a message."""
        return ()

    def routes(self, _model: str | None) -> tuple[str, ...]:
        """The base URLs under which a model may be served, the likeliest first."""
        return (self.base_url,)

    def options(self) -> dict[str, Any]:
        """Arguments for the SDK's client; called in a thread.

        The SDK is told no key: ``border`` puts one on, where it is known which host a request goes to.
        """
        return {"api_key": UNUSED, "base_url": self.base_url}

    async def authorization(self) -> str | None:
        """The header's value for a request that leaves now; None where the SDK has put it there.

        Raises ``UpstreamError`` of the kind ``auth``: there are no credentials for now.
        """
        return f"Bearer {UNUSED}"


@dataclass(frozen=True)
class KeyAccess(Access):
    """Into OpenAI, Azure with a key, or a compatible server, which may want none.

    ``login`` (user and password) is for a gateway in front and goes instead of the key: there is one header for both.
    """

    key: str | None = field(default=None, repr=False)
    login: tuple[str, str] | None = field(default=None, repr=False)

    @classmethod
    def to(cls, url: str, key: str | None = None, *, key_name: str = "OPENAI_API_KEY") -> "KeyAccess":
        """The server at ``url``, which may hold a login."""
        parts = urlsplit(url)
        login = (unquote(parts.username or ""), unquote(parts.password or "")) if "@" in parts.netloc else None
        return cls(without_login(url), key, login, key_name=key_name)

    @property
    def whole(self) -> bool:
        """Organisation, project and custom headers are meant for OpenAI."""
        return is_openai(self.base_url)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The key, and the login as it is and as it is sent. A user's name alone may be any word."""
        user, password = self.login or ("", "")
        return tuple(filter(None, (self.key, password or user, self._encoded)))

    async def authorization(self) -> str:
        """Always the same."""
        return f"Basic {self._encoded}" if self._encoded else f"Bearer {self.key or UNUSED}"

    @property
    def _encoded(self) -> str:
        return base64.b64encode(":".join(self.login).encode()).decode() if self.login else ""


class EntraTokens:
    """Tokens from ``DefaultAzureCredential`` (environment, managed identity, az, …), which keeps and renews them."""

    def __init__(self) -> None:
        self._provider: Callable[[], str] | None = None
        self._asking = threading.Lock()

    def __call__(self) -> str:
        """A token that is valid now.

        Raises:
            UpstreamError: there is none for now.
        """
        identity, core = import_module("azure.identity"), import_module("azure.core.exceptions")
        with self._asking:
            try:
                self._provider = provider = self._provider or identity.get_bearer_token_provider(
                    identity.DefaultAzureCredential(), ENTRA_SCOPE
                )
                return str(provider())
            except core.AzureError as error:
                raise no_credentials(
                    "Microsoft Entra ID gave no token for Azure; sign in with `az login`, give this machine an "
                    "identity, or set AZURE_OPENAI_API_KEY."
                ) from error


@dataclass(frozen=True)
class EntraAccess(Access):
    """Into an Azure resource that knows us by Microsoft Entra ID. ``token`` gives one that is valid now."""

    token: Callable[[], str] = field(default_factory=EntraTokens, repr=False)
    _turn: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(1), repr=False, compare=False)

    async def authorization(self) -> str:
        """Asked for in a thread: a new one takes a request, or a program. Who waits for it holds up no other thread."""
        return f"Bearer {await anyio.to_thread.run_sync(self.token, abandon_on_cancel=True, limiter=self._turn)}"


def no_credentials(message: str) -> UpstreamError:
    """Nothing was sent, for want of credentials: they come and go while the server runs, unlike a setting."""
    return UpstreamError(message, kind="auth", outcome="not_sent", attempts=0)


def azure_access(endpoint: str, key: str | None) -> Access:
    """Azure's v1 endpoint, by key or else by Entra ID.

    Raises:
        ConfigurationError: there is no key and the extra for Entra ID is not installed.
    """
    url = azure_v1(endpoint)
    if key:
        return KeyAccess.to(url, key, key_name="AZURE_OPENAI_API_KEY")
    if not installed("azure.identity"):
        raise ConfigurationError(
            "AZURE_OPENAI_API_KEY is not set; set it, or sign in with Microsoft Entra ID instead, for which you need "
            f"{extra('azure')}."
        )
    return EntraAccess(without_login(url), key_name="the Entra identity")


def azure_v1(endpoint: str) -> str:
    """The v1 base URL of whatever address a portal or a page shows for a resource.

    What stands before ``/openai`` is a gateway's and stays. On Azure's own hosts any other path is another API's.
    """
    url = urlsplit(endpoint)
    before, found, _ = f"{url.path}/".partition("/openai/")
    if not found and (url.hostname or "").endswith(".azure.com"):
        before = ""
    return urlunsplit((url.scheme, url.netloc, before.rstrip("/") + "/openai/v1", "", ""))


def installed(module: str) -> bool:
    """Whether an extra's module is there, without importing it."""
    package = module.partition(".")[0]
    return find_spec(package) is not None and find_spec(module) is not None


def without_login(url: str) -> str:
    """The URL without user, password and a slash at its end."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])).rstrip("/")
