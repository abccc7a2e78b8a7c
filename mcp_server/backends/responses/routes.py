"""Under which path of its host a server has a model: on most there is one, on Bedrock's Mantle there are two.

A request on the wrong one is refused before anything is done, so it is sent again on the other, and what was found is
remembered. An id belongs to the route that made it, and nobody says which: it is looked for on both.
"""

import re
from urllib.parse import urlsplit

from mcp_server.backends.observed import ROUTE, Observed
from mcp_server.backends.responses.access import Access
from mcp_server.errors import UpstreamError

_WRONG = re.compile(r"on this route|does not support the '\S*' API|is not enabled", re.IGNORECASE)
"""AWS's words: the documented ones, those seen for newer models under the older route, and those of a 401."""


class Routes:
    """The base URLs of one server, in the order in which they are tried."""

    def __init__(self, access: Access, observed: Observed | None) -> None:
        self._access = access
        self._observed = observed
        self._latest = access.routes(None)[0]

    def order(self, model: str | None) -> list[str]:
        """For a request that names a model: where it was found or else is likely; for any other: the latest first."""
        bases = self._access.routes(model)
        found = self._observed.find(ROUTE, model) if self._observed and model else None
        first = bases[0] if model else self._latest
        if found is not None:
            first = next((base for base in bases if urlsplit(base).path == found), first)
        self._latest = first
        return [first, *(base for base in bases if base != first)]

    @staticmethod
    def elsewhere(refusal: UpstreamError, model: str | None) -> bool:
        """Whether it says that another route is worth asking."""
        if model is None:
            return refusal.http_status == 404
        # What a 401 says is not in our own message.
        return refusal.http_status in {400, 401, 404} and _WRONG.search(f"{refusal} {refusal.__cause__}") is not None

    async def learn(self, base: str, model: str | None, why: str) -> None:
        """Another route than the first was right."""
        self._latest = base
        if model and self._observed:
            await self._observed.note(ROUTE, urlsplit(base).path, why, model=model)
