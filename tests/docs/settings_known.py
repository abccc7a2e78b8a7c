"""Every variable that the settings read, as they read them."""

from collections.abc import Iterator, Mapping

from mcp_server import settings


class _Watched(Mapping[str, str]):
    """An environment that notes what it is asked for."""

    def __init__(self, backend: str) -> None:
        self.asked: set[str] = set()
        self._given = {"RESPONSES_MCP_BACKEND": backend, "RESPONSES_MCP_HOME": "nowhere"}

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return self._given[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._given)

    def __len__(self) -> int:
        return len(self._given)


def _known() -> set[str]:
    asked: set[str] = set()
    for backend in settings.BACKENDS:
        environ = _Watched(backend)
        settings.load(environ)
        asked |= environ.asked
    return asked


KNOWN = _known()
