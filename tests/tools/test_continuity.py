"""Sessions that remember, whatever the backend does: a chain, a conversation, a replay with or without reasoning."""

from pathlib import Path

import pytest

from tests.serving import House, house, openai, told
from tests.upstream_answers import error
from tests.upstream_shapes import function_call, message, reasoning
from tests.upstream_state import StatefulUpstream

WEB_SEARCH = {
    "id": "ws_1",
    "type": "web_search_call",
    "status": "completed",
    "action": {"type": "search", "query": "q"},
}


def sent(up: StatefulUpstream) -> dict[str, object]:
    """The continuity of the last request: what it continues, and what it sends itself."""
    body = up.posts()[-1].json
    return {name: body[name] for name in ("previous_response_id", "conversation", "input", "store") if name in body}


# A chain


async def test_a_chain_sends_only_what_is_new(hosted: House, up: StatefulUpstream) -> None:
    first = await hosted.call("generate", input="One", session="s")
    second = await hosted.call("generate", input="Two", session="s")
    assert sent(up) == {
        "previous_response_id": first["response_id"],
        "input": [{"role": "user", "content": "Two"}],
        "store": True,
    }
    assert second["text"] == "Turn 2: Two"


async def test_a_chain_that_the_upstream_forgot_is_rebuilt_with_a_warning(hosted: House, up: StatefulUpstream) -> None:
    await hosted.call("generate", input="One", session="s")
    second = await hosted.call("generate", input="Two", session="s")
    up.forget(second["response_id"])
    third = await hosted.call("generate", input="Three", session="s")
    assert third["text"] == "Turn 3: Three"
    assert ["sent again from the turns kept here" in warning for warning in third["warnings"]] == [True]
    assert [item.get("role") for item in up.posts()[-1].json["input"]] == ["user", "assistant"] * 2 + ["user"]
    fourth = await hosted.call("generate", input="Four", session="s")
    assert "warnings" not in fourth
    assert sent(up)["previous_response_id"] == third["response_id"]
    assert (await hosted.call("sessions", action="get", session="s"))["sessions"][0]["turns"] == 4


async def test_a_response_that_nobody_has_is_an_error_that_says_so(hosted: House, up: StatefulUpstream) -> None:
    words, about = await hosted.refused("generate", input="Hi", previous_response_id="resp_nobody")
    assert about["code"] == "previous_response_not_found"
    assert "does not have the response to continue from" in words
    assert len(up.posts()) == 1


async def test_reasoning_that_cannot_travel_stays_behind_and_takes_its_ids_along(
    hosted: House, up: StatefulUpstream
) -> None:
    bare = {name: value for name, value in reasoning().items() if name != "encrypted_content"}
    up.say([bare, WEB_SEARCH, message("Found.")])
    first = await hosted.call("generate", input="One", session="s")
    up.forget(first["response_id"])
    await hosted.call("generate", input="Two", session="s")
    replayed = up.posts()[-1].json["input"]
    assert [(item.get("type", "message"), "id" in item) for item in replayed] == [("message", False)] * 3


async def test_what_another_application_said_is_not_lost_between_turns_that_are_not_kept(
    hosted: House, up: StatefulUpstream
) -> None:
    theirs = up.someone_elses()
    up.inputs[theirs] = [{"role": "user", "content": "Theirs"}]
    await hosted.call("generate", input="One", session="s", previous_response_id=theirs, store=False)
    second = await hosted.call("generate", input="Two", session="s", store=False)
    assert second["text"] == "Turn 3: Two"
    up.forget(theirs)
    _, about = await hosted.refused("generate", input="Three", session="s", store=False)
    assert about["code"] == "previous_response_not_found"
    assert len(up.posts()) == 3


# The Conversations API


async def test_a_session_can_live_in_a_conversation(hosted: House, up: StatefulUpstream) -> None:
    await hosted.call("generate", input="One", session="s", options={"conversation": "new"})
    (conversation,) = up.conversations
    second = await hosted.call("generate", input="Two", session="s")
    assert sent(up) == {
        "conversation": conversation,
        "input": [{"role": "user", "content": "Two"}],
        "store": True,
    }
    assert second["text"] == "Turn 2: Two"
    shown = await hosted.call("sessions", action="get", session="s")
    assert shown["sessions"][0]["conversation"] == conversation


async def test_a_conversation_that_is_already_there_is_gone_on_with(hosted: House, up: StatefulUpstream) -> None:
    await hosted.call("generate", input="One", session="s", options={"conversation": "new"})
    (conversation,) = up.conversations
    other = await hosted.call("generate", input="Two", session="t", options={"conversation": conversation})
    assert other["text"] == "Turn 2: Two"
    words, _ = await hosted.refused("generate", input="x", session="t", options={"conversation": "new"})
    assert "start a new session for the conversation" in words


