"""Bedrock's two endpoints through every tool: what works, what falls back, what is refused and in which words."""

import asyncio
import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.backends import mantle, runtime
from tests.backends.bedrock import BedrockUpstream
from tests.backends.cloud import ROUTE
from tests.backends.mantle import OLD, MantleUpstream
from tests.backends.runtime import PROFILE, RuntimeUpstream
from tests.files import made
from tests.seeds.cookbook import POLICY
from tests.serving import House, house, told
from tests.upstream import serving
from tests.upstream_shapes import function_call

SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
WEATHER = {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}}


@pytest.fixture(params=["mantle", "runtime"])
async def up(request: pytest.FixtureRequest) -> AsyncGenerator[BedrockUpstream]:
    """Each of the two endpoints; a test of one of them names it."""
    async with serving(MantleUpstream() if request.param == "mantle" else RuntimeUpstream()) as upstream:
        yield upstream


@pytest.fixture
def given(up: BedrockUpstream) -> dict[str, str]:
    """The variables of its user."""
    return (mantle if isinstance(up, MantleUpstream) else runtime).variables(up.base_url)


@pytest.fixture
async def hosted(given: dict[str, str], tmp_path: Path) -> AsyncGenerator[House]:
    """The server of its user."""
    async with house(told(tmp_path, **given)) as served:
        yield served


on_mantle = pytest.mark.parametrize("up", ["mantle"], indirect=True)
on_runtime = pytest.mark.parametrize("up", ["runtime"], indirect=True)


async def test_a_session_is_chained_and_says_nothing_twice(hosted: House, up: BedrockUpstream) -> None:
    for number in (1, 2, 3):
        done = await hosted.call("generate", input="Go on.", session="s")
        assert done["text"] == f"Turn {number}: Go on."
        assert "warnings" not in done
    assert [len(post.json["input"]) for post in up.posts()] == [1, 1, 1]
    assert [request.path for request in up.requests] == [f"{ROUTE}/responses"] * 3


async def test_a_function_is_called_and_answered(hosted: House, up: BedrockUpstream) -> None:
    up.say([function_call("weather", "{}")], "Rain.")
    asked = await hosted.call("generate", input="Weather?", session="s", tools=[WEATHER])
    outputs = [{"call_id": asked["tool_calls"][0]["call_id"], "output": "rain"}]
    done = await hosted.call("generate", tool_outputs=outputs, session="s", tools=[WEATHER])
    assert done["text"] == "Rain."
    assert up.posts()[1].json["previous_response_id"] == asked["response_id"]


async def test_a_schema_is_enforced_by_the_service(hosted: House, up: BedrockUpstream) -> None:
    done = await hosted.call("structured_extract", input="Who?", schema=SCHEMA)
    assert (done["outcome"], done["data"]) == ("ok", {"name": "x"})
    assert up.posts()[0].json["text"]["format"]["strict"] is True


async def test_an_image_goes_inline_and_text_as_text(hosted: House, up: BedrockUpstream) -> None:
    root = hosted.app.roots.folders[0]
    (root / "a.png").write_bytes(made.picture("PNG"))
    (root / "a.txt").write_text("The key is under the mat.", "utf-8")
    done = await hosted.call("file_ask", question="Where?", files=["a.png", "a.txt"])
    assert [file["sent_as"] for file in done["files"]] == ["inline", "text"]
    image, text, _ = up.posts()[0].json["input"][0]["content"]
    assert image["image_url"].startswith("data:image/png;base64,")
    assert "under the mat" in text["text"]


async def test_the_id_of_a_file_is_refused_because_there_are_none(hosted: House, up: BedrockUpstream) -> None:
    words, _ = await hosted.refused("file_ask", question="What?", files=["file-0123456789abcdef01234567"])
    assert "give a path" in words
    assert up.requests == []


async def test_what_keeps_an_upstream_conversation_is_refused_by_name(hosted: House, up: BedrockUpstream) -> None:
    words, told = await hosted.refused("generate", input="Hi", options={"conversation": "conv_1"})
    assert "conversation" in words
    assert told["outcome"] == "not_sent"
    assert up.requests == []


