"""The Bedrock cookbook's printed answers as bodies: its fields, item types and token counts around our own words.

The shop, its people and its orders are made up for these tests. Usage is what Bedrock prints: no count of tokens
written to the cache. The notebook talks to ``openai.gpt-5.4`` with ``max_output_tokens`` 1024 and keeps nothing
upstream unless the example is about keeping.
"""

import hashlib
from typing import Any

from tests.upstream import ScriptedUpstream
from tests.upstream_answers import JsonObject, Request, stream
from tests.upstream_shapes import events, response

MODEL = "openai.gpt-5.4"
ASKED: JsonObject = {"model": MODEL, "max_output_tokens": 1024}
"""What every example asks for, as arguments and as it goes out."""

UNKEPT: JsonObject = {"store": False, "include": ["reasoning.encrypted_content"]}
"""How a request that keeps nothing goes out: its reasoning must come back to travel with the next one."""

POLICY = "\n".join(
    ["Larkspur Bikes, rules of the help desk:", "1. Name the order and be kind.", "2. Promise no money on your own."]
    + [
        f"Rule {number}: before an answer goes out, look up who wrote, which order is meant, when the courier last saw "
        "the parcel, what was promised and by whom, which goodwill was already given, and whether a lead has to agree; "
        "say what is known, say apart from it what is only supposed, name one next step, and note down the reason for "
        "every exception, so that the colleague who takes over tomorrow finds the same picture that you had today."
        for number in range(3, 35)
    ]
)
"""A prefix of more than 2,048 words that stays the same from request to request."""


def name_of(number: int) -> str:
    """A response id as Bedrock forms them: 52 letters and digits without a pattern."""
    digest = hashlib.sha512(str(number).encode()).digest()
    return "resp_" + "".join("abcdefghijklmnopqrstuvwxyz234567"[byte % 32] for byte in digest[:52])


def printed(*output: JsonObject, tokens: tuple[int, int], reasoning: int = 0, cached: int = 0, **fields: Any) -> Any:
    """A response of these items; ``tokens`` are (input, output), of which ``cached`` and ``reasoning`` are parts."""
    counts = {
        "input_tokens": tokens[0],
        "input_tokens_details": {"cached_tokens": cached},
        "output_tokens": tokens[1],
        "output_tokens_details": {"reasoning_tokens": reasoning},
        "total_tokens": sum(tokens),
    }
    about = {"id": name_of(sum(tokens)), "model": MODEL, "output": list(output), "usage": counts}
    return response(**{**about, "max_output_tokens": 1024, "store": False, **fields})


def answers(up: ScriptedUpstream, *bodies: JsonObject) -> None:
    """What the upstream says to the next requests."""
    up.on("POST", "/v1/responses", *[stream(events(body)) for body in bodies])


def sent(request: Request) -> JsonObject:
    """What came upstream, without what every request of the server carries: the stream, and a cache key of its own."""
    body = {**request.json}
    assert body.pop("stream") is True
    assert 0 < len(body["prompt_cache_key"]) <= 64
    if body["prompt_cache_key"].startswith("rmcp-"):
        del body["prompt_cache_key"]
    return body


def user(text: str) -> JsonObject:
    """What the user says, as an input item."""
    return {"role": "user", "content": text}


def tokens(done: JsonObject) -> JsonObject:
    """The token counts that the caller sees."""
    return {name: count for name, count in done["usage"].items() if name.endswith("_tokens")}


def counted(input_tokens: int, output_tokens: int, **parts: int) -> JsonObject:
    """The token counts that the caller should see; parts that are nothing are left out, but for the cached ones."""
    total = input_tokens + output_tokens
    counts = {"input_tokens": input_tokens, "output_tokens": output_tokens, "total_tokens": total}
    return {"cached_tokens": 0, **counts, **parts}
