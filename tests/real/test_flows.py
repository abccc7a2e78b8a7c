"""The same flows on every real server: done natively where ``Real.native`` says so, and by the fallback elsewhere."""

import anyio
import pytest

from tests.real.servers import Real
from tests.real.tap import Tap
from tests.serving import House
from tests.tools.test_file_ask import pdf, put

SHORT = {"max_output_tokens": 24}
COMPATIBLE = ["fastresponses", "llama.cpp", "litellm", "ogx"]
ENDED = ("completed", "incomplete")
CAPABILITIES = frozenset({"chain", "stored", "retrieve", "delete", "conversations", "compact", "background"}) | {
    *("files", "vector_stores", "input_tokens")
}
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string", "enum": ["Oslo", "Rome"]}},
    "required": ["city"],
}


@pytest.mark.parametrize("real", COMPATIBLE, indirect=True)
async def test_the_server_is_known_for_what_it_is(at_real: House, real: Real) -> None:
    await at_real.call("generate", input="Say hi.", **SHORT)
    assert at_real.app.backend.observed.find("server") == real.known_as
    profile = at_real.app.backend.profile
    assert {name for name in CAPABILITIES if getattr(profile, name)} == real.native & CAPABILITIES


async def test_an_answer_comes_with_what_it_took(at_real: House, tap: Tap) -> None:
    done = await at_real.call("generate", input="Say hi.", instructions="Be brief.", **SHORT)
    assert done["status"] in ENDED
    assert done["text"]
    assert done["usage"]["input_tokens"] > 0
    assert 0 < done["usage"]["output_tokens"] <= SHORT["max_output_tokens"]
    assert len(tap.bodies()) == 1


async def test_each_turn_of_a_session_reads_all_turns_before_it(at_real: House, real: Real, tap: Tap) -> None:
    texts = ("I am Ann and I live in Oslo.", "My dog is called Rex.", "Who am I?")
    turns = [await at_real.call("generate", input=text, session="s", **SHORT) for text in texts]
    read = [turn["usage"]["input_tokens"] for turn in turns]
    # What the server says it read: a chain that it ignored in silence would stay as short as its first turn.
    assert read[0] + turns[0]["usage"]["output_tokens"] < read[1]
    assert read[1] + turns[1]["usage"]["output_tokens"] < read[2]
    bodies = tap.bodies()
    assert len(bodies) == 3
    if "chain" in real.native:
        assert [body.get("previous_response_id") for body in bodies] == [None, *(t["response_id"] for t in turns[:2])]
        assert str(bodies[2]["input"]).count("Ann") == 0
    else:
        assert not [body for body in bodies if "previous_response_id" in body]
        said = str(bodies[2]["input"])
        assert [text in said for text in texts] == [True] * 3
        assert turns[0]["text"][:10] in bodies[2]["input"][1]["content"][0]["text"]


async def test_data_is_valid_however_the_server_takes_a_schema(at_real: House, real: Real, tap: Tap) -> None:
    done = await at_real.call("structured_extract", input="I live in Oslo.", schema=CITY, max_output_tokens=60)
    body = tap.bodies()[0]
    assert (body.get("response_format") or body["text"]["format"])["type"] == "json_schema"
    if "json_schema" in real.native:
        assert done["outcome"] == "ok"
        assert done["data"]["city"] in ("Oslo", "Rome")
        assert len(tap.bodies()) == done["attempts"] == 1
    else:
        # It echoes the schema and says what it likes; a model this small rarely mends that.
        assert ("data" in done) is (done["outcome"] == "ok")


async def test_a_file_is_asked_about_by_its_text(at_real: House, tap: Tap) -> None:
    put(at_real, "notes.md", "# Notes\nThe key is under the mat.\n")
    done = await at_real.call("file_ask", question="Where is the key?", files=["notes.md"], **SHORT)
    assert done["status"] in ENDED
    assert [one["sent_as"] for one in done["files"]] == ["text"]
    assert "The key is under the mat." in str(tap.bodies()[-1]["input"])


@pytest.mark.parametrize("real", COMPATIBLE, indirect=True)
async def test_a_pdf_is_asked_about_by_its_text_where_nobody_reads_pdf(at_real: House, tap: Tap) -> None:
    pdf(at_real, "policy.pdf", "The harbour opens at seven.")
    done = await at_real.call("file_ask", question="When does the harbour open?", files=["policy.pdf"], **SHORT)
    assert done["status"] in ENDED
    assert [one["sent_as"] for one in done["files"]] == ["text"]
    assert "The harbour opens at seven." in str(tap.bodies()[-1]["input"])


async def test_a_folder_is_searched(at_real: House, real: Real, tap: Tap) -> None:
    notes, trains = (put(at_real, name, text) for name, text in TEXTS.items())
    done = await at_real.call("vector_search", store="notes", paths=[str(notes), str(trains)], query="tomato plants")
    assert done["index"]["added"] == 2
    assert done["index"]["failed"] == []
    assert done["results"][0]["path"] == str(notes)
    assert "Tomatoes" in done["results"][0]["text"]
    hosted = [request.path for request in tap.requests if "/vector_stores/" in request.path]
    assert bool(hosted) is ("vector_stores" in real.native)
    trains.unlink()
    again = await at_real.call("vector_search", store="notes", paths=[str(notes), str(trains)], query="night train")
    assert again["index"]["removed"] == 1
    assert str(trains) not in [one.get("path") for one in again["results"]]


