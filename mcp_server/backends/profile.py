"""What a backend can do, as data. The rest of the house asks the profile, never which backend it is."""

from typing import Literal

from mcp_server.model.value import Frozen

HARMLESS = frozenset(
    {
        "background_options",
        "metadata",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "reasoning.summary",
        "safety_identifier",
        "service_tier",
        "user",
    }
)
"""Parameters of ``responses.create`` that change what an answer costs, when it comes or what is noted beside it, and
not what it says: one that a backend does not take is left out with a warning. All others are refused."""


class Profile(Frozen):
    """The capabilities of one backend. A missing one has its fallback in exactly one place:

    - ``chain`` (``previous_response_id`` works): else ``turns`` replays the stored turns
    - ``stored`` (``store: true`` keeps a response): else nothing is continued there, and it is told to keep nothing
    - ``retrieve`` (a kept response can be asked about): else recovery knows only our own store
    - ``delete`` (a kept response can be deleted): else ``cleanup`` deletes what stands in our own store
    - ``encrypted_reasoning`` (encrypted, in a replayed turn): else a replay has only what every server reads
    - ``conversations`` (the Conversations API): else a session is a chain or a replay
    - ``resume`` (a background response's stream can be read again from any place): else it is asked about
    - ``compact`` (``responses/compact``): else ``turns`` has the model write a summary
    - ``containers`` (files that the code interpreter wrote can be fetched): else they are only cited
    - ``background`` (native background mode, cancelling included): else a worker of this process runs the job
    - ``files`` (a Files API): else ``files`` sends the content inline, and text as text
    - ``pdf``, ``documents`` (PDF and Office files as ``input_file``): else ``files`` sends their text
    - ``file_urls`` (it fetches files by URL itself): else ``files`` fetches them
    - ``vector_stores`` (hosted search): else ``index`` searches the embedded index
    - ``embeddings`` (an embeddings endpoint, for the embedded index): else the embedded engine embeds
    - ``models`` (a list of the models that can be asked): else one has to be configured
    - ``json_schema``: ``strict`` = the API's strict subset, ``grammar`` = any schema is enforced while generating,
      ``none`` = the schema is told in words and the answer asked for in JSON mode, where there is one (``json_mode``);
      the answer is validated in all three. ``schema_in`` is the parameter it stands in.

    ``free`` says that running a request twice costs nothing, so that an interrupted one may simply run again.
    ``file_purpose`` is what a question's file is uploaded for. ``hosted_tools`` are the tool types it runs itself;
    ``function_tools`` whether the caller's own can be offered. ``efforts`` and ``service_tiers`` are the values it
    takes, None for all. ``taken`` are the ``responses.create`` parameters it takes, by API name, None for all but the
    ``refused`` ones. ``echoes`` says that an answer shows what was really used of the request, so that what was
    ignored can be seen.
    """

    chain: bool = False
    stored: bool = False
    retrieve: bool = False
    delete: bool = False
    encrypted_reasoning: bool = False
    conversations: bool = False
    resume: bool = False
    compact: bool = False
    containers: bool = False
    background: bool = False
    files: bool = False
    file_purpose: Literal["user_data", "assistants"] = "user_data"
    vector_stores: bool = False
    embeddings: bool = False
    models: bool = True
    json_schema: Literal["strict", "grammar", "none"] = "none"
    json_mode: bool = True
    schema_in: Literal["text", "response_format"] = "text"
    images: bool = False
    pdf: bool = False
    documents: bool = False
    file_urls: bool = False
    function_tools: bool = True
    hosted_tools: frozenset[str] = frozenset()
    prompt_cache_key: bool = False
    input_tokens: bool = False
    free: bool = False
    efforts: frozenset[str] | None = None
    service_tiers: frozenset[str] | None = None
    taken: frozenset[str] | None = None
    refused: frozenset[str] = frozenset()
    echoes: bool = False

    def takes(self, parameter: str) -> bool:
        """Whether a parameter of ``responses.create``, or a part of one (``reasoning.summary``), may be sent."""
        whole = parameter.partition(".")[0]
        return not {parameter, whole} & self.refused and (self.taken is None or whole in self.taken)
