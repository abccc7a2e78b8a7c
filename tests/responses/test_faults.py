"""Each way in which an upstream can fail is told truthfully, and nothing is paid for twice."""

import socket
import time
from email.utils import formatdate
from typing import Any

import anyio
import pytest

from mcp_server.backends.responses.backend import ResponsesBackend
from tests.responses.conftest import KEY, Connect
from tests.responses.talk import answer, fault
from tests.upstream import ScriptedUpstream
from tests.upstream_answers import (
    Answer,
    black_hole,
    drip,
    error,
    half_body,
    reply,
    reset,
    stream,
    web_page,
)
from tests.upstream_shapes import response, text_events

POST = "POST", "/v1/responses"


def slow(**headers: str) -> Answer:
    return error(429, "slow down", code="rate_limit_exceeded", headers=headers)


async def test_a_rate_limit_is_waited_out_as_long_as_the_upstream_asks(
    up: ScriptedUpstream, backend: ResponsesBackend
) -> None:
    up.on(*POST, slow(**{"retry-after-ms": "60"}), stream(text_events("ok")))
    begun = time.monotonic()
    assert (await answer(backend)).attempts == 2
    assert time.monotonic() - begun >= 0.06
    assert len(up.posts()) == 2


@pytest.mark.parametrize("date", [False, True])
async def test_a_wait_that_is_too_long_is_told_at_once(
    up: ScriptedUpstream, backend: ResponsesBackend, date: bool
) -> None:
    up.on(*POST, slow(**{"retry-after": formatdate(time.time() + 45.5, usegmt=True) if date else "45"}))
    begun = time.monotonic()
    failed = await fault(backend)
    assert (failed.kind, failed.retryable, failed.outcome, failed.attempts) == ("rate_limited", True, "failed", 1)
    assert "asks to wait 45" in failed.message or "asks to wait 44" in failed.message
    assert time.monotonic() - begun < 2


async def test_a_wish_that_makes_no_sense_is_not_waited_for(up: ScriptedUpstream, backend: ResponsesBackend) -> None:
    up.on(*POST, slow(**{"retry-after": "soon"}), stream(text_events("ok")))
    assert (await answer(backend)).attempts == 2


@pytest.mark.parametrize(
    "code",
    [
        "insufficient_quota",
        "project_spend_limit_exceeded",
        "organization_spend_limit_exceeded",
        "credit_balance_exhausted",
    ],
)
async def test_an_empty_account_is_not_asked_twice(up: ScriptedUpstream, backend: ResponsesBackend, code: str) -> None:
    up.on(*POST, error(429, "You exceeded your current quota", code=code))
    failed = await fault(backend)
    assert (failed.kind, failed.retryable, failed.http_status) == ("quota", False, 429)
    assert len(up.posts()) == 1


async def test_an_overloaded_upstream_is_asked_again(up: ScriptedUpstream, backend: ResponsesBackend) -> None:
    up.on(*POST, error(503), error(503), stream(text_events("ok")))
    assert (await answer(backend)).attempts == 3


async def test_an_upstream_overloaded_for_ever_is_told_after_the_last_attempt(
    up: ScriptedUpstream, backend: ResponsesBackend
) -> None:
    up.always(*POST, error(503))
    failed = await fault(backend)
    assert (failed.kind, failed.attempts, failed.request_id) == ("upstream_unavailable", 3, "req_scripted")
    assert len(up.posts()) == 3


async def test_an_upstream_that_forbids_retries_is_obeyed(up: ScriptedUpstream, backend: ResponsesBackend) -> None:
    up.on(*POST, error(503, headers={"x-should-retry": "false"}))
    assert (await fault(backend)).attempts == 1


@pytest.mark.parametrize(
    ("status", "outcome", "retryable"),
    [(500, "failed", True), (529, "failed", True), (502, "unknown", False), (504, "unknown", False)],
)
async def test_a_failure_that_may_have_cost_something_is_never_repeated(
    up: ScriptedUpstream, backend: ResponsesBackend, status: int, outcome: str, retryable: bool
) -> None:
    up.on(*POST, error(status, "internal details"))
    failed = await fault(backend)
    assert (failed.kind, failed.outcome, failed.retryable) == ("upstream_unavailable", outcome, retryable)
    assert "internal details" not in failed.message
    assert len(up.posts()) == 1


