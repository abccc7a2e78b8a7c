"""A small world wide web on loopback: names, addresses, a site that answers by https, and something secret.

The public addresses of this world lead to its site; every other address is really connected to. So whatever gets past
the rules reaches the secret, which counts who knocks.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import cast

import httpcore2

from mcp_server.files.dial import Network
from tests.upstream import ScriptedUpstream
from tests.upstream_answers import Answer, reply

PUBLIC = "93.184.216.34"
NAMES = ("example.com", "*.example.com")


class Web:
    """``site`` answers at every public address. ``lookups`` and ``dialled`` say what was asked of the network."""

    def __init__(self, certificate: Path) -> None:
        self.site = ScriptedUpstream()
        self.knocks = 0
        self.secret_port = 0
        self.lookups: list[str] = []
        self.dialled: list[str] = []
        self._port = 0
        self._certificate = certificate
        self._names: dict[str, deque[list[str]]] = {}

    @property
    def network(self) -> Network:
        """What a ``Fetcher`` is given to live in this world."""
        return Network(self._resolve, self._connect, self._trust)

    @property
    def secret(self) -> str:
        """Where the secret listens."""
        return f"127.0.0.1:{self.secret_port}"

    def page(self, path: str, content: str | bytes, kind: str, **headers: str) -> str:
        """Put a page on the site, for ever; returns its URL."""
        return self.answer(path, reply(content, headers={"content-type": kind, **headers}))

    def moved(self, path: str, to: str, status: int = 302) -> str:
        """A page that redirects."""
        return self.answer(path, reply("", status, {"location": to}))

    def answer(self, path: str, answer: Answer) -> str:
        """A page with an answer of its own."""
        self.site.always("GET", path, answer)
        return f"https://example.com{path}"

    def name(self, host: str, *answers: Sequence[str]) -> None:
        """What a name resolves to: each answer once, the last for ever."""
        self._names[host] = deque(list(answer) for answer in answers)

    async def _resolve(self, host: str, port: int) -> Sequence[str]:
        self.lookups.append(host)
        known = self._names.get(host)
        if known is None:
            if host == "example.com":
                return [PUBLIC]
            raise OSError(f"{host} is not known")
        return known.popleft() if len(known) > 1 else known[0]

    async def _connect(self, address: str, port: int) -> httpcore2.AsyncNetworkStream:
        self.dialled.append(address)
        backend = cast("httpcore2.AsyncNetworkBackend", httpcore2.AnyIOBackend())
        if ip_address(address).is_global:
            return await backend.connect_tcp("127.0.0.1", self._port, timeout=5)
        return await backend.connect_tcp(address, port, timeout=5)

    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._certificate)

    @asynccontextmanager
    async def open(self) -> AsyncGenerator["Web"]:
        """The site and the secret, while the block runs."""

        async def knock(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.knocks += 1
            writer.close()

        identity = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        identity.load_cert_chain(self._certificate)
        site = await asyncio.start_server(self.site.serve, "127.0.0.1", 0, ssl=identity)
        secret = await asyncio.start_server(knock, "127.0.0.1", 0)
        self._port = site.sockets[0].getsockname()[1]
        self.secret_port = secret.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            for server in (site, secret):
                server.close()
            await self.site.hang_up()
            for server in (site, secret):
                await server.wait_closed()
        self.site.check()


@cache
def certificate(folder: Path) -> Path:
    """A certificate for the site's names and its key, in one file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a test")])
    now = datetime.now(UTC)
    own: list[x509.GeneralName] = [x509.IPAddress(ip_address(PUBLIC)), *map(x509.DNSName, NAMES)]
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(own), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    clear = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    made = folder / "site.pem"
    made.write_bytes(key.private_bytes(*clear) + signed.public_bytes(serialization.Encoding.PEM))
    return made
