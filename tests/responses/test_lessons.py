"""What a refusal teaches, read from refusals as servers really write them."""

import pytest

from mcp_server.backends.responses.lessons import Lesson, of_refusal
from mcp_server.errors import UpstreamError

BODY = {
    "model": "m",
    "input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]}],
    "store": True,
    "background": True,
    "previous_response_id": "resp_1",
    "include": ["reasoning.encrypted_content"],
    "prompt_cache_key": "k",
    "prompt_cache_options": {"ttl": "30m"},
    "metadata": {"a": "b"},
    "user": "me",
    "reasoning": {"summary": "auto"},
    "text": {"format": {"type": "json_schema", "name": "n", "schema": {}, "strict": True}},
    "temperature": 0.5,
}


def refused(said: str, *, param: str | None = None, status: int = 400, kind: str = "invalid_request") -> UpstreamError:
    words = f'The upstream refused the request (HTTP {status}): it said "{said}"; change what it names.'
    return UpstreamError(words, kind=kind, http_status=status, param=param)


@pytest.mark.parametrize(
    ("fault", "lesson"),
    [
        # OpenAI: the parameter stands beside the words
        (
            refused(
                "Unsupported parameter: 'prompt_cache_options' is not supported with this model.",
                param="prompt_cache_options",
            ),
            Lesson("prompt_cache_options", False, of_model=True),
        ),
        (refused("Unknown parameter: 'metadata'.", param="metadata"), Lesson("metadata", False, of_model=True)),
        (
            refused("Unsupported parameter: 'reasoning.summary' is not supported.", param="reasoning.summary"),
            Lesson("reasoning.summary", False, of_model=True),
        ),
        (
            refused("Encrypted content is not supported with this model.", param="include"),
            Lesson("encrypted_reasoning", False, of_model=True),
        ),
        # Bedrock's runtime endpoint
        (refused("The background parameter is not supported."), Lesson("background", False, of_model=False)),
        # llama.cpp
        (refused("llama.cpp does not support 'previous_response_id'."), Lesson("chain", False, of_model=False)),
        # OpenRouter's checks of types
        (refused("store: Invalid input: expected false"), Lesson("stored", False, of_model=False)),
        # FastAPI
        (
            refused("body.prompt_cache_key: Extra inputs are not permitted", status=422),
            Lesson("prompt_cache_key", False, of_model=True),
        ),
        (
            refused("This model does not support text.format of type json_schema."),
            Lesson("json_schema", "none", of_model=True),
        ),
        (refused("response_format 'json_schema' is not supported"), Lesson("json_schema", "none", of_model=False)),
        (refused("Unsupported parameter: 'user'"), Lesson("user", False, of_model=True)),
        (
            refused("Unknown parameter: 'prompt_cache_options.ttl'.", param="prompt_cache_options.ttl"),
            Lesson("prompt_cache_options", False, of_model=True),
        ),
        # A common word that stands out in the middle of a sentence
        (refused("Unsupported parameter user"), Lesson("user", False, of_model=True)),
        (refused("With this key store must be false"), Lesson("stored", False, of_model=False)),
        (refused("Validation failed: store: Invalid input: expected false"), Lesson("stored", False, of_model=False)),
        # Of two that are named, the one that matters most
        (
            refused("'previous_response_id' is not supported when 'store' is false"),
            Lesson("chain", False, of_model=False),
        ),
        # vLLM
        (refused("json_schema is not supported", status=501), Lesson("json_schema", "none", of_model=False)),
        # llama.cpp, Ollama, ogx
        (refused("'input_file' is not supported by llamacpp at this moment"), Lesson("pdf", False, of_model=False)),
        (refused("file inputs are not currently supported"), Lesson("pdf", False, of_model=False)),
        (refused("Invalid value for 'model': chat/x. unsupported content[].type"), Lesson("pdf", False, of_model=True)),
    ],
    ids=lambda value: value.about if isinstance(value, Lesson) else None,
)
def test_a_refusal_teaches_what_it_names(fault: UpstreamError, lesson: Lesson) -> None:
    assert of_refusal(fault, BODY) == lesson


@pytest.mark.parametrize(
    "fault",
    [
        refused("Unsupported parameter: 'temperature' is not supported with this model.", param="temperature"),
        refused("Invalid value for metadata: at most 16 pairs.", param="metadata"),
        refused("The user message in the background of this store is not allowed."),
        refused(
            "Invalid schema for response_format 'n': In context=(), 'oneOf' is not permitted.",
            param="text.format.schema",
        ),
        refused("Unsupported parameter: 'metadata'", status=500, kind="upstream_unavailable"),
        refused("Previous response with id 'resp_1' not found.", kind="previous_response_not_found"),
        refused("Unsupported parameter: 'metadata'", kind="content_filter"),
        refused("This model is not available in your region."),
        refused("The document in your message is not supported: it is encrypted."),
    ],
    ids=[
        "changes the answer",
        "wrong value",
        "common words",
        "a schema",
        "no refusal",
        "forgotten",
        "filtered",
        "something else",
        "a password",
    ],
)
def test_what_is_about_something_else_teaches_nothing(fault: UpstreamError) -> None:
    assert of_refusal(fault, BODY) is None


def test_what_was_not_sent_cannot_have_been_refused() -> None:
    assert (
        of_refusal(refused("Unknown parameter: 'metadata'.", param="metadata"), {"model": "m", "input": "Hi"}) is None
    )


def test_who_cannot_even_be_told_to_keep_nothing_is_told_nothing_of_it() -> None:
    fault = refused("Unknown parameter: 'store'.", param="store")
    assert of_refusal(fault, {**BODY, "store": False}) == Lesson("store", False, of_model=False)


def test_a_schema_is_learned_from_where_it_really_stood() -> None:
    body = {"model": "m", "input": "Hi", "response_format": {"type": "json_schema"}}
    words = "response_format is not supported by this server"
    assert of_refusal(refused(words), body) == Lesson("json_schema", "none", of_model=False)
