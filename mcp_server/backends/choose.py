"""Which backend the settings mean. Building one is cheap: no request, no child, no heavy import."""

from importlib.util import find_spec

from mcp_server.backends.absent import absent
from mcp_server.backends.llama.backend import LlamaBackend
from mcp_server.backends.llama.embedder import LocalEmbedder
from mcp_server.backends.protocol import Backend, Embedder
from mcp_server.backends.responses.backend import ResponsesBackend
from mcp_server.backends.responses.profiles import COMPATIBLE, OPENAI
from mcp_server.errors import ConfigurationError, NotYet
from mcp_server.settings import Settings


def open_embedder(backend: Backend, settings: Settings) -> Embedder | None:
    """Who embeds for the embedded index: the backend where it can, else the packaged model; None without its extra."""
    if backend.profile.embeddings:
        return backend
    return LocalEmbedder(settings.home / "models") if all(map(find_spec, ("xllamacpp", "gguf", "numpy"))) else None


def open_backend(settings: Settings) -> Backend:
    """The backend of these settings; one that cannot be had answers each use with what to set."""
    name = settings.backend
    key = settings.openai_api_key
    match name:
        case "local":
            return LlamaBackend(settings.home, settings.local_model)
        case "azure" | "bedrock":
            return absent(
                name,
                NotYet(
                    f"The {name} backend is not there yet; unset its variables to use OPENAI_API_KEY or the embedded "
                    "engine, or set RESPONSES_MCP_BACKEND."
                ),
            )
        case "openai" if key is None:
            return absent(
                name, ConfigurationError("OPENAI_API_KEY is not set; set it, or RESPONSES_MCP_BACKEND=local.")
            )
        case "openai" | "compatible":
            # Whoever names a compatible server's embedding model says that it has one.
            embeds = COMPATIBLE.model_copy(update={"embeddings": settings.embedding_model is not None})
            return ResponsesBackend(
                name,
                OPENAI if name == "openai" else embeds,
                # A compatible server on one's own machine often wants none, but the SDK insists on one.
                api_key=key.get_secret_value() if key else "unused",
                base_url=settings.openai_base_url,
                model=settings.model,
                embedding_model=settings.embedding_model,
                timeout_seconds=settings.timeout_seconds,
                max_retries=settings.max_retries,
            )
