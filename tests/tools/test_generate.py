from pathlib import Path

import pytest

from tests.serving import House, both_eras, house, openai, told
from tests.upstream_answers import reply
from tests.upstream_shapes import page
from tests.upstream_state import StatefulUpstream
from tests.web import Web

ORDER = {"type": "function", "name": "order", "parameters": {"type": "object", "properties": {}}}


@both_eras
async def test_the_answer_stands_in_both_places_with_ids_and_tokens(hosted: House, up: StatefulUpstream) -> None:
    up.say("Blue.")
    result = await hosted.result("generate", input="Name a colour.")
    fields = result.structured_content
    assert fields is not None
    assert fields["status"] == "completed"
    assert fields["text"] == "Blue."
    assert fields["response_id"].startswith("resp_")
    assert fields["usage"]["total_tokens"] > 0
    text = result.content[0].text  # type: ignore[union-attr]
    assert text.startswith("Blue.\n\n[completed · " + fields["response_id"])
    assert "tokens in (0 cached)" in text


async def test_a_two_word_answer_is_lean(hosted: House, up: StatefulUpstream) -> None:
    up.say("Light blue.")
    result = await hosted.result("generate", input="Name a colour.")
    assert len(str(result.structured_content)) < 400
    assert len(result.content[0].text) < 400  # type: ignore[union-attr]


async def test_what_is_sent_is_what_was_asked_and_no_house_prompt(hosted: House, up: StatefulUpstream) -> None:
    await hosted.call(
        "generate",
        input="Hi",
        instructions="Be brief.",
        model="gpt-6-sol",
        reasoning_effort="low",
        verbosity="low",
        max_output_tokens=50,
        options={"temperature": 0.5, "metadata": {"a": "b"}},
        tools=[ORDER],
        tool_choice="auto",
        parallel_tool_calls=False,
    )
    (post,) = up.posts()
    sent = {**post.json}
    assert sent.pop("prompt_cache_key").startswith("rmcp-")
    assert sent == {
        "model": "gpt-6-sol",
        "input": [{"role": "user", "content": "Hi"}],
        "instructions": "Be brief.",
        "reasoning": {"effort": "low"},
        "text": {"verbosity": "low"},
        "max_output_tokens": 50,
        "temperature": 0.5,
        "metadata": {"a": "b"},
        "tools": [ORDER],
        "tool_choice": "auto",
        "parallel_tool_calls": False,
        "prompt_cache_options": {"ttl": "30m"},
        "store": True,
        "stream": True,
    }


async def test_a_session_goes_on_from_its_last_response_with_its_instructions(
    hosted: House, up: StatefulUpstream
) -> None:
    first = await hosted.call("generate", input="one", session="s", instructions="Be kind.")
    second = await hosted.call("generate", input="two", session="s")
    assert second["text"] == "Turn 2: two"
    assert second["session"] == "s"
    sent = up.posts()[1].json
    assert sent["previous_response_id"] == first["response_id"]
    assert sent["instructions"] == "Be kind."
    assert sent["input"] == [{"role": "user", "content": "two"}]
    assert second["usage"]["cached_tokens"] > 0


async def test_a_session_is_still_there_after_a_restart(up: StatefulUpstream, tmp_path: Path) -> None:
    given = told(tmp_path, **openai(up.base_url))
    async with house(given) as before:
        await before.call("generate", input="one", session="s")
    async with house(given) as after:
        assert (await after.call("generate", input="two", session="s"))["text"] == "Turn 2: two"


async def test_a_response_can_be_forked(hosted: House, up: StatefulUpstream) -> None:
    first = await hosted.call("generate", input="one", session="s")
    await hosted.call("generate", input="two", session="s")
    fork = await hosted.call("generate", input="other", previous_response_id=first["response_id"])
    assert fork["text"] == "Turn 2: other"
    assert "session" not in fork


async def test_without_store_the_turns_are_replayed(hosted: House, up: StatefulUpstream) -> None:
    await hosted.call("generate", input="one", session="s", store=False)
    second = await hosted.call("generate", input="two", session="s", store=False)
    assert second["text"] == "Turn 2: two"
    sent = up.posts()[1].json
    assert "previous_response_id" not in sent
    assert sent["store"] is False
    assert sent["include"] == ["reasoning.encrypted_content"]
    assert [item.get("role") for item in sent["input"]] == ["user", "assistant", "user"]


