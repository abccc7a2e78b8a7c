"""What a response's file search gave, and which of its passages a citation leans on."""

import re
from collections.abc import Sequence

from mcp_server.backends.responses.shape import mapping, objects, string, texts
from mcp_server.model.document import Found, Passage
from mcp_server.model.value import JsonObject

_WORD = re.compile(r"\w{3,}")
_SENTENCE_END = re.compile(r"[.!?\u3002\uff01\uff1f]\s|\n")


def found(items: Sequence[JsonObject]) -> Found | None:
    """The results of all file searches together, where the request asked to include them; None without any search."""
    searches = [item for item in items if item.get("type") == "file_search_call"]
    if not searches:
        return None
    results = [result for one in searches for result in objects(one.get("results"))]
    passages = {(one.file_id, one.text): one for one in (passage(each, string(each.get("text"))) for each in results)}
    queries = dict.fromkeys(query for one in searches for query in texts(one.get("queries")))
    return Found(passages=sorted(passages.values(), key=lambda one: -one.score), queries=list(queries))


def passage(result: JsonObject, text: str | None) -> Passage:
    """One search result; a score outside 0 to 1 is moved to the nearer end."""
    score, attributes = result.get("score"), mapping(result.get("attributes"))
    ids = [string(result.get("file_id")) or "", string(attributes.get("file_id")) or ""]
    return Passage(
        # Some servers number their documents anew, and keep the file's own id among the attributes.
        file_id=next((one for one in ids if one.startswith("file")), ids[0]),
        filename=string(result.get("filename")) or "",
        score=min(1.0, max(0.0, score)) if isinstance(score, int | float) else 0.0,
        text=text or "",
        attributes=attributes,
    )


def leaned_on(note: JsonObject, text: str, results: Found | None) -> str | None:
    """The passage of the cited file that has most words of the sentence the citation ends; the best one of equals.

    The API says only which file is cited, and at which character of the answer.
    """
    passages = [one for one in (results.passages if results else ()) if one.file_id == note.get("file_id")]
    if not passages:
        return None
    at = note.get("index")
    said = _words(_sentence(text, at if isinstance(at, int) else len(text)))
    return max(passages, key=lambda one: (len(said & _words(one.text)), one.score)).text


def _sentence(text: str, end: int) -> str:
    """The sentence that ends at or before ``end``."""
    before = text[:end].rstrip()
    ends = [match.end() for match in _SENTENCE_END.finditer(before)]
    return before[ends[-1] :] if ends else before


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.casefold()))
