"""Bedrock cookbook §3 and §5: structured JSON, JSON mode, verbosity, and a PDF that goes with the question."""

import json
from base64 import b64encode
from pathlib import Path

import pytest
from reportlab.pdfgen.canvas import Canvas

from tests.seeds.cookbook import ASKED, UNKEPT, answers, counted, name_of, printed, sent, tokens, user
from tests.serving import House
from tests.upstream_answers import JsonObject
from tests.upstream_shapes import message
from tests.upstream_state import StatefulUpstream

TRIAGE: JsonObject = {
    "type": "object",
    "properties": {
        "ticket": {"type": "string"},
        "kind": {"type": "string", "enum": ["late", "swap", "broken", "invoice", "login"]},
        "urgency": {"type": "string", "enum": ["low", "medium", "high", "urgent"]},
        "mood": {"type": "string"},
        "gist": {"type": "string"},
        "todo": {"type": "array", "items": {"type": "string"}, "minItems": 2},
        "escalate": {"type": "boolean"},
    },
    "required": ["ticket", "kind", "urgency", "mood", "gist", "todo", "escalate"],
    "additionalProperties": False,
}
TICKET = (
    "T-311: Noor Haddad's second parcel, LB-5502, stands still for two days. She wants her money or a call by Friday."
)
READ: JsonObject = {
    "ticket": "T-311",
    "kind": "late",
    "urgency": "urgent",
    "mood": "impatient",
    "gist": "The second parcel stands still.",
    "todo": ["Trace LB-5502.", "Call before Friday."],
    "escalate": True,
}
FORMAT = {"type": "json_schema", "name": "triage", "strict": True, "schema": TRIAGE}

PAGE = ["Larkspur Bikes, a talk", "Ticket: T-311", "Customer: Noor Haddad", "Order: LB-5502", "Product: cargo rack"]
ON_PAGE = {"ticket": "T-311", "customer": "Noor Haddad", "order": "LB-5502", "product": "cargo rack"}
QUESTION = "Give ticket, customer, order and product of this talk as JSON."


def put_pdf(house: House) -> Path:
    path = house.app.roots.folders[0] / "talk.pdf"
    canvas = Canvas(str(path))
    for number, line in enumerate(PAGE):
        canvas.drawString(72, 740 - 15 * number, line)
    canvas.save()
    return path


async def test_the_schema_is_part_of_the_request_and_can_be_looked_at_first(
    hosted: House, up: StatefulUpstream
) -> None:
    shown = await hosted.call(
        "structured_extract", input=TICKET, schema=TRIAGE, schema_name="triage", store=False, dry_run=True, **ASKED
    )
    assert shown["request"]["text"] == {"format": FORMAT}
    assert up.posts() == []


async def test_an_answer_of_that_form_comes_back_as_data(hosted: House, up: StatefulUpstream) -> None:
    answers(up, printed(message(json.dumps(READ)), tokens=(328, 200)))
    done = await hosted.call(
        "structured_extract", input=TICKET, schema=TRIAGE, schema_name="triage", store=False, **ASKED
    )
    assert sent(up.posts()[0]) == {**ASKED, **UNKEPT, "input": [user(TICKET)], "text": {"format": FORMAT}}
    assert (done["outcome"], done["data"], done["attempts"]) == ("ok", READ, 1)
    assert (done["status"], done["response_id"]) == ("completed", name_of(528))
    assert tokens(done) == counted(328, 200)


@pytest.mark.parametrize(
    ("said", "path"),
    [(json.dumps({**READ, "todo": ["Trace LB-5502."]}), "$.todo"), ("Here you are: {", "$")],
    ids=["too few actions", "no JSON"],
)
async def test_an_answer_of_another_form_is_told_apart_and_kept(
    hosted: House, up: StatefulUpstream, said: str, path: str
) -> None:
    answers(up, printed(message(said), tokens=(328, 200)))
    done = await hosted.call("structured_extract", input=TICKET, schema=TRIAGE, max_repairs=0, store=False, **ASKED)
    assert (done["status"], done["outcome"], done["text"]) == ("completed", "invalid", said)
    assert [problem["path"] for problem in done["errors"]] == [path]
    assert tokens(done) == counted(328, 200)


async def test_too_few_actions_are_asked_for_again_and_both_answers_are_counted(
    hosted: House, up: StatefulUpstream
) -> None:
    few = message(json.dumps({**READ, "todo": ["Trace LB-5502."]}))
    answers(up, printed(few, tokens=(328, 200)), printed(message(json.dumps(READ)), tokens=(560, 200)))
    done = await hosted.call("structured_extract", input=TICKET, schema=TRIAGE, store=False, **ASKED)
    again = sent(up.posts()[1])
    assert again.pop("input")[:-1] == [user(TICKET), few]
    assert again == {**ASKED, **UNKEPT, "text": {"format": {**FORMAT, "name": "result"}}}
    assert "$.todo" in up.posts()[1].json["input"][-1]["content"]
    assert (done["outcome"], done["data"], done["attempts"]) == ("ok", READ, 2)
    assert tokens(done) == counted(888, 400)