@on_mantle
@pytest.mark.engine
async def test_folders_are_searched_in_the_index_here(
    up: MantleUpstream, given: dict[str, str], tmp_path: Path, weights: Path
) -> None:
    (tmp_path / "models").symlink_to(weights)
    async with house(told(tmp_path, **given)) as served:
        docs = served.app.roots.folders[0]
        (docs / "garden.md").write_text("Tomatoes want sun.\n", "utf-8")
        (docs / "trains.md").write_text("The night train leaves at ten.\n", "utf-8")
        done = await served.call("vector_search", store="notes", paths=[str(docs)], query="night train", answer=True)
    assert done["results"][0]["filename"] == "trains.md"
    assert done["index"]["added"] == 2
    assert "night train leaves at ten" in json.dumps(up.posts()[0].json)
    assert {request.path for request in up.requests} == {f"{ROUTE}/responses"}


async def test_a_session_is_forked_and_compacted_by_a_summary(hosted: House, up: BedrockUpstream) -> None:
    await hosted.call("generate", input="One", session="s")
    await hosted.call("sessions", action="fork", session="s", to="t")
    up.say("Facts: one.")
    done = await hosted.call("sessions", action="compact", session="s")
    assert done["compaction"]["status"] == "completed"
    await hosted.call("generate", input="Two", session="s")
    assert "Facts: one." in up.posts()[-1].json["input"][0]["content"]
    assert (await hosted.call("generate", input="Two", session="t"))["text"] == "Turn 2: Two"
    assert {request.path for request in up.requests} == {f"{ROUTE}/responses"}


async def test_work_in_the_background_is_stopped(hosted: House, up: BedrockUpstream) -> None:
    up.pause = asyncio.Event()
    job = await hosted.call("start_background", input="Think hard.")
    with anyio.fail_after(20):
        await up.arrived(1)
    await hosted.call("cancel", ids=[job["job_id"]])
    assert (await hosted.collect(job["job_id"]))["status"] == "cancelled"
    up.pause.set()


async def test_an_id_that_is_gone_is_told_by_poll_and_skipped_by_cleanup(hosted: House, up: BedrockUpstream) -> None:
    kept = (await hosted.call("generate", input="Hi"))["response_id"]
    up.forget(kept)
    done = await hosted.call("cleanup", ids=[kept], kinds=["responses"], dry_run=False)
    assert [item["status"] for item in done["items"]] == ["already_gone"]


async def test_a_token_of_no_use_is_told_and_not_shown(
    up: BedrockUpstream, given: dict[str, str], tmp_path: Path
) -> None:
    async with house(told(tmp_path, **{**given, "AWS_BEARER_TOKEN_BEDROCK": "expired-token-0123456789"})) as served:
        words, told_of = await served.refused("generate", input="Hi")
    assert (told_of["code"], told_of["http_status"], told_of["attempts"]) == ("auth", 401, 1)
    assert "key" in words
    assert "expired-token" not in words
    # Mantle names a request as OpenAI does, Runtime as AWS does.
    assert told_of["request_id"]


async def test_a_summary_of_reasoning_that_the_service_does_not_write_is_left_out_with_a_warning(
    hosted: House, up: BedrockUpstream
) -> None:
    asked: dict[str, Any] = {"input": "Why?", "options": {"reasoning": {"effort": "low", "summary": "auto"}}}
    done = await hosted.call("generate", **asked)
    assert up.posts()[-1].json["reasoning"] == {"effort": "low"}
    assert any("reasoning.summary" in warning for warning in done["warnings"])
    before = len(up.posts())
    await hosted.call("generate", **asked)
    # Learned once: it is not tried again.
    assert len(up.posts()) == before + 1


async def test_a_parameter_that_changes_the_answer_is_refused_and_not_left_out(
    up: BedrockUpstream, given: dict[str, str], tmp_path: Path
) -> None:
    model = "openai.gpt-5.6-sol" if isinstance(up, MantleUpstream) else PROFILE
    async with house(told(tmp_path, **given)) as served:
        words, told_of = await served.refused("generate", input="Hi", model=model, options={"top_p": 0.5})
    assert "top_p" in words
    assert told_of["retryable"] is False
    assert len(up.posts()) <= 1


