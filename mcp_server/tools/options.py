"""``options``: every ``responses.create`` parameter that has no argument of its own, checked by name and type.

Names and types are those of ``openai`` 3.54 (``responses.create``, 34 parameters); a test compares them with the SDK.
"""

from mcp_server.model.value import JsonObject

_TYPES: dict[type, str] = {
    dict: "an object",
    list: "an array",
    str: "a string",
    int: "a whole number",
    float: "a number",
}

OPTIONS: dict[str, tuple[type, ...]] = {
    "access_programs": (dict,),
    "background_options": (dict,),
    "context_management": (list,),
    "conversation": (str, dict),
    "image": (dict,),
    "include": (list,),
    "max_tool_calls": (int,),
    "metadata": (dict,),
    "moderation": (dict,),
    "prompt": (dict,),
    "prompt_cache_key": (str,),
    "prompt_cache_options": (dict,),
    "prompt_cache_retention": (str,),
    "reasoning": (dict,),
    "safety_identifier": (str,),
    "service_tier": (str,),
    "temperature": (int, float),
    "top_logprobs": (int,),
    "top_p": (int, float),
    "truncation": (str,),
    "user": (str,),
}

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
    """Refuse what is not an option.

    Raises:
        ValueError: names the option and says what would be right.
    """
    for name, value in options.items():
        if name in OWNED:
            raise ValueError(f"{name!r} is not an option; {OWNED[name]}.")
        if name not in OPTIONS:
            raise ValueError(f"{name!r} is no parameter of responses.create; known are {', '.join(OPTIONS)}.")
        right = OPTIONS[name]
        if not isinstance(value, right) or isinstance(value, bool):
            raise ValueError(f"{name!r} must be {' or '.join(_TYPES[kind] for kind in right)}.")
