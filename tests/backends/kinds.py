"""Every backend a user may have: the scripted server that behaves as it does, what its user sets, what it does itself.

What a backend does not do itself, this server does for it, or refuses by name. ``native`` is read off the providers'
documentation and code, as the servers are; the suite shows that it is so, and what happens instead.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.backends import azure, litellm_proxy, llama_cpp, lm_studio, mantle, ogx, ollama, openrouter, runtime, vllm
from tests.backends.compatible import EMBEDDER, MODEL
from tests.backends.unknown import UnknownUpstream
from tests.serving import openai
from tests.upstream_answers import Answer, error
from tests.upstream_state import StatefulUpstream

CHAIN, COMPACT, CONVERSATIONS = "chain", "compact", "conversations"
BACKGROUND, DELETE, SCHEMA = "background", "delete", "schema"
STORES, EMBEDDINGS, SEARCH = "stores", "embeddings", "web search"
FULL = frozenset({CHAIN, COMPACT, CONVERSATIONS, BACKGROUND, DELETE, SCHEMA, STORES, EMBEDDINGS, SEARCH})


@dataclass(frozen=True)
class Kind:
    """``upstream`` is None for the embedded engine; ``refuse`` makes its 400 with the given words.

    ``files`` are how a text, a PDF and an image reach it. ``leaves_out`` are the harmless parameters that it does not
    take, of which ``seen`` are known only from its answer. ``identified`` is what a compatible server is known as,
    and ``learns`` what it may turn out to do other than its profile says.
    """

    name: str
    upstream: type[StatefulUpstream] | None
    variables: Callable[[str], dict[str, str]]
    native: frozenset[str]
    files: tuple[str, str, str] = ("text", "text", "inline")
    leaves_out: frozenset[str] = frozenset()
    seen: frozenset[str] = frozenset()
    identified: str | None = None
    learns: frozenset[str] = frozenset()
    refuse: Callable[[Any, str], Answer] = lambda up, words: up.refuse(words)

    @property
    def marks(self) -> list[pytest.MarkDecorator]:
        """What a test of it needs."""
        return [] if self.upstream else [pytest.mark.engine]

    def does(self, capability: str) -> bool:
        """Whether it does this itself."""
        return capability in self.native


def _compatible(model: str, embedder: str | None = None) -> Callable[[str], dict[str, str]]:
    named = {} if embedder is None else {"RESPONSES_MCP_EMBEDDING_MODEL": embedder}
    return lambda base_url: {"OPENAI_BASE_URL": base_url, "RESPONSES_MCP_MODEL": model, **named}


def _alone(base_url: str) -> dict[str, str]:
    return {"RESPONSES_MCP_BACKEND": "local", "RESPONSES_MCP_WAIT_SECONDS": "110"}


HELD = frozenset({"metadata", "safety_identifier", "service_tier"})
_BEDROCK = frozenset({CHAIN, DELETE, SCHEMA})

KINDS = [
    Kind(
        "OpenAI",
        StatefulUpstream,
        openai,
        FULL,
        ("text", "file_id", "inline"),
        refuse=lambda _, words: error(400, words),
    ),
    Kind(
        "Azure OpenAI",
        azure.AzureUpstream,
        azure.variables,
        FULL - {EMBEDDINGS},
        ("text", "file_id", "inline"),
        refuse=lambda _, words: azure.failed(400, "BadRequest", words),
    ),
    Kind(
        "Bedrock Mantle",
        mantle.MantleUpstream,
        mantle.variables,
        _BEDROCK | {BACKGROUND, SEARCH},
        ("text", "inline", "inline"),
        leaves_out=frozenset({"service_tier"}),
        refuse=lambda up, words: up.failed(400, words),
    ),
    Kind(
        "Bedrock Runtime",
        runtime.RuntimeUpstream,
        runtime.variables,
        _BEDROCK,
        ("text", "inline", "inline"),
        leaves_out=frozenset({"service_tier"}),
        refuse=lambda up, words: up.failed(400, words),
    ),
    Kind(
        "ogx",
        ogx.OgxUpstream,
        _compatible(ogx.MODEL, ogx.EMBEDDER),
        FULL - {SEARCH},
        ("text", "text", "inline"),
        identified="ogx",
    ),
    Kind(
        "OpenRouter",
        openrouter.OpenRouterUpstream,
        _compatible(openrouter.MODEL, openrouter.EMBEDDER),
        frozenset({SCHEMA, EMBEDDINGS, SEARCH}),
        ("text", "inline", "inline"),
        identified="openrouter",
    ),
    Kind(
        "LiteLLM",
        litellm_proxy.LitellmUpstream,
        _compatible(litellm_proxy.MODEL, litellm_proxy.EMBEDDER),
        frozenset({SCHEMA, EMBEDDINGS}),
        leaves_out=frozenset({"safety_identifier", "service_tier"}),
        identified="litellm",
    ),
    Kind(
        "Ollama",
        ollama.OllamaUpstream,
        _compatible(MODEL, EMBEDDER),
        frozenset({SCHEMA, EMBEDDINGS, SEARCH}),
        leaves_out=HELD,
        identified="ollama",
    ),
    Kind(
        "LM Studio",
        lm_studio.LmStudioUpstream,
        _compatible(lm_studio.MODEL, lm_studio.EMBEDDER),
        frozenset({EMBEDDINGS}),
        leaves_out=HELD,
        identified="lm-studio",
    ),
    Kind(
        "llama.cpp",
        llama_cpp.LlamaCppUpstream,
        _compatible(llama_cpp.MODEL),
        frozenset({SCHEMA}),
        leaves_out=HELD,
        identified="llama.cpp",
    ),
    Kind(
        "vLLM",
        vllm.VllmUpstream,
        _compatible(vllm.MODEL),
        frozenset({SCHEMA}),
        leaves_out=frozenset({"safety_identifier"}),
        identified="vllm",
    ),
    Kind(
        "another server",
        UnknownUpstream,
        _compatible(MODEL),
        frozenset(),
        leaves_out=frozenset({"metadata"}),
        seen=frozenset({"metadata"}),
        learns=frozenset({"json_schema"}),
    ),
    Kind("no server: the embedded engine", None, _alone, frozenset({SCHEMA}), ("text", "text", "refused"), HELD),
]
