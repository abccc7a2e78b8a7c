"""Bedrock cookbook §1.6, §1.7 and §2: first requests, what is kept, model controls, errors."""

import asyncio

import anyio
import pytest

from tests.seeds.cookbook import ASKED, MODEL, UNKEPT, answers, counted, name_of, printed, sent, tokens, user
from tests.serving import House
from tests.upstream_answers import Answer, JsonObject, error, reply, stream
from tests.upstream_shapes import events, message, reasoning
from tests.upstream_state import StatefulUpstream

LATE = "Noor writes that order LB-5502 has not come. Give the help desk two lines to say."
LINES = "Sorry: the courier lost sight of LB-5502.\nNext: we ask the depot today."


async def test_a_tiny_request_shows_that_key_model_and_endpoint_work(hosted: House, up: StatefulUpstream) -> None:
    answers(up, printed(message("ok"), tokens=(162, 5)))
    done = await hosted.call("generate", input="Say just: ok", store=False, **ASKED)
    assert sent(up.posts()[0]) == {**ASKED, **UNKEPT, "input": [user("Say just: ok")]}
    assert up.posts()[0].headers["authorization"] == "Bearer sk-test-0123456789abcdef"
    assert [request.path for request in up.requests] == ["/v1/responses"]
    assert (done["status"], done["text"], done["model"]) == ("completed", "ok", MODEL)
    assert tokens(done) == counted(162, 5)


async def test_a_request_can_be_looked_at_before_it_is_sent(hosted: House, up: StatefulUpstream) -> None:
    answers(up, printed(message(LINES), tokens=(198, 72)))
    shown = await hosted.result("generate", input=LATE, store=False, dry_run=True, **ASKED)
    assert up.posts() == []
    assert "sk-test" not in shown.model_dump_json()
    await hosted.call("generate", input=LATE, store=False, **ASKED)
    assert shown.structured_content is not None
    assert shown.structured_content["request"] == up.posts()[0].json


async def test_the_text_of_a_plain_request_stands_in_both_places(hosted: House, up: StatefulUpstream) -> None:
    answers(up, printed(message(LINES), tokens=(198, 72)))
    result = await hosted.result("generate", input=LATE, store=False, **ASKED)
    assert sent(up.posts()[0]) == {**ASKED, **UNKEPT, "input": [user(LATE)]}
    done = result.structured_content
    assert done is not None
    assert (done["text"], done["response_id"], done["status"]) == (LINES, name_of(270), "completed")
    shown = result.content[0].text  # type: ignore[union-attr]
    assert shown.startswith(f"{LINES}\n\n[completed · {name_of(270)}")
    assert "198 tokens in (0 cached), 72 out" in shown


async def test_low_effort_goes_out_and_its_reasoning_is_counted_but_not_shown(
    hosted: House, up: StatefulUpstream
) -> None:
    answers(up, printed(reasoning(), message("Start with the order."), tokens=(177, 129), reasoning=18))
    ask = "Three sentences for somebody who builds a help desk on Responses."
    done = await hosted.call("generate", input=ask, reasoning_effort="low", store=False, **ASKED)
    assert sent(up.posts()[0]) == {**ASKED, **UNKEPT, "input": [user(ask)], "reasoning": {"effort": "low"}}
    assert done["text"] == "Start with the order."
    assert tokens(done) == counted(177, 129, reasoning_tokens=18)
    assert "gAAAAA" not in str(done)


async def test_a_kept_response_is_found_again_with_text_and_usage(hosted: House, up: StatefulUpstream) -> None:
    answers(up, printed(message("goal: ship\ndata: order\nhuman: refunds"), tokens=(198, 109), store=True))
    ask = "Plan a help desk for late parcels in three lines."
    made = await hosted.call("generate", input=ask, store=True, **ASKED)
    assert sent(up.posts()[0]) == {**ASKED, "input": [user(ask)], "store": True}
    assert tokens(made) == counted(198, 109)
    (job,) = (await hosted.call("poll", ids=[made["response_id"]]))["jobs"]
    assert job["status"] == "completed"
    assert job["result"] == made


