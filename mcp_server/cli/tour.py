"""What the demo does: a morning at the customer desk of a shop, in which every tool is of use."""

from pathlib import Path
from typing import Any

import anyio

from mcp_server.cli.calls import Caller
from mcp_server.model.value import JsonObject

MATERIAL = Path(__file__).with_name("material")

TRIAGE: JsonObject = {
    "type": "object",
    "properties": {
        "ticket_id": {"type": "string", "pattern": "^TICKET-[0-9]{4}$"},
        "customer": {"type": "string", "maxLength": 40},
        "category": {"enum": ["delivery_delay", "damaged_item", "billing", "other"]},
        "escalation_needed": {"type": "boolean"},
    },
    "required": ["ticket_id", "customer", "category", "escalation_needed"],
}


async def conversation(caller: Caller, **more: Any) -> None:
    """Two turns of one session: the second knows the first, and reuses what was already computed."""
    ask = "Summarise this ticket in one sentence."
    first = await caller.call(
        "generate", ask, input=f"{_ticket()}\n{ask}", session="brightcart", max_output_tokens=80, **more
    )
    caller.must(first.get("text"), "there is no text")
    ask = "Now tell Maya in one sentence that we are sorry."
    second = await caller.call("generate", ask, input=ask, session="brightcart", max_output_tokens=80, **more)
    caller.must(second.get("response_id") != first.get("response_id"), "the second turn is not a new response")
    caller.must(second.get("usage", {}).get("input_tokens", 0) > 60, "the second turn does not carry the first")


async def extraction(caller: Caller, **more: Any) -> None:
    """JSON that is valid against a schema."""
    ask = "Fill in our triage form from the ticket."
    done = await caller.call(
        "structured_extract", ask, input=f"{_ticket()}\n{ask}", schema=TRIAGE, max_output_tokens=200, **more
    )
    caller.must(done.get("outcome") == "ok", "the answer is not valid against the schema")
    caller.must(set(TRIAGE["required"]) <= set(done.get("data") or {}), "fields are missing")


async def documents(caller: Caller, **more: Any) -> None:
    """A question about a PDF, and a folder made searchable."""
    ask = "Within how many days may a damaged product be replaced?"
    policy = [str(MATERIAL / "policy.pdf")]
    question = f"{ask} Answer in one sentence."
    asked = await caller.call("file_ask", ask, question=question, files=policy, max_output_tokens=60, **more)
    caller.must(asked.get("text"), "there is no answer")
    caller.must([file.get("sha256") for file in asked.get("files", [])], "the file is not in the result")
    found = await caller.call(
        "vector_search",
        "Look through the handbook: who repairs a desk?",
        store="handbook",
        paths=[str(MATERIAL / "handbook")],
        query="Who repairs a desk?",
        max_results=2,
        # A small model reads short passages better, and sooner.
        chunking_strategy={"type": "static", "static": {"max_chunk_size_tokens": 150, "chunk_overlap_tokens": 50}},
    )
    caller.must(found.get("index", {}).get("added"), "nothing is indexed")
    caller.must(all(map(_placed, found.get("results", [{}]))), "what was found has no place in a file")
    ask = "When does a supervisor call back?"
    answered = await caller.call(
        "vector_search",
        f"{ask} Answer from the handbook.",
        store="handbook",
        query=ask,
        max_results=1,
        answer=True,
        max_output_tokens=60,
        **more,
    )
    caller.must(answered.get("text"), "there is no answer")
    caller.must(all(map(_placed, answered.get("citations", [{}]))), "its sources have no place in a file")


async def start(caller: Caller, **more: Any) -> JsonObject:
    """Work that nobody waits for; returns its handle."""
    ask = "Write a short letter to a customer whose desk is late."
    about = f"{ask} I'll be back."
    job = await caller.call("start_background", about, input=ask, max_output_tokens=120, **more)
    caller.must(job.get("job_id"), "there is no job id")
    return job


async def background(caller: Caller, job: JsonObject) -> None:
    """The work of a server that is gone: collected from another one; and a job that is stopped."""
    ended = await collect(caller, job)
    caller.must(ended.get("status") in ("completed", "incomplete"), f"the job ended as {ended.get('status')}")
    other = await caller.call("start_background", "Tell a very long story.", input="Tell a very long story.")
    stopped = await caller.call("cancel", "Never mind, stop it.", ids=[other.get("job_id")])
    # A fast backend may have told the whole story by then.
    status = [one.get("status") for one in stopped.get("jobs", [])]
    caller.must(status in (["cancelled"], ["completed"]), f"it was not stopped: {status}")


async def collect(caller: Caller, job: JsonObject) -> JsonObject:
    """Poll until the job has ended; each poll waits half a minute for that."""
    with anyio.move_on_after(300):
        while True:
            polled = await caller.call("poll", "Is the letter done?", ids=[job.get("job_id")], wait_seconds=30)
            jobs: list[JsonObject] = polled.get("jobs", [])
            if not jobs or jobs[0]["status"] not in ("queued", "in_progress"):
                return jobs[0] if jobs else {}
    return {}


async def tidy(caller: Caller) -> None:
    """What is there, and nothing of it afterwards."""
    kept = await caller.call(
        "sessions", "What was that conversation, and what did it cost?", action="get", session="brightcart"
    )
    caller.must(len(kept.get("turns", [])) == 2, "the session does not have its two turns")
    await caller.call("cleanup", "What would you delete of all this?", all=True)
    gone = await caller.call("cleanup", "Delete it.", all=True, dry_run=False, confirm=True)
    caller.must(not {"failed", "skipped"} & set(gone.get("counts", {})), "not everything could be deleted")
    left = await caller.call("sessions", "Is anything left?", action="list")
    caller.must(left.get("sessions") == [], "a session is left")


def _ticket() -> str:
    return (MATERIAL / "ticket.txt").read_text("utf-8")


def _placed(source: JsonObject) -> bool:
    return "path" in source and ("lines" in source or "page" in source)
