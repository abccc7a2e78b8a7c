from pathlib import Path

import pytest

from tests.serving import House, house, openai, text_of, told
from tests.upstream_state import StatefulUpstream


async def test_it_returns_at_once_with_a_handle_and_poll_collects_the_result(
    hosted: House, up: StatefulUpstream
) -> None:
    up.say("At last.")
    job = await hosted.call("start_background", input="Think hard.", session="s")
    assert job["status"] in ("queued", "in_progress")
    assert job["job_id"].startswith("job_")
    assert job["poll_after_seconds"] > 0
    ended = await hosted.collect(job["job_id"])
    assert ended["status"] == "completed"
    assert ended["result"]["text"] == "At last."
    assert ended["result"]["job_id"] == job["job_id"]
    sent = up.posts()[0].json
    assert sent["background"] is True
    assert sent["store"] is True
    assert (await hosted.call("generate", input="more", session="s"))["text"] == "Turn 2: more"


async def test_a_host_that_quits_at_once_loses_nothing(up: StatefulUpstream, tmp_path: Path) -> None:
    given = told(tmp_path, **openai(up.base_url))
    async with house(given) as served:
        job = await served.call("start_background", input="Hi")
        await up.arrived(1)
    async with house(given) as served:
        ended = await served.collect(job["job_id"])
    assert ended["status"] == "completed"
    assert len(up.posts()) == 1


async def test_files_and_schemas_work_in_the_background_too(hosted: House, up: StatefulUpstream) -> None:
    (hosted.app.roots.folders[0] / "a.txt").write_text("Maya is here.", "utf-8")
    up.say('{"name": "Maya"}')
    schema = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    job = await hosted.call("start_background", input="Who?", files=["a.txt"], schema=schema)
    ended = await hosted.collect(job["job_id"])
    assert ended["result"]["outcome"] == "ok"
    assert ended["result"]["data"] == {"name": "Maya"}
    assert ended["result"]["files"][0]["sent_as"] == "text"
    result = await hosted.result("poll", ids=[job["job_id"]])
    assert '{"name": "Maya"}\n\n[completed' in text_of(result)


async def test_background_work_must_be_kept_upstream(hosted: House, up: StatefulUpstream) -> None:
    words, _ = await hosted.refused("start_background", input="x", store=False)
    assert "leave store out" in words
    assert up.posts() == []


async def test_json_and_a_schema_exclude_each_other(hosted: House, up: StatefulUpstream) -> None:
    words, _ = await hosted.refused("start_background", input="JSON", json=True, schema={"type": "object"})
    assert "json excludes schema" in words
    assert up.posts() == []


async def test_a_schema_that_is_none_is_refused_and_no_job_begun(hosted: House) -> None:
    words, _ = await hosted.refused("start_background", input="x", schema={"type": "bogus"})
    assert "not a valid JSON Schema" in words
    assert (await hosted.call("poll"))["jobs"] == []


async def test_a_dry_run_starts_nothing(hosted: House, up: StatefulUpstream) -> None:
    shown = await hosted.call("start_background", input="x", dry_run=True)
    assert shown["request"]["background"] is True
    assert up.posts() == []


@pytest.mark.engine
async def test_the_embedded_engine_works_in_the_background(embedded: House) -> None:
    job = await embedded.call("start_background", input="Name a colour.", max_output_tokens=10)
    ended = await embedded.collect(job["job_id"])
    assert ended["status"] in ("completed", "incomplete")
    assert ended["result"]["text"]
