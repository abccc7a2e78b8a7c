"""The walkthrough's flows over several turns and over time: history by hand, chains, conversations, background work."""

import asyncio
import json

from tests.seeds.walkthrough import (
    answers,
    counted,
    kept,
    printed,
    queued,
    said,
    seen,
    sent,
    tokens,
    told,
    total,
    under_way,
)
from tests.serving import House
from tests.upstream_answers import reply, stream
from tests.upstream_shapes import JsonObject, message
from tests.upstream_state import StatefulUpstream

RESPONSES = ("POST", "/v1/responses")
MINI = "gpt-4o-mini-2024-07-18"


def chain(*texts: str) -> list[JsonObject]:
    """Responses that each name the one before; the last with the usage that is printed."""
    made: list[JsonObject] = []
    for number, text in enumerate(texts):
        previous = {"previous_response_id": made[-1]["id"]} if made else {}
        said_so = message(text, item_id=f"msg_6870{number:044}")
        made.append(printed(said_so, made=f"c{number}", model=MINI, usage=total(94, 21), **previous))
    return made


async def test_a_history_kept_by_hand_goes_as_it_is_written(hosted: House, up: StatefulUpstream) -> None:
    up.on(*RESPONSES, *answers(*chain("Welcome aboard, Ines.", "You are Ines.")))
    history = said("Good evening, I am Ines.")
    first = await hosted.call("generate", model="gpt-4o-mini", input=history, store=False)
    history += [{"role": "assistant", "content": first["text"]}, *said("Who am I?")]
    second = await hosted.call("generate", model="gpt-4o-mini", input=history, store=False)
    for post, items in zip(up.posts(), (history[:1], history), strict=True):
        body = sent(post)
        assert body["input"] == items
        assert body["store"] is False
        assert "previous_response_id" not in body
    assert second["text"] == "You are Ines."
    assert tokens(second) == seen(total(94, 21))


async def test_a_session_keeps_the_same_history_when_nothing_may_be_stored(hosted: House, up: StatefulUpstream) -> None:
    bodies = chain("Welcome aboard, Ines.", "You are Ines.")
    up.on(*RESPONSES, *answers(*bodies))
    asked = {"model": "gpt-4o-mini", "store": False, "session": "deck"}
    await hosted.call("generate", input="Good evening, I am Ines.", **asked)
    second = await hosted.call("generate", input="Who am I?", **asked)
    body = sent(up.posts()[1])
    assert body["input"] == [*said("Good evening, I am Ines."), *bodies[0]["output"], *said("Who am I?")]
    assert body["store"] is False
    assert body["include"] == ["reasoning.encrypted_content"]
    assert "previous_response_id" not in body
    assert second["text"] == "You are Ines."


async def test_three_turns_are_chained_by_the_id_of_the_response_before(hosted: House, up: StatefulUpstream) -> None:
    bodies = chain("Welcome aboard.", "Yes: Ines.", "In Porto, you said.")
    up.on(*RESPONSES, *answers(*bodies))
    one = await hosted.call("generate", model="gpt-4o-mini", input="I am Ines, born in Porto.")
    two = await hosted.call(
        "generate", model="gpt-4o-mini", input=said("Do you know my name?"), previous_response_id=one["response_id"]
    )
    three = await hosted.call(
        "generate", model="gpt-4o-mini", input=said("Where was I born?"), previous_response_id=two["response_id"]
    )
    assert [sent(post) for post in up.posts()] == [
        {"model": "gpt-4o-mini", "input": said("I am Ines, born in Porto."), "store": True},
        {
            "model": "gpt-4o-mini",
            "input": said("Do you know my name?"),
            "previous_response_id": bodies[0]["id"],
            "store": True,
        },
        {
            "model": "gpt-4o-mini",
            "input": said("Where was I born?"),
            "previous_response_id": bodies[1]["id"],
            "store": True,
        },
    ]
    assert three["text"] == "In Porto, you said."
    assert three["response_id"] == bodies[2]["id"]
    assert tokens(three) == seen(total(94, 21))


async def test_a_conversation_made_elsewhere_is_gone_on_with(hosted: House, up: StatefulUpstream) -> None:
    conversation = "conv_68ad375778cc8194b452a6c648f9fbb603fb35c3c4b4df7e"
    usage = counted(27, 18)
    body = printed(
        message("You are Ines; you said so."), made="d", model="gpt-4.1-2025-04-14", usage=usage,
        conversation={"id": conversation},
    )  # fmt: skip
    up.on(*RESPONSES, *answers(body))
    done = await hosted.call(
        "generate", model="gpt-4.1", input=said("Who am I?"), options={"conversation": conversation}
    )
    assert sent(up.posts()[0]) == {
        "model": "gpt-4.1",
        "input": said("Who am I?"),
        "conversation": conversation,
        "store": True,
    }
    assert done["text"] == "You are Ines; you said so."
    assert tokens(done) == seen(usage)


