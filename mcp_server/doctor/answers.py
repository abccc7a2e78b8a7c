"""What costs a few tokens: one answer, a conversation, JSON, what is kept of them, how fast they come."""

import time

from mcp_server.cleanup.choice import Choice
from mcp_server.doctor.report import Finding, bad, good, odd, skipped
from mcp_server.doctor.visit import Visit
from mcp_server.errors import ServerError, UpstreamError
from mcp_server.model.answer import Usage
from mcp_server.model.request import Extraction
from mcp_server.model.value import JsonObject

MOST_QUOTED = 40

FIRST = "This is a check of the connection. Remember the word lantern, and reply with the single word: ready"
SECOND = "Which word was it?"

CHAINED = "continued by previous_response_id"
REPLAYED = "continued by sending the turns again that are kept here"

TICKET: JsonObject = {
    "type": "object",
    "properties": {"order": {"type": "string", "maxLength": 20}, "late": {"type": "boolean"}},
    "required": ["order", "late"],
    "additionalProperties": False,
}
JSON_ROOM = 256

SHORT = (
    "Reply with one word that is a colour.",
    "Reply with one word that is a fruit.",
    "Reply with one word that is a town.",
)

LINE = "Paragraph {number}: the shop on the corner sells lamps, tables and chairs, and opens at nine every morning. "
LINES = 70
"""Of about 20 tokens each: a prefix has to have 1,024 to be kept."""


async def text(visit: Visit) -> Finding:
    """One answer: the key, the model and the shape of the request are right."""
    answer = await visit.ask(FIRST, session=visit.name)
    if not answer.text.strip():
        why = answer.incomplete_reason or ("a refusal" if answer.refusal else answer.status)
        return odd(f"{answer.model or visit.model} answered without text ({why}) after {_tokens(answer.usage)}")
    return good(f'{answer.model or visit.model} said "{_quoted(answer.text)}" ({_tokens(answer.usage)})')


async def conversation(visit: Visit) -> Finding:
    """A second turn. It is shorter than the first: more input tokens prove that the first was read with it."""
    first = visit.answers[-1]
    second = await visit.ask(SECOND, session=visit.name)
    went = visit.way("chain", CHAINED, REPLAYED) if visit.keeps else good(REPLAYED)
    before, after = (answer.usage.input_tokens if answer.usage else 0 for answer in (first, second))
    if not before or not after:
        return went.model_copy(update={"found": f"{went.found}; no tokens are told to prove it by"})
    if after <= before:
        return odd(
            f"{went.found}, but the second turn has {after} input tokens after {before}: the first was ignored",
            "check whether that server continues a conversation at all",
        )
    return went.model_copy(update={"found": f"{went.found}: {before} input tokens, then {after}"})


async def structured(visit: Visit) -> Finding:
    """JSON that is valid against a schema."""
    question = (
        "Order 8831 has not arrived, and it was promised for last week. Extract the order and whether it is late."
    )
    answer = await visit.ask(question, room=JSON_ROOM, extraction=Extraction(json_schema=TICKET, name="ticket"))
    extracted = answer.extracted
    if extracted is None or extracted.outcome != "ok":
        return bad(
            f"the answer is not valid ({extracted.outcome if extracted else answer.status})",
            "structured_extract will often fail: choose another model",
        )
    way = {
        "strict": "the schema was enforced by the backend",
        "grammar": "the schema was enforced while the answer was written",
        "none": "the schema was told in words, and the answer checked here",
    }[visit.profile.json_schema]
    if extracted.attempts > 1:
        return odd(f"valid after {extracted.attempts} attempts; {way}")
    return good(f"valid at once; {way}")


async def kept(visit: Visit) -> Finding:
    """A response is read again by its id, deleted, and gone."""
    if not visit.keeps:
        why = "RESPONSES_MCP_STORE_RESPONSES is false" if visit.profile.stored else "the backend keeps no responses"
        return skipped(f"{why}: sessions go on from the turns that are kept here")
    if not visit.profile.retrieve:
        return skipped("the backend keeps responses, and shows none of them again")
    answer, backend = visit.answers[-1], visit.app.backend
    response_id = answer.response_id or ""
    again = await backend.retrieve(response_id)
    if again.text != answer.text:
        return odd(f"{response_id} was read again, and its text is not what was answered")
    if not visit.profile.delete:
        return good("read again by its id; the backend deletes none, so it stays as long as the provider keeps it")
    (gone,) = await visit.clean(Choice(ids=(response_id,), kinds=frozenset({"responses"})), seconds=20)
    if gone.status != "deleted":
        return bad(f"read again by its id, but not deleted: {gone.error or gone.status}")
    try:
        await backend.retrieve(response_id)
    except UpstreamError as fault:
        if fault.http_status != 404:
            raise
        return good("read again by its id, deleted, and gone")
    return odd(f"{response_id} can be read although the backend says that it was deleted")


async def latency(visit: Visit) -> Finding:
    """A few short answers one after another: a sample, not a load test."""
    seconds: list[float] = []
    failed: list[str] = []
    for prompt in SHORT:
        started = time.monotonic()
        try:
            await visit.ask(prompt, store=False)
        except ServerError as error:
            failed.append(error.message)
        else:
            seconds.append(time.monotonic() - started)
    if not seconds:
        return bad(f"none of {len(SHORT)} short requests was answered: {failed[0]}")
    middle, slow = percentile(seconds, 0.5), percentile(seconds, 0.9)
    found = f"p50 {middle:.2f} s, p90 {slow:.2f} s over {len(seconds)} of {len(SHORT)} short requests"
    data = {"p50_seconds": round(middle, 3), "p90_seconds": round(slow, 3), "answered": len(seconds)}
    return odd(f"{found}; {failed[0]}", data=data) if failed else good(found, data)


def percentile(values: list[float], share: float) -> float:
    """The value that ``share`` of them do not exceed, by the nearest rank."""
    return sorted(values)[round(share * (len(values) - 1))]


async def cache(visit: Visit) -> Finding:
    """Two requests that begin alike: the second reads the beginning from the cache."""
    if not visit.cache:
        return skipped("two requests of about 1,500 tokens: --cache tries it")
    # The name makes the prefix new, so that nothing of an earlier visit is found.
    long = visit.name + " " + "".join(LINE.format(number=number) for number in range(LINES))
    usages: list[Usage] = []
    for prompt in SHORT[:2]:
        answer = await visit.ask(prompt, instructions=long, store=False)
        usages.append(answer.usage or Usage())
    first, second = usages
    data = {"cached_tokens": second.cached_tokens, "written_tokens": first.cache_write_tokens}
    if second.cached_tokens:
        return good(f"{second.cached_tokens:,} of {second.input_tokens:,} input tokens came from the cache", data)
    return odd(
        f"none of {second.input_tokens:,} input tokens came from the cache",
        "try again: a prefix is not always found at once, and not every model or server has a cache",
        data,
    )


def _tokens(usage: Usage | None) -> str:
    return f"{usage.input_tokens} tokens in, {usage.output_tokens} out" if usage else "tokens not told"


def _quoted(words: str) -> str:
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in words).split())
    return line if len(line) <= MOST_QUOTED else line[: MOST_QUOTED - 1] + "…"
