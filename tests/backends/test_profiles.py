"""What becomes of each parameter on each known server: taken, left out with a warning, or refused by its name."""

from typing import Any

import pytest

from mcp_server.backends.llama.backend import PROFILE as EMBEDDED
from mcp_server.backends.profile import Profile
from mcp_server.backends.responses.profiles import BEDROCK_MANTLE, BEDROCK_RUNTIME, COMPATIBLE, OPENAI, SERVERS
from mcp_server.errors import InvalidArgument
from mcp_server.turns.params import check_params, fitted

GIVEN: dict[str, Any] = {
    "access_programs": ["x"],
    "background_options": {"completion_window": "24h"},
    "context_management": [{"type": "compaction"}],
    "conversation": "conv_1",
    "include": ["message.output_text.logprobs"],
    "max_tool_calls": 1,
    "metadata": {"a": "b"},
    "moderation": {"type": "x"},
    "parallel_tool_calls": False,
    "prompt": {"id": "pmpt_1"},
    "prompt_cache_key": "k",
    "prompt_cache_options": {"ttl": "30m"},
    "prompt_cache_retention": "24h",
    "reasoning.effort": "low",
    "reasoning.summary": "auto",
    "safety_identifier": "me",
    "service_tier": "fast",
    "temperature": 0.5,
    "text.format": {"type": "json_object"},
    "text.verbosity": "low",
    "tool_choice": "auto",
    "top_logprobs": 2,
    "top_p": 0.5,
    "truncation": "auto",
    "user": "me",
}
ELSEWHERE = {"conversation", "prompt"}
CACHE = {"prompt_cache_key", "prompt_cache_options", "prompt_cache_retention"}
STRANGE = {"access_programs", "context_management", "moderation"}
KNOWN: dict[str, Profile] = {
    "OpenAI": OPENAI,
    "Mantle": BEDROCK_MANTLE,
    "Runtime": BEDROCK_RUNTIME,
    "another": COMPATIBLE,
    "no server": EMBEDDED,
    **SERVERS,
}
# What their code or documentation does not name, they ignore or refuse: (refused here, left out with a warning).
FATES: dict[str, tuple[set[str], set[str]]] = {
    "OpenAI": (set(), set()),
    "Mantle": ({"conversation"}, {"service_tier"}),
    "Runtime": ({"conversation"}, {"service_tier"}),
    "another": (ELSEWHERE, {"background_options"}),
    "no server": (
        ELSEWHERE | STRANGE | {"reasoning.effort", "top_logprobs"},
        CACHE | {"background_options", "metadata", "reasoning.summary", "safety_identifier", "service_tier", "user"},
    ),
    "ollama": (
        ELSEWHERE
        | STRANGE
        | {"include", "max_tool_calls", "parallel_tool_calls", "text.format", "text.verbosity", "tool_choice"}
        | {"top_logprobs"},
        CACHE | {"background_options", "metadata", "safety_identifier", "service_tier", "user"},
    ),
    "vllm": (
        ELSEWHERE | STRANGE | {"text.format"},
        CACHE | {"background_options", "safety_identifier", "service_tier"},
    ),
    "lm-studio": (
        ELSEWHERE
        | STRANGE
        | {"include", "max_tool_calls", "parallel_tool_calls", "text.format", "text.verbosity", "top_logprobs"}
        | {"truncation"},
        CACHE | {"background_options", "metadata", "safety_identifier", "service_tier", "user"},
    ),
    "openrouter": (ELSEWHERE | STRANGE, {"background_options", "prompt_cache_retention"}),
    "llama.cpp": (
        ELSEWHERE | STRANGE | {"include", "max_tool_calls", "reasoning.effort", "text.verbosity", "truncation"},
        CACHE | {"background_options", "metadata", "reasoning.summary", "safety_identifier", "service_tier", "user"},
    ),
    "litellm": (ELSEWHERE, CACHE | {"background_options", "safety_identifier", "service_tier"}),
    "ogx": (
        STRANGE,
        {"background_options", "prompt_cache_options", "prompt_cache_retention", "service_tier", "user"},
    ),
}


def fate(profile: Profile, name: str) -> str:
    whole, _, part = name.partition(".")
    params = {whole: {part: GIVEN[name]} if part else GIVEN[name]}
    try:
        check_params(params, profile)
    except InvalidArgument:
        return "refused"
    sent, warnings = fitted(params, profile)
    assert bool(warnings) is (sent == {})
    return "left out" if warnings else "taken"


@pytest.mark.parametrize("server", KNOWN)
def test_each_parameter_is_taken_left_out_or_refused(server: str) -> None:
    fates = {name: fate(KNOWN[server], name) for name in GIVEN}
    refused, left_out = ({name for name in fates if fates[name] == one} for one in ("refused", "left out"))
    assert (refused, left_out) == FATES[server]


def test_of_a_parameter_with_parts_only_the_one_that_is_not_taken_is_left_out() -> None:
    learned = OPENAI.model_copy(update={"refused": frozenset({"reasoning.summary"})})
    sent, warnings = fitted({"reasoning": {"effort": "low", "summary": "auto"}}, learned)
    assert sent == {"reasoning": {"effort": "low"}}
    assert warnings == ["options.reasoning.summary: this backend does not take it, so it was left out."]


def test_an_effort_that_a_server_does_not_know_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="reasoning_effort: this backend knows"):
        check_params({"reasoning": {"effort": "xhigh"}}, KNOWN["ollama"])


def test_a_tool_that_a_backend_does_not_know_is_refused_by_its_kind() -> None:
    check_params({"tools": [{"type": "custom", "name": "sql"}]}, OPENAI)
    with pytest.raises(InvalidArgument, match="no custom tools"):
        check_params({"tools": [{"type": "custom", "name": "sql"}]}, EMBEDDED)
    with pytest.raises(InvalidArgument, match="does not run 'web_search'"):
        check_params({"tools": [{"type": "web_search"}]}, BEDROCK_RUNTIME)