async def test_a_tier_that_the_service_does_not_have_is_left_out_with_a_warning(
    hosted: House, up: BedrockUpstream
) -> None:
    done = await hosted.call("generate", input="Hi", options={"service_tier": "priority"})
    assert any("service_tier" in warning for warning in done["warnings"])
    assert "service_tier" not in up.posts()[-1].json


# Mantle


@on_mantle
@pytest.mark.parametrize("model", mantle.CATALOGUE)
async def test_every_model_takes_what_is_sent_to_it(hosted: House, up: MantleUpstream, model: str) -> None:
    asked = {"instructions": POLICY, "reasoning_effort": "low", "verbosity": "low", "model": model, "session": "s"}
    for number in (1, 2):
        done = await hosted.call("generate", input="Go on.", **asked)
        assert done["text"] == f"Turn {number}: Go on."
        assert "warnings" not in done
    assert len(up.posts()) <= 3


@on_mantle
async def test_a_retention_of_the_cache_that_the_model_does_not_have_is_refused_with_the_one_it_has(
    hosted: House, up: MantleUpstream
) -> None:
    wished = {"prompt_cache_retention": "in_memory"}
    words, _ = await hosted.refused("generate", input="Hi", model="openai.gpt-5.5", options=wished)
    assert '"24h"' in words
    assert up.posts() == []
    await hosted.call("generate", input="Hi", model="openai.gpt-5.5", options={"prompt_cache_retention": "24h"})
    assert up.posts()[0].json["prompt_cache_retention"] == "24h"


@on_mantle
async def test_another_process_finds_a_response_on_the_route_where_it_was_made(
    up: MantleUpstream, given: dict[str, str], tmp_path: Path
) -> None:
    async with house(told(tmp_path, **given)) as served:
        job = await served.call("start_background", input="Long", model="openai.gpt-oss-120b")
        with anyio.fail_after(20):
            await up.arrived(2)
    async with house(told(tmp_path, **given)) as served:
        ended = await served.collect(job["job_id"])
    assert ended["result"]["text"] == "Turn 1: Long"
    assert [post.path for post in up.posts()] == [f"{ROUTE}/responses", f"{OLD}/responses"]


@on_mantle
async def test_the_web_is_searched_by_the_service_and_nothing_else(hosted: House, up: MantleUpstream) -> None:
    await hosted.call("generate", input="News?", tools=[{"type": "web_search"}])
    assert up.posts()[0].json["tools"] == [{"type": "web_search"}]
    words, told_of = await hosted.refused(
        "generate", input="Add.", tools=[{"type": "code_interpreter", "container": {"type": "auto"}}]
    )
    assert "code_interpreter" in words
    assert told_of["outcome"] == "not_sent"
    assert len(up.posts()) == 1


@on_mantle
@pytest.mark.parametrize("model", ["openai.gpt-oss-120b", "openai.gpt-oss-20b"])
async def test_an_open_model_is_asked_on_the_route_where_it_stands(
    hosted: House, up: MantleUpstream, model: str
) -> None:
    first = await hosted.call("generate", input="One", session="s", model=model)
    done = await hosted.call("generate", input="Two", session="s", model=model)
    assert done["text"] == "Turn 2: Two"
    assert up.posts()[-1].path == f"{OLD}/responses"
    assert "warnings" not in done
    # What is found by its id is found where it was made.
    job = await hosted.call("start_background", input="Long", model=model)
    ended = await hosted.collect(job["job_id"])
    assert ended["status"] == "completed"
    gone = await hosted.call("cleanup", all=True, confirm=True, dry_run=False)
    assert set(gone["counts"]) == {"deleted"}
    assert up.kept() == set()
    assert first["model"] == model


@on_mantle
@pytest.mark.parametrize("model", ["openai.gpt-5.5", "openai.gpt-6-astra"])
async def test_the_wrong_route_is_left_for_the_right_one_and_remembered(
    up: MantleUpstream, tmp_path: Path, model: str
) -> None:
    # The base URL that AWS shows for most models is the older route, which refuses the newest in two wordings.
    given = mantle.variables(up.base_url) | {"BEDROCK_BASE_URL": up.base_url, "BEDROCK_MODEL": model}
    for _ in range(2):
        async with house(told(tmp_path, **given)) as served:
            done = await served.call("generate", input="Hi")
        assert done["text"] == "Turn 1: Hi"
    assert [post.path for post in up.posts()] == [f"{OLD}/responses", f"{ROUTE}/responses", f"{ROUTE}/responses"]