async def test_a_fork_of_a_conversation_is_a_replay_and_leaves_it_alone(hosted: House, up: StatefulUpstream) -> None:
    await hosted.call("generate", input="One", session="s", options={"conversation": "new"})
    (conversation,) = up.conversations
    await hosted.call("sessions", action="fork", session="s", to="branch")
    forked = await hosted.call("generate", input="Two", session="branch")
    assert forked["text"] == "Turn 2: Two"
    assert not {"conversation", "previous_response_id"} & sent(up).keys()
    assert [item["role"] for item in up.posts()[-1].json["input"]] == ["user", "assistant", "user"]
    assert len(up.conversations[conversation]) == 2


async def test_a_conversation_needs_a_store(hosted: House, up: StatefulUpstream) -> None:
    options = {"conversation": "conv_1"}
    words, _ = await hosted.refused("generate", input="x", session="s", store=False, options=options)
    assert words.startswith("store: a conversation is kept upstream")
    assert [one.path for one in up.requests if one.path != "/v1/models"] == []


async def test_cleanup_deletes_a_conversation_it_made(hosted: House, up: StatefulUpstream) -> None:
    await hosted.call("generate", input="One", session="s", options={"conversation": "new"})
    gone = await hosted.call("cleanup", session="s", kinds=["conversations"], dry_run=False)
    assert [(item["kind"], item["status"]) for item in gone["items"]] == [("conversations", "deleted")]
    assert up.conversations == {}


# Replay with encrypted reasoning


async def test_without_a_store_encrypted_reasoning_travels_with_the_replay(hosted: House, up: StatefulUpstream) -> None:
    up.say([reasoning(), function_call("weather", "{}")])
    await hosted.call("generate", input="One", session="s", store=False)
    await hosted.call("generate", tool_outputs=[{"call_id": "call_1", "output": "sunny"}], session="s", store=False)
    body = up.posts()[-1].json
    assert "previous_response_id" not in body
    assert body["include"] == ["reasoning.encrypted_content"]
    assert body["input"] == [
        {"role": "user", "content": "One"},
        reasoning(),
        function_call("weather", "{}"),
        {"type": "function_call_output", "call_id": "call_1", "output": "sunny"},
    ]


async def test_a_session_that_stops_storing_is_replayed_and_may_store_again(
    hosted: House, up: StatefulUpstream
) -> None:
    first = await hosted.call("generate", input="One", session="s")
    await hosted.call("generate", input="Two", session="s", store=False)
    assert sent(up) == {
        "previous_response_id": first["response_id"],
        "input": [{"role": "user", "content": "Two"}],
        "store": False,
    }
    third = await hosted.call("generate", input="Three", session="s")
    assert third["text"] == "Turn 3: Three"
    assert sent(up)["previous_response_id"] == first["response_id"]
    assert len(up.posts()[-1].json["input"]) == 3
    await hosted.call("generate", input="Four", session="s")
    assert sent(up)["previous_response_id"] == third["response_id"]


# Plain replay


@pytest.fixture
async def forgetful(up: StatefulUpstream, tmp_path: Path):
    """The server of a user of a compatible server, which remembers nothing."""
    async with house(told(tmp_path, **openai(up.base_url, RESPONSES_MCP_BACKEND="compatible"))) as served:
        yield served


async def test_a_backend_that_forgets_gets_the_whole_conversation_in_portable_items(
    forgetful: House, up: StatefulUpstream
) -> None:
    up.say([reasoning(), WEB_SEARCH, message("Found.", item_id="msg_7")])
    await forgetful.call("generate", input="One", session="s")
    second = await forgetful.call("generate", input="Two", session="s")
    body = up.posts()[-1].json
    assert body["input"] == [
        {"role": "user", "content": "One"},
        message("Found.", item_id="msg_7"),
        {"role": "user", "content": "Two"},
    ]
    assert not {"previous_response_id", "include", "prompt_cache_key", "prompt_cache_options"} & body.keys()
    assert body["store"] is False
    assert second["text"] == "Turn 2: Two"
    assert "warnings" not in second


async def test_a_conversation_is_not_asked_of_a_backend_without(forgetful: House, up: StatefulUpstream) -> None:
    words, _ = await forgetful.refused("generate", input="One", session="s", options={"conversation": "new"})
    assert "a session works without one" in words
    assert [one.path for one in up.requests if one.path != "/v1/models"] == []


# Forks


async def test_an_earlier_response_moves_the_session_there(hosted: House, up: StatefulUpstream) -> None:
    first = await hosted.call("generate", input="One", session="s")
    await hosted.call("generate", input="Two", session="s")
    moved = await hosted.call("generate", input="Other", session="s", previous_response_id=first["response_id"])
    assert moved["text"] == "Turn 2: Other"
    shown = await hosted.call("sessions", action="get", session="s")
    assert [turn["response_id"] for turn in shown["turns"]] == [first["response_id"], moved["response_id"]]


async def test_a_conversation_that_is_busy_is_told_and_not_sent_again(hosted: House, up: StatefulUpstream) -> None:
    await hosted.call("generate", input="One", session="s", options={"conversation": "new"})
    busy = error(400, "Another process is currently operating on this conversation.", code="conversation_locked")
    up.on("POST", "/v1/responses", busy)
    words, about = await hosted.refused("generate", input="Two", session="s")
    assert about["code"] == "conflict"
    assert about["retryable"]
    assert "busy" in words
