"""The notebook's eight sections: create, get, delete, cancel, input items, token counts, response, item list."""

import asyncio
import json
from typing import Any

from tests.seeds.walkthrough import (
    answers,
    counted,
    printed,
    queued,
    said,
    seen,
    sent,
    thought,
    tokens,
    total,
    under_way,
)
from tests.serving import House
from tests.upstream_answers import reply
from tests.upstream_shapes import JsonObject, message
from tests.upstream_state import StatefulUpstream

RESPONSES = ("POST", "/v1/responses")
COUNT = "/v1/responses/input_tokens"
MINI = "gpt-5-mini-2025-08-07"
TIDES = "Explain tides in two sentences to a child."


def tides(**fields: Any) -> JsonObject:
    """The first answer of the notebook: a thought, then two sentences."""
    answer = message("The moon pulls the sea. The sea follows.")
    return printed(thought(), answer, made="1", model=MINI, usage=counted(21, 339, reasoning=256), **fields)


async def whole(house: House, session: str) -> list[JsonObject]:
    """The turns of a session with all their items."""
    read = await house.client.read_resource(f"session://{session}")
    return json.loads(read.contents[0].text)["turns"]  # type: ignore[union-attr]


# 1. Create


async def test_1_a_response_is_created(hosted: House, up: StatefulUpstream) -> None:
    up.on(*RESPONSES, *answers(tides()))
    done = await hosted.call("generate", model="gpt-5-mini", input=TIDES)
    assert sent(up.posts()[0]) == {"model": "gpt-5-mini", "input": said(TIDES), "store": True}
    assert (done["response_id"], done["model"], done["status"]) == (tides()["id"], MINI, "completed")
    assert done["text"] == "The moon pulls the sea. The sea follows."
    assert tokens(done) == seen(counted(21, 339, reasoning=256))


async def test_1_instructions_and_metadata_go_with_it(hosted: House, up: StatefulUpstream) -> None:
    labels = {"type": "poetry", "format": "haiku"}
    words = "Lamp above the rocks\nturning all night for the boats\nasleep in the day"
    up.on(*RESPONSES, *answers(printed(message(words), made="2", model=MINI, usage=counted(32, 410), metadata=labels)))
    done = await hosted.call(
        "generate",
        model="gpt-5-mini",
        input="A haiku about a lighthouse.",
        instructions="You are a terse poet.",
        options={"metadata": labels, "temperature": 1.0},
    )
    assert sent(up.posts()[0]) == {
        "model": "gpt-5-mini",
        "input": said("A haiku about a lighthouse."),
        "instructions": "You are a terse poet.",
        "metadata": labels,
        "temperature": 1.0,
        "store": True,
    }
    assert done["text"] == words


async def two_turns(house: House, up: StatefulUpstream) -> tuple[JsonObject, JsonObject]:
    """A question and one after it, in the session ``sea``; returns the two results."""
    later = printed(
        thought(made="3"), message("A wet beach."), made="3", model=MINI, usage=counted(420, 250),
        previous_response_id=tides()["id"],
    )  # fmt: skip
    up.on(*RESPONSES, *answers(tides(), later))
    first = await house.call("generate", model="gpt-5-mini", input=TIDES, session="sea")
    second = await house.call("generate", model="gpt-5-mini", input="Give an example from life.", session="sea")
    return first, second


async def test_1_a_follow_up_sends_only_itself(hosted: House, up: StatefulUpstream) -> None:
    first, second = await two_turns(hosted, up)
    assert sent(up.posts()[1]) == {
        "model": "gpt-5-mini",
        "input": said("Give an example from life."),
        "previous_response_id": first["response_id"],
        "store": True,
    }
    assert second["text"] == "A wet beach."
    assert second["response_id"] != first["response_id"]


# 2. Get, 3. delete, 4. cancel


