"""The walkthrough's flows with tools: file search, functions, images."""

import asyncio
import base64
import json

from tests.seeds.walkthrough import (
    answers,
    called,
    counted,
    held,
    printed,
    said,
    seen,
    sent,
    tokens,
    total,
    under_way,
)
from tests.serving import House, text_of
from tests.upstream_answers import reply
from tests.upstream_shapes import JsonObject, file, message, vector_store
from tests.upstream_state import StatefulUpstream

RESPONSES = ("POST", "/v1/responses")
STORE_ID = "vs_686f63d470908191ac83b5886a5d136e"
FERRY = "Question: May I bring more crates?\n\nAnswer: Yes, prepaid, up to 90 minutes before a far trip.\n"


def attached(status: str, usage_bytes: int) -> JsonObject:
    """A file of a vector store as it is printed."""
    return {
        "id": "file-8hPw",
        "object": "vector_store.file",
        "created_at": 1_752_130_589,
        "last_error": None,
        "status": status,
        "usage_bytes": usage_bytes,
        "vector_store_id": STORE_ID,
        "attributes": {},
        "chunking_strategy": {
            "type": "static",
            "static": {"chunk_overlap_tokens": 400, "max_chunk_size_tokens": 800},
        },
    }


async def test_a_file_is_made_searchable_in_a_store_of_its_own(hosted: House, up: StatefulUpstream) -> None:
    at = f"/v1/vector_stores/{STORE_ID}/files"
    up.on("POST", "/v1/vector_stores", reply(vector_store(STORE_ID, name="ferry")))
    up.on("POST", "/v1/files", reply(file("file-8hPw", filename="ferry.txt", purpose="assistants")))
    up.on("POST", at, reply(attached("in_progress", 0), headers={"openai-poll-after-ms": "1"}))
    up.on("GET", f"{at}/file-8hPw", reply(attached("completed", 1611)))
    notes = hosted.app.roots.folders[0] / "ferry.txt"
    notes.write_text(FERRY, "utf-8")
    done = await hosted.call("vector_search", store="ferry", paths=[str(notes)])
    assert [f"{request.method} {request.path}" for request in up.requests] == [
        "POST /v1/vector_stores",
        "POST /v1/files",
        f"POST {at}",
        f"GET {at}/file-8hPw",
    ]
    assert up.requests[0].json == {"name": "ferry"}
    assert b'name="purpose"\r\n\r\nassistants\r\n' in up.requests[1].content
    assert up.requests[2].json["file_id"] == "file-8hPw"
    assert done["index"] == {
        "added": 1, "updated": 0, "removed": 0, "unchanged": 0, "failed": [], "status": "completed"
    }  # fmt: skip


async def test_file_search_answers_from_a_store_and_cites_the_file(hosted: House, up: StatefulUpstream) -> None:
    usage = counted(2087, 118)
    search = {
        "id": f"fs_686f{1:044}",
        "type": "file_search_call",
        "status": "completed",
        "queries": ["May I bring more crates?"],
        "results": [
            {"file_id": "file-8hPw", "filename": "ferry.txt", "score": 0.9193, "text": FERRY, "attributes": {}}
        ],
    }
    cited = {"type": "file_citation", "file_id": "file-8hPw", "filename": "ferry.txt", "index": 393}
    asked = {"type": "file_search", "vector_store_ids": [STORE_ID]}
    filled = {
        **asked,
        "filters": None,
        "max_num_results": 20,
        "ranking_options": {"ranker": "auto", "score_threshold": 0.0},
    }
    body = printed(
        search, message("Yes, prepaid.", annotations=[cited]), made="1", model="gpt-4o-2024-08-06", usage=usage,
        tools=[filled],
    )  # fmt: skip
    gate = asyncio.Event()
    up.on(*RESPONSES, held(body, lambda event: event["type"] == "response.file_search_call.searching", gate))
    job = await hosted.call(
        "generate",
        model="gpt-4o",
        input="May I bring more crates?",
        tools=[asked],
        options={"include": ["file_search_call.results"]},
        session="ferry",
        wait_seconds=0.2,
    )
    await under_way(hosted, job["job_id"], lambda now: now.get("activity") == "searching the files")
    gate.set()
    done = (await hosted.collect(job["job_id"]))["result"]
    assert sent(up.posts()[0]) == {
        "model": "gpt-4o",
        "input": said("May I bring more crates?"),
        "tools": [asked],
        "include": ["file_search_call.results"],
        "store": True,
    }
    assert done["text"] == "Yes, prepaid."
    about = {"filename": "ferry.txt", "file_id": "file-8hPw"}
    assert done["citations"] == [{"type": "file_citation", **about, "quote": " ".join(FERRY.split())}]
    assert done["results"] == [{**about, "score": 0.9193, "text": FERRY}]
    assert done["search_query"] == ["May I bring more crates?"]
    assert tokens(done) == seen(usage)
    kept = await hosted.client.read_resource("session://ferry")
    (turn,) = json.loads(kept.contents[0].text)["turns"]  # type: ignore[union-attr]
    assert turn["output"][0]["results"][0]["score"] == 0.9193


