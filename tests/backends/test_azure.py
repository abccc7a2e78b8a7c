"""Azure OpenAI through every tool: deployments, files for another purpose, images inline, and all that is its own."""

import json
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.backends.azure import DEPLOYMENT, EMBEDDINGS, HEADERS, KEY, AzureUpstream, variables
from tests.backends.cloud import ROUTE, said
from tests.files import made
from tests.serving import House, house, told
from tests.tools.test_file_ask import pdf
from tests.upstream import serving
from tests.upstream_shapes import function_call

SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
WEATHER = {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}}


@pytest.fixture
async def up() -> AsyncGenerator[AzureUpstream]:
    """A resource with two deployments."""
    async with serving(AzureUpstream()) as upstream:
        yield upstream


@pytest.fixture
async def hosted(up: AzureUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[House]:
    """The server of somebody with the resource's key, who has an account at OpenAI too."""
    for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, "mine-at-openai")
    async with house(told(tmp_path, **variables(up.base_url))) as served:
        yield served


async def test_a_deployment_is_asked_by_its_name_and_answers_under_its_models(hosted: House, up: AzureUpstream) -> None:
    done = await hosted.call("generate", input="Hi")
    (request,) = up.requests
    assert request.path == f"{ROUTE}/responses"
    assert request.query == {}
    assert KEY in (request.headers.get("api-key"), request.headers.get("authorization", "").removeprefix("Bearer "))
    assert not [name for name in request.headers if name.startswith("openai-")]
    assert request.json["model"] == DEPLOYMENT
    assert done["model"] == "gpt-5.4-2026-03-05"


@pytest.mark.parametrize(
    "pasted", ["", "/", "/openai", "/openai/v1/", "/openai/responses?api-version=2025-04-01-preview"]
)
async def test_the_endpoint_may_be_pasted_as_any_page_shows_it(up: AzureUpstream, tmp_path: Path, pasted: str) -> None:
    given = variables(up.base_url)
    given["AZURE_OPENAI_ENDPOINT"] += pasted
    async with house(told(tmp_path, **given)) as served:
        assert (await served.call("generate", input="Hi"))["text"] == "Turn 1: Hi"
    assert [(request.path, request.query) for request in up.requests] == [(f"{ROUTE}/responses", {})]


async def test_a_deployment_that_is_not_there_is_told_and_the_session_goes_on(hosted: House, up: AzureUpstream) -> None:
    first = await hosted.call("generate", input="Hi", session="s")
    words, told_of = await hosted.refused("generate", input="Hi", session="s", model="gpt-5.4")
    assert "deployment" in words
    assert (told_of["code"], told_of["http_status"], told_of["retryable"]) == ("not_found", 404, False)
    assert told_of["request_id"] == "9c5f1d2e-azure"
    done = await hosted.call("generate", input="Go on.", session="s")
    # The 404 was about the deployment: what was kept is still there to be continued.
    assert up.posts()[-1].json["previous_response_id"] == first["response_id"]
    assert "warnings" not in done


async def test_without_a_deployment_the_list_of_models_is_not_taken_for_one(up: AzureUpstream, tmp_path: Path) -> None:
    given = {name: value for name, value in variables(up.base_url).items() if "DEPLOYMENT" not in name}
    async with house(told(tmp_path, **given)) as served:
        words, told_of = await served.refused("generate", input="Hi")
    assert "RESPONSES_MCP_MODEL" in words or "AZURE_OPENAI_DEPLOYMENT_NAME" in words
    assert told_of["outcome"] == "not_sent"
    assert up.posts() == []


async def test_only_the_deployment_is_offered_as_a_model(hosted: House, up: AzureUpstream) -> None:
    listed = (await hosted.client.read_resource("models://list")).model_dump_json()
    assert DEPLOYMENT in listed
    assert "gpt-6-sol" not in listed


