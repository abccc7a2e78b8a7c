"""``options``: every ``responses.create`` parameter that has no argument of its own, checked by name and type.

The names are those of ``openai`` 3.54 (``responses.create``, 34 parameters; a test compares them with the SDK), and the
types are read from it.
"""

from mcp_server.backends.parameters import problem
from mcp_server.errors import InvalidArgument
from mcp_server.model.value import JsonObject

OPTIONS = (
    "access_programs",
    "background_options",
    "context_management",
    "conversation",
    "image",
    "include",
    "max_tool_calls",
    "metadata",
    "moderation",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "temperature",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
)

OWNED: dict[str, str] = {
    "background": "use start_background",
    "input": "use the tool's own argument",
    "instructions": "use the argument instructions",
    "max_output_tokens": "use the argument max_output_tokens",
    "model": "use the argument model",
    "parallel_tool_calls": "use generate's argument parallel_tool_calls",
    "previous_response_id": "use the argument previous_response_id",
    "store": "use the argument store",
    "stream": "the server streams by itself",
    "stream_options": "the server streams by itself",
    "text": "use verbosity, generate's json, or structured_extract",
    "tool_choice": "use generate's argument tool_choice",
    "tools": "use generate's argument tools",
}


def check_options(options: JsonObject) -> None:
    """Refuse what is not an option, or not of its type.

    Raises:
        InvalidArgument: names the option, or the path inside it, and says what would be right.
    """
    for name, value in options.items():
        if name in OWNED:
            raise InvalidArgument(f"options: {name!r} is not an option; {OWNED[name]}.")
        if name not in OPTIONS:
            raise InvalidArgument(
                f"options: {name!r} is no parameter of responses.create; known are {', '.join(OPTIONS)}."
            )
        if wrong := problem(name, value):
            raise InvalidArgument(f"options.{wrong}")
