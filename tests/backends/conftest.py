"""Names that a scripted server has beside its address."""

import socket
from typing import Any

import pytest

from tests.backends.runtime import HOST


@pytest.fixture(autouse=True)
def _private_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """``runtime.HOST`` is this machine, as a private network's own name server would say."""
    look_up = socket.getaddrinfo

    def resolved(host: Any, *asked: Any, **more: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        return look_up("127.0.0.1" if name == HOST else host, *asked, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
