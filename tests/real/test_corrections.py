"""Servers whose user says that they are OpenAI: what they lack is found out when it is used, once, and kept in mind."""

import pytest

from tests.real.tap import Tap
from tests.serving import House
from tests.tools.test_file_ask import pdf

at_ogx = pytest.mark.parametrize("real", ["ogx as openai"], indirect=True)
at_litellm = pytest.mark.parametrize("real", ["litellm as openai"], indirect=True)
SHORT = {"max_output_tokens": 24}


@at_ogx
async def test_an_endpoint_that_is_not_there_is_asked_for_once(at_real: House, tap: Tap) -> None:
    for _ in range(2):
        await at_real.call("generate", input="Say hi.", dry_run=True)
    assert [status for _, path, status in tap.seen() if path.endswith("/input_tokens")] == [405]
    assert at_real.app.backend.observed.find("input_tokens") is False


@at_ogx
async def test_work_in_the_background_that_cannot_be_listened_to_is_asked_about(at_real: House, tap: Tap) -> None:
    begun = await at_real.call("start_background", input="Say hi.", **SHORT)
    assert (await at_real.collect(begun["job_id"]))["result"]["text"]
    refused, taken = tap.posts()
    assert (refused.json["stream"], refused.json["background"]) == (True, True)
    assert (taken.json["stream"], taken.json["background"]) == (False, True)
    assert [path for method, path, _ in tap.seen() if method == "GET"][-1].startswith("/v1/responses/resp_")


@at_ogx
async def test_a_pdf_that_the_model_cannot_read_is_refused_in_the_servers_words(at_real: House, tap: Tap) -> None:
    pdf(at_real, "policy.pdf", "The harbour opens at seven.")
    words, error = await at_real.refused("file_ask", question="When?", files=["policy.pdf"], **SHORT)
    assert "unsupported content[].type" in words
    assert error["retryable"] is False
    assert len(tap.posts()) == 1


@at_litellm
async def test_a_chain_that_is_ignored_in_silence_is_replayed(at_real: House, tap: Tap) -> None:
    turns = [await at_real.call("generate", input=text, session="s", **SHORT) for text in ("I am Ann.", "Who am I?")]
    assert turns[0]["usage"]["total_tokens"] < turns[1]["usage"]["input_tokens"]
    assert "previous_response_id" not in tap.bodies()[-1]
    assert at_real.app.backend.observed.find("chain") is False
