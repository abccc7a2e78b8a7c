"""A key that looks like any word, from an upstream that repeats it wherever it can: it never comes out again."""

import json
from pathlib import Path

import pytest

from tests.serving import house, openai, told
from tests.upstream_answers import Answer, reply, stream
from tests.upstream_shapes import response
from tests.upstream_state import stateful

KEY = "hunter2secretpassphrase"
BAD = {"message": f"bad key {KEY}", "code": KEY, "param": KEY}
FAILED = {**response("", id="resp_1"), "status": "failed", "error": BAD}
SSE = {"content-type": "text/event-stream"}


@pytest.mark.parametrize(
    "answer",
    [
        reply(f"event: error\ndata: {json.dumps({'error': BAD})}\n\n", 200, SSE),
        stream([{"type": "error", **BAD}]),
        stream([{"type": "response.failed", "response": FAILED}]),
        reply(FAILED),
        reply({"error": BAD}, 400, {"x-request-id": KEY}),
        reply({"error": BAD}, 500, {"x-request-id": f"Bearer {KEY}"}),
        reply({"error": BAD}, 307, {"location": f"http://127.0.0.1:1/{KEY}"}),
        reply({**response("ok", id="resp_1"), "metadata": {"a": KEY}, "temperature": KEY}, echoes=False),
    ],
    ids=["sse", "event", "failed", "whole", "refused", "down", "redirected", "ignored"],
)
async def test_a_key_that_is_repeated_to_us_is_not_told(tmp_path: Path, answer: Answer) -> None:
    async with stateful() as up, house(told(tmp_path, **openai(up.base_url, OPENAI_API_KEY=KEY))) as served:
        up.on("POST", "/v1/responses", answer)
        result = await served.result("generate", input="Hi", options={"metadata": {"a": "b"}, "temperature": 0.5})
        assert KEY not in result.model_dump_json()
        (job,) = (await served.call("poll"))["jobs"]
        assert KEY not in json.dumps(job)
