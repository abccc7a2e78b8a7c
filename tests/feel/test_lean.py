"""A short answer is cheap to read: what the model sees of it is bounded, in the fields as in the text."""

import json
from pathlib import Path
from typing import Any

import pytest
from mcp.types import CallToolResult

from mcp_server.model.value import JsonObject
from tests.serving import House, text_of
from tests.upstream_answers import stream
from tests.upstream_shapes import text_events, usage
from tests.upstream_state import StatefulUpstream

MOST_BYTES = 400
"""Issue 7: what an answer of two words may cost."""
TWO_WORDS = "red blue"
COLOURS = {"type": "object", "properties": {"one": {"type": "string"}, "two": {"type": "string"}}}
LIVED_IN = usage(41_234, 128, cached=40_960, reasoning=64)
"""The token counts of a conversation that has been going on for a while."""

one_off_and_session = pytest.mark.parametrize("more", [{}, {"session": "paint"}], ids=["one-off", "session"])


def sizes(result: CallToolResult) -> tuple[int, int]:
    """Bytes of the fields and of the text, as they stand in the model's context."""
    assert not result.is_error, text_of(result)
    return size(result.structured_content), len(text_of(result).encode())


def size(value: Any) -> int:
    return len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())


def says(up: StatefulUpstream, text: str, **fields: Any) -> None:
    """The next answer, with an id and counts as long as real ones are."""
    name = "resp_0f3c9a7d5e8b4c1f00691e4d2a7b9081a3b6d4f7c2e5908a1b"
    up.on("POST", "/v1/responses", stream(text_events(text, id=name, **{"usage": LIVED_IN, **fields})))


@one_off_and_session
async def test_an_answer_of_two_words_is_cheap(hosted: House, up: StatefulUpstream, more: JsonObject) -> None:
    says(up, TWO_WORDS)
    fields, text = sizes(await hosted.result("generate", input="Which colours?", **more))
    assert fields < MOST_BYTES
    assert text < 200


@one_off_and_session
async def test_an_extraction_of_two_words_is_cheap(hosted: House, up: StatefulUpstream, more: JsonObject) -> None:
    says(up, json.dumps({"one": "red", "two": "blue"}), usage=usage(1_234, 12))
    fields, text = sizes(await hosted.result("structured_extract", input="Red, blue.", schema=COLOURS, **more))
    assert fields < MOST_BYTES
    assert text < 200


@one_off_and_session
async def test_of_a_file_only_what_was_sent_of_it_is_told_beside_the_answer(
    hosted: House, up: StatefulUpstream, tmp_path: Path, more: JsonObject
) -> None:
    path = tmp_path / "files" / "door.txt"
    path.write_text("The door is red and blue.\n")
    says(up, TWO_WORDS)
    result = await hosted.result("file_ask", question="Which colours?", files=[str(path)], **more)
    assert result.structured_content is not None
    (file,) = result.structured_content["files"]
    fields, text = sizes(result)
    assert fields - size({"files": [file]}) < MOST_BYTES
    # Its name is as long as it is; a sha256 is 64 characters.
    assert size(file) - len(str(path)) < 130
    assert text < 200


async def test_a_handle_is_cheap_and_a_poll_adds_little_to_the_answer(hosted: House, up: StatefulUpstream) -> None:
    says(up, TWO_WORDS, background=True)
    started = await hosted.result("start_background", input="Which colours?")
    assert sizes(started) < (150, 100)
    assert started.structured_content is not None
    job = await hosted.collect(started.structured_content["job_id"])
    polled = await hosted.result("poll", ids=[job["job_id"]])
    fields, text = sizes(polled)
    assert size(job["result"]) < MOST_BYTES + size({"job_id": job["job_id"]})
    assert fields - size(job["result"]) < 160
    assert text < 300


async def test_a_failure_is_a_sentence(hosted: House) -> None:
    told = text_of(await hosted.result("poll", idz=["job_1"]))
    assert len(told.encode()) < 200


async def test_the_usual_service_tier_is_not_told_and_another_one_is(hosted: House, up: StatefulUpstream) -> None:
    says(up, TWO_WORDS, service_tier="default")
    assert "service_tier" not in await hosted.call("generate", input="Hi")
    says(up, TWO_WORDS, service_tier="flex")
    flexible = await hosted.call("generate", input="Hi", options={"service_tier": "flex"})
    assert flexible["service_tier"] == "flex"


async def test_a_cost_too_small_for_four_digits_does_not_read_as_nothing(hosted: House, up: StatefulUpstream) -> None:
    up.on("POST", "/v1/responses", stream(text_events(TWO_WORDS, usage=usage(1, 2))))
    told = text_of(await hosted.result("generate", input="Hi"))
    assert "$0.0000" not in told
    assert "under $0.0001" in told
