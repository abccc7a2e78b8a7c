"""The Bedrock cookbook from its first cell to its last, as a user of Bedrock runs it: Mantle checks every request.

Most examples ask no more of a server than POST /responses, so the tests that ``tests/seeds`` has of them for OpenAI are
collected here once more. What the notebook does beside that, and what Mantle has to fall back for, follows below.
"""

import json
from collections.abc import AsyncGenerator
from pathlib import Path

import anyio
import pytest

from tests.backends.cloud import ROUTE
from tests.backends.mantle import MODEL, TOKEN, MantleUpstream, variables
from tests.seeds.cookbook import ASKED, UNKEPT, answers, counted, name_of, printed, sent, tokens, user
from tests.seeds.test_cookbook_caching import (  # noqa: F401 - collected once more
    test_the_cache_is_kept_as_long_as_the_model_can_keep_it,
    test_two_requests_with_one_key_are_alike_to_the_letter,
    test_what_was_read_from_the_cache_is_told_in_both_places,
    test_without_a_key_one_is_made_that_holds_no_words_of_the_user,
)
from tests.seeds.test_cookbook_json import (  # noqa: F401 - collected once more
    FORMAT,
    ON_PAGE,
    QUESTION,
    READ,
    TICKET,
    TRIAGE,
    inline,
    put_pdf,
    test_a_pdf_given_inline_goes_as_it_is_and_answers_in_json,
    test_an_answer_of_that_form_comes_back_as_data,
    test_json_mode_asks_for_an_object_of_any_form,
    test_verbosity_is_set_for_each_request_by_itself,
)
from tests.seeds.test_cookbook_requests import (  # noqa: F401 - collected once more
    LATE,
    test_a_token_that_expired_is_an_error_with_status_and_request_id,
    test_kept_responses_are_cleaned_up_and_a_token_that_expired_is_told,
    test_low_effort_goes_out_and_its_reasoning_is_counted_but_not_shown,
    test_the_text_can_be_read_while_it_is_being_written,
    test_the_text_of_a_plain_request_stands_in_both_places,
    test_tier_effort_and_cache_key_travel_with_the_input,
)
from tests.seeds.test_cookbook_state import (  # noqa: F401 - collected once more
    CASE,
    FOLLOW_UP,
    NOTED,
    test_a_history_that_the_application_keeps_goes_as_it_is,
    test_reasoning_travels_encrypted_and_is_shown_to_nobody,
)
from tests.seeds.test_cookbook_tools import (  # noqa: F401 - collected once more
    test_a_custom_tool_takes_free_text_and_answers_in_free_text,
    test_a_function_call_is_answered_from_the_application,
    test_several_calls_of_one_answer_are_answered_together,
)
from tests.serving import Era, House, house, told
from tests.upstream import serving
from tests.upstream_shapes import message


@pytest.fixture
async def up() -> AsyncGenerator[MantleUpstream]:
    """Mantle, in place of OpenAI."""
    async with serving(MantleUpstream()) as upstream:
        yield upstream


@pytest.fixture
async def hosted(
    up: MantleUpstream, era: Era, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[House]:
    """The server of somebody who has the notebook's four variables set, and those of an OpenAI account beside them."""
    for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, "mine-at-openai")
    async with house(told(tmp_path, **variables(up.base_url)), era) as served:
        yield served


async def test_a_tiny_request_shows_that_token_model_and_endpoint_work(hosted: House, up: MantleUpstream) -> None:
    answers(up, printed(message("ok"), tokens=(162, 5)))
    done = await hosted.call("generate", input="Say just: ok", store=False, max_output_tokens=1024)
    (request,) = up.requests
    assert request.path == f"{ROUTE}/responses"
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert not [name for name in request.headers if name.startswith("openai-")]
    assert sent(request) == {**ASKED, **UNKEPT, "input": [user("Say just: ok")]}
    assert (done["status"], done["text"], done["model"]) == ("completed", "ok", MODEL)
    assert tokens(done) == counted(162, 5)


async def test_without_a_list_of_models_there_is_still_the_one_that_was_set(hosted: House, up: MantleUpstream) -> None:
    listed = await hosted.client.read_resource("models://list")
    assert MODEL in listed.model_dump_json()


async def test_a_request_can_be_looked_at_and_measured_before_it_is_sent(hosted: House, up: MantleUpstream) -> None:
    shown = await hosted.result("generate", input=LATE, store=False, dry_run=True, **ASKED)
    assert up.posts() == []
    assert TOKEN not in shown.model_dump_json()
    await hosted.call("generate", input=LATE, store=False, **ASKED)
    assert shown.structured_content is not None
    assert shown.structured_content["request"] == up.posts()[0].json
    # Mantle counts no tokens, and nobody else's count stands in for its.
    assert "input_tokens" not in shown.structured_content


async def test_a_kept_response_is_created_retrieved_and_deleted(hosted: House, up: MantleUpstream) -> None:
    made = await hosted.call("generate", input="Plan a help desk.", store=True, **ASKED)
    assert up.kept() == {made["response_id"]}
    (job,) = (await hosted.call("poll", ids=[made["response_id"]]))["jobs"]
    assert job["result"] == made
    done = await hosted.call("cleanup", ids=[made["response_id"]], kinds=["responses"], dry_run=False)
    assert [(item["id"], item["status"]) for item in done["items"]] == [(made["response_id"], "deleted")]
    assert up.kept() == set()


