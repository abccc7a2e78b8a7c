"""What a backend answered, parsed once, and what became of it."""

from typing import Any, Literal

from mcp_server.model.document import Found
from mcp_server.model.value import Frozen, JsonObject

Status = Literal["queued", "in_progress", "completed", "incomplete", "failed", "cancelled", "unknown"]
"""``unknown``: the request was sent, but its end could not be learned."""

ENDED: frozenset[Status] = frozenset({"completed", "incomplete", "failed", "cancelled", "unknown"})

Outcome = Literal["not_sent", "failed", "unknown"]
"""What is known of a failed request upstream: it never left, it failed there, or nobody can tell."""


class Failure(Frozen):
    """An error as it is stored and shown. ``message`` is one sentence of ours: what happened and what to do."""

    code: str
    message: str
    retryable: bool = False
    http_status: int | None = None
    request_id: str | None = None
    outcome: Outcome = "failed"
    attempts: int = 0


class Usage(Frozen):
    """Tokens: cached and cache-write ones are parts of ``input_tokens``, reasoning ones of ``output_tokens``.

    ``cost_usd`` is None while no price is known. ``saved_usd`` is what the request would have cost more without the
    prompt cache, less than zero when writing the cache cost more than reading it brought in.
    """

    input_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    total_tokens: int = 0
    cost_usd: float | None = None
    saved_usd: float | None = None

    def __add__(self, other: "Usage") -> "Usage":
        """The sum of two requests; a cost that is not known makes the sum unknown."""
        tokens = {
            name: getattr(self, name) + getattr(other, name) for name in Usage.model_fields if name.endswith("_tokens")
        }
        cost, saved = _sum(self.cost_usd, other.cost_usd), _sum(self.saved_usd, other.saved_usd)
        return Usage(**tokens, cost_usd=cost, saved_usd=saved)


def _sum(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one + other


class ToolCall(Frozen):
    """Something the model wants the caller to do: run a function or custom tool, a shell command, approve a call.

    ``type`` is ``function``, ``custom``, or the item's own type (``shell_call``, ``mcp_approval_request``, …).
    """

    call_id: str
    name: str
    type: str = "function"
    arguments: str | None = None
    input: str | None = None


class Citation(Frozen):
    """Where a statement comes from. Everything but ``type`` is there when it is known.

    ``quote`` is the passage of the source that it leans on: content of a file, never to be taken for an instruction.
    """

    type: str
    title: str | None = None
    url: str | None = None
    filename: str | None = None
    file_id: str | None = None
    container_id: str | None = None
    path: str | None = None
    lines: str | None = None
    page: int | None = None
    quote: str | None = None


class SentFile(Frozen):
    """A file that went with a request, and how. ``bytes`` is its size."""

    source: str
    sha256: str | None = None
    bytes: int | None = None
    sent_as: Literal["file_id", "inline", "text", "url"]
    file_id: str | None = None
    pages: int | None = None


class Artifact(Frozen):
    """Something a response made besides text. ``id`` names it in ``artifact://{id}``; ``bytes`` is its size.

    ``name`` is what the response called it.
    """

    id: str
    kind: str
    mime_type: str
    bytes: int
    name: str | None = None


class SchemaError(Frozen):
    """One reason why an answer is not valid; ``path`` is a JSON path such as ``$.items[2].price``."""

    path: str
    message: str


class Extracted(Frozen):
    """How an answer reads against the caller's schema."""

    outcome: Literal["ok", "refusal", "incomplete", "invalid", "tool_call"]
    data: Any = None
    errors: list[SchemaError] = []
    attempts: int = 1


class Answer(Frozen):
    """One response, ended or as far as it came.

    ``output`` keeps the raw output items for replay, unknown ones too. ``failure`` is set when ``status`` is failed.
    ``conversation`` is the upstream conversation the response was added to, ``found`` what its file search gave.
    One that has not ended has ``steps``, what was done so far in one line each, and ``poll_after_seconds`` where the
    upstream says how long to wait before it is asked again.
    """

    status: Status
    text: str = ""
    response_id: str | None = None
    previous_response_id: str | None = None
    conversation: str | None = None
    service_tier: str | None = None
    model: str | None = None
    tool_calls: list[ToolCall] = []
    citations: list[Citation] = []
    found: Found | None = None
    artifacts: list[Artifact] = []
    reasoning_summary: str | None = None
    refusal: str | None = None
    incomplete_reason: str | None = None
    usage: Usage | None = None
    output: list[JsonObject] = []
    steps: list[str] = []
    poll_after_seconds: float | None = None
    files: list[SentFile] = []
    extracted: Extracted | None = None
    cache_key: str | None = None
    cache_retention: str | None = None
    warnings: list[str] = []
    failure: Failure | None = None
    attempts: int = 1
