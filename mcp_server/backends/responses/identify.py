"""Which compatible server answers, by what its list of models looks like; none of them says its name."""

from collections.abc import Mapping
from math import inf
from urllib.parse import urlsplit

import anyio

from mcp_server.backends.observed import SERVER, Observed
from mcp_server.backends.responses.connection import Connection
from mcp_server.backends.responses.profiles import SERVERS
from mcp_server.backends.responses.shape import mapping, objects
from mcp_server.errors import UpstreamError
from mcp_server.model.value import JsonObject

PATIENCE_SECONDS = 2.0
AGAIN_SECONDS = 30.0
"""How long a server that gave no answer is not asked again: its list may be slow while it answers all else."""
UNKNOWN = "unknown"

OWNERS = {
    "library": "ollama",
    "llamacpp": "llama.cpp",
    "llama_stack": "ogx",
    "ogx": "ogx",
    "organization_owner": "lm-studio",
    "vllm": "vllm",
}
"""What stands as ``owned_by`` in the lists of some servers (their code and captures of their answers)."""

LITELLM_CREATED = 1677610602
"""The moment at which LiteLLM says that each of its models was made."""


class Acquaintance:
    """Finds out once which server is behind ``connection``, unless it is ``known``, and gives ``observed`` its profile.

    Where no server answers, one may later: it is asked again after ``AGAIN_SECONDS``.
    """

    def __init__(self, connection: Connection, observed: Observed, *, known: bool) -> None:
        self._connection = connection
        self._observed = observed
        self._made = known
        self._rests_until = -inf
        self._making = anyio.Lock()

    async def make(self) -> None:
        """Find out, within ``PATIENCE_SECONDS``; later calls return at once."""
        async with self._making:
            if self._made or anyio.current_time() < self._rests_until:
                return
            name: str | None = self._observed.find(SERVER) or by_address(self._connection.base_url)
            if name is None:
                with anyio.move_on_after(PATIENCE_SECONDS):
                    name = await self._looked()
            if name in SERVERS:
                # Whether it embeds is a matter of settings.
                known = {"embeddings": self._observed.documented.embeddings}
                self._observed.documented = SERVERS[name].model_copy(update=known)
            self._made = name is not None
            self._rests_until = anyio.current_time() + AGAIN_SECONDS

    async def _looked(self) -> str | None:
        try:
            listed = await self._connection.get("/models")
        except UpstreamError as fault:
            return UNKNOWN if fault.http_status and not fault.retryable else None
        name = by_models(listed.body, listed.headers)
        if name:
            await self._observed.note(SERVER, name, f"its list of models looks like that of {name}")
        return name or UNKNOWN


def by_address(base_url: str) -> str | None:
    """The server that lives at this address, where there is only one of its kind."""
    host = urlsplit(base_url).hostname or ""
    return "openrouter" if host == "openrouter.ai" or host.endswith(".openrouter.ai") else None


def by_models(listed: JsonObject, headers: Mapping[str, str]) -> str | None:
    """The server that answers like this to ``GET /models``; None for one that nobody here knows."""
    if headers.get("server", "").startswith("llama.cpp"):
        return "llama.cpp"
    if any(name.lower().startswith("x-litellm-") for name in headers):
        return "litellm"
    if "data" in listed and listed["data"] is None:
        return "ollama"  # with nothing pulled
    first = next(iter(objects(listed.get("data"))), mapping(None))
    if "canonical_slug" in first and "supported_parameters" in first:
        return "openrouter"
    if first.get("created") == LITELLM_CREATED:
        return "litellm"
    return OWNERS.get(str(first.get("owned_by")))