async def test_a_session_can_live_in_a_conversation_of_its_own(hosted: House, up: StatefulUpstream) -> None:
    asked = {"model": "gpt-4.1", "session": "deck"}
    await hosted.call("generate", input="I am Ines. How do you do?", options={"conversation": "new"}, **asked)
    (conversation,) = up.conversations
    done = await hosted.call("generate", input=said("Who am I?"), **asked)
    assert [request.path for request in up.requests] == ["/v1/conversations", "/v1/responses", "/v1/responses"]
    assert [sent(post) for post in up.posts()] == [
        {"model": "gpt-4.1", "input": items, "conversation": conversation, "store": True}
        for items in (said("I am Ines. How do you do?"), said("Who am I?"))
    ]
    assert done["text"] == "Turn 2: Who am I?"
    kept_here = await hosted.client.read_resource("session://deck")
    assert json.loads(kept_here.contents[0].text)["conversation"] == conversation  # type: ignore[union-attr]


NOVEL = {"model": "o3", "input": "A very long novel about herons at sea."}


def novel(**fields: object) -> JsonObject:
    """Background work as it is printed: its tier was left to the service, its effort is the model's own."""
    words = "Salt-Feathers: a novel. " + "The herons flew on. " * 40 + "THE END"
    about = {"background": True, "service_tier": "auto", "reasoning": {"effort": "medium"}}
    whole = printed(message(words), made="e", model="o3-2025-04-16", usage=total(15, 2100), **about)
    return {**whole, **fields}


async def test_background_work_is_polled_from_its_queue_to_its_end(hosted: House, up: StatefulUpstream) -> None:
    body, gate = novel(), asyncio.Event()
    up.on(*RESPONSES, queued(body, gate))
    job = await hosted.call("start_background", **NOVEL)
    assert job["status"] in ("queued", "in_progress")
    assert "text" not in job
    assert "usage" not in job
    progress = await under_way(hosted, job["job_id"], lambda now: "queue" in (now.get("activity") or ""))
    assert not progress["text_so_far"]
    gate.set()
    ended = await hosted.collect(job["job_id"])
    assert ended["status"] == "completed"
    assert ended["result"]["text"].endswith("THE END")
    assert ended["result"]["response_id"] == body["id"]
    assert tokens(ended["result"]) == seen(total(15, 2100))
    (post,) = up.posts()
    assert sent(post) == {"model": "o3", "input": said(NOVEL["input"]), "background": True, "store": True}


async def test_a_finished_response_is_found_by_its_own_id_as_a_notification_names_it(
    hosted: House, up: StatefulUpstream
) -> None:
    body = novel()
    up.on(*RESPONSES, *answers(body))
    job = await hosted.call("start_background", **NOVEL)
    await hosted.collect(job["job_id"])
    (found,) = (await hosted.call("poll", ids=[body["id"]]))["jobs"]
    assert found["job_id"] == job["job_id"]
    assert found["result"]["text"].endswith("THE END")


async def test_background_work_that_is_cancelled_is_cancelled_upstream(hosted: House, up: StatefulUpstream) -> None:
    body, gate = novel(), asyncio.Event()
    up.on(*RESPONSES, queued(body, gate))
    up.on("POST", f"/v1/responses/{body['id']}/cancel", reply(novel(status="cancelled", output=[], usage=None)))
    job = await hosted.call("start_background", **NOVEL)
    await under_way(hosted, job["job_id"], lambda now: "queue" in (now.get("activity") or ""))
    (stopped,) = (await hosted.call("cancel", ids=[job["job_id"]]))["jobs"]
    assert stopped["status"] == "cancelled"
    (again,) = (await hosted.call("cancel", ids=[job["job_id"]]))["jobs"]
    assert again["status"] == "cancelled"
    assert len(up.posts(f"/v1/responses/{body['id']}/cancel")) == 1
    assert len(up.posts()) == 1


async def test_the_stream_of_background_work_that_breaks_off_is_picked_up_again(
    hosted: House, up: StatefulUpstream
) -> None:
    body = novel()
    whole = told(body)
    up.on(*RESPONSES, stream(whole[:40], ends="half"))
    up.always("GET", f"/v1/responses/{body['id']}", kept(body))
    job = await hosted.call("start_background", **NOVEL)
    ended = await hosted.collect(job["job_id"])
    assert ended["result"]["text"] == body["output"][0]["content"][0]["text"]
    assert tokens(ended["result"]) == seen(total(15, 2100))
    assert len(up.posts()) == 1
    again = [request for request in up.requests if request.method == "GET"]
    assert [request.path for request in again] == [f"/v1/responses/{body['id']}"]
    assert again[0].query == {"stream": "true", "starting_after": "39"}
