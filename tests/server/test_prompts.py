"""What a person may ask for by name: the text that comes of it leads a model to the right call."""

import re
from pathlib import Path

import pytest
from mcp import MCPError
from mcp.types import TextContent

from mcp_server.backends.llama.backend import PROFILE
from mcp_server.server.prompts import PROMPTS
from mcp_server.tools import TOOLS
from tests.serving import House, house, openai, told
from tests.upstream_state import StatefulUpstream

NAMES = ["second_opinion", "extract", "ask_files", "deep_research"]
GIVEN = {
    "second_opinion": {"question": "Is this safe?", "session": "review", "model": "gpt-6-sol"},
    "extract": {"what": "invoice number and total", "source": "invoice.pdf", "schema_name": "invoice"},
    "ask_files": {"question": "When does it end?", "files": "contract.pdf", "store": "contracts"},
    "deep_research": {"question": "Who makes it?", "store": "notes", "session": "r", "model": "gpt-6-sol"},
}


async def text(served: House, name: str, **arguments: str) -> str:
    result = await served.client.get_prompt(name, arguments)
    (message,) = result.messages
    assert message.role == "user"
    assert isinstance(message.content, TextContent)
    return message.content.text


async def test_the_prompts_are_listed_with_what_they_ask_for(hosted: House) -> None:
    listed = {one.name: one for one in (await hosted.client.list_prompts()).prompts}
    assert list(listed) == NAMES
    asked = {name: [a.name for a in one.arguments or [] if a.required] for name, one in listed.items()}
    assert asked == {
        "second_opinion": ["question"],
        "extract": ["what"],
        "ask_files": ["question"],
        "deep_research": ["question"],
    }
    assert all(one.title and one.description for one in listed.values())
    assert all(argument.description for one in listed.values() for argument in one.arguments or [])


@pytest.mark.parametrize("name", NAMES)
async def test_everything_that_was_given_stands_in_the_text(hosted: House, name: str) -> None:
    written = await text(hosted, name, **GIVEN[name])
    assert [given for given in GIVEN[name].values() if given not in written] == []


@pytest.mark.parametrize("name", NAMES)
async def test_a_text_names_only_tools_and_arguments_that_there_are(hosted: House, name: str) -> None:
    fields = {
        field
        for tool in TOOLS
        for schema in (tool.arguments, tool.output)
        for field in schema.model_json_schema(by_alias=True)["properties"]
    }
    for given in (GIVEN[name], {k: v for k, v in GIVEN[name].items() if k in ("what", "question")}):
        named = re.findall(r"`([a-z_]+)", await text(hosted, name, **given))
        assert len(named) >= 3
        assert set(named) <= {tool.name for tool in TOOLS} | fields


def test_background_work_is_started_with_the_brief_also_where_nothing_else_goes_with_it() -> None:
    alone = PROMPTS["deep_research"].text({"question": "why now?"}, PROFILE)
    assert "Call `start_background` with the brief as `input`. This backend has no web search" in alone


async def test_a_field_left_blank_is_as_good_as_none(hosted: House) -> None:
    assert await text(hosted, "ask_files", question="?", model=" ") == await text(hosted, "ask_files", question="?")
    with pytest.raises(MCPError, match="`what` is missing"):
        await text(hosted, "extract", what="")


async def test_a_wrong_argument_is_told_with_the_right_ones(hosted: House) -> None:
    with pytest.raises(MCPError, match=r"`file` is no argument.*question, files, store") as wrong:
        await text(hosted, "ask_files", question="?", file="a.pdf")
    assert wrong.value.code == -32602


async def test_an_answer_that_no_call_could_hold_is_refused(hosted: House) -> None:
    with pytest.raises(MCPError, match="over the limit of 10,000,000 bytes"):
        await text(hosted, "second_opinion", question="x" * 10_000_001)


@pytest.mark.parametrize("name", NAMES)
async def test_a_quote_in_a_name_does_not_end_it(hosted: House, name: str) -> None:
    for argument in {"session", "store", "schema_name", "model"} & set(GIVEN[name]):
        assert f'{argument}: "ä\\"b"' in await text(hosted, name, **{**GIVEN[name], argument: 'ä"b'})


async def test_an_unknown_prompt_is_told_with_those_there_are(hosted: House) -> None:
    with pytest.raises(MCPError, match=r"no prompt 'second'.*second_opinion") as wrong:
        await text(hosted, "second")
    assert wrong.value.code == -32602


async def test_research_searches_the_web_where_the_backend_can(hosted: House) -> None:
    assert '{"type": "web_search"}' in await text(hosted, "deep_research", question="?")
    efforts = {name: 'reasoning_effort: "high"' in await text(hosted, name, **GIVEN[name]) for name in NAMES}
    assert efforts == {"second_opinion": True, "extract": False, "ask_files": False, "deep_research": True}


async def test_research_asks_for_no_web_search_and_no_effort_where_there_is_none(
    tmp_path: Path, up: StatefulUpstream
) -> None:
    given = openai(up.base_url, RESPONSES_MCP_BACKEND="local")
    async with house(told(tmp_path, **given)) as served:
        written = await text(served, "deep_research", question="?")
        assert "web_search" not in written
        assert "no web search of its own" in written
        assert "reasoning_effort" not in written + await text(served, "second_opinion", question="?")


async def test_a_sentence_that_a_host_has_split_at_its_blanks_can_be_put_together(hosted: House) -> None:
    """As Claude Code does it with what is typed after a command; it shows its model the whole line as well."""
    split = await text(hosted, "second_opinion", question="Is", session="P", model="equal")
    assert "If I typed more after the command than 'Is', or if `session` and `model` read like words of it" in split
    assert "If I typed more after the command than 'Why?', my host" in await text(hosted, "ask_files", question="Why?")
    assert "If I typed" not in await text(hosted, "second_opinion", question="Is P equal to NP?", session="P")
    assert "If I typed" not in await text(hosted, "ask_files", question="When?", files="a.pdf and b.pdf")


async def test_a_prompt_sends_nothing(hosted: House, up: StatefulUpstream) -> None:
    for name in NAMES:
        await text(hosted, name, **GIVEN[name])
    assert up.requests == []
