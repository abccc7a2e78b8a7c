"""What a tool asks for, before anybody has decided how the backend will be told."""

from hashlib import sha256
from pathlib import Path

from mcp_server.model.answer import Citation
from mcp_server.model.value import Frozen, JsonObject


class Extraction(Frozen):
    """The answer must be JSON that is valid against the caller's own ``json_schema``.

    ``strict`` asks for the backend's schema enforcement; ``max_repairs`` is how often an invalid answer is sent back
    with its errors (each time is one more upstream request of the same job).
    """

    json_schema: JsonObject | bool
    name: str = "result"
    strict: bool = True
    max_repairs: int = 1


class TurnRequest(Frozen):
    """One paid call. It is stored with its job before anything is sent, so it must be enough to send it.

    ``input`` holds only this turn's new items in the API's form; what came before is found through ``session`` or
    ``previous_response_id``. ``tool_outputs`` answer the tool calls of the turn before, as the caller gave them.
    ``compact`` asks for a shorter form of what came before instead of an answer. ``files`` are absolute paths, URLs or
    file ids that were already allowed; paths are checked again when they are read, and lie in the folders ``roots``
    (real paths). ``sources`` are what stands numbered in ``input``, from [1] on: an answer cites them by their numbers.
    ``asked`` is what they were found with. ``params`` holds every other ``responses.create`` parameter by its API name.
    """

    tool: str
    input: list[JsonObject]
    tool_outputs: list[JsonObject] = []
    compact: bool = False
    files: list[str] = []
    roots: list[Path] = []
    sources: list[Citation] = []
    asked: JsonObject = {}
    instructions: str | None = None
    session: str | None = None
    previous_response_id: str | None = None
    model: str | None = None
    params: JsonObject = {}
    extraction: Extraction | None = None
    store: bool | None = None
    background: bool = False
    request_key: str | None = None

    def fingerprint(self) -> str:
        """A hash of what the caller asked for: two calls with one ``request_key`` must be the same in it.

        Where folders are announced by the host and passages were found for a question, the caller asked for neither.
        """
        found = {"input", "sources"} if self.asked else set[str]()
        return sha256(self.model_dump_json(exclude={"roots", *found}).encode()).hexdigest()


class Layout(Frozen):
    """Exactly what a backend is to send: the one wire request that ``turns`` laid out and a backend only translates.

    ``input`` is complete (history included, when the mode is replay); this turn's own items begin at ``new_from``.
    ``model`` is absent where a prompt template names it. ``conversation`` excludes ``previous_response_id``.
    ``json_schema`` is the form the model must fill in, already rewritten for the backend; ``strict`` says whether it
    obeys the strict subset.
    """

    model: str | None
    input: list[JsonObject]
    new_from: int = 0
    instructions: str | None = None
    previous_response_id: str | None = None
    conversation: str | None = None
    store: bool = True
    background: bool = False
    json_schema: JsonObject | None = None
    schema_name: str = "result"
    strict: bool = True
    cache_key: str | None = None
    params: JsonObject = {}
