import json

import pytest

from tests.serving import House
from tests.upstream_answers import error, stream
from tests.upstream_shapes import events, function_call, refusal, response, text_events
from tests.upstream_state import StatefulUpstream

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string", "minLength": 2}, "age": {"type": "integer"}},
    "required": ["name"],
}


async def test_the_data_is_valid_against_the_callers_own_schema(hosted: House, up: StatefulUpstream) -> None:
    up.say('{"name": "Maya", "age": null}')
    done = await hosted.call("structured_extract", input="Maya writes", schema=PERSON)
    assert done["outcome"] == "ok"
    assert done["data"] == {"name": "Maya"}
    assert done["attempts"] == 1
    assert "text" not in done
    sent = up.posts()[0].json["text"]["format"]
    assert sent["type"] == "json_schema"
    assert sent["strict"] is True
    assert sent["schema"]["required"] == ["name", "age"]
    assert sent["schema"]["additionalProperties"] is False


async def test_the_text_is_the_data_as_json(hosted: House, up: StatefulUpstream) -> None:
    up.say('{"name": "Maya", "age": 3}')
    result = await hosted.result("structured_extract", input="Maya", schema=PERSON)
    text = result.content[0].text  # type: ignore[union-attr]
    assert json.loads(text.split("\n\n")[0]) == {"name": "Maya", "age": 3}


async def test_a_schema_that_is_no_object_is_wrapped_and_unwrapped(hosted: House, up: StatefulUpstream) -> None:
    up.say('{"result": [1, 2]}')
    done = await hosted.call("structured_extract", input="1 2", schema={"type": "array", "items": {"type": "integer"}})
    assert done["data"] == [1, 2]


async def test_data_that_is_null_is_there(hosted: House, up: StatefulUpstream) -> None:
    up.say('{"result": null}')
    done = await hosted.call("structured_extract", input="nothing", schema={"type": ["null", "string"]})
    assert done["outcome"] == "ok"
    assert done["data"] is None


async def test_an_invalid_answer_is_sent_back_with_its_errors(hosted: House, up: StatefulUpstream) -> None:
    up.say('{"name": "M", "age": null}', '{"name": "Maya", "age": null}')
    done = await hosted.call("structured_extract", input="M", schema=PERSON, session="s")
    assert done["outcome"] == "ok"
    assert done["attempts"] == 2
    first, second = (post.json for post in up.posts())
    assert second["previous_response_id"] != first.get("previous_response_id")
    assert "$.name" in second["input"][0]["content"]
    assert done["usage"]["output_tokens"] > 2
    turns = (await hosted.call("sessions", action="get", session="s"))["turns"]
    assert len(turns) == 2


async def test_without_store_a_repair_replays_the_invalid_answer(hosted: House, up: StatefulUpstream) -> None:
    up.say('{"name": "M", "age": null}', '{"name": "Maya", "age": null}')
    await hosted.call("structured_extract", input="M", schema=PERSON, store=False)
    sent = up.posts()[1].json
    assert "previous_response_id" not in sent
    assert [item.get("role") for item in sent["input"]] == ["user", "assistant", "user"]


async def test_an_answer_that_stays_invalid_comes_back_whole(hosted: House, up: StatefulUpstream) -> None:
    up.say('{"name": "M", "age": null}', "not even JSON")
    done = await hosted.call("structured_extract", input="M", schema=PERSON)
    assert done["outcome"] == "invalid"
    assert "data" in done or done["text"] == "not even JSON"
    assert done["errors"][0]["path"] == "$"
    assert done["attempts"] == 2
    assert done["response_id"]
    assert done["usage"]["total_tokens"] == sum(one["usage"]["total_tokens"] for one in up.responses.values())


async def test_an_answer_whose_repair_cannot_be_sent_is_shown_as_it_is(hosted: House, up: StatefulUpstream) -> None:
    up.on("POST", "/v1/responses", stream(text_events('{"name": 7}')), error(400, "The account was closed."))
    schema = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    result = await hosted.call("structured_extract", input="Maya", schema=schema)
    assert (result["outcome"], result["text"], result["attempts"]) == ("invalid", '{"name": 7}', 1)
    assert "could not be sent back for repair. The upstream refused" in result["warnings"][0]
    assert result["usage"]["total_tokens"] == 48


async def test_no_repair_is_made_when_none_is_wanted(hosted: House, up: StatefulUpstream) -> None:
    up.say("nonsense")
    done = await hosted.call("structured_extract", input="M", schema=PERSON, max_repairs=0)
    assert done["outcome"] == "invalid"
    assert len(up.posts()) == 1


