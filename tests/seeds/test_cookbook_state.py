"""Bedrock cookbook §6 and §9: what came before is kept upstream, sent again, carried encrypted, or compacted."""

import json

from tests.seeds.cookbook import ASKED, MODEL, UNKEPT, answers, counted, name_of, printed, sent, tokens, user
from tests.serving import House
from tests.upstream_answers import JsonObject, reply
from tests.upstream_shapes import message, reasoning
from tests.upstream_state import StatefulUpstream

CASE = (
    "Noor Haddad opened T-480 about LB-5502, a cargo rack sent anew because the first one broke. It is promised for "
    "Friday and nobody has scanned it for 36 hours. After 48 hours we may send another or take off 15%. Returns decide."
)
FOLLOW_UP = "Five lines: ticket, order, customer, trouble, next step."
HANDOFF = "Ticket: T-480\nOrder: LB-5502\nCustomer: Noor Haddad\nTrouble: no scan\nNext: wait until 48 hours"

NOTE: JsonObject = {
    "type": "object",
    "properties": {
        "durable_facts": {"type": "array", "items": {"type": "string"}},
        "open_questions": {"type": "array", "items": {"type": "string"}},
        "policy_constraints": {"type": "array", "items": {"type": "string"}},
        "next_action": {"type": "string"},
    },
    "required": ["durable_facts", "open_questions", "policy_constraints", "next_action"],
    "additionalProperties": False,
}
NOTED = {
    "durable_facts": ["Noor Haddad", "LB-5502", "no scan for 36 hours"],
    "open_questions": ["Has the depot looked?"],
    "policy_constraints": ["15% only after 48 hours, and only if Returns agree"],
    "next_action": "Ask the depot.",
}


async def test_a_follow_up_names_the_kept_response_and_sends_only_what_is_new(
    hosted: House, up: StatefulUpstream
) -> None:
    answers(
        up, printed(message("Understood."), tokens=(265, 5), store=True), printed(message(HANDOFF), tokens=(715, 86))
    )
    first = await hosted.call("generate", input=CASE, store=True, **ASKED)
    assert sent(up.posts()[0]) == {**ASKED, "input": [user(CASE)], "store": True}
    done = await hosted.call(
        "generate", input=FOLLOW_UP, previous_response_id=first["response_id"], store=False, **ASKED
    )
    assert first["response_id"] == name_of(270)
    assert sent(up.posts()[1]) == {
        **ASKED,
        **UNKEPT,
        "input": [user(FOLLOW_UP)],
        "previous_response_id": name_of(270),
    }
    assert done["text"] == HANDOFF
    assert tokens(done) == counted(715, 86)


async def test_a_response_kept_by_another_application_is_continued_by_its_id(
    hosted: House, up: StatefulUpstream
) -> None:
    answers(up, printed(message(HANDOFF), tokens=(715, 86)))
    theirs = name_of(1)
    done = await hosted.call("generate", input=FOLLOW_UP, previous_response_id=theirs, store=False, **ASKED)
    assert sent(up.posts()[0]) == {**ASKED, **UNKEPT, "input": [user(FOLLOW_UP)], "previous_response_id": theirs}
    assert tokens(done) == counted(715, 86)


async def test_a_session_needs_no_ids(hosted: House, up: StatefulUpstream) -> None:
    bodies = [
        printed(message(text), tokens=(715, count), store=True) for text, count in (("Understood.", 5), (HANDOFF, 86))
    ]
    answers(up, *bodies)
    await hosted.call("generate", input=CASE, session="T-480", **ASKED)
    done = await hosted.call("generate", input=FOLLOW_UP, session="T-480", **ASKED)
    second = {**ASKED, "input": [user(FOLLOW_UP)], "previous_response_id": name_of(720), "store": True}
    assert sent(up.posts()[1]) == second
    assert (done["text"], done["session"]) == (HANDOFF, "T-480")


async def test_a_history_that_the_application_keeps_goes_as_it_is(hosted: House, up: StatefulUpstream) -> None:
    history = [
        user("T-392: Jo Lind's LB-7718 came with a cracked mudguard."),
        {"role": "assistant", "content": "Noted as broken; asked what she would like."},
        user("Jo wants a new one this week and asks whether the old one goes back first."),
        user("Sum it up for the next colleague in five lines."),
    ]
    answers(up, printed(message("Customer: Jo Lind"), tokens=(255, 78)))
    done = await hosted.call("generate", input=history, store=False, **ASKED)
    assert sent(up.posts()[0]) == {**ASKED, **UNKEPT, "input": history}
    assert done["text"] == "Customer: Jo Lind"
    assert tokens(done) == counted(255, 78)


