"""The walkthrough's flows that read and write: text, images, files, streams, reasoning, structured output."""

import asyncio
import base64
from pathlib import Path

import pytest

from tests.seeds.walkthrough import (
    answers,
    counted,
    held,
    printed,
    said,
    seen,
    sent,
    thought,
    tokens,
    told,
    total,
    under_way,
)
from tests.serving import House, text_of
from tests.upstream_answers import reply
from tests.upstream_shapes import JsonObject, file, message, refusal
from tests.upstream_state import StatefulUpstream
from tests.web import Web

PNG = bytes.fromhex("89504e470d0a1a0a") + b"a chart of who does what"
RESPONSES = ("POST", "/v1/responses")


def put(house: House, name: str, content: bytes) -> Path:
    path = house.app.roots.folders[0] / name
    path.write_bytes(content)
    return path


async def test_a_text_answers_a_text_under_instructions(hosted: House, up: StatefulUpstream) -> None:
    usage = counted(37, 130)
    words = "Aye. `isinstance(catch, Fish)` tells ye, and it counts the kinds below Fish too."
    body = printed(
        message(words), made="1", model="gpt-4o-2024-08-06", usage=usage, instructions="Talk like a trawlerman."
    )
    up.on(*RESPONSES, *answers(body))
    result = await hosted.result(
        "generate", model="gpt-4o", instructions="Talk like a trawlerman.", input="Is this object a Fish?"
    )
    (post,) = up.posts()
    assert sent(post) == {
        "model": "gpt-4o",
        "instructions": "Talk like a trawlerman.",
        "input": said("Is this object a Fish?"),
        "store": True,
    }
    done = result.structured_content
    assert done is not None
    assert done["status"] == "completed"
    assert done["text"] == words
    assert done["response_id"] == body["id"]
    assert done["model"] == "gpt-4o-2024-08-06"
    assert tokens(done) == seen(usage)
    assert text_of(result).startswith(f"{words}\n\n[completed · {body['id']}")
    assert "37 tokens in (0 cached), 130 out" in text_of(result)


async def test_an_image_by_its_path_goes_inline_under_its_true_type(hosted: House, up: StatefulUpstream) -> None:
    usage = counted(1123, 21)
    up.on(*RESPONSES, *answers(printed(message("The **Keeper**."), made="2", model="gpt-4.1-2025-04-14", usage=usage)))
    chart = put(hosted, "rota.png", PNG)
    done = await hosted.call("generate", model="gpt-4.1", input="Who lights the lamp?", images=[str(chart)])
    (post,) = up.posts()
    ((picture, question),) = (item["content"] for item in sent(post)["input"])
    assert picture["type"] == "input_image"
    assert picture["image_url"] == f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    assert question == {"type": "input_text", "text": "Who lights the lamp?"}
    assert done["text"] == "The **Keeper**."
    assert tokens(done) == seen(usage)


@pytest.mark.parametrize(
    "picture",
    [
        {"image_url": f"data:image/jpeg;base64,{base64.b64encode(PNG).decode()}"},
        {"image_url": "https://example.com/rota.png"},
        {"file_id": "file-MFzh2Lg4RMWHVX6KGUogQ3"},
    ],
    ids=["base64", "url", "file"],
)
async def test_an_image_among_the_input_items_goes_as_it_is_written(
    hosted: House, up: StatefulUpstream, web: Web, picture: JsonObject
) -> None:
    hosted.app.fetcher.network = web.network
    web.page("/rota.png", PNG, "image/png")
    usage = counted(1123, 21)
    up.on(*RESPONSES, *answers(printed(message("The Keeper."), made="3", model="gpt-4.1-2025-04-14", usage=usage)))
    parts = [{"type": "input_text", "text": "Who lights the lamp?"}, {"type": "input_image", **picture}]
    done = await hosted.call("generate", model="gpt-4.1", input=[{"role": "user", "content": parts}])
    assert sent(up.posts()[0])["input"] == [{"role": "user", "content": parts}]
    assert done["text"] == "The Keeper."
    assert tokens(done) == seen(usage)


