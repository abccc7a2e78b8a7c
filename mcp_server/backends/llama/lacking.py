"""What a backend may lack and the embedded engine does: nobody calls these, because its profile says so."""

from collections.abc import AsyncGenerator

from mcp_server.backends.llama.faults import not_offered
from mcp_server.backends.observed import Observed
from mcp_server.backends.profile import Profile
from mcp_server.backends.protocol import HostedStores
from mcp_server.model.answer import Answer
from mcp_server.model.events import Event
from mcp_server.model.request import Layout


class Lacking:
    """The methods of ``Backend`` behind flags that are not set; each raises ``UpstreamError``.

    What others have to find out about a server is known of the engine.
    """

    profile = Profile()
    address = "embedded"

    def profile_for(self, model: str | None) -> Profile:  # noqa: ARG002 - there is only one
        """The same with every model."""
        return self.profile

    @property
    def observed(self) -> Observed:
        """Nothing: it does what its profile says."""
        return Observed(self.profile)

    async def acquaint(self) -> None:
        """It is known."""

    @property
    def stores(self) -> HostedStores:
        """Not offered."""
        raise not_offered("vector stores")

    def resume(self, response_id: str, after: int | None) -> AsyncGenerator[Event]:
        """Not offered."""
        raise not_offered(f"stream of {response_id} to read again after {after}")

    async def retrieve(self, response_id: str) -> Answer:
        """Not offered."""
        raise not_offered(f"stored response {response_id}")

    async def cancel(self, response_id: str) -> Answer:
        """Not offered."""
        raise not_offered(f"background response {response_id}")

    async def delete(self, response_id: str) -> bool:
        """Not offered."""
        raise not_offered(f"stored response {response_id}")

    async def compact(self, layout: Layout) -> Answer:
        """Not offered."""
        raise not_offered(f"compaction of {len(layout.input)} items")

    async def create_conversation(self) -> str:
        """Not offered."""
        raise not_offered("conversations")

    async def delete_conversation(self, conversation_id: str) -> bool:
        """Not offered."""
        raise not_offered(f"conversation {conversation_id}")

    async def container_file(self, container_id: str, file_id: str) -> bytes:
        """Not offered."""
        raise not_offered(f"file {file_id} in a container {container_id}")

    async def upload(self, filename: str, content: bytes, purpose: str, *, expires_seconds: int | None = None) -> str:
        """Not offered."""
        raise not_offered(f"place for the file {filename} ({len(content)} bytes, {purpose}, {expires_seconds} s)")

    async def delete_file(self, file_id: str) -> bool:
        """Not offered."""
        raise not_offered(f"uploaded file {file_id}")
