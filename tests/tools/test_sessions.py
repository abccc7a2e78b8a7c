from tests.serving import House
from tests.upstream_answers import reply
from tests.upstream_shapes import response
from tests.upstream_state import StatefulUpstream


async def test_a_session_shows_its_turns_with_usage_and_hit_rate(hosted: House) -> None:
    await hosted.call("generate", input="one two three", session="s")
    second = await hosted.call("generate", input="four", session="s")
    listed = await hosted.call("sessions", action="list")
    assert [(one["name"], one["turns"], one["head"]) for one in listed["sessions"]] == [("s", 2, second["response_id"])]
    shown = await hosted.call("sessions", action="get", session="s")
    assert [turn["input"] for turn in shown["turns"]] == ["one two three", "four"]
    assert shown["turns"][1]["text"] == "Turn 2: four"
    assert shown["turns"][1]["usage"]["total_tokens"] > 0
    assert 0 < shown["cache_hit_rate"] < 1


async def test_a_fork_goes_its_own_way(hosted: House) -> None:
    await hosted.call("generate", input="one", session="s")
    await hosted.call("sessions", action="fork", session="s", to="t")
    assert (await hosted.call("generate", input="two", session="t"))["text"] == "Turn 2: two"
    assert len((await hosted.call("sessions", action="get", session="s"))["turns"]) == 1
    assert len((await hosted.call("sessions", action="get", session="t"))["turns"]) == 2


async def test_a_renamed_session_goes_on_under_its_new_name(hosted: House) -> None:
    await hosted.call("generate", input="one", session="s")
    await hosted.call("sessions", action="rename", session="s", to="t")
    assert (await hosted.call("generate", input="two", session="t"))["text"] == "Turn 2: two"
    words, _ = await hosted.refused("sessions", action="get", session="s")
    assert "['t']" in words


async def test_what_cannot_be_is_refused_by_name(hosted: House) -> None:
    await hosted.call("generate", input="one", session="s")
    await hosted.call("generate", input="one", session="t")
    for arguments, words in (
        ({"action": "get"}, "session: get needs"),
        ({"action": "fork", "session": "s"}, "to: fork needs"),
        ({"action": "fork", "session": "s", "to": "t"}, "'t'"),
        ({"action": "rename", "session": "s", "to": "t"}, "'t'"),
        ({"action": "burn"}, "action"),
    ):
        said, _ = await hosted.refused("sessions", **arguments)
        assert words in said


async def test_an_empty_list_says_so(hosted: House) -> None:
    result = await hosted.result("sessions", action="list")
    assert result.content[0].text == "No sessions yet."  # type: ignore[union-attr]


async def test_long_turns_are_shown_short(hosted: House) -> None:
    await hosted.call("generate", input="word " * 100, session="s")
    (turn,) = (await hosted.call("sessions", action="get", session="s"))["turns"]
    assert turn["input"].endswith("…")
    assert len(turn["input"]) == 201


async def test_a_turn_whose_items_say_nothing_in_words_is_shown_too(hosted: House, up: StatefulUpstream) -> None:
    up.on("POST", "/v1/responses", reply(response("Click.")))
    screenshot = {"type": "computer_screenshot", "image_url": "data:image/png;base64," + "A" * 1000}
    seen = {"type": "computer_call_output", "call_id": "c1", "output": screenshot}
    await hosted.call("generate", input=[seen, {"role": "user", "content": "What now?"}], session="s")
    (turn,) = (await hosted.call("sessions", action="get", session="s"))["turns"]
    assert (turn["input"], turn["text"]) == ("What now?", "Click.")
