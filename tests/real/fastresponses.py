"""fastresponses: a server of agents by the Open Responses specification, which the product knows nothing of."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.real.llama_cpp import CHAT
from tests.real.process import free_port, installed, running
from tests.real.servers import Engines, Real

AGENT = Path(__file__).with_name("agent.py")


@contextmanager
def fastresponses(folder: Path, served: Engines) -> Iterator[Real]:
    """Run it until the block ends. It chains and works in the background, but nobody could know that it does."""
    port = free_port()
    command = [installed("fastresponses") / "bin" / "fastresponses", "serve", f"{AGENT}:agent", "--port", str(port)]
    engine = {"ENGINE_URL": served.chat, "ENGINE_KEY": served.key}
    with running(command, folder, "Uvicorn running on", **engine):
        yield Real(f"http://127.0.0.1:{port}/v1", CHAT, "unused", known_as=None, native=frozenset())
