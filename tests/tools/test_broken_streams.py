"""A stream that breaks off: read on where that is possible, asked about where it is kept, else told honestly."""

from tests.serving import House, text_of
from tests.upstream_answers import reply, reset
from tests.upstream_shapes import reasoning, response
from tests.upstream_state import StatefulUpstream

POST = "POST", "/v1/responses"
WORDS = "one two three four five six"


def asked_again(up: StatefulUpstream) -> list[dict[str, str]]:
    """How the response was asked for after it had been created."""
    return [request.query for request in up.requests if request.method == "GET" and "/responses/" in request.path]


async def test_a_background_stream_is_read_on_after_the_last_event(hosted: House, up: StatefulUpstream) -> None:
    up.say(WORDS)
    up.breaks.extend([6, 2])
    job = await hosted.call("start_background", input="Count.")
    done = await hosted.collect(job["job_id"])
    assert done["result"]["text"] == WORDS
    assert asked_again(up) == [
        {"stream": "true", "starting_after": "5"},
        {"stream": "true", "starting_after": "7"},
    ]
    assert len(up.posts()) == 1


async def test_a_stream_that_leads_nowhere_is_given_up_and_the_response_polled(
    hosted: House, up: StatefulUpstream
) -> None:
    up.say(WORDS)
    up.breaks.extend([6, 0])
    job = await hosted.call("start_background", input="Count.")
    done = await hosted.collect(job["job_id"])
    assert done["result"]["text"] == WORDS
    assert asked_again(up)[0] == {"stream": "true", "starting_after": "5"}
    assert all(query == {} for query in asked_again(up)[1:])


async def test_a_kept_response_is_asked_about_when_its_stream_breaks_off(hosted: House, up: StatefulUpstream) -> None:
    up.say(WORDS)
    up.breaks.append(6)
    result = await hosted.call("generate", input="Count.")
    assert (result["status"], result["text"]) == ("completed", WORDS)
    assert len(up.posts()) == 1


async def test_what_had_arrived_is_shown_when_nobody_can_know_the_end(hosted: House, up: StatefulUpstream) -> None:
    up.say(WORDS)
    up.breaks.append(7)
    result = await hosted.result("generate", input="Count.", store=False)
    assert result.is_error
    words, arrived = text_of(result).split("\nWhat had arrived before that:\n\n")
    assert "broke off before the answer was complete after 13 characters" in words
    assert arrived == "one two three"
    (job,) = (await hosted.call("poll"))["jobs"]
    assert (job["status"], job["result"]["text"]) == ("unknown", "one two three")
    assert len(up.posts()) == 1


async def test_a_creation_that_may_have_arrived_is_never_sent_again(hosted: House, up: StatefulUpstream) -> None:
    up.on(*POST, reset())
    words, about = await hosted.refused("generate", input="Hi")
    assert (about["outcome"], about["attempts"], len(up.posts())) == ("unknown", 1, 1)
    assert "look upstream" in words


async def test_work_in_a_discounted_window_is_not_streamed_and_is_waited_for(
    hosted: House, up: StatefulUpstream
) -> None:
    job = await hosted.call("start_background", input="Hi", options={"background_options": {"completion_window": "8h"}})
    done = await hosted.collect(job["job_id"])
    assert up.posts()[0].json["stream"] is False
    assert done["result"]["text"] == "Turn 1: Hi"
    assert "cost_usd" not in done["result"]["usage"]


async def test_an_upstream_that_cannot_be_asked_for_a_moment_does_not_end_the_job(
    hosted: House, up: StatefulUpstream
) -> None:
    up.on(*POST, reply({**response(status="queued"), "id": "resp_window"}))
    gone = [reply({"error": {"message": "busy"}}, 503)] * 4
    up.on("GET", "/v1/responses/resp_window", *gone, reply({**response("There."), "id": "resp_window"}))
    options = {"background_options": {"completion_window": "2h"}}
    job = await hosted.call("start_background", input="Hi", options=options)
    done = await hosted.collect(job["job_id"])
    assert done["result"]["text"] == "There."


async def test_a_summary_of_the_reasoning_is_shown(hosted: House, up: StatefulUpstream) -> None:
    thought = {**reasoning(), "summary": [{"type": "summary_text", "text": "Weighing both."}]}
    up.on(*POST, reply(response("Yes.", output=[thought, *response("Yes.")["output"]])))
    result = await hosted.call("generate", input="Hi", options={"reasoning": {"summary": "auto"}})
    assert (result["text"], result["reasoning_summary"]) == ("Yes.", "Weighing both.")
