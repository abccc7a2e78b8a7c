"""A long conversation in a short form: the backend's own where it has one, else a summary that the model writes."""

from mcp_server.backends.profile import Profile
from mcp_server.model.answer import Answer
from mcp_server.model.value import JsonObject

REQUEST = (
    "Summarise this conversation so that it can go on from the summary alone. Keep, under these four headings: durable "
    "facts (names, numbers, decisions, results), open questions, constraints, next actions. Leave out everything else."
)
EMBEDDED_TOKENS = 512
"""The embedded engine's small model seldom comes to an end by itself; what it has said by then is its summary."""
SUMMARY_TOKENS = 8_192
"""Room for a summary and for reasoning about it; a model that finds no end stops there."""
HEADING = "Summary of the conversation so far:"


def asking(profile: Profile) -> list[JsonObject]:
    """The input items that ask for it: none where the backend compacts by itself."""
    return [] if profile.compact else [{"role": "user", "content": REQUEST}]


def bounds(profile: Profile) -> JsonObject:
    """Parameters of the request that asks for it."""
    return {"max_output_tokens": EMBEDDED_TOKENS if profile.free else SUMMARY_TOKENS}


def window(answer: Answer, profile: Profile) -> list[JsonObject]:
    """The items that the conversation goes on from; none when there is no whole answer to go on from."""
    if profile.compact:
        return answer.output
    whole = answer.status == "completed" or (answer.status == "incomplete" and profile.free)
    if not (whole and answer.text.strip()):
        return []
    return [{"role": "user", "content": f"{HEADING}\n{answer.text}"}]