async def test_kept_responses_are_cleaned_up_and_a_token_that_expired_is_told(
    hosted: House, up: StatefulUpstream
) -> None:
    gone, stays = (printed(message("kept"), tokens=(198, number), store=True) for number in (109, 110))
    answers(up, gone, stays)
    ids = [(await hosted.call("generate", input="Keep this.", store=True, **ASKED))["response_id"] for _ in range(2)]
    up.on("DELETE", f"/v1/responses/{ids[0]}", reply({"id": ids[0], "object": "response", "deleted": True}))
    up.on("DELETE", f"/v1/responses/{ids[1]}", expired())
    done = await hosted.call("cleanup", ids=ids, kinds=["responses"], dry_run=False)
    assert {item["id"]: item["status"] for item in done["items"]} == {ids[0]: "deleted", ids[1]: "failed"}
    assert done["counts"] == {"deleted": 1, "failed": 1}


async def test_tier_effort_and_cache_key_travel_with_the_input(hosted: House, up: StatefulUpstream) -> None:
    options: JsonObject = {
        "service_tier": "auto",
        "prompt_cache_key": "larkspur-desk-guide",
        "prompt_cache_retention": "in_memory",
    }
    body = printed(reasoning(), message("Faster.\nAlike."), tokens=(183, 91), reasoning=34, **options)
    answers(up, {**body, "service_tier": "default"})
    ask = "Two lines on why a cached prompt helps a help desk."
    done = await hosted.call("generate", input=ask, reasoning_effort="low", store=False, options=options, **ASKED)
    assert sent(up.posts()[0]) == {
        **ASKED,
        **UNKEPT,
        **options,
        "input": [user(ask)],
        "reasoning": {"effort": "low"},
    }
    assert tokens(done) == counted(183, 91, reasoning_tokens=34)
    assert done["prompt_cache"] == {"key": "larkspur-desk-guide", "retention": "in_memory"}


async def test_the_text_can_be_read_while_it_is_being_written(hosted: House, up: StatefulUpstream) -> None:
    body, rest = printed(message(LINES), tokens=(198, 72)), asyncio.Event()
    first, last = events(body)[:8], events(body)[8:]
    up.on("POST", "/v1/responses", stream([*first, rest, *last]))
    detached = await hosted.call("generate", input=LATE, store=False, wait_seconds=0, **ASKED)
    ids, so_far = [detached["job_id"]], ""
    with anyio.fail_after(20):
        while not so_far:
            (job,) = (await hosted.call("poll", ids=ids, wait_seconds=0.1))["jobs"]
            so_far = job.get("progress", {}).get("text_so_far", "")
    assert LINES.startswith(so_far)
    assert so_far != LINES
    rest.set()
    (job,) = (await hosted.call("poll", ids=ids, wait_seconds=20))["jobs"]
    assert job["result"]["text"] == LINES


def expired() -> Answer:
    """What Bedrock prints for a bearer token that has run out."""
    return error(
        401,
        "The security token of this request is of no use.",
        code="invalid_api_key",
        type="permission_denied_error",
        headers={"x-request-id": "req_expired"},
    )


async def test_a_token_that_expired_is_an_error_with_status_and_request_id(hosted: House, up: StatefulUpstream) -> None:
    up.on("POST", "/v1/responses", expired())
    words, told = await hosted.refused("generate", input=LATE, store=False, **ASKED)
    assert told["job_id"].startswith("job_")
    assert {name: told[name] for name in told if name != "job_id"} == {
        "code": "auth",
        "retryable": False,
        "http_status": 401,
        "request_id": "req_expired",
        "outcome": "failed",
        "attempts": 1,
    }
    assert "key" in words
    assert "of no use" not in words


@pytest.mark.parametrize(
    ("status", "retryable", "outcome", "attempts"),
    [
        (408, False, "unknown", 1),
        (409, True, "failed", 1),
        (429, True, "failed", 3),
        (500, True, "failed", 1),
        (502, False, "unknown", 1),
        (503, True, "failed", 3),
        (504, False, "unknown", 1),
    ],
)
async def test_a_passing_trouble_is_retried_only_where_no_work_was_done(
    hosted: House, up: StatefulUpstream, status: int, retryable: bool, outcome: str, attempts: int
) -> None:
    # The notebook calls all seven retryable; a create that may have run and been billed is not sent twice here.
    up.always("POST", "/v1/responses", error(status, "later", headers={"retry-after-ms": "1", "x-request-id": "req_7"}))
    _, told = await hosted.refused("generate", input=LATE, store=False, **ASKED)
    assert (told["http_status"], told["request_id"]) == (status, "req_7")
    assert (told["retryable"], told["outcome"], told["attempts"]) == (retryable, outcome, attempts)
    assert len(up.posts()) == attempts
