"""Bedrock cookbook §4: tools that the application runs: one function, several at once, free text."""

import json

from tests.seeds.cookbook import ASKED, UNKEPT, answers, counted, printed, sent, tokens, user
from tests.serving import House
from tests.upstream_answers import JsonObject, error
from tests.upstream_shapes import custom_call, function_call, message
from tests.upstream_state import StatefulUpstream


def lookup(name: str, key: str) -> JsonObject:
    parameters = {
        "type": "object",
        "properties": {key: {"type": "string", "description": "As it is printed on the label."}},
        "required": [key],
        "additionalProperties": False,
    }
    return {"type": "function", "name": name, "description": "Look it up.", "parameters": parameters, "strict": True}


ORDER, BUYER = lookup("find_order", "order"), lookup("find_buyer", "buyer")
FOUND = {
    "LB-5502": {"order": "LB-5502", "state": "late", "seen": "36 hours ago in Ghent"},
    "LB-2044": {"order": "LB-2044", "state": "delivered", "seen": "yesterday"},
}
ONE = "Look up LB-5502 and name the next step."
TWO = "Look up LB-5502 and LB-2044: is one parcel late, or both?"
NOTE = "lb-5502 | noor | parcel late | wants a call"
TIDY: JsonObject = {
    "type": "custom",
    "name": "tidy_note",
    "description": "Brings a free note into shape.",
    "format": {"type": "text"},
}


def wants(order: str, call_id: str) -> JsonObject:
    """The model's wish to see an order."""
    made = function_call("find_order", json.dumps({"order": order}), call_id=call_id)
    return {**made, "id": f"fc_{call_id}"}


def shown(order: str, call_id: str) -> JsonObject:
    """What the application found, as an answer to that wish."""
    return {"call_id": call_id, "output": json.dumps(FOUND[order])}


def gone_out(found: JsonObject) -> JsonObject:
    return {"type": "function_call_output", **found}


async def test_a_function_call_is_answered_from_the_application(hosted: House, up: StatefulUpstream) -> None:
    wish, found = wants("LB-5502", "call_a"), shown("LB-5502", "call_a")
    answers(up, printed(wish, tokens=(420, 22)), printed(message("Late; call at 48 hours."), tokens=(674, 75)))
    asked = await hosted.call(
        "generate", input=ONE, session="desk", tools=[ORDER], tool_choice="required", store=False, **ASKED
    )
    assert sent(up.posts()[0]) == {
        **ASKED,
        **UNKEPT,
        "input": [user(ONE)],
        "tools": [ORDER],
        "tool_choice": "required",
    }
    (call,) = asked["tool_calls"]
    assert (call["call_id"], call["name"], call["type"]) == ("call_a", "find_order", "function")
    assert json.loads(call["arguments"]) == {"order": "LB-5502"}
    assert "text" not in asked

    done = await hosted.call("generate", tool_outputs=[found], session="desk", tools=[ORDER], store=False, **ASKED)
    assert sent(up.posts()[1]) == {**ASKED, **UNKEPT, "input": [user(ONE), wish, gone_out(found)], "tools": [ORDER]}
    assert done["text"] == "Late; call at 48 hours."
    assert "tool_calls" not in done
    assert tokens(done) == counted(674, 75)


async def test_where_a_tool_cannot_be_required_the_choice_is_left_to_the_model(
    hosted: House, up: StatefulUpstream
) -> None:
    words = "Tool choice 'required' cannot be used with this model."
    up.on("POST", "/v1/responses", error(400, words, code="unsupported_value", param="tool_choice"))
    answers(up, printed(wants("LB-5502", "call_a"), tokens=(420, 22)))
    asked = {"input": ONE, "session": "desk", "tools": [ORDER], "store": False, **ASKED}
    said, told = await hosted.refused("generate", tool_choice="required", **asked)
    assert words in said
    assert (told["code"], told["http_status"], told["retryable"]) == ("invalid_request", 400, False)
    done = await hosted.call("generate", tool_choice="auto", **asked)
    assert done["tool_calls"][0]["call_id"] == "call_a"
    # The request that failed left nothing behind in the session.
    assert sent(up.posts()[1]) == {**ASKED, **UNKEPT, "input": [user(ONE)], "tools": [ORDER], "tool_choice": "auto"}