async def test_reasoning_travels_encrypted_and_is_shown_to_nobody(hosted: House, up: StatefulUpstream) -> None:
    thought = {**reasoning(), "encrypted_content": "gAAAA-thought-of-turn-one"}
    said = message("Kept upstream is shorter. Sent again is yours to delete.")
    answers(
        up,
        printed(thought, said, tokens=(221, 190), reasoning=128),
        printed(message("Send it again."), tokens=(295, 56)),
    )
    ask, again = "Compare keeping and resending, in two sentences.", "Then recommend one, for a desk under audit."
    unkept = {"session": "audit", "store": False, **ASKED}
    include = {"include": ["reasoning.encrypted_content"]}
    first = await hosted.call("generate", input=ask, reasoning_effort="medium", options=include, **unkept)
    assert sent(up.posts()[0]) == {**ASKED, **UNKEPT, "input": [user(ask)], "reasoning": {"effort": "medium"}}
    assert tokens(first) == counted(221, 190, reasoning_tokens=128)

    done = await hosted.call("generate", input=again, **unkept)
    assert sent(up.posts()[1]) == {**ASKED, **UNKEPT, "input": [user(ask), thought, said, user(again)]}
    assert done["text"] == "Send it again."
    assert tokens(done) == counted(295, 56)
    seen = await hosted.result("sessions", action="get", session="audit")
    assert "gAAAA" not in f"{first}{done}{seen.model_dump_json()}"


async def test_an_application_compacts_a_conversation_into_facts_and_goes_on_from_them(
    hosted: House, up: StatefulUpstream
) -> None:
    ask = "What must the next colleague know?"
    answers(
        up,
        printed(message("Understood."), tokens=(265, 5), store=True),
        printed(message(json.dumps(NOTED)), tokens=(310, 61), store=True),
        printed(message("I have asked the depot."), tokens=(120, 9), store=True),
    )
    await hosted.call("generate", input=CASE, session="T-480", **ASKED)
    noted = await hosted.call("structured_extract", input=ask, session="T-480", schema=NOTE, **ASKED)
    second = sent(up.posts()[1])
    assert (second["previous_response_id"], second["input"]) == (name_of(270), [user(ask)])
    assert second["text"]["format"]["schema"] == NOTE
    assert noted["data"] == NOTED

    note = json.dumps(noted["data"])
    await hosted.call("generate", input="And now?", session="T-480.2", instructions=note, **ASKED)
    third = {**ASKED, "input": [user("And now?")], "instructions": note, "store": True}
    assert sent(up.posts()[2]) == third


async def test_the_upstream_compacts_a_session_which_goes_on_from_what_it_gave_back(
    hosted: House, up: StatefulUpstream
) -> None:
    kept = {"id": "msg_0", "type": "message", "role": "user", "status": "completed"}
    window = [
        {**kept, "content": [{"type": "input_text", "text": CASE}]},
        {"id": "cmp_1", "type": "compaction", "encrypted_content": "gAAAA-compacted"},
    ]
    counts = printed(tokens=(354, 40))["usage"]
    compacted = {"id": name_of(394), "object": "response.compaction", "created_at": 1_793_000_100}
    answers(
        up,
        printed(message("Understood."), tokens=(265, 5), store=True),
        printed(message(HANDOFF), tokens=(140, 86), store=True),
        printed(message("You are welcome."), tokens=(240, 5), store=True),
    )
    up.on("POST", "/v1/responses/compact", reply({**compacted, "output": window, "usage": counts}))

    await hosted.call("generate", input=CASE, session="T-480", **ASKED)
    shown = await hosted.call("sessions", action="compact", session="T-480")
    (post,) = up.posts("/v1/responses/compact")
    assert (post.json["model"], post.json["previous_response_id"]) == (MODEL, name_of(270))
    assert "input" not in post.json
    assert [one["name"] for one in shown["sessions"]] == ["T-480"]
    assert (shown["compaction"]["status"], shown["compaction"]["response_id"]) == ("completed", name_of(394))
    assert tokens(shown["compaction"]) == counted(354, 40)
    assert "gAAAA" not in str(shown)

    await hosted.call("generate", input=FOLLOW_UP, session="T-480", **ASKED)
    assert sent(up.posts()[1]) == {**ASKED, "input": [*window, user(FOLLOW_UP)], "store": True}
    await hosted.call("generate", input="Thanks.", session="T-480", **ASKED)
    last = {**ASKED, "input": [user("Thanks.")], "previous_response_id": name_of(226), "store": True}
    assert sent(up.posts()[2]) == last