async def test_2_a_response_is_read_again_by_its_id(hosted: House, up: StatefulUpstream) -> None:
    up.on(*RESPONSES, *answers(tides()))
    done = await hosted.call("generate", model="gpt-5-mini", input=TIDES)
    (job,) = (await hosted.call("poll", ids=[done["response_id"]]))["jobs"]
    assert job["status"] == "completed"
    assert job["created_at"] > 0
    assert "error" not in job
    assert job["result"] == done
    read = await hosted.client.read_resource(f"response://{done['response_id']}")
    assert read.contents[0].text == done["text"]  # type: ignore[union-attr]
    assert len(up.requests) == 1


async def test_3_a_response_is_deleted_once_that_is_really_meant(hosted: House, up: StatefulUpstream) -> None:
    up.on(*RESPONSES, *answers(tides()))
    made = (await hosted.call("generate", model="gpt-5-mini", input=TIDES))["response_id"]
    skipped = await hosted.call("cleanup", ids=[made], kinds=["responses"])
    assert skipped["dry_run"] is True
    assert skipped["items"] == [{"id": made, "kind": "responses", "status": "would_delete"}]
    assert len(up.requests) == 1
    up.on("DELETE", f"/v1/responses/{made}", reply({"id": made, "object": "response", "deleted": True}))
    deleted = await hosted.call("cleanup", ids=[made], kinds=["responses"], dry_run=False)
    assert deleted["items"] == [{"id": made, "kind": "responses", "status": "deleted"}]
    assert [request.method for request in up.requests] == ["POST", "DELETE"]


async def test_4_background_work_is_cancelled(hosted: House, up: StatefulUpstream) -> None:
    essay = printed(message("Long."), made="4", model=MINI, usage=total(30, 900), background=True)
    up.on(*RESPONSES, queued(essay, asyncio.Event()))
    ended = reply({**essay, "status": "cancelled", "output": [], "usage": None})
    up.on("POST", f"/v1/responses/{essay['id']}/cancel", ended)
    asked = {"model": "gpt-5-mini", "input": "The history of harbours, ten milestones.", "max_output_tokens": 2000}
    job = await hosted.call("start_background", **asked)
    await under_way(hosted, job["job_id"], lambda now: "queue" in (now.get("activity") or ""))
    assert sent(up.posts()[0]) == {**asked, "input": said(asked["input"]), "background": True, "store": True}
    stopped = await hosted.call("cancel", ids=[essay["id"]])
    assert [one["status"] for one in stopped["jobs"]] == ["cancelled"]
    (found,) = (await hosted.call("poll", ids=[job["job_id"]]))["jobs"]
    assert found["status"] == "cancelled"
    assert len(up.posts(f"/v1/responses/{essay['id']}/cancel")) == 1


# 5. Input items


async def test_5_the_input_of_a_turn_can_be_listed(hosted: House, up: StatefulUpstream) -> None:
    up.on(*RESPONSES, *answers(tides()))
    done = await hosted.call("generate", model="gpt-5-mini", input=TIDES, session="sea")
    (turn,) = await whole(hosted, "sea")
    assert turn["response_id"] == done["response_id"]
    assert turn["input"] == said(TIDES)


async def test_5_the_input_of_a_follow_up_is_all_that_came_before_it_too(hosted: House, up: StatefulUpstream) -> None:
    first, second = await two_turns(hosted, up)
    turns = await whole(hosted, "sea")
    assert [turn["response_id"] for turn in turns] == [first["response_id"], second["response_id"]]
    assert turns[1]["parent"] == first["response_id"]
    seen_by_the_model = [*turns[0]["input"], *turns[0]["output"], *turns[1]["input"]]
    assert [item.get("type", "message") for item in seen_by_the_model] == ["message", "reasoning", "message", "message"]
    assert [item["content"] for item in seen_by_the_model if item.get("role") == "user"] == [
        TIDES,
        "Give an example from life.",
    ]
    shown = (await hosted.call("sessions", action="get", session="sea"))["turns"]
    assert [turn["input"] for turn in shown] == [TIDES, "Give an example from life."]
    assert len(up.requests) == 2


# 6. Token counts


