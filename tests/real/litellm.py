"""The LiteLLM proxy: a gateway that makes a Responses API of llama.cpp's chat completions."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.real.llama_cpp import CHAT
from tests.real.process import free_port, installed, running
from tests.real.servers import Engines, Real

KEY = "sk-real-servers"
MOST_TOKENS = 200
"""Where the request says nothing. Through a gateway a token takes long, and the model seldom comes to an end."""


@contextmanager
def litellm(folder: Path, served: Engines) -> Iterator[Real]:
    """Run it until the block ends.

    To LiteLLM the engine is an LM Studio: for those it translates, while it would pass requests to an OpenAI on as they
    are. What no model is named for it sends to OpenAI itself, so that is told to be on this machine too.
    """
    port = free_port()
    engine = {"model": f"lm_studio/{CHAT}", "api_base": served.chat, "api_key": served.key, "max_tokens": MOST_TOKENS}
    config = folder / "config.yaml"
    config.write_text(
        json.dumps(
            {
                "model_list": [{"model_name": CHAT, "litellm_params": engine}],
                "general_settings": {"master_key": KEY},
            }
        ),
        "utf-8",
    )
    command = [installed("litellm") / "bin" / "litellm", "--config", config, "--host", "127.0.0.1", "--port", str(port)]
    with running(
        [*command, "--telemetry", "False"],
        folder,
        "Uvicorn running on",
        LITELLM_LOCAL_MODEL_COST_MAP="True",
        OPENAI_BASE_URL=served.chat,
    ):
        native = frozenset({"input_tokens", "json_schema"})
        yield Real(f"http://127.0.0.1:{port}/v1", CHAT, KEY, known_as="litellm", native=native)