async def test_images_go_before_the_text_of_their_message(hosted: House, up: StatefulUpstream, web: Web) -> None:
    hosted.app.fetcher.network = web.network
    web.page("/dot.png", bytes.fromhex("89504e470d0a1a0a"), "image/png")
    picture = hosted.app.roots.folders[0] / "dot.png"
    picture.write_bytes(bytes.fromhex("89504e470d0a1a0a") + b"rest")
    await hosted.call("generate", input="What is this?", images=[str(picture)])
    (content,) = (item["content"] for item in up.posts()[0].json["input"])
    assert [part["type"] for part in content] == ["input_image", "input_text"]
    assert content[0]["image_url"].startswith("data:image/png;base64,")
    items = [{"role": "user", "content": [{"type": "input_text", "text": "And this?"}]}]
    await hosted.call("generate", input=items, images=["https://example.com/dot.png"])
    assert up.posts()[1].json["input"][1]["content"][0]["image_url"] == "https://example.com/dot.png"


async def test_images_without_words_of_the_user_are_a_message_of_their_own(
    hosted: House, up: StatefulUpstream, web: Web
) -> None:
    hosted.app.fetcher.network = web.network
    web.page("/dot.png", bytes.fromhex("89504e470d0a1a0a"), "image/png")
    said = [{"role": "user", "content": "Look."}, {"role": "assistant", "content": "At what?"}]
    await hosted.call("generate", input=said, images=["https://example.com/dot.png"])
    sent = up.posts()[0].json["input"]
    assert sent[:2] == said
    assert [part["type"] for part in sent[2]["content"]] == ["input_image"]


async def test_json_mode_asks_for_an_object(hosted: House, up: StatefulUpstream) -> None:
    await hosted.call("generate", input="As JSON, please", json=True, verbosity="low")
    assert up.posts()[0].json["text"] == {"format": {"type": "json_object"}, "verbosity": "low"}


async def test_json_mode_needs_the_word_once_in_what_the_model_reads(hosted: House, up: StatefulUpstream) -> None:
    first = await hosted.call("generate", input="Colours", instructions="Answer with Json.", json=True, session="s")
    await hosted.call("generate", input="More", json=True, session="s")
    await hosted.call("generate", input="Others", json=True, previous_response_id=first["response_id"])
    assert {post.json["text"]["format"]["type"] for post in up.posts()} == {"json_object"}
    words, _ = await hosted.refused("generate", input="Colours", json=True, session="new")
    assert "the word JSON" in words
    assert len(up.posts()) == 3


async def test_a_dry_run_sends_nothing_and_shows_the_request(hosted: House, up: StatefulUpstream) -> None:
    shown = await hosted.call("generate", input="Hi there", dry_run=True)
    assert shown["status"] == "dry_run"
    assert shown["request"]["input"] == [{"role": "user", "content": "Hi there"}]
    assert shown["request"]["model"] == "gpt-5.6-sol"
    assert shown["input_tokens"] > 0
    assert up.posts() == []
    await hosted.call("generate", input="Hi there")
    assert up.posts()[0].json == shown["request"]


async def test_the_same_request_key_pays_once(hosted: House, up: StatefulUpstream) -> None:
    first = await hosted.call("generate", input="Hi", request_key="k")
    again = await hosted.call("generate", input="Hi", request_key="k")
    assert again == first
    assert len(up.posts()) == 1
    words, error = await hosted.refused("generate", input="Something else", request_key="k")
    assert "request_key" in words
    assert error["code"] == "conflict"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"imput": "x"}, "generate has no argument 'imput'; did you mean 'input'?"),
        ({"input": 3}, "input"),
        ({"input": "x", "max_output_tokens": "5"}, "max_output_tokens: it must be a valid integer"),
        ({"input": "x", "wait_seconds": 4000}, "wait_seconds: it must be less than or equal to 3600"),
        ({"input": "x", "session": "a b"}, "session"),
        ({"input": "x", "options": {"stream": True}}, "'stream' is not an option; the server streams by itself."),
        ({"input": "x", "options": {"temprature": 1}}, "'temprature' is no parameter of responses.create"),
        ({"input": "x", "options": {"temperature": "1"}}, "options.temperature: it must be a number, not '1'."),
        (
            {"input": "x", "previous_response_id": "resp_1", "options": {"conversation": "conv_1"}},
            "options.conversation excludes previous_response_id",
        ),
        ({"tool_outputs": [{"call_id": "c1", "output": "x"}]}, "tool_outputs: pass the session or the previous"),
        ({"tool_outputs": [{"call_id": "c1"}], "session": "s"}, "tool_outputs[0]: it must have just call_id"),
        ({"tool_outputs": [{"call_id": 1, "output": "x"}], "session": "s"}, "just call_id (a string) and output"),
        (
            {"tool_outputs": [{"call_id": "c1", "output": "x", "id": "y"}], "session": "s"},
            "just call_id (a string) and output",
        ),
        ({"input": "A list of colours", "json": True}, "json: the API wants the word JSON in input or instructions"),
        ({}, "input: pass a text"),
        ({"input": "x" * 10_000_001}, "over the limit of 10,000,000 bytes"),
        ({"input": "x", "images": ["../../etc/passwd"]}, "outside"),
    ],
)
async def test_a_wrong_argument_is_named_and_nothing_is_sent(
    hosted: House, up: StatefulUpstream, arguments: dict[str, object], words: str
) -> None:
    said, error = await hosted.refused("generate", **arguments)
    assert words in said
    assert error["code"] == "invalid_argument"
    assert error["outcome"] == "not_sent"
    assert up.posts() == []