TEXTS = {
    "garden.md": "# Garden\n\nTomatoes want sun and water.\nPrune them in June.\n",
    "trains.md": "# Trains\n\nThe night train leaves at ten.\nTickets are sold on board.\n",
}


async def test_work_goes_on_in_the_background_and_is_collected(at_real: House, real: Real, tap: Tap) -> None:
    begun = await at_real.call("start_background", input="Say hi.", **SHORT)
    assert begun["status"] in ("queued", "in_progress")
    ended = await at_real.collect(begun["job_id"])
    assert ended["status"] in ENDED
    assert ended["result"]["text"]
    (body,) = tap.bodies()
    assert ("background" in body) is ("background" in real.native)


async def test_background_work_is_stopped_where_it_runs(at_real: House, real: Real, tap: Tap) -> None:
    begun = await at_real.call("start_background", input="Write a very long story.", max_output_tokens=4000)
    asked = await tap.asked()
    (done,) = (await at_real.call("cancel", ids=[begun["job_id"]]))["jobs"]
    assert done["status"] == "cancelled"
    if "background" in real.native:
        response_id = (await at_real.collect(begun["job_id"]))["response_id"]
        assert [path for method, path, _ in tap.seen() if method == "POST"][-1] == f"/v1/responses/{response_id}/cancel"
    else:
        with anyio.fail_after(10):
            await asked.abandoned.wait()


async def test_what_was_made_is_cleaned_up(at_real: House, real: Real, tap: Tap) -> None:
    first = await at_real.call("generate", input="Say hi.", session="s", **SHORT)
    await at_real.call("vector_search", store="notes", paths=[str(put(at_real, "a.md", TEXTS["garden.md"]))])
    done = await at_real.call("cleanup", all=True, confirm=True, dry_run=False)
    assert [one for one in done["items"] if one.get("error")] == []
    gone = [request.path for request, status in tap.passed if request.method == "DELETE" and status == 200]
    assert (f"/v1/responses/{first['response_id']}" in gone) is ("delete" in real.native)
    assert bool([path for path in gone if "/vector_stores/" in path]) is ("vector_stores" in real.native)
    again = await at_real.call("cleanup", all=True)
    assert again["items"] == []


async def test_a_session_is_compacted_and_goes_on(at_real: House, real: Real, tap: Tap) -> None:
    for text in ("I am Ann and I live in Oslo.", "My dog is called Rex."):
        await at_real.call("generate", input=text, session="s", **SHORT)
    result = await at_real.result("sessions", action="compact", session="s")
    if result.is_error:
        # A model that finds no end writes on until its context is full; LiteLLM tells that as an outage.
        assert result.meta is not None
        assert result.meta["responses-mcp/error"]["code"] in ("context_length", "upstream_unavailable")
        status = "failed"
    else:
        status = (result.structured_content or {})["compaction"]["status"]
        assert status in ENDED
        assert bool(tap.bodies("/v1/responses/compact")) is ("compact" in real.native)
    after = await at_real.call("generate", input="Who am I?", session="s", **SHORT)
    assert after["status"] in ENDED
    body = tap.bodies()[-1]
    assert "previous_response_id" not in body
    if "compact" in real.native:
        assert "compaction" in [item.get("type") for item in body["input"]]
    else:
        # The summary and the question; or all five, where the summary did not come to its end.
        assert len(body["input"]) == (2 if status == "completed" else 5)


async def test_a_dry_run_sends_nothing_that_generates(at_real: House, real: Real, tap: Tap) -> None:
    shown = await at_real.call("generate", input="Say hi.", dry_run=True)
    assert tap.bodies() == []
    counted = [request for request, status in tap.passed if request.path.endswith("/input_tokens") and status == 200]
    assert bool(counted) is ("input_tokens" in real.native)
    assert shown


async def test_a_response_that_nobody_has_is_not_gone_on_from(at_real: House, tap: Tap) -> None:
    words, error = await at_real.refused("generate", input="Go on.", previous_response_id="resp_nobody_has", **SHORT)
    assert "resp_nobody_has" in words
    assert error["code"] in ("not_found", "previous_response_not_found", "unsupported", "invalid_request")
    assert error["retryable"] is False


@pytest.mark.parametrize("real", ["litellm", "ogx"], indirect=True)
async def test_a_model_that_is_not_there_is_said_in_one_sentence(at_real: House, real: Real) -> None:
    words, error = await at_real.refused("generate", input="Say hi.", model="no-such-model", **SHORT)
    assert "no-such-model" in words
    assert "\n" not in words
    assert error["code"] in ("not_found", "invalid_request", "model_not_found")
    assert error["retryable"] is False