async def test_several_calls_of_one_answer_are_answered_together(hosted: House, up: StatefulUpstream) -> None:
    wishes = [wants("LB-5502", "call_a"), wants("LB-2044", "call_b")]
    found = [shown("LB-5502", "call_a"), shown("LB-2044", "call_b")]
    answers(up, printed(*wishes, tokens=(520, 48)), printed(message("Only LB-5502 is late."), tokens=(790, 50)))
    asked = await hosted.call(
        "generate",
        input=TWO,
        session="desk",
        tools=[ORDER, BUYER],
        tool_choice="auto",
        parallel_tool_calls=True,
        store=False,
        **ASKED,
    )
    assert sent(up.posts()[0]) == {
        **ASKED,
        **UNKEPT,
        "input": [user(TWO)],
        "tools": [BUYER, ORDER],
        "tool_choice": "auto",
        "parallel_tool_calls": True,
    }
    assert [json.loads(call["arguments"])["order"] for call in asked["tool_calls"]] == ["LB-5502", "LB-2044"]

    done = await hosted.call("generate", tool_outputs=found, session="desk", tools=[ORDER, BUYER], store=False, **ASKED)
    body = sent(up.posts()[1])
    assert body["input"] == [user(TWO), *wishes, *map(gone_out, found)]
    # In one order whatever the caller's, because they are the head of the prefix that is cached.
    assert body["tools"] == [BUYER, ORDER]
    assert done["text"] == "Only LB-5502 is late."


async def test_a_lookup_that_the_model_left_out_is_told_in_words(hosted: House, up: StatefulUpstream) -> None:
    answers(up, printed(wants("LB-5502", "call_a"), tokens=(520, 24)), printed(message("One."), tokens=(404, 50)))
    options = {"tools": [ORDER, BUYER], "parallel_tool_calls": True, "store": False, **ASKED}
    asked = await hosted.call("generate", input=TWO, **options)
    assert [json.loads(call["arguments"]) for call in asked["tool_calls"]] == [{"order": "LB-5502"}]
    both = [user(TWO), user("This is what the shop knows: " + json.dumps(list(FOUND.values())))]
    done = await hosted.call("generate", input=both, store=False, **ASKED)
    assert sent(up.posts()[1]) == {**ASKED, **UNKEPT, "input": both}
    assert done["text"] == "One."
    assert tokens(done) == counted(404, 50)


async def test_a_custom_tool_takes_free_text_and_answers_in_free_text(hosted: House, up: StatefulUpstream) -> None:
    wish = custom_call("tidy_note", NOTE, call_id="call_n")
    answers(up, printed(wish, tokens=(674, 37)), printed(message("Noted."), tokens=(730, 4)))
    ask = f"Have this note tidied, and do nothing else: {NOTE}"
    choice = {"type": "custom", "name": "tidy_note"}
    asked = await hosted.call(
        "generate", input=ask, session="desk", tools=[TIDY], tool_choice=choice, store=False, **ASKED
    )
    assert sent(up.posts()[0]) == {**ASKED, **UNKEPT, "input": [user(ask)], "tools": [TIDY], "tool_choice": choice}
    assert asked["tool_calls"] == [{"call_id": "call_n", "name": "tidy_note", "type": "custom", "input": NOTE}]
    assert tokens(asked) == counted(674, 37)

    tidied = {"call_id": "call_n", "output": NOTE.upper().replace(" | ", "\n")}
    done = await hosted.call("generate", tool_outputs=[tidied], session="desk", tools=[TIDY], store=False, **ASKED)
    answered = {"type": "custom_tool_call_output", **tidied}
    assert sent(up.posts()[1])["input"] == [user(ask), wish, answered]
    assert done["text"] == "Noted."


async def test_a_custom_tool_that_the_model_passes_over_leaves_its_words(hosted: House, up: StatefulUpstream) -> None:
    answers(up, printed(message("The note says: parcel late."), tokens=(674, 37)))
    done = await hosted.call("generate", input=f"Have this tidied: {NOTE}", tools=[TIDY], store=False, **ASKED)
    assert done["text"] == "The note says: parcel late."
    assert "tool_calls" not in done