async def test_a_refusal_and_a_tool_call_are_outcomes_of_their_own(hosted: House, up: StatefulUpstream) -> None:
    up.say([refusal("I will not.")], [function_call("order", "{}")])
    refused = await hosted.call("structured_extract", input="x", schema=PERSON)
    assert refused["outcome"] == "refusal"
    assert refused["refusal"] == "I will not."
    called = await hosted.call("structured_extract", input="x", schema=PERSON)
    assert called["outcome"] == "tool_call"
    assert called["tool_calls"]


async def test_a_cut_off_answer_is_incomplete(hosted: House, up: StatefulUpstream) -> None:
    cut = response('{"name": "Ma', status="incomplete", incomplete_details={"reason": "max_output_tokens"})
    up.on("POST", "/v1/responses", stream(events(cut)))
    done = await hosted.call("structured_extract", input="x", schema=PERSON)
    assert done["outcome"] == "incomplete"
    assert done["text"] == '{"name": "Ma'


async def test_a_named_schema_is_kept(hosted: House, up: StatefulUpstream) -> None:
    up.say('{"name": "Maya", "age": 1}', '{"name": "Noah", "age": 2}')
    await hosted.call("structured_extract", input="Maya", schema=PERSON, schema_name="person")
    again = await hosted.call("structured_extract", input="Noah", schema_name="person")
    assert again["data"] == {"name": "Noah", "age": 2}
    assert up.posts()[1].json["text"]["format"]["name"] == "person"
    words, _ = await hosted.refused("structured_extract", input="x", schema_name="unheard_of")
    assert "['person']" in words


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"input": "x"}, "schema: pass a JSON Schema"),
        ({"schema": PERSON}, "input: pass the text"),
        ({"input": "x", "schema": {"type": "nonsense"}}, "schema"),
        ({"input": "x", "schema": PERSON, "max_repairs": 9}, "max_repairs"),
        ({"input": "x", "schema": '{"type": "object"}'}, "schema"),
    ],
)
async def test_a_wrong_argument_is_named_and_nothing_is_sent(
    hosted: House, up: StatefulUpstream, arguments: dict[str, object], words: str
) -> None:
    said, error = await hosted.refused("structured_extract", **arguments)
    assert words in said
    assert error["code"] == "invalid_argument"
    assert up.posts() == []


async def test_a_schema_that_strict_mode_cannot_express_is_sent_as_it_is_with_a_warning(
    hosted: House, up: StatefulUpstream
) -> None:
    up.say('{"de": "Brot", "fr": "pain"}')
    words = {"type": "object", "additionalProperties": {"type": "string"}}
    done = await hosted.call("structured_extract", input="bread", schema=words)
    assert done["data"] == {"de": "Brot", "fr": "pain"}
    assert "strict mode cannot express" in done["warnings"][0]
    assert up.posts()[0].json["text"]["format"]["strict"] is False


async def test_a_dry_run_shows_the_strict_form(hosted: House, up: StatefulUpstream) -> None:
    shown = await hosted.call("structured_extract", input="x", schema=PERSON, dry_run=True)
    assert shown["request"]["text"]["format"]["schema"]["required"] == ["name", "age"]
    assert up.posts() == []


@pytest.mark.engine
async def test_a_dry_run_of_the_embedded_engine_shows_what_it_would_be_sent(embedded: House) -> None:
    (embedded.app.roots.folders[0] / "a.txt").write_text("Maya", "utf-8")
    shown = await embedded.call("structured_extract", input="Who?", files=["a.txt"], schema=PERSON, dry_run=True)
    assert shown["request"]["response_format"]["json_schema"]["schema"] == PERSON
    assert "a.txt: left out]" in shown["request"]["messages"][0]["content"]


@pytest.mark.engine
async def test_the_embedded_engine_is_held_to_the_schema(embedded: House) -> None:
    schema = {
        "type": "object",
        "properties": {"colour": {"enum": ["red", "blue"]}, "count": {"type": "integer", "minimum": 1, "maximum": 9}},
        "required": ["colour", "count"],
        "additionalProperties": False,
    }
    done = await embedded.call("structured_extract", input="Three blue chairs.", schema=schema, max_output_tokens=60)
    assert done["outcome"] == "ok"
    assert done["data"]["colour"] in ("red", "blue")
    assert 1 <= done["data"]["count"] <= 9