async def test_a_triage_of_a_pdf_on_disk_goes_inline_because_there_is_no_place_for_files(
    hosted: House, up: MantleUpstream
) -> None:
    path = put_pdf(hosted)
    up.say(json.dumps(ON_PAGE))
    done = await hosted.call("file_ask", question=QUESTION, files=["talk.pdf"], store=False, **ASKED)
    (file,) = done["files"]
    assert (file["sent_as"], file["bytes"]) == ("inline", path.stat().st_size)
    assert sent(up.posts()[0])["input"] == inline(path)
    assert json.loads(done["text"]) == ON_PAGE
    assert {request.path for request in up.requests} == {f"{ROUTE}/responses"}


async def test_fields_of_a_pdf_and_a_ticket_come_back_as_data_that_the_service_has_enforced(
    hosted: House, up: MantleUpstream
) -> None:
    put_pdf(hosted)
    up.say(json.dumps(READ))
    done = await hosted.call(
        "structured_extract",
        input=TICKET,
        files=["talk.pdf"],
        schema=TRIAGE,
        schema_name="triage",
        store=False,
        **ASKED,
    )
    assert sent(up.posts()[0])["text"] == {"format": FORMAT}
    assert (done["outcome"], done["data"], done["attempts"]) == ("ok", READ, 1)


async def test_a_follow_up_names_the_kept_response_and_the_model_again(hosted: House, up: MantleUpstream) -> None:
    first = await hosted.call("generate", input=CASE, store=True, **ASKED)
    done = await hosted.call("generate", input=FOLLOW_UP, previous_response_id=first["response_id"], store=False)
    assert done["text"] == f"Turn 2: {FOLLOW_UP}"
    body = up.posts()[1].json
    assert (body["model"], body["previous_response_id"]) == (MODEL, first["response_id"])
    assert body["input"] == [user(FOLLOW_UP)]


async def test_a_session_whose_last_response_is_gone_is_sent_again_whole(hosted: House, up: MantleUpstream) -> None:
    first = await hosted.call("generate", input=CASE, session="T-480")
    up.forget(first["response_id"])
    # Bedrock answers an id that it cannot find with 404, wherever it stands: OpenAI has a 400 of its own for it.
    done = await hosted.call("generate", input=FOLLOW_UP, session="T-480")
    assert done["text"] == f"Turn 2: {FOLLOW_UP}"
    assert "sent again" in done["warnings"][0]
    chained, replayed = (post.json for post in up.posts()[1:])
    assert chained["previous_response_id"] == first["response_id"]
    assert "previous_response_id" not in replayed
    again = await hosted.call("generate", input="Thanks.", session="T-480")
    assert again["text"] == "Turn 3: Thanks."
    assert up.posts()[-1].json["previous_response_id"] == done["response_id"]


async def test_background_work_is_the_services_own_and_is_polled_to_its_end(hosted: House, up: MantleUpstream) -> None:
    up.say("theme: late parcels\nrisk: trust\nnext action: call the depot")
    job = await hosted.call("start_background", input="Sum up the week for the lead.", **ASKED)
    assert job["status"] in ("queued", "in_progress")
    ended = await hosted.collect(job["job_id"])
    body = up.posts()[0].json
    assert (body["background"], body["store"]) == (True, True)
    assert ended["status"] == "completed"
    assert ended["result"]["text"].startswith("theme: late parcels")
    assert up.kept() == {ended["result"]["response_id"]}


async def test_background_work_can_be_cancelled(hosted: House, up: MantleUpstream) -> None:
    job = await hosted.call("start_background", input="Sum up the year.", **ASKED)
    with anyio.fail_after(20):
        await up.arrived(1)
    (ended,) = (await hosted.call("cancel", ids=[job["job_id"]]))["jobs"]
    assert ended["status"] in ("cancelled", "completed")
    assert (await hosted.collect(job["job_id"]))["status"] == ended["status"]


async def test_a_long_conversation_is_compacted_into_a_note_that_the_model_writes(
    hosted: House, up: MantleUpstream
) -> None:
    up.say("Understood.", json.dumps(NOTED))
    await hosted.call("generate", input=CASE, session="T-480")
    done = await hosted.call("sessions", action="compact", session="T-480")
    assert done["compaction"]["status"] == "completed"
    asked = up.posts()[1].json["input"][-1]["content"]
    assert all(word in asked for word in ("facts", "open questions", "constraints", "next actions"))
    await hosted.call("generate", input=FOLLOW_UP, session="T-480")
    note, question = up.posts()[2].json["input"]
    assert json.dumps(NOTED) in note["content"]
    assert question == user(FOLLOW_UP)
    assert up.posts("/v1/responses/compact") == []


async def test_at_the_end_of_the_notebook_everything_it_kept_is_deleted(hosted: House, up: MantleUpstream) -> None:
    made = [(await hosted.call("generate", input=CASE, session="T-480"))["response_id"] for _ in range(2)]
    job = await hosted.call("start_background", input="Sum up the week.")
    made.append((await hosted.collect(job["job_id"]))["result"]["response_id"])
    assert up.kept() == set(made)
    done = await hosted.call("cleanup", all=True, confirm=True, dry_run=False)
    assert {item["id"] for item in done["items"] if item["kind"] == "responses"} == set(made)
    assert set(done["counts"]) == {"deleted"}
    assert up.kept() == set()
    assert name_of(1) not in made
