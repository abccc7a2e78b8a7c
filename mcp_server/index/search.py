"""Which index serves a backend."""

from mcp_server.backends.protocol import Backend, Embedder
from mcp_server.index.embedded import EmbeddedIndex
from mcp_server.index.hosted import HostedIndex
from mcp_server.index.protocol import Chunking, FailedFile, Filing, IndexReport, Progress, SearchIndex, SearchResult
from mcp_server.store.protocol import Store

__all__ = ["Chunking", "FailedFile", "Filing", "IndexReport", "Progress", "SearchIndex", "SearchResult", "open_index"]


def open_index(backend: Backend, store: Store, embedder: Embedder | None) -> SearchIndex:
    """The backend's own vector stores where it has them, else the embedded index. Make one and keep it: it caches.

    Without an ``embedder`` the embedded index searches by words alone.
    """
    return HostedIndex(backend, store) if backend.profile.vector_stores else EmbeddedIndex(embedder, store)