WEATHER = {
    "type": "function",
    "name": "tide_at",
    "description": "The height of the tide at a harbour.",
    "parameters": {
        "type": "object",
        "properties": {"harbour": {"type": "string", "description": "Harbour and country, e.g. Porto, Portugal"}},
        "required": ["harbour"],
        "additionalProperties": False,
    },
}


async def test_a_function_is_called_by_the_caller_and_its_output_goes_back(hosted: House, up: StatefulUpstream) -> None:
    first_usage, second_usage = counted(59, 17), counted(95, 14)
    wants = printed(
        called("tide_at", '{"harbour":"Brest, France"}', "call_LZ65n33g0XQGYL85LxR5Qsls"),
        made="2", model="gpt-4.1-2025-04-14", usage=first_usage, tools=[{**WEATHER, "strict": True}],
    )  # fmt: skip
    ends = printed(
        message("Six metres."), made="3", model="gpt-4.1-2025-04-14", usage=second_usage,
        previous_response_id=wants["id"],
    )  # fmt: skip
    up.on(*RESPONSES, *answers(wants, ends))
    question = said("How high is the tide in Brest now?")
    asked = await hosted.call("generate", model="gpt-4.1", input=question, tools=[WEATHER])
    assert asked["status"] == "completed"
    assert "text" not in asked
    assert asked["tool_calls"] == [
        {
            "call_id": "call_LZ65n33g0XQGYL85LxR5Qsls",
            "name": "tide_at",
            "type": "function",
            "arguments": '{"harbour":"Brest, France"}',
        }
    ]
    assert tokens(asked) == seen(first_usage)
    done = await hosted.call(
        "generate",
        model="gpt-4.1",
        previous_response_id=asked["response_id"],
        tool_outputs=[{"call_id": "call_LZ65n33g0XQGYL85LxR5Qsls", "output": '{"metres": 6}'}],
        tools=[WEATHER],
    )
    assert [sent(post) for post in up.posts()] == [
        {"model": "gpt-4.1", "input": question, "tools": [WEATHER], "store": True},
        {
            "model": "gpt-4.1",
            "previous_response_id": wants["id"],
            "input": [
                {
                    "type": "function_call_output",
                    "call_id": "call_LZ65n33g0XQGYL85LxR5Qsls",
                    "output": '{"metres": 6}',
                }
            ],
            "tools": [WEATHER],
            "store": True,
        },
    ]
    assert done["text"] == "Six metres."
    assert tokens(done) == seen(second_usage)


async def test_a_drawn_image_is_an_artifact_that_can_be_fetched(hosted: House, up: StatefulUpstream) -> None:
    picture = bytes.fromhex("89504e470d0a1a0a") + bytes(200)
    drawn = {
        "id": f"ig_6871{7:044}",
        "type": "image_generation_call",
        "status": "completed",
        "background": "opaque",
        "output_format": "png",
        "quality": "low",
        "size": "1024x1024",
        "revised_prompt": "A lighthouse at dusk.",
        "result": base64.b64encode(picture).decode(),
    }
    usage = total(311, 27)
    tool = {"type": "image_generation", "quality": "low"}
    body = printed(drawn, message("Here it is."), made="7", model="gpt-4.1-2025-04-14", usage=usage, tools=[tool])
    up.on(*RESPONSES, *answers(body))
    result = await hosted.result("generate", model="gpt-4.1", input="Draw a lighthouse.", tools=[tool])
    done = result.structured_content
    assert done is not None, text_of(result)
    assert sent(up.posts()[0])["tools"] == [tool]
    assert done["text"] == "Here it is."
    (artifact,) = done["artifacts"]
    assert artifact["mime_type"] == "image/png"
    assert artifact["bytes"] == len(picture)
    assert base64.b64encode(picture).decode() not in json.dumps(done)
    read = await hosted.client.read_resource(artifact["uri"])
    assert base64.b64decode(read.contents[0].blob) == picture  # type: ignore[union-attr]
    assert tokens(done) == seen(usage)
