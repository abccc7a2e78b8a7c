"""What stands beside the answer of a call that went well."""

from tests.serving import House
from tests.upstream_answers import error
from tests.upstream_shapes import message, reasoning
from tests.upstream_state import StatefulUpstream


async def test_a_call_that_was_sent_twice_says_so_to_those_who_look(hosted: House, up: StatefulUpstream) -> None:
    up.on("POST", "/v1/responses", error(429, "Too fast.", headers={"retry-after-ms": "1"}))
    result = await hosted.result("generate", input="Hi")
    assert len(up.posts()) == 2
    assert result.meta is not None
    assert result.meta["responses-mcp/attempts"] == 2
    assert "requests_sent" not in str(result.structured_content)


async def test_a_call_that_was_sent_once_does_not_speak_of_it(hosted: House) -> None:
    result = await hosted.result("generate", input="Hi")
    assert "responses-mcp/attempts" not in (result.meta or {})


async def test_a_summary_of_the_reasoning_stands_in_the_fields(hosted: House, up: StatefulUpstream) -> None:
    thought = {**reasoning(), "summary": [{"type": "summary_text", "text": "I counted."}]}
    up.say([thought, message("Four.")], "Five.")
    result = await hosted.result("generate", input="How many?")
    assert result.structured_content is not None
    assert result.structured_content["text"] == "Four."
    assert result.structured_content["reasoning_summary"] == "I counted."
    assert "reasoning_summary" not in await hosted.call("generate", input="And now?")