REFUSALS: list[tuple[Answer, str, str]] = [
    (error(400, "Unknown parameter: 'foo'.", param="foo"), "invalid_request", "Unknown parameter: 'foo'."),
    (error(400, "Too long", code="context_length_exceeded"), "context_length", "Too long"),
    (error(400, "This model's maximum context length is 8192 tokens."), "context_length", "8192"),
    (error(400, "gone", code="previous_response_not_found"), "previous_response_not_found", "gone"),
    (error(400, "Previous response with id 'resp_1' not found."), "previous_response_not_found", "'resp_1'"),
    (error(404, "The model `gpt-x` does not exist", code="model_not_found"), "not_found", "`gpt-x`"),
    (error(409, "Somebody else is at it"), "conflict", "Somebody else"),
    (error(400, "Another process is operating", code="conversation_locked"), "conflict", "Another process"),
    (error(413, "Too large"), "invalid_request", "Too large"),
    (
        reply({"detail": [{"loc": ["body", "input"], "msg": "required"}]}, 422),
        "invalid_request",
        "body.input: required",
    ),
    (reply({"detail": "no input"}, 422), "invalid_request", "no input"),
    (reply({"error": "model is required"}, 400), "invalid_request", "model is required"),
    (reply({"message": "not on this route"}, 400), "invalid_request", "not on this route"),
    (reply({"object": "error", "message": "old shape", "code": 400}, 400), "invalid_request", "old shape"),
    (reply({"error": {"message": "a code that is a number", "code": 400}}, 400), "invalid_request", "a number"),
]


@pytest.mark.parametrize(("refused", "kind", "words"), REFUSALS)
async def test_a_refusal_quotes_what_the_upstream_says(
    up: ScriptedUpstream, backend: ResponsesBackend, refused: Answer, kind: str, words: str
) -> None:
    up.on(*POST, refused)
    failed = await fault(backend)
    assert (failed.kind, failed.attempts, failed.outcome) == (kind, 1, "failed")
    assert words in failed.message.partition("it said ")[2]
    assert len(up.posts()) == 1


async def test_the_parameter_at_fault_is_named(up: ScriptedUpstream, backend: ResponsesBackend) -> None:
    up.on(*POST, error(400, "no", param="text.format"))
    assert (await fault(backend)).param == "text.format"


@pytest.mark.parametrize(
    ("answered", "kind"),
    [
        (error(401, f"Incorrect API key provided: {KEY}", code="invalid_api_key"), "auth"),
        (error(403, "Project does not have access"), "auth"),
        (error(402, "Pay first"), "quota"),
        (error(408, "Too slow"), "timeout"),
        (error(451, "Not here"), "invalid_request"),
        (reply("nothing to read", 400, {"content-type": "text/plain"}), "invalid_request"),
        (reply([1], 400), "invalid_request"),
        (web_page(404), "not_found"),
    ],
)
async def test_words_that_do_not_help_are_not_quoted(
    up: ScriptedUpstream, backend: ResponsesBackend, answered: Answer, kind: str
) -> None:
    up.on(*POST, answered)
    failed = await fault(backend)
    assert (failed.kind, failed.attempts) == (kind, 1)
    assert "it said" not in failed.message


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.mark.parametrize("host", ["127.0.0.1", "nowhere.invalid"])
async def test_nothing_is_sent_to_an_upstream_that_is_not_there(connect: Connect, host: str) -> None:
    failed = await fault(connect(base_url=f"http://{host}:{closed_port()}/v1"))
    assert (failed.kind, failed.outcome, failed.retryable, failed.attempts) == ("connect", "not_sent", True, 3)


@pytest.mark.parametrize(
    "wrong", [{"api_key": "sk-schlüssel"}, {"api_key": "sk-two\nlines"}, {"base_url": "ftp://127.0.0.1/v1"}]
)
async def test_a_request_that_cannot_be_sent_is_told_as_not_sent(connect: Connect, wrong: dict[str, Any]) -> None:
    failed = await fault(connect(**wrong))
    assert (failed.kind, failed.outcome, failed.retryable, failed.attempts) == ("connect", "not_sent", False, 1)
    assert "sk-" not in failed.message


@pytest.mark.parametrize("lost", [reset(), half_body(), stream(text_events("Hi")[:2], ends="reset")])
async def test_a_connection_that_breaks_leaves_the_outcome_unknown(
    up: ScriptedUpstream, backend: ResponsesBackend, lost: Answer
) -> None:
    up.on(*POST, lost)
    failed = await fault(backend)
    assert (failed.kind, failed.outcome, failed.retryable) == ("connection_lost", "unknown", False)
    assert len(up.posts()) == 1


@pytest.mark.parametrize("ends", ["end", "done", "half", "reset"])
async def test_a_stream_without_an_end_says_how_far_it_came(
    up: ScriptedUpstream, backend: ResponsesBackend, ends: str
) -> None:
    up.on(*POST, stream(text_events("Hello there")[:6], ends=ends))
    failed = await fault(backend)
    assert (failed.kind, failed.outcome) == ("connection_lost", "unknown")
    if ends != "reset":  # a reset may overtake what was sent before it
        assert "after 11 characters" in failed.message


@pytest.mark.parametrize(
    "silent",
    [
        black_hole(),
        drip(),
        drip(kind="text/event-stream"),
        stream(text_events("Hello there")[:5], ends="silence"),
    ],
)
async def test_silence_ends_at_the_timeout_and_closes_the_connection(
    up: ScriptedUpstream, connect: Connect, silent: Answer
) -> None:
    up.on(*POST, silent)
    backend = connect(timeout_seconds=0.3)
    begun = time.monotonic()
    failed = await fault(backend)
    assert (failed.kind, failed.outcome, failed.retryable) == ("timeout", "unknown", False)
    assert time.monotonic() - begun < 3
    with anyio.fail_after(2):
        await up.requests[0].abandoned.wait()
    assert len(up.posts()) == 1


