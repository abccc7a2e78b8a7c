"""llama.cpp's own server, from the packages that the product itself is installed with."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mcp_server.backends.llama.process import PROGRAM
from mcp_server.backends.llama.weights import MINILM, SMOLLM2
from tests.real.servers import Engines, Real

KEY = "key-of-the-real-servers"
CHAT, EMBED = "smollm2", "minilm"
CONTEXT = 1536
"""In tokens. The model seldom comes to an end by itself: then this is its end."""


@contextmanager
def engines(models: Path) -> Iterator[Engines]:
    """Both models, each in a server of its own."""
    with (
        _serving(models / SMOLLM2.model, CHAT, CONTEXT) as chat,
        _serving(models / MINILM.model, EMBED, CONTEXT) as embed,
    ):
        yield Engines(chat, embed, KEY)


def llama_cpp(served: Engines) -> Real:
    """The server of the model that answers."""
    return Real(served.chat, CHAT, KEY, known_as="llama.cpp", native=frozenset({"input_tokens", "json_schema"}))


@contextmanager
def _serving(model: Path, name: str, context: int) -> Iterator[str]:
    """Serve a model until the block ends; gives its base URL."""
    spec = {"model": str(model), "name": name, "context": context, "embedding": name == EMBED, "api_key": KEY}
    process = subprocess.Popen(
        [sys.executable, "-P", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    # It ends when its stdin is closed, which leaving the process's own block does.
    with process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps(spec).encode() + b"\n")
        process.stdin.flush()
        yield json.loads(process.stdout.readline())["url"] + "/v1"
