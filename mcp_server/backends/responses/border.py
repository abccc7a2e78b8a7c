"""What crosses to which host. Each request passes here as it leaves, and so does each redirect that it meets.

The SDK adds OPENAI_ORG_ID, OPENAI_PROJECT_ID and OPENAI_CUSTOM_HEADERS to whatever server it talks to, and the HTTP
client follows a redirect with the whole body and nearly all headers. Here a host gets what belongs to it: the server
that was configured its credentials and what it may know, any other one a bare question.
"""

from typing import TYPE_CHECKING

from mcp_server.backends.responses.access import Access
from mcp_server.backends.responses.quoting import quoted
from mcp_server.errors import UpstreamError

if TYPE_CHECKING:
    import httpx2

_ANYBODY = ("accept", "connection", "host", "user-agent")
_SERVER = (*_ANYBODY, "authorization", "content-", "transfer-encoding", "openai-beta", "x-stainless-")
_KEEPS_ITS_BODY = frozenset({307, 308})


class Border:
    """The border of one server. ``leave`` and ``turn`` are hooks of the HTTP client, for requests and for answers."""

    def __init__(self, access: Access) -> None:
        import httpx2  # noqa: PLC0415 - off the start-up path

        self._access = access
        self._home = httpx2.URL(access.base_url)

    async def leave(self, request: "httpx2.Request") -> None:
        """Take off what the host must not know, and put on what it must.

        Raises:
            UpstreamError: there are no credentials for now.
        """
        if not self._is_home(request.url):
            _keep(request, _ANYBODY)
            return
        if not self._access.whole:
            _keep(request, _SERVER)
        if authorization := await self._access.authorization():
            request.headers["Authorization"] = authorization

    async def turn(self, response: "httpx2.Response") -> None:
        """Let a redirect pass, or refuse it: what was meant for one server is not carried to another, nor emptied.

        Raises:
            UpstreamError: it leads a request that is more than a question elsewhere, or would drop its body.
        """
        request = response.request
        if not response.has_redirect_location or request.method in ("GET", "HEAD"):
            return
        target = _target(response)
        if target and self._is_home(target) and response.status_code in _KEEPS_ITS_BODY:
            return
        place = f"{target.scheme}://{target.netloc.decode()}{target.path}" if target else "nowhere"
        where = quoted(place, self._access.secrets)
        raise UpstreamError(
            f"The upstream redirects the request to {where} and nothing was sent there; set the base URL to where the "
            "API really is, if you trust that address.",
            kind="bad_upstream_response",
            http_status=response.status_code,
        )

    def _is_home(self, url: "httpx2.URL") -> bool:
        """Whether it is the configured server, or the same one with TLS."""
        home, origin = self._home.origin, url.origin
        plain = (home.scheme, home.port, origin.scheme, origin.port) == ("http", 80, "https", 443)
        return origin == home or (plain and origin.host == home.host)


def _target(response: "httpx2.Response") -> "httpx2.URL | None":
    import httpx2  # noqa: PLC0415 - off the start-up path

    try:
        return response.request.url.join(response.headers["Location"])
    except httpx2.InvalidURL:
        return None


def _keep(request: "httpx2.Request", prefixes: tuple[str, ...]) -> None:
    for name in list(request.headers):
        if not name.startswith(prefixes):
            del request.headers[name]
