"""The same bytes are sent once, and what the upstream has forgotten is sent again once, unheard."""

from collections.abc import AsyncGenerator
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.files.made import pdf
from tests.serving import House, house, openai, told
from tests.upstream_answers import Answer, error
from tests.upstream_state import StatefulUpstream

PAPER = pdf("The notice period is thirty days.")


def put(house: House, name: str, content: bytes = PAPER) -> str:
    (house.app.roots.folders[0] / name).write_bytes(content)
    return name


@pytest.fixture
async def second(hosted: House, up: StatefulUpstream, tmp_path: Path) -> AsyncGenerator[House]:
    """Another process of the same user."""
    async with house(told(tmp_path, **openai(up.base_url))) as served:
        yield served


async def test_calls_at_once_send_the_same_bytes_once_from_two_processes(
    hosted: House, second: House, up: StatefulUpstream
) -> None:
    names = [put(hosted, "a.pdf"), put(hosted, "copy.pdf")]
    async with anyio.create_task_group() as tasks:
        for served in (hosted, second):
            for name in names:
                tasks.start_soon(partial(served.call, "file_ask", question="When?", files=[name]))
    assert len(up.posts("/v1/files")) == 1
    assert len(up.posts()) == 4


async def test_two_stores_share_an_upload_and_the_last_one_deletes_it(hosted: House, up: StatefulUpstream) -> None:
    put(hosted, "a.pdf")
    for store in ("one", "two"):
        done = await hosted.call("vector_search", store=store, paths=["a.pdf"])
        assert done["index"]["added"] == 1
    assert len(up.posts("/v1/files")) == 1
    for store, left in (("one", 1), ("two", 0)):
        await hosted.call("cleanup", ids=[store], dry_run=False)
        assert len(up.files) == left
    assert up.stores == {}


async def test_a_question_and_a_store_have_uploads_that_live_as_long_as_they(
    hosted: House, up: StatefulUpstream
) -> None:
    put(hosted, "a.pdf")
    await hosted.call("vector_search", store="one", paths=["a.pdf"])
    await hosted.call("file_ask", question="When?", files=["a.pdf"])
    assert {kept["purpose"]: kept["expires_at"] is None for kept in up.files.values()} == {
        "assistants": True,
        "user_data": False,
    }
    await hosted.call("cleanup", ids=["one"], dry_run=False)
    await hosted.call("file_ask", question="Who?", files=["a.pdf"])
    assert len(up.posts("/v1/files")) == 2


def gone(file_id: str, status: int = 404, **fields: Any) -> Answer:
    return error(status, f"File with id '{file_id}' not found.", **fields)


@pytest.mark.parametrize("status", [400, 404])
async def test_a_file_that_the_upstream_has_forgotten_is_sent_again_unheard(
    hosted: House, up: StatefulUpstream, status: int
) -> None:
    put(hosted, "a.pdf")
    first = (await hosted.call("file_ask", question="When?", files=["a.pdf"]))["files"][0]["file_id"]
    up.lose(first)
    up.on("POST", "/v1/responses", gone(first, status))
    done = await hosted.call("file_ask", question="When?", files=["a.pdf"])
    (sent,) = done["files"]
    assert sent["file_id"] != first
    assert "warnings" not in done
    assert up.posts()[-1].json["input"][0]["content"][0]["file_id"] == sent["file_id"]
    assert (len(up.posts()), len(up.posts("/v1/files"))) == (3, 2)
    again = await hosted.call("file_ask", question="Who?", files=["a.pdf"])
    assert again["files"][0]["file_id"] == sent["file_id"]


async def test_each_of_several_forgotten_files_is_sent_again_and_no_other(hosted: House, up: StatefulUpstream) -> None:
    names = [put(hosted, f"{name}.pdf", pdf(name)) for name in ("a", "b", "c")]
    first = [file["file_id"] for file in (await hosted.call("file_ask", question="?", files=names))["files"]]
    up.on("POST", "/v1/responses", gone(first[0]), gone(first[2]))
    done = await hosted.call("file_ask", question="?", files=names)
    now = [file["file_id"] for file in done["files"]]
    assert [before == after for before, after in zip(first, now, strict=True)] == [False, True, False]
    assert len(up.posts("/v1/files")) == 5


async def test_a_second_refusal_of_the_same_file_is_told(hosted: House, up: StatefulUpstream) -> None:
    put(hosted, "a.pdf")
    first = (await hosted.call("file_ask", question="When?", files=["a.pdf"]))["files"][0]["file_id"]

    async def refuse(exchange: Any) -> None:
        named = exchange.request.json["input"][0]["content"][0]["file_id"]
        await gone(named)(exchange)

    up.on("POST", "/v1/responses", refuse, refuse)
    words, about = await hosted.refused("file_ask", question="When?", files=["a.pdf"])
    assert "not found" in words
    assert first not in words
    assert about["outcome"] == "failed"
    assert (len(up.posts()), len(up.posts("/v1/files"))) == (3, 2)


@pytest.mark.parametrize(
    "refusal",
    [
        lambda file_id: error(400, f"The file {file_id} is not a valid PDF."),
        lambda file_id: error(404, f"File with id '{file_id}0' not found."),
        lambda file_id: error(404, "The model was not found."),
        lambda file_id: error(401, f"File with id '{file_id}' not found."),
    ],
)
async def test_another_refusal_is_told_as_it_is_and_nothing_is_sent_again(
    hosted: House, up: StatefulUpstream, refusal: Any
) -> None:
    put(hosted, "a.pdf")
    first = (await hosted.call("file_ask", question="When?", files=["a.pdf"]))["files"][0]["file_id"]
    up.on("POST", "/v1/responses", refusal(first))
    await hosted.refused("file_ask", question="When?", files=["a.pdf"])
    assert (len(up.posts()), len(up.posts("/v1/files"))) == (2, 1)


async def test_a_file_that_was_sent_just_now_is_not_taken_for_forgotten(hosted: House, up: StatefulUpstream) -> None:
    put(hosted, "a.pdf")

    async def refuse(exchange: Any) -> None:
        await gone(exchange.request.json["input"][0]["content"][0]["file_id"])(exchange)

    up.on("POST", "/v1/responses", refuse)
    await hosted.refused("file_ask", question="When?", files=["a.pdf"])
    assert (len(up.posts()), len(up.posts("/v1/files"))) == (1, 1)


async def test_an_id_that_the_caller_gave_is_not_replaced(hosted: House, up: StatefulUpstream) -> None:
    up.on("POST", "/v1/responses", gone("file-abc"))
    words, _ = await hosted.refused("file_ask", question="When?", files=["file-abc"])
    assert "file-abc" in words
    assert len(up.posts()) == 1
