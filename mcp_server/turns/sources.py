"""Citations that lead somewhere: for a local file its path, and the lines or the page of what is leaned on."""

import re

from mcp_server.index.origins import led_back
from mcp_server.model.answer import Answer, Citation
from mcp_server.model.document import Found, Passage
from mcp_server.model.request import TurnRequest
from mcp_server.model.value import Scope
from mcp_server.store.protocol import Store

LONGEST_QUOTE = 300
"""Characters of a quotation; the passage itself stands among what was found."""

_MARK = re.compile(r"\[(\d{1,2})\]")


async def with_sources(store: Store, scope: Scope, request: TurnRequest, answer: Answer) -> Answer:
    """The answer with its citations, and what its file search found, pointing into the caller's local files."""
    if request.sources:
        return answer.model_copy(update={"citations": [*answer.citations, *_named(answer.text, request.sources)]})
    passages = answer.found.passages if answer.found else []
    leaned = [_leaned_on(citation) for citation in answer.citations]
    if not any(passage.file_id for passage in (*leaned, *passages)):
        return answer
    led = await led_back(store, scope, [*leaned, *passages])
    citations = [_placed(one, origin) for one, origin in zip(answer.citations, led[: len(leaned)], strict=True)]
    found = Found(passages=led[len(leaned) :], queries=answer.found.queries) if answer.found else None
    return answer.model_copy(update={"citations": list(dict.fromkeys(citations)), "found": found})


def _named(text: str, sources: list[Citation]) -> list[Citation]:
    """The sources whose numbers the answer names; where it names none, all that it was given."""
    marks = {int(mark) for mark in _MARK.findall(text)}
    return [source for number, source in enumerate(sources, 1) if number in marks] or sources


def _leaned_on(citation: Citation) -> Passage:
    return Passage(file_id=citation.file_id or "", filename="", score=0, text=citation.quote or "")


def _placed(citation: Citation, origin: Passage) -> Citation:
    quote = citation.quote and " ".join(citation.quote.split())
    if quote and len(quote) > LONGEST_QUOTE:
        quote = f"{quote[:LONGEST_QUOTE]}…"
    place = origin.model_dump(include={"filename", "path", "lines", "page"}) if origin.path else {}
    return citation.model_copy(update={**place, "quote": quote})
