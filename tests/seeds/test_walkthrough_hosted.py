"""The walkthrough's flows in which the upstream works by itself: remote servers, code, deep research."""

import asyncio

from tests.seeds.walkthrough import (
    answers,
    held,
    printed,
    said,
    seen,
    sent,
    thought,
    tokens,
    total,
    under_way,
)
from tests.serving import House
from tests.upstream_shapes import JsonObject, message
from tests.upstream_state import StatefulUpstream

RESPONSES = ("POST", "/v1/responses")

REMOTE = {
    "type": "mcp",
    "server_label": "ferry_desk",
    "server_url": "https://desk.example.com/sse/",
    "require_approval": "never",
}


def offered(made: str, *names: str) -> JsonObject:
    """What a remote server says that it can do."""
    wanted = {"search": "query", "fetch": "id"}
    tools = [
        {
            "name": name,
            "description": f"The {name} of the desk.",
            "input_schema": {
                "type": "object",
                "required": [wanted[name]],
                "properties": {wanted[name]: {"type": "string", "title": wanted[name].title()}},
            },
        }
        for name in names
    ]
    about = {"id": f"mcpl_6871{made:0>44}", "type": "mcp_list_tools", "server_label": "ferry_desk"}
    return {**about, "tools": tools}


async def test_a_remote_server_is_asked_by_the_upstream_itself(hosted: House, up: StatefulUpstream) -> None:
    usage = total(278, 339)
    shown = {**REMOTE, "server_url": "https://desk.example.com/<redacted>"}
    body = printed(
        offered("4", "search", "fetch"), message("Yes, up to three crates of 23 kg."),
        made="4", model="gpt-4.1-2025-04-14", usage=usage, tools=[shown],
    )  # fmt: skip
    gate = asyncio.Event()
    up.on(*RESPONSES, held(body, lambda event: event["type"] == "response.mcp_list_tools.in_progress", gate))
    job = await hosted.call(
        "generate", model="gpt-4.1", input="May I bring more crates?", tools=[REMOTE], wait_seconds=0.2
    )
    await under_way(hosted, job["job_id"], lambda now: "remote server" in (now.get("activity") or ""))
    gate.set()
    done = (await hosted.collect(job["job_id"]))["result"]
    assert sent(up.posts()[0])["tools"] == [REMOTE]
    assert done["text"] == "Yes, up to three crates of 23 kg."
    assert "tool_calls" not in done
    assert tokens(done) == seen(usage)


async def test_code_is_run_by_the_upstream_and_only_the_answer_comes_back(hosted: House, up: StatefulUpstream) -> None:
    usage = total(470, 88)
    run = {
        "id": f"ci_6871{5:044}",
        "type": "code_interpreter_call",
        "status": "completed",
        "container_id": "cntr_6871eecd56088190ad851b40b1f3cced009bf3a0b1a255b2",
        "code": "from sympy import symbols, solve\nx = symbols('x')\nsolve(3 * x + 11 - 14, x)",
        "outputs": None,
        "results": None,
    }
    python = {"type": "code_interpreter", "container": {"type": "auto"}}
    body = printed(
        run, message("\\( x = 1 \\)"), made="5", model="gpt-4.1-2025-04-14", usage=usage, tools=[python],
        instructions="Teach, and compute with the python tool.",
    )  # fmt: skip
    gate = asyncio.Event()
    up.on(*RESPONSES, held(body, lambda event: event["type"] == "response.code_interpreter_call.interpreting", gate))
    job = await hosted.call(
        "generate",
        model="gpt-4.1",
        instructions="Teach, and compute with the python tool.",
        input="Three times what, plus 11, is 14?",
        tools=[python],
        wait_seconds=0.2,
    )
    await under_way(hosted, job["job_id"], lambda now: now.get("activity") == "running code")
    gate.set()
    done = (await hosted.collect(job["job_id"]))["result"]
    assert sent(up.posts()[0]) == {
        "model": "gpt-4.1",
        "instructions": "Teach, and compute with the python tool.",
        "input": said("Three times what, plus 11, is 14?"),
        "tools": [python],
        "store": True,
    }
    assert done["text"] == "\\( x = 1 \\)"
    assert "tool_calls" not in done
    assert tokens(done) == seen(usage)


async def test_deep_research_runs_in_the_background_over_web_code_and_a_remote_server(
    hosted: House, up: StatefulUpstream
) -> None:
    usage = total(38667, 2728)
    steps = [
        offered("6", "search", "fetch"),
        thought("**Looking at crates**\n\nA far trip.", "**Looking for rules**\n\nThe desk knows.", made="61"),
        {"id": f"mcp_6871{62:044}", "type": "mcp_call", "server_label": "ferry_desk", "name": "search",
         "arguments": '{"query": "crates"}', "output": '{"results": [{"id": "file-8hPw"}]}', "error": None},
        thought(made="63"),
        {"id": f"mcp_6871{64:044}", "type": "mcp_call", "server_label": "ferry_desk", "name": "fetch",
         "arguments": '{"id": "file-8hPw"}', "output": "Yes, prepaid.", "error": None},
        thought("**Writing**\n\nShort, with its source.", made="65"),
    ]  # fmt: skip
    cited = {"type": "url_citation", "url": "https://desk.example.com/ferry", "title": "ferry.txt", "start_index": 3,
             "end_index": 15}  # fmt: skip
    answer = message("## Extra crates: prepaid, 90 minutes before.", annotations=[cited])
    body = printed(*steps, answer, made="6", model="o3-deep-research-2025-06-26", usage=usage, background=True)
    tools = [{"type": "code_interpreter", "container": {"type": "auto"}}, REMOTE, {"type": "web_search_preview"}]
    up.on(*RESPONSES, *answers(body))
    job = await hosted.call(
        "start_background",
        model="o3-deep-research",
        input="May I bring more crates on the far ferry?",
        tools=tools,
        options={"reasoning": {"summary": "auto"}},
    )
    ended = await hosted.collect(job["job_id"])
    assert sent(up.posts()[0]) == {
        "model": "o3-deep-research",
        "input": said("May I bring more crates on the far ferry?"),
        "tools": tools,
        "reasoning": {"summary": "auto"},
        "background": True,
        "store": True,
    }
    done = ended["result"]
    assert done["text"] == "## Extra crates: prepaid, 90 minutes before."
    assert done["citations"] == [
        {"type": "url_citation", "title": "ferry.txt", "url": "https://desk.example.com/ferry"}
    ]
    assert done["model"] == "o3-deep-research-2025-06-26"
    assert "tool_calls" not in done
    assert tokens(done) == seen(usage)
    shown = done["reasoning_summary"]
    places = [shown.index(part) for part in ("Looking at crates", "Looking for rules", "Writing")]
    assert places == sorted(places)
