"""What each kind of Responses API server is documented to do: data, and nothing else.

Where a document is silent, the profile hopes for what the original does, if trying it is refused when it cannot be had;
what would be ignored in silence is left off. The sources are the providers' own pages and code as of November 2026.
"""

from mcp_server.backends.profile import Profile

OPENAI = Profile(
    chain=True,
    stored=True,
    retrieve=True,
    delete=True,
    encrypted_reasoning=True,
    conversations=True,
    resume=True,
    compact=True,
    containers=True,
    background=True,
    files=True,
    vector_stores=True,
    embeddings=True,
    json_schema="strict",
    images=True,
    pdf=True,
    documents=True,
    file_urls=True,
    hosted_tools=frozenset(
        {
            "web_search",
            "web_search_2025_08_26",
            "web_search_preview",
            "file_search",
            "code_interpreter",
            "image_generation",
            "mcp",
            "shell",
            "local_shell",
            "apply_patch",
            "computer",
            "computer_use_preview",
            "tool_search",
            "programmatic_tool_calling",
            "namespace",
            "web_search_preview_2025_03_11",
        }
    ),
    prompt_cache_key=True,
    input_tokens=True,
)

AZURE = OPENAI.model_copy(
    update={
        # Its list is the catalogue, not what is deployed, and a model is asked by the name of its deployment.
        "models": False,
        "embeddings": False,
        "input_tokens": False,
        "file_purpose": "assistants",
        "documents": False,
        "file_urls": False,
        "hosted_tools": frozenset(
            {
                "web_search",
                "web_search_preview",
                "file_search",
                "code_interpreter",
                "image_generation",
                "mcp",
                "computer_use_preview",
            }
        ),
    }
)

BEDROCK_MANTLE = Profile(
    chain=True,
    stored=True,
    retrieve=True,
    delete=True,
    encrypted_reasoning=True,
    background=True,
    json_schema="strict",
    images=True,
    pdf=True,
    hosted_tools=frozenset({"web_search"}),
    prompt_cache_key=True,
    service_tiers=frozenset({"auto", "default"}),
)

BEDROCK_RUNTIME = BEDROCK_MANTLE.model_copy(update={"background": False, "hosted_tools": frozenset[str]()})

_ELSEWHERE = frozenset({"background_options", "conversation", "prompt"})
"""Parameters that mean something kept with OpenAI; an answer without them is another one."""

COMPATIBLE = Profile(json_schema="strict", images=True, echoes=True, refused=_ELSEWHERE)
"""Nobody knows which server: trusted with one stateless request. Compatible servers ignore in silence what they do not
know (a chain that is ignored answers without the conversation); strict schemas are safe, because answers are validated.
"""

_COMMON = frozenset(
    {
        *("model", "input", "instructions", "stream", "max_output_tokens", "temperature", "top_p"),
        *("reasoning", "text", "tools"),
    }
)
"""What every known server takes."""

OLLAMA = COMPATIBLE.model_copy(
    update={
        "json_schema": "grammar",
        "json_mode": False,
        "hosted_tools": frozenset({"web_search"}),
        "taken": _COMMON | {"truncation"},
        "refused": frozenset({"text.verbosity"}),
        "efforts": frozenset({"none", "low", "medium", "high", "max"}),
    }
)
"""Stateless; it ignores all other parameters in silence, JSON mode among them (openai/responses.go)."""

VLLM = COMPATIBLE.model_copy(
    update={
        "json_schema": "grammar",
        "json_mode": False,
        "taken": _COMMON
        | {
            *("include", "max_tool_calls", "metadata", "parallel_tool_calls", "service_tier", "store", "tool_choice"),
            *("top_logprobs", "truncation", "user"),
        },
        "service_tiers": frozenset({"auto", "default", "flex", "scale", "priority"}),
    }
)
"""It keeps responses in memory, and only with VLLM_ENABLE_RESPONSES_API_STORE=1; its chain drops tool calls (#43244).

What its ResponsesRequest does not name is logged and ignored.
"""

LM_STUDIO = COMPATIBLE.model_copy(
    update={
        "json_schema": "none",
        "json_mode": False,
        "hosted_tools": frozenset({"mcp"}),
        "taken": _COMMON | {"store", "tool_choice"},
        "refused": frozenset({"text.verbosity"}),
    }
)
"""It ignores a schema (lmstudio-bug-tracker #1396, #2403) and refuses ``text`` without a format (#1576).

Its chain broke off while streaming (#1188), so sessions are replayed.
"""

OPENROUTER = COMPATIBLE.model_copy(
    update={
        "pdf": True,
        "file_urls": True,
        "hosted_tools": frozenset({"web_search", "web_search_preview"}),
        "taken": _COMMON
        | {
            *("include", "max_tool_calls", "metadata", "parallel_tool_calls", "prompt_cache_key"),
            *("prompt_cache_options", "safety_identifier", "service_tier", "store", "tool_choice", "top_logprobs"),
            *("truncation", "user"),
        },
    }
)
"""Stateless: it refuses ``store: true`` and ``previous_response_id``."""

LLAMA_CPP = COMPATIBLE.model_copy(
    update={
        "json_schema": "grammar",
        "schema_in": "response_format",
        "input_tokens": True,
        "taken": _COMMON | {"parallel_tool_calls", "tool_choice", "top_logprobs"},
        "refused": frozenset({"reasoning", "text.verbosity"}),
    }
)
"""It ignores ``text.format``, and honours the ``response_format`` of its other endpoint; all tried on its server."""

LITELLM = COMPATIBLE.model_copy(
    update={
        "input_tokens": True,
        "refused": _ELSEWHERE
        | {
            *("prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "safety_identifier"),
            "service_tier",
        },
    }
)
"""A gateway: what is behind it differs. It shows a previous id without honouring it, and takes ids nobody knows."""

OGX = COMPATIBLE.model_copy(
    update={
        "chain": True,
        "stored": True,
        "retrieve": True,
        "delete": True,
        "conversations": True,
        "compact": True,
        "background": True,
        "files": True,
        "file_purpose": "assistants",
        "vector_stores": True,
        "hosted_tools": frozenset({"file_search", "web_search", "mcp"}),
        "service_tiers": frozenset({"auto", "default", "flex", "priority"}),
        "refused": frozenset(
            {
                *("access_programs", "background_options", "context_management", "image", "moderation"),
                *("prompt_cache_options", "prompt_cache_retention", "user"),
            }
        ),
    }
)
"""It takes parameters that it does not know, and ignores them in silence; all tried on its server."""

SERVERS = {
    "ollama": OLLAMA,
    "vllm": VLLM,
    "lm-studio": LM_STUDIO,
    "openrouter": OPENROUTER,
    "llama.cpp": LLAMA_CPP,
    "litellm": LITELLM,
    "ogx": OGX,
}
"""The compatible servers that are known by name; ``identify`` tells which one answers."""