async def test_a_pdf_is_uploaded_for_the_user_and_read_before_the_question(hosted: House, up: StatefulUpstream) -> None:
    usage = counted(148, 137)
    words = "Yes. Extra crates are **prepaid**:\n- up to 90 minutes before a far trip\n- up to 30 before a near one"
    up.on("POST", "/v1/files", reply(file("file-5kQ2", filename="ferry.pdf", bytes=20)))
    up.on(*RESPONSES, *answers(printed(message(words), made="4", model="gpt-4.1-2025-04-14", usage=usage)))
    put(hosted, "ferry.pdf", b"%PDF-1.4\n% ferry\n%%EOF")
    done = await hosted.call("file_ask", model="gpt-4.1", question="May I bring more crates?", files=["ferry.pdf"])
    (upload,) = up.posts("/v1/files")
    assert b'name="purpose"\r\n\r\nuser_data\r\n' in upload.content
    assert b"%PDF-1.4\n% ferry\n%%EOF" in upload.content
    assert sent(up.posts()[0])["input"] == [
        {
            "role": "user",
            "content": [
                {"type": "input_file", "file_id": "file-5kQ2"},
                {"type": "input_text", "text": "May I bring more crates?"},
            ],
        }
    ]
    assert done["text"] == words
    assert (done["files"][0]["sent_as"], done["files"][0]["file_id"]) == ("file_id", "file-5kQ2")
    assert tokens(done) == seen(usage)


@pytest.mark.parametrize(
    "given",
    [
        {"file_id": "file-5kQ2"},
        {"file_url": "https://example.com/ferry.pdf"},
        {"filename": "ferry.pdf", "file_data": "data:application/pdf;base64,JVBERi0xLjQ="},
    ],
    ids=["file", "url", "base64"],
)
async def test_a_file_among_the_input_items_goes_as_it_is_written(
    hosted: House, up: StatefulUpstream, web: Web, given: JsonObject
) -> None:
    hosted.app.fetcher.network = web.network
    web.page("/ferry.pdf", b"%PDF-1.4", "application/pdf")
    up.on(*RESPONSES, *answers(printed(message("Yes."), made="5", model="gpt-4.1-2025-04-14", usage=counted(148, 137))))
    parts = [{"type": "input_file", **given}, {"type": "input_text", "text": "May I bring more crates?"}]
    done = await hosted.call("generate", model="gpt-4.1", input=[{"role": "user", "content": parts}])
    assert sent(up.posts()[0])["input"] == [{"role": "user", "content": parts}]
    assert done["text"] == "Yes."


async def test_a_stream_is_read_as_it_comes_and_answered_once(hosted: House, up: StatefulUpstream) -> None:
    # 64 deltas between the numbers 4 and 67, as in the printed stream, which ends with number 71.
    words = "Right then: " + "red lorry yellow lorry " * 15 + "and again?"
    body = printed(message(words), made="6", model="gpt-4.1-2025-04-14", usage=total(17, 65))
    script = told(body)
    kinds = [event["type"].removeprefix("response.") for event in script]
    assert kinds[:4] == ["created", "in_progress", "output_item.added", "content_part.added"]
    assert kinds[4:68] == ["output_text.delta"] * 64
    assert kinds[68:] == ["output_text.done", "content_part.done", "output_item.done", "completed"]

    gate = asyncio.Event()
    up.on(*RESPONSES, held(body, lambda event: event["sequence_number"] == 20, gate))
    job = await hosted.call("generate", model="gpt-4.1", input="A tongue twister, ten times.", wait_seconds=0.2)
    assert job["status"] == "in_progress"
    progress = await under_way(hosted, job["job_id"], lambda now: len(now.get("text_so_far", "")) > 60)
    assert words.startswith(progress["text_so_far"])
    assert len(progress["text_so_far"].split()) == 17
    gate.set()
    (ended,) = (await hosted.call("poll", ids=[job["job_id"]], wait_seconds=20))["jobs"]
    assert ended["result"]["text"] == words
    assert tokens(ended["result"]) == {**total(17, 65), "cached_tokens": 0}
    (post,) = up.posts()
    assert sent(post) == {"model": "gpt-4.1", "input": said("A tongue twister, ten times."), "store": True}


async def test_a_stream_is_told_to_the_host_while_the_call_waits(hosted: House, up: StatefulUpstream) -> None:
    body = printed(message("Red lorry."), made="7", model="gpt-4.1-2025-04-14", usage=total(17, 65))
    up.on(*RESPONSES, *answers(body))
    await hosted.call("generate", model="gpt-4.1", input="A tongue twister.")
    assert hosted.progress


