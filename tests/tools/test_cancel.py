import asyncio
from pathlib import Path

import pytest

from tests.serving import House, house, openai, told
from tests.upstream_state import StatefulUpstream


async def test_a_background_job_is_stopped_upstream_too(hosted: House, up: StatefulUpstream) -> None:
    up.pause = asyncio.Event()
    job = await hosted.call("start_background", input="Long work.", wait_seconds=1)
    stopped = await hosted.call("cancel", ids=[job["job_id"]])
    assert stopped["jobs"][0]["status"] == "cancelled"
    assert [request.path for request in up.requests if request.path.endswith("/cancel")]
    again = await hosted.call("cancel", ids=[job["job_id"]])
    assert again["jobs"][0]["status"] == "cancelled"
    up.pause.set()


async def test_a_detached_call_is_stopped_by_closing_its_stream(hosted: House, up: StatefulUpstream) -> None:
    up.pause = asyncio.Event()
    job = await hosted.call("generate", input="Slow.", wait_seconds=0.2)
    assert (await hosted.call("cancel", ids=[job["job_id"]]))["jobs"][0]["status"] == "cancelled"
    (polled,) = (await hosted.call("poll", ids=[job["job_id"]]))["jobs"]
    assert polled["error"]["code"] == "cancelled"
    assert (polled["error"]["outcome"], polled["error"]["attempts"]) == ("failed", 1)
    assert polled["response_id"].startswith("resp_")
    up.pause.set()


async def test_a_job_that_was_stopped_in_its_queue_says_that_nothing_was_sent(
    hosted: House, up: StatefulUpstream
) -> None:
    up.pause = asyncio.Event()
    await hosted.call("start_background", input="Slow.", session="s")
    waiting = await hosted.call("start_background", input="Behind it.", session="s")
    await hosted.call("cancel", ids=[waiting["job_id"]])
    (polled,) = (await hosted.call("poll", ids=[waiting["job_id"]]))["jobs"]
    assert (polled["error"]["outcome"], polled["error"]["attempts"]) == ("not_sent", 0)
    up.pause.set()


async def test_background_work_that_upstream_does_not_keep_is_stopped_by_closing_its_stream(
    up: StatefulUpstream, tmp_path: Path
) -> None:
    up.pause = asyncio.Event()
    async with house(told(tmp_path, **openai(up.base_url, RESPONSES_MCP_STORE_RESPONSES="false"))) as served:
        job = await served.call("start_background", input="Private work.")
        sent = await up.arrived(1)
        (stopped,) = (await served.call("cancel", ids=[job["job_id"]]))["jobs"]
        await sent.abandoned.wait()
    assert stopped["status"] == "cancelled"
    assert [request.path for request in up.requests] == ["/v1/responses"]
    up.pause.set()


async def test_a_job_that_has_ended_keeps_its_status_and_an_unknown_id_is_told(hosted: House) -> None:
    done = await hosted.call("generate", input="Hi")
    stopped = await hosted.call("cancel", ids=[done["response_id"], "job_nobodys"])
    assert stopped["jobs"][0]["status"] == "completed"
    assert stopped["jobs"][0]["response_id"] == done["response_id"]
    assert stopped["jobs"][0]["usage"]["total_tokens"] > 0
    assert stopped["not_found"] == ["job_nobodys"]


@pytest.mark.engine
async def test_a_generation_of_the_embedded_engine_is_stopped(embedded: House) -> None:
    job = await embedded.call("start_background", input="Tell me a very long story.", wait_seconds=0)
    stopped = await embedded.call("cancel", ids=[job["job_id"]])
    assert stopped["jobs"][0]["status"] == "cancelled"
