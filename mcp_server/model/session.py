"""A conversation: a name that points at its last response, and the turns behind it."""

from mcp_server.model.answer import Status, Usage
from mcp_server.model.value import Frozen, JsonObject, Scope


class Turn(Frozen):
    """One answered request. ``parent`` is the response id it continued; following it gives the whole conversation.

    ``input`` and ``output`` are the items as they were sent and received, so that any turn can be replayed. ``stored``
    says that the upstream keeps it, so that it can be continued and deleted there. ``conversation`` is the upstream's
    conversation that holds it. ``static`` has a short hash of each part of the request that a prompt cache depends on
    (model, instructions, tools, …), to tell which of them the next turn changed.
    """

    scope: Scope
    response_id: str
    parent: str | None = None
    session: str | None = None
    job_id: str | None = None
    tool: str = "generate"
    model: str | None = None
    instructions: str | None = None
    input: list[JsonObject]
    output: list[JsonObject]
    status: Status
    stored: bool = False
    conversation: str | None = None
    static: dict[str, str] = {}
    usage: Usage | None = None
    created_at: float


class Session(Frozen):
    """``head`` is the response id that the next turn continues; absent before the first turn has ended.

    ``conversation`` is the upstream's conversation it lives in, in that mode.
    """

    scope: Scope
    name: str
    head: str | None = None
    conversation: str | None = None
    instructions: str | None = None
    model: str | None = None
    turns: int = 0
    created_at: float
    updated_at: float


class KeptObject(Frozen):
    """Something this server made or keeps for a caller: an uploaded file, a vector store, a named schema.

    ``key`` is what a caller knows it by (a content hash, a store's name, a schema's name); ``id`` what the backend
    calls it. ``expires_at`` is in seconds since the epoch.
    """

    scope: Scope
    kind: str
    key: str
    id: str
    data: JsonObject = {}
    created_at: float
    expires_at: float | None = None