async def test_6_tokens_are_counted_before_anything_is_paid(hosted: House, up: StatefulUpstream) -> None:
    up.on("POST", COUNT, *(reply({"object": "response.input_tokens", "input_tokens": count}) for count in (13, 95)))
    simple = await hosted.call("generate", model="gpt-5-mini", input="What is the capital of Peru?", dry_run=True)
    feedback = {"model": "gpt-5-mini", "instructions": "You read customer feedback.", "input": "The app is slow. " * 9}
    complex_one = await hosted.call("generate", **feedback, dry_run=True)
    assert (simple["status"], simple["input_tokens"], complex_one["input_tokens"]) == ("dry_run", 13, 95)
    assert [post.json for post in up.posts(COUNT)] == [
        {"model": "gpt-5-mini", "input": said("What is the capital of Peru?")},
        {**feedback, "input": said(feedback["input"])},
    ]
    assert up.posts() == []


async def test_6_tokens_are_counted_for_each_model(hosted: House, up: StatefulUpstream) -> None:
    up.always("POST", COUNT, reply({"object": "response.input_tokens", "input_tokens": 16}))
    for model in ("gpt-5-mini", "gpt-5"):
        shown = await hosted.call(
            "generate", model=model, input="Explain in simple terms how sails work.", dry_run=True
        )
        assert shown["input_tokens"] == 16
    assert [post.json["model"] for post in up.posts(COUNT)] == ["gpt-5-mini", "gpt-5"]
    assert up.posts() == []


# 7. The response, 8. the list of input items

LESSON: JsonObject = {
    "model": "gpt-5-mini",
    "input": "Describe how a lock lifts a boat.",
    "instructions": "You teach physics at a school.",
    "max_output_tokens": 200,
}
LABELS = {"subject": "physics", "topic": "locks"}


def cut_off() -> JsonObject:
    """A thought and a message of 376 characters that was not finished."""
    words = ("A lock is a chamber between two gates; water flows in from above and lifts the boat. " * 5)[:376]
    unfinished = {**message(words), "status": "incomplete"}
    return printed(
        thought(made="7"), unfinished, made="7", model=MINI, usage=counted(29, 141), status="incomplete",
        incomplete_details={"reason": "max_output_tokens"}, max_output_tokens=200, metadata=LABELS,
        instructions=LESSON["instructions"],
    )  # fmt: skip


async def test_7_an_unfinished_response_says_why_and_keeps_what_there_is(hosted: House, up: StatefulUpstream) -> None:
    up.on(*RESPONSES, *answers(cut_off()))
    done = await hosted.call("generate", **LESSON, options={"metadata": LABELS}, session="school")
    assert sent(up.posts()[0]) == {**LESSON, "input": said(LESSON["input"]), "metadata": LABELS, "store": True}
    assert (done["status"], done["incomplete_reason"]) == ("incomplete", "max_output_tokens")
    assert len(done["text"]) == 376
    assert tokens(done) == seen(counted(29, 141))
    (turn,) = await whole(hosted, "school")
    assert [(item["type"], item.get("status")) for item in turn["output"]] == [
        ("reasoning", None),
        ("message", "incomplete"),
    ]
    assert [len(part["text"]) for part in turn["output"][1]["content"]] == [376]


async def test_8_its_list_of_input_items_is_the_one_question(hosted: House, up: StatefulUpstream) -> None:
    up.on(*RESPONSES, *answers(cut_off()))
    await hosted.call("generate", **LESSON, session="school")
    (turn,) = await whole(hosted, "school")
    assert turn["input"] == said(LESSON["input"])
    assert turn["instructions"] == LESSON["instructions"]


async def test_8_several_items_are_listed_in_the_order_they_were_sent(hosted: House, up: StatefulUpstream) -> None:
    questions = ["What is a sail?", "What are its parts?", "Show me one.", "Now explain reefing."]
    items = [item for question in questions for item in said(question)]
    up.on(*RESPONSES, *answers(printed(message("Make it smaller."), made="8", model=MINI, usage=counted(60, 200))))
    job = await hosted.call("start_background", model="gpt-5-mini", input=items, session="sails")
    await hosted.collect(job["job_id"])
    (turn,) = await whole(hosted, "sails")
    assert [item["content"] for item in turn["input"]] == questions
    assert sent(up.posts()[0])["input"] == items