async def test_tools_that_the_service_runs_go_out_and_others_are_refused(hosted: House, up: AzureUpstream) -> None:
    await hosted.call("generate", input="News?", tools=[{"type": "web_search"}])
    words, told_of = await hosted.refused("generate", input="Add.", tools=[{"type": "apply_patch"}])
    assert "apply_patch" in words
    assert told_of["outcome"] == "not_sent"
    assert len(up.posts()) == 1


async def test_a_prompt_that_the_filter_stops_is_told_as_that(hosted: House, up: AzureUpstream) -> None:
    inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": {"violence": {"filtered": True}}}
    words = "The response was filtered due to the prompt triggering the content management policy."
    body = {"message": words, "type": None, "param": "prompt", "code": "content_filter", "innererror": inner}
    up.on("POST", "/v1/responses", said(400, {"error": body}, HEADERS))
    _, told_of = await hosted.refused("generate", input="Hm.")
    assert (told_of["code"], told_of["retryable"], told_of["attempts"]) == ("content_filter", False, 1)


async def test_a_session_is_chained_and_compacted_by_the_service(hosted: House, up: AzureUpstream) -> None:
    await hosted.call("generate", input="One", session="s")
    await hosted.call("generate", input="Two", session="s")
    done = await hosted.call("sessions", action="compact", session="s")
    assert done["compaction"]["status"] == "completed"
    assert [len(post.json["input"]) for post in up.posts()] == [1, 1]
    (compacted,) = up.posts("/v1/responses/compact")
    assert compacted.json["model"] == DEPLOYMENT
    await hosted.call("generate", input="Three", session="s")
    assert [item.get("type") for item in up.posts()[-1].json["input"]][1] == "compaction"


async def test_a_conversation_is_kept_by_the_service(hosted: House, up: AzureUpstream) -> None:
    up.conversations["conv_1"] = []
    done = await hosted.call("generate", input="Hi", options={"conversation": "conv_1"})
    assert done["text"] == "Turn 1: Hi"
    assert len(up.conversations["conv_1"]) == 2


async def test_a_function_is_called_and_answered(hosted: House, up: AzureUpstream) -> None:
    up.say([function_call("weather", "{}")], "Rain.")
    asked = await hosted.call("generate", input="Weather?", session="s", tools=[WEATHER])
    outputs = [{"call_id": asked["tool_calls"][0]["call_id"], "output": "rain"}]
    done = await hosted.call("generate", tool_outputs=outputs, session="s", tools=[WEATHER])
    assert done["text"] == "Rain."


async def test_a_schema_is_enforced_by_the_service(hosted: House, up: AzureUpstream) -> None:
    done = await hosted.call("structured_extract", input="Who?", schema=SCHEMA)
    assert (done["outcome"], done["data"]) == ("ok", {"name": "x"})
    assert up.posts()[0].json["text"]["format"]["strict"] is True


async def test_a_pdf_is_uploaded_for_assistants_once(hosted: House, up: AzureUpstream) -> None:
    pdf(hosted, "policy.pdf", "Page one")
    first, second = [await hosted.call("file_ask", question=q, files=["policy.pdf"]) for q in ("What?", "And?")]
    (upload,) = up.posts("/v1/files")
    assert b"assistants" in upload.content
    assert first["files"][0]["sent_as"] == "file_id"
    assert first["files"][0]["file_id"] == second["files"][0]["file_id"]
    part = up.posts()[1].json["input"][0]["content"][0]
    assert part == {"type": "input_file", "file_id": first["files"][0]["file_id"]}


async def test_an_image_goes_inline_and_an_office_document_as_text(hosted: House, up: AzureUpstream) -> None:
    root = hosted.app.roots.folders[0]
    (root / "a.png").write_bytes(made.picture("PNG"))
    (root / "plan.docx").write_bytes(made.docx("Plan", "We meet on Monday."))
    done = await hosted.call("file_ask", question="When?", files=["a.png", "plan.docx"])
    assert [file["sent_as"] for file in done["files"]] == ["inline", "text"]
    image, plan, _ = up.posts()[0].json["input"][0]["content"]
    assert image["image_url"].startswith("data:image/png;base64,")
    assert "We meet on Monday." in plan["text"]
    assert up.files == {}