async def test_json_mode_asks_for_an_object_of_any_form(hosted: House, up: StatefulUpstream) -> None:
    handoff = {"customer": "Noor Haddad", "order": "LB-5502", "gist": "late", "next": "trace", "watch": ["eta", "scan"]}
    answers(up, printed(message(json.dumps(handoff)), tokens=(212, 122)))
    ask = "JSON for whoever takes over from me: customer, order, gist, next, watch (a list). " + TICKET
    done = await hosted.call("generate", input=ask, json=True, store=False, **ASKED)
    assert sent(up.posts()[0]) == {
        **ASKED,
        **UNKEPT,
        "input": [user(ask)],
        "text": {"format": {"type": "json_object"}},
    }
    assert json.loads(done["text"]) == handoff
    assert tokens(done) == counted(212, 122)


async def test_verbosity_is_set_for_each_request_by_itself(hosted: House, up: StatefulUpstream) -> None:
    ask = "What do we do when a second parcel is late?"
    for verbosity, text, spent in (("low", "Trace, then call.", (180, 34)), ("high", "1. Trace.\n2. Call.", (197, 60))):
        answers(up, printed(message(text), tokens=spent))
        done = await hosted.call("generate", input=ask, verbosity=verbosity, store=False, **ASKED)
        wanted = {**ASKED, **UNKEPT, "input": [user(ask)], "text": {"verbosity": verbosity}}
        assert sent(up.posts()[-1]) == wanted
        assert done["text"] == text
        assert tokens(done) == counted(*spent)


def inline(path: Path) -> list[JsonObject]:
    data = "data:application/pdf;base64," + b64encode(path.read_bytes()).decode()
    file = {"type": "input_file", "filename": path.name, "file_data": data}
    return [{"role": "user", "content": [file, {"type": "input_text", "text": QUESTION}]}]


async def test_a_pdf_given_inline_goes_as_it_is_and_answers_in_json(hosted: House, up: StatefulUpstream) -> None:
    answers(up, printed(message(json.dumps(ON_PAGE)), tokens=(713, 82)))
    items = inline(put_pdf(hosted))
    done = await hosted.call("generate", input=items, json=True, store=False, **ASKED)
    assert sent(up.posts()[0]) == {**ASKED, **UNKEPT, "input": items, "text": {"format": {"type": "json_object"}}}
    assert json.loads(done["text"]) == ON_PAGE
    assert tokens(done) == counted(713, 82)


async def test_what_a_request_with_a_pdf_would_send_is_shown_without_the_pdf(
    hosted: House, up: StatefulUpstream
) -> None:
    items = inline(put_pdf(hosted))
    shown = await hosted.call("generate", input=items, json=True, store=False, dry_run=True, **ASKED)
    assert "talk.pdf" in str(shown["request"])
    assert QUESTION in str(shown["request"])
    assert items[0]["content"][0]["file_data"][-200:] not in str(shown)
    assert up.posts() == []


async def test_a_question_about_a_pdf_on_disk_goes_with_it_and_leaves_nothing_there(
    hosted: House, up: StatefulUpstream
) -> None:
    answers(up, printed(message(json.dumps(ON_PAGE)), tokens=(713, 82)))
    path = put_pdf(hosted)
    done = await hosted.call("file_ask", question=QUESTION, files=["talk.pdf"], store=False, **ASKED)
    (file,) = done["files"]
    assert up.posts("/v1/files") == []
    assert (file["sent_as"], file["bytes"]) == ("inline", path.stat().st_size)
    assert sent(up.posts()[0]) == {**ASKED, **UNKEPT, "input": inline(path)}
    assert json.loads(done["text"]) == ON_PAGE
    assert tokens(done) == counted(713, 82)


async def test_the_fields_of_a_pdf_on_disk_come_back_as_data(hosted: House, up: StatefulUpstream) -> None:
    fields: JsonObject = {
        "type": "object",
        "properties": {name: {"type": "string"} for name in ON_PAGE},
        "required": list(ON_PAGE),
        "additionalProperties": False,
    }
    answers(up, printed(message(json.dumps(ON_PAGE)), tokens=(713, 82)))
    path = put_pdf(hosted)
    done = await hosted.call(
        "structured_extract", input=QUESTION, files=["talk.pdf"], schema=fields, store=False, **ASKED
    )
    body = sent(up.posts()[0])
    assert body["input"] == inline(path)
    assert body["text"]["format"]["schema"] == fields
    assert (done["outcome"], done["data"]) == ("ok", ON_PAGE)
    assert tokens(done) == counted(713, 82)
