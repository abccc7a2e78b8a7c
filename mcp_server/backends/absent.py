"""The backend of a server that has none: a missing key never stops the server, each use says what to set."""

from typing import Any, cast

from mcp_server.backends.observed import Observed
from mcp_server.backends.profile import Profile
from mcp_server.backends.protocol import Backend
from mcp_server.errors import ServerError


class _Absent:
    def __init__(self, name: str, error: ServerError) -> None:
        self.name = name
        self.profile = Profile()
        self.observed = Observed(self.profile)
        self.address = "none"
        self._error = error

    def profile_for(self, _model: str | None) -> Profile:
        """It can do nothing with any."""
        return self.profile

    async def acquaint(self) -> None:
        """There is nobody."""

    def __getattr__(self, name: str) -> Any:
        raise self._error

    async def close(self) -> None:
        """Nothing is open."""


def absent(name: str, error: ServerError) -> Backend:
    """A backend of that name and without any capability; using it raises ``error``."""
    return cast("Backend", _Absent(name, error))
