"""Which backend the settings mean. Building one is cheap: no request, no child, no heavy import."""

import re
from importlib.util import find_spec
from urllib.parse import urlsplit, urlunsplit

from mcp_server.backends.absent import absent
from mcp_server.backends.llama.backend import LlamaBackend
from mcp_server.backends.llama.embedder import LocalEmbedder
from mcp_server.backends.profile import Profile
from mcp_server.backends.protocol import Backend, Embedder
from mcp_server.backends.responses import profiles
from mcp_server.backends.responses.access import OPENAI_URL, Access, KeyAccess, azure_access
from mcp_server.backends.responses.backend import ResponsesBackend
from mcp_server.backends.responses.bedrock import bedrock_access
from mcp_server.errors import ConfigurationError
from mcp_server.settings import Settings, is_openai

_COPIED = re.compile(r"/(?:responses|chat/completions|completions|embeddings|models)/?$")
"""Endpoints, which people copy along with the address."""
MANTLE_URL = "https://bedrock-mantle.us-west-2.api.aws/openai/v1"
_UNFINISHED = re.compile(r"[\s${}<>]")
"""What no host's name has in it, but an unexpanded variable and the gap of an example have."""


def open_embedder(backend: Backend, settings: Settings) -> Embedder | None:
    """Who embeds for the embedded index: the backend where it can, else the packaged model; None without its extra."""
    if backend.profile.embeddings:
        return backend
    return LocalEmbedder(settings.home / "models") if all(map(find_spec, ("xllamacpp", "gguf", "numpy"))) else None


def open_backend(settings: Settings) -> Backend:
    """The backend of these settings; one that cannot be had answers each use with what to set."""
    if settings.backend == "local":
        return LlamaBackend(settings.home, settings.local_model)
    try:
        profile, access = _entrance(settings)
    except ConfigurationError as lacking:
        return absent(settings.backend, lacking)
    return ResponsesBackend(
        settings.backend,
        # Whoever names an embedding model says that there is one.
        profile.model_copy(update={"embeddings": profile.embeddings or settings.embedding_model is not None}),
        access=access,
        model=settings.model,
        embedding_model=settings.embedding_model,
        timeout_seconds=settings.timeout_seconds,
        max_retries=settings.max_retries,
    )


def _entrance(settings: Settings) -> tuple[Profile, Access]:
    """What the server is documented to do, and how we come in. Raises ``ConfigurationError``."""
    key = settings.api_key.get_secret_value() if settings.api_key else None
    url = settings.base_url
    match settings.backend:
        case "azure":
            whole = f"https://{url}" if url and "://" not in url else url
            right = "the address of your resource, such as https://NAME.openai.azure.com"
            return profiles.AZURE, azure_access(_address("AZURE_OPENAI_ENDPOINT", whole, right), key)
        case "bedrock":
            given = _address("BEDROCK_BASE_URL", url, f"an address such as {MANTLE_URL}, or unset it") if url else None
            access = bedrock_access(token=key, region=settings.region, base_url=given)
            return profiles.BEDROCK_RUNTIME if access.endpoint == "runtime" else profiles.BEDROCK_MANTLE, access
        case "compatible":
            right = "the server's whole address, such as http://127.0.0.1:8000/v1"
            return profiles.COMPATIBLE, KeyAccess.to(_api(_address("OPENAI_BASE_URL", url, right)), key)
        case _:
            if key is None:
                raise ConfigurationError("OPENAI_API_KEY is not set; set it, or RESPONSES_MCP_BACKEND=local.")
            right = f"an address such as {OPENAI_URL}, or unset it"
            # Whoever names a server of his own OpenAI says that it can do the same; that is believed when it shows.
            profile = profiles.OPENAI.model_copy(update={"echoes": not is_openai(url)})
            return profile, KeyAccess.to(_api(_address("OPENAI_BASE_URL", url or OPENAI_URL, right)), key)


def _address(name: str, url: str | None, right: str) -> str:
    """``url``, when it is one. Raises ``ConfigurationError``."""
    if url is None:
        raise ConfigurationError(f"{name} is not set; set it to {right}.")
    try:
        parts = urlsplit(url)
        whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        fits = whole and not _UNFINISHED.search(parts.hostname or "")
    except ValueError:
        fits = False
    if not fits:
        raise ConfigurationError(f"{name} is not the address of a server; set it to {right}.")
    return url


def _api(url: str) -> str:
    """Where the API begins: below the path that was given, or below the one that nearly all servers have it at."""
    parts = urlsplit(url)
    path = _COPIED.sub("", parts.path).rstrip("/")
    return urlunsplit((parts.scheme, parts.netloc, path or "/v1", "", ""))