async def test_a_folder_is_searched_in_a_vector_store_of_the_service(hosted: House, up: AzureUpstream) -> None:
    docs = hosted.app.roots.folders[0]
    (docs / "trains.md").write_text("The night train leaves at ten.\n", "utf-8")
    done = await hosted.call("vector_search", store="notes", paths=[str(docs)], query="night train", answer=True)
    assert done["results"][0]["filename"] == "trains.md"
    assert len(up.stores) == 1
    assert [tool["type"] for tool in up.posts()[0].json.get("tools", ())] in (["file_search"], [])
    assert done["text"].startswith("Turn 1")


async def test_background_work_is_the_services_own_and_can_be_cancelled(hosted: House, up: AzureUpstream) -> None:
    job = await hosted.call("start_background", input="Think hard.")
    ended = await hosted.collect(job["job_id"])
    assert ended["result"]["text"] == "Turn 1: Think hard."
    assert up.posts()[0].json["background"] is True
    again = await hosted.call("start_background", input="Think again.")
    (stopped,) = (await hosted.call("cancel", ids=[again["job_id"]]))["jobs"]
    assert stopped["status"] in ("cancelled", "completed")


async def test_what_cannot_be_counted_upstream_is_left_out_of_a_dry_run(hosted: House, up: AzureUpstream) -> None:
    shown = await hosted.call("generate", input="Hi", dry_run=True)
    assert shown["request"]["model"] == DEPLOYMENT
    assert "input_tokens" not in shown
    assert up.posts() == []
    before = len(up.requests)
    await hosted.call("generate", input="Hi", dry_run=True)
    # Learned once: the endpoint that is not there is not asked again.
    assert len(up.requests) == before <= 1


async def test_everything_that_was_made_is_cleaned_up(hosted: House, up: AzureUpstream) -> None:
    pdf(hosted, "policy.pdf", "Page one")
    (hosted.app.roots.folders[0] / "a.md").write_text("Alpha.", "utf-8")
    await hosted.call("generate", input="One", session="s")
    await hosted.call("file_ask", question="What?", files=["policy.pdf"])
    await hosted.call("vector_search", store="notes", paths=["a.md"])
    done = await hosted.call("cleanup", all=True, confirm=True, dry_run=False)
    assert set(done["counts"]) == {"deleted"}
    assert (up.kept(), up.files, up.stores) == (set(), {}, {})


async def test_a_key_of_no_use_is_told_and_not_shown(up: AzureUpstream, tmp_path: Path) -> None:
    given = variables(up.base_url) | {"AZURE_OPENAI_API_KEY": "fedcba9876543210fedcba9876543210"}
    async with house(told(tmp_path, **given)) as served:
        words, told_of = await served.refused("generate", input="Hi")
    assert (told_of["code"], told_of["http_status"], told_of["attempts"]) == ("auth", 401, 1)
    assert "key" in words
    assert "fedcba" not in words


async def test_a_deployment_that_embeds_can_be_named_for_the_index_here(up: AzureUpstream, tmp_path: Path) -> None:
    up.deployments[EMBEDDINGS] = "text-embedding-3-small"
    given = variables(up.base_url) | {"RESPONSES_MCP_EMBEDDING_MODEL": EMBEDDINGS}
    async with house(told(tmp_path, **given)) as served:
        vectors = await served.app.backend.embed(["night train"])
    assert len(vectors) == 1
    assert up.posts("/v1/embeddings")[0].json["model"] == EMBEDDINGS


async def test_a_schema_that_is_not_enforced_is_still_checked(hosted: House, up: AzureUpstream) -> None:
    up.say(json.dumps({"name": 1}), json.dumps({"name": "Maya"}))
    done = await hosted.call("structured_extract", input="Who?", schema=SCHEMA)
    assert (done["outcome"], done["attempts"]) == ("ok", 2)