async def test_a_string_that_looks_like_json_stays_a_string(hosted: House, up: StatefulUpstream) -> None:
    await hosted.call("generate", input='{"a": [1]}', instructions="null")
    assert up.posts()[0].json["input"][0]["content"] == '{"a": [1]}'
    assert up.posts()[0].json["instructions"] == "null"


@both_eras
async def test_a_text_over_the_limit_is_cut_at_a_sentence_and_linked(hosted: House, up: StatefulUpstream) -> None:
    whole = f"A{'n' * 80} of some length. " * 1300
    up.say(whole)
    result = await hosted.result("generate", input="Write a lot.")
    fields = result.structured_content
    assert fields is not None
    assert fields["truncated"] is True
    assert 97_000 < len(fields["text"]) <= 100_000
    assert fields["text"].endswith("length.")
    (link,) = [block for block in result.content if block.type == "resource_link"]
    read = await hosted.client.read_resource(str(link.uri))
    assert read.contents[0].text == whole  # type: ignore[union-attr]


async def test_without_a_model_the_backends_own_choice_answers_and_is_remembered(
    up: StatefulUpstream, tmp_path: Path
) -> None:
    async with house(told(tmp_path, **openai(up.base_url, RESPONSES_MCP_MODEL=""))) as served:
        await served.call("generate", input="one")
        await served.call("generate", input="two")
    assert [post.json["model"] for post in up.posts()] == ["gpt-6-sol", "gpt-6-sol"]
    assert [request.path for request in up.requests].count("/v1/models") == 1


async def test_a_backend_without_a_text_model_says_so(up: StatefulUpstream, tmp_path: Path) -> None:
    up.on("GET", "/v1/models", reply(page([])))
    async with house(told(tmp_path, **openai(up.base_url, RESPONSES_MCP_MODEL=""))) as served:
        words, _ = await served.refused("generate", input="one")
    assert "RESPONSES_MCP_MODEL" in words


@pytest.mark.engine
async def test_the_embedded_engine_answers_and_remembers(embedded: House) -> None:
    first = await embedded.call("generate", input="Name a colour.", session="s", max_output_tokens=12)
    assert first["status"] in ("completed", "incomplete")
    assert first["text"]
    assert first["response_id"].startswith("resp_local_")
    second = await embedded.call("generate", input="Another one.", session="s", max_output_tokens=12)
    assert second["usage"]["input_tokens"] > first["usage"]["input_tokens"]
    assert second["usage"]["cached_tokens"] > 0
    assert embedded.progress


@pytest.mark.engine
async def test_the_embedded_engine_says_when_it_was_cut_off(embedded: House) -> None:
    cut = await embedded.call("generate", input="Tell me a long story.", max_output_tokens=3)
    assert cut["status"] == "incomplete"
    assert cut["incomplete_reason"] == "max_output_tokens"
    assert cut["usage"]["output_tokens"] == 3


@pytest.mark.engine
async def test_what_the_embedded_engine_cannot_do_is_refused_by_name(embedded: House) -> None:
    words, _ = await embedded.refused("generate", input="x", tools=[{"type": "web_search"}])
    assert "'web_search'" in words
    words, _ = await embedded.refused("generate", input="x", images=["https://example.com/a.png"])
    assert "images" in words
