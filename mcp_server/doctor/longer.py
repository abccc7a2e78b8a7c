"""What takes longer than an answer: work in the background, files, an index."""

import math

from mcp_server.doctor import material
from mcp_server.doctor.report import Finding, bad, good, odd
from mcp_server.doctor.visit import Visit
from mcp_server.index.names import KIND as VECTOR_STORE
from mcp_server.index.search import Filing

STOP_SECONDS = 20.0

SENT = {
    "file_id": "a PDF was uploaded, asked about by its id",
    "inline": "a PDF was sent inside the request",
    "text": "a PDF was read here and sent as its text",
    "url": "a PDF was sent as a URL",
}


async def background(visit: Visit) -> Finding:
    """Work that nobody waits for comes to its end."""
    answer = await visit.ask("Reply with the single word: done", background=True)
    native = visit.keeps and visit.profile.background
    where = "upstream" if native else "in a worker of this process"
    if answer.status not in ("completed", "incomplete"):
        return bad(f"it ran {where} and ended as {answer.status}")
    if not visit.keeps and visit.profile.background:
        return good("it ran in a worker of this process, because nothing is to be kept upstream")
    return visit.way("background", f"it ran {where} as {answer.response_id}", f"it ran {where}")


async def cancel(visit: Visit) -> Finding:
    """Work in the background is stopped."""
    job = await visit.begin("Write the numbers from 1 to 200 in words, one on a line.", background=True)
    if visit.keeps and visit.profile.background:
        job = await visit.named(job)
    (job,) = await visit.app.turns.cancel(visit.scope, [job], STOP_SECONDS)
    if job.status == "cancelled":
        return good("it was stopped")
    if job.status in ("completed", "incomplete"):
        return good("it had come to its end before it could be stopped")
    return odd(f"it was told to stop, and its status is {job.status}", "look upstream whether it still runs")


async def files(visit: Visit) -> Finding:
    """A small PDF reaches the model, one way or another."""
    path = material.page(visit.folder)
    question = "Which code word is on this page? Reply with that word."
    answer = await visit.ask(question, files=[str(path)], roots=[visit.folder])
    (sent,) = answer.files
    return visit.way("files", SENT[sent.sent_as], SENT[sent.sent_as], {"sent_as": sent.sent_as})


async def vectors(visit: Visit) -> Finding:
    """A small file is indexed and found."""
    app, path = visit.app, material.note(visit.folder)

    async def progress(done: int, total: int, message: str) -> None:
        visit.say(f"indexing {done} of {total}: {message}")

    # Were this process killed, the store would not stay for longer than a day.
    filing = Filing(expires_days=1)
    report = await app.updates.update(visit.scope, visit.name, [path], filing, progress, math.inf)
    if report is None or report.failed:
        return bad(f"it was not indexed: {report.failed[0].reason if report else 'it did not end'}")
    found = await app.index.search(visit.scope, visit.name, [material.QUERY], max_results=2)
    kind = await _kind(visit, hosted=found.vector_store_id is not None)
    if not found.passages:
        return odd(f"a file was indexed in {kind}, but not found", "search again later: some indexes need a while")
    if found.warnings:
        return odd(f"a file was indexed in {kind} and found", found.warnings[0])
    said = f"a file was indexed in {kind} and found"
    # Hosted search needs both.
    needed = "vector_stores" if visit.profile.files else "files"
    return visit.way(needed, said, said, {"embedded": found.vector_store_id is None})


async def _kind(visit: Visit, *, hosted: bool) -> str:
    """Which index it was, and who embeds for it."""
    if hosted:
        return "a vector store of the backend"
    kept = await visit.app.store.objects.get(visit.scope, VECTOR_STORE, visit.name)
    model = kept.data.get("model") if kept else None
    return f"the embedded index (by words and, with {model}, by meaning)" if model else "the embedded index (by words)"