async def test_a_reasoning_model_thinks_with_the_effort_asked_for_and_its_tokens_are_shown(
    hosted: House, up: StatefulUpstream
) -> None:
    usage = {**total(44, 3056), "output_tokens_details": {"reasoning_tokens": 2368}}
    body = printed(
        thought(), message("```bash\npaste ...\n```"), made="8", model="o4-mini-2025-04-16", usage=usage,
        reasoning={"effort": "medium"},
    )  # fmt: skip
    up.on(*RESPONSES, *answers(body))
    done = await hosted.call(
        "generate", model="o4-mini", reasoning_effort="medium", input="Turn the table on its side."
    )
    assert sent(up.posts()[0]) == {
        "model": "o4-mini",
        "reasoning": {"effort": "medium"},
        "input": said("Turn the table on its side."),
        "store": True,
    }
    assert done["text"] == "```bash\npaste ...\n```"
    assert tokens(done) == seen(usage)
    assert done["usage"]["reasoning_tokens"] == 2368
    assert "reasoning_summary" not in done


async def test_a_summary_of_the_reasoning_comes_back_beside_the_answer(hosted: House, up: StatefulUpstream) -> None:
    usage = {**total(44, 2220), "output_tokens_details": {"reasoning_tokens": 1792}}
    summaries = ("**Planning the turn**\n\nSplit the rows, then collect columns.", "**Writing it**\n\nOne awk will do.")
    body = printed(
        thought(*summaries), message("```bash\nawk ...\n```"), made="9", model="o4-mini-2025-04-16", usage=usage,
        reasoning={"effort": "medium", "summary": "detailed"},
    )  # fmt: skip
    gate = asyncio.Event()
    up.on(*RESPONSES, held(body, lambda event: event["type"] == "response.reasoning_summary_part.done", gate))
    asked = {"model": "o4-mini", "reasoning_effort": "medium", "input": "Turn the table on its side."}
    job = await hosted.call("generate", **asked, options={"reasoning": {"summary": "auto"}}, wait_seconds=0.2)
    progress = await under_way(hosted, job["job_id"], lambda now: "columns." in now.get("reasoning_summary", ""))
    assert "One awk" not in progress["reasoning_summary"]
    gate.set()
    (ended,) = (await hosted.call("poll", ids=[job["job_id"]], wait_seconds=20))["jobs"]
    done = ended["result"]
    assert sent(up.posts()[0])["reasoning"] == {"effort": "medium", "summary": "auto"}
    assert all(summary in done["reasoning_summary"] for summary in summaries)
    assert done["text"] == "```bash\nawk ...\n```"
    assert tokens(done) == seen(usage)


EVENT = {
    "title": "Gathering",
    "type": "object",
    "properties": {
        "name": {"title": "Name", "type": "string"},
        "date": {"title": "Date", "type": "string"},
        "participants": {"title": "Participants", "type": "array", "items": {"type": "string"}},
    },
    "required": ["name", "date", "participants"],
}


async def test_an_event_is_extracted_in_the_schema_of_its_class(hosted: House, up: StatefulUpstream) -> None:
    usage = counted(89, 18)
    written = '{"name":"Boat Race","date":"Sunday","participants":["Ines","Tom"]}'
    up.on(*RESPONSES, *answers(printed(message(written), made="a", model="gpt-4o-2024-08-06", usage=usage)))
    done = await hosted.call(
        "structured_extract",
        model="gpt-4o-2024-08-06",
        instructions="Read out the event.",
        input="Ines and Tom row in the boat race on Sunday.",
        schema=EVENT,
        schema_name="Gathering",
    )
    asked = sent(up.posts()[0])
    form = asked["text"]["format"]
    assert asked["instructions"] == "Read out the event."
    assert (form["type"], form["name"], form["strict"]) == ("json_schema", "Gathering", True)
    assert form["schema"]["required"] == ["name", "date", "participants"]
    assert form["schema"]["additionalProperties"] is False
    assert form["schema"]["properties"]["participants"]["items"] == {"type": "string"}
    assert done["outcome"] == "ok"
    assert done["data"] == {"name": "Boat Race", "date": "Sunday", "participants": ["Ines", "Tom"]}
    assert done["attempts"] == 1
    assert tokens(done) == seen(usage)


async def test_a_refusal_of_a_structured_answer_can_be_told_from_data(hosted: House, up: StatefulUpstream) -> None:
    body = printed(refusal("I cannot list them."), made="b", model="gpt-4o-2024-08-06", usage=counted(81, 11))
    up.on(*RESPONSES, *answers(body))
    done = await hosted.call("structured_extract", model="gpt-4o-2024-08-06", input="Names, please.", schema=EVENT)
    assert done["outcome"] == "refusal"
    assert done["refusal"] == "I cannot list them."
    assert "data" not in done
    assert done["response_id"] == body["id"]
    assert tokens(done) == seen(counted(81, 11))
    assert len(up.posts()) == 1