@pytest.mark.parametrize(
    "strange",
    [
        reply('{"id": "resp_1", "status"'),
        reply({"choices": []}),
        reply([response("Hi")]),
        reply(response("Hi", id=None)),
        reply(response("Hi", status="splendid")),
        reply(response("Hi", status="unknown")),
        reply(response("Hi", output={"type": "message"})),
        reply(""),
        web_page(),
        stream(["data: {broken\n\n"]),
        stream([{"type": "response.completed", "response": response(status="in_progress")}]),
        stream([{"type": "response.completed", "response": None}]),
    ],
)
async def test_an_answer_of_another_shape_is_no_answer(
    up: ScriptedUpstream, backend: ResponsesBackend, strange: Answer
) -> None:
    up.on(*POST, strange)
    failed = await fault(backend)
    assert (failed.kind, failed.outcome, failed.retryable) == ("bad_upstream_response", "unknown", False)
    assert len(up.posts()) == 1


@pytest.mark.parametrize(
    ("told", "kind", "retryable"),
    [
        ({"type": "error", "code": "rate_limit_exceeded", "message": "slow"}, "rate_limited", True),
        ({"type": "error", "code": "server_error", "message": "oops"}, "upstream_unavailable", True),
        ({"type": "error", "code": None, "message": "oops"}, "upstream_unavailable", True),
        ({"type": "error", "code": "insufficient_quota", "message": "no"}, "quota", False),
        ({"type": "error", "code": "context_length_exceeded", "message": "long"}, "context_length", False),
        ({"type": "error", "error": {"type": "invalid_request_error", "message": "bad"}}, "invalid_request", False),
        ({"error": {"code": "invalid_prompt", "message": "bad"}}, "invalid_request", False),
        ({"error": {"code": "previous_response_not_found"}}, "previous_response_not_found", False),
        ({"error": "just words"}, "upstream_unavailable", True),
        # llama.cpp, which writes until its context is full
        ({"error": {"code": 500, "message": "Context size has been exceeded."}}, "context_length", False),
    ],
)
async def test_an_error_in_the_stream_means_what_it_would_mean_as_a_status(
    up: ScriptedUpstream, backend: ResponsesBackend, told: dict[str, Any], kind: str, retryable: bool
) -> None:
    up.on(*POST, stream([text_events("Hi")[0], told]))
    failed = await fault(backend)
    assert (failed.kind, failed.retryable, failed.outcome) == (kind, retryable, "failed")
    assert len(up.posts()) == 1


@pytest.mark.parametrize(
    ("upstream_error", "code", "retryable"),
    [
        ({"code": "server_error", "message": "The model failed."}, "upstream_unavailable", True),
        ({"code": "invalid_prompt", "message": "Not this one."}, "invalid_request", False),
        ({"code": "image_too_large", "message": "Smaller."}, "invalid_request", False),
        (None, "upstream_unavailable", True),
    ],
)
async def test_a_failed_response_is_an_answer_with_its_reason(
    up: ScriptedUpstream,
    backend: ResponsesBackend,
    upstream_error: dict[str, str] | None,
    code: str,
    retryable: bool,
) -> None:
    up.on(*POST, stream(text_events("Half", status="failed", error=upstream_error)))
    got = await answer(backend)
    assert got.status == "failed"
    assert got.failure is not None
    assert (got.failure.code, got.failure.retryable, got.text) == (code, retryable, "Half")
    for words in (upstream_error or {}).values():
        assert words in got.failure.message


async def test_no_secret_and_no_second_line_gets_into_a_message(up: ScriptedUpstream, connect: Connect) -> None:
    secrets = [KEY, "hunter2", "sk-other-key", "ABSKQmVkcm9ja0FQSUtleQ==", "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9x7"]
    words = (
        f"no\n{' '.join(secrets)} Authorization: Bearer abc.def resp_686dffb6d22881969eb59ec7c4600fe30657c7ac9876bb5f"
    )
    up.on(*POST, error(400, words), error(400, "word " * 100))
    backend = connect(api_key="hunter2")
    message = (await fault(backend)).message
    assert not [secret for secret in [*secrets, "abc.def"] if secret in message]
    assert "\n" not in message
    assert "resp_686dffb6d22881969eb59ec7c4600fe30657c7ac9876bb5f" in message
    assert len((await fault(backend)).message) < 400


async def test_a_failure_of_one_call_does_not_touch_another(up: ScriptedUpstream, connect: Connect) -> None:
    up.on(*POST, black_hole(), stream(text_events("ok")))
    backend = connect(timeout_seconds=1.0)
    async with anyio.create_task_group() as group:
        group.start_soon(fault, backend)
        with anyio.fail_after(5):
            await up.arrived(1)
        assert (await answer(backend)).text == "ok"
