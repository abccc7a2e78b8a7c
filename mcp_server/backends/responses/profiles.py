"""What each kind of Responses API server can do: data, and nothing else."""

from mcp_server.backends.profile import Profile

OPENAI = Profile(
    chain=True,
    stored=True,
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
    function_tools=True,
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

# Compatible servers ignore silently what they do not know (a chain that is ignored answers without the conversation),
# so an unknown one is trusted with nothing but one stateless request. Strict schemas are safe: answers are validated.
COMPATIBLE = Profile(json_schema="strict", images=True, function_tools=True)