@on_mantle
async def test_a_model_that_is_nowhere_is_refused_and_the_session_goes_on(hosted: House, up: MantleUpstream) -> None:
    first = await hosted.call("generate", input="Hi", session="s")
    words, told_of = await hosted.refused("generate", input="Hi", session="s", model="openai.gpt-9")
    assert "openai.gpt-9" in words
    assert told_of["http_status"] == 404
    done = await hosted.call("generate", input="Go on.", session="s")
    # The 404 was about the model: what was kept is still there to be continued.
    assert up.posts()[-1].json["previous_response_id"] == first["response_id"]
    assert "warnings" not in done


@on_mantle
async def test_an_account_that_keeps_nothing_is_served_by_replay(hosted: House, up: MantleUpstream) -> None:
    up.retention = "none"
    for number in (1, 2):
        done = await hosted.call("generate", input="Go on.", session="s")
        assert done["text"] == f"Turn {number}: Go on."
    assert up.kept() == set()
    first, again, replayed = (post.json for post in up.posts())
    assert (first["store"], again.get("store", False)) == (True, False)
    assert len(replayed["input"]) == 3
    asked = await hosted.call("generate", input="Keep this.", store=True)
    assert any("store" in warning for warning in asked["warnings"])
    job = await hosted.call("start_background", input="Long")
    assert (await hosted.collect(job["job_id"]))["status"] == "completed"


@on_mantle
async def test_models_are_listed_where_the_account_may_list_them(hosted: House, up: MantleUpstream) -> None:
    up.lists_models = True
    listed = await hosted.client.read_resource("models://list")
    assert "openai.gpt-oss-120b" in listed.model_dump_json()


@on_mantle
@pytest.mark.parametrize("unset", [("BEDROCK_BASE_URL",), ("BEDROCK_BASE_URL", "AWS_REGION")])
async def test_without_a_base_url_it_is_mantle_in_the_region(
    given: dict[str, str], tmp_path: Path, unset: tuple[str, ...]
) -> None:
    async with house(told(tmp_path, **{name: value for name, value in given.items() if name not in unset})) as served:
        assert served.app.backend.address == f"https://bedrock-mantle.us-west-2.api.aws{ROUTE}"


# Runtime


@on_runtime
async def test_long_work_is_done_here_because_the_service_has_no_background(hosted: House, up: RuntimeUpstream) -> None:
    job = await hosted.call("start_background", input="Think hard.", session="s")
    ended = await hosted.collect(job["job_id"])
    assert ended["result"]["text"] == "Turn 1: Think hard."
    assert "background" not in up.posts()[0].json
    assert (await hosted.call("generate", input="More.", session="s"))["text"] == "Turn 2: More."
    assert len(up.posts()) == 2


@on_runtime
async def test_a_hosted_tool_is_refused_before_it_is_sent(hosted: House, up: RuntimeUpstream) -> None:
    words, told_of = await hosted.refused("generate", input="News?", tools=[{"type": "web_search"}])
    assert "web_search" in words
    assert told_of["outcome"] == "not_sent"
    assert up.requests == []


@on_runtime
async def test_a_model_that_is_no_inference_profile_is_refused_in_the_services_words(
    hosted: House, up: RuntimeUpstream
) -> None:
    words, told_of = await hosted.refused("generate", input="Hi", model="openai.gpt-5.6-sol")
    assert "inference profile" in words
    assert told_of["code"] == "not_found"
    assert len(up.posts()) == 1


@on_runtime
async def test_behind_an_address_of_ones_own_its_limits_are_learned(up: RuntimeUpstream, tmp_path: Path) -> None:
    given = runtime.variables(up.base_url) | {"BEDROCK_BASE_URL": up.route()}
    async with house(told(tmp_path, **given)) as served:
        job = await served.call("start_background", input="Think hard.")
        ended = await served.collect(job["job_id"])
        assert ended["status"] == "completed"
        again = await served.call("start_background", input="Think again.")
        assert (await served.collect(again["job_id"]))["status"] == "completed"
    assert ["background" in post.json for post in up.posts()] == [True, False, False]
