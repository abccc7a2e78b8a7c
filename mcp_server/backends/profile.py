"""What a backend can do, as data. The rest of the house asks the profile, never which backend it is."""

from typing import Literal

from mcp_server.model.value import Frozen


class Profile(Frozen):
    """The capabilities of one backend. A missing one has its fallback in exactly one place:

    - ``chain`` (``previous_response_id`` works): else ``turns`` replays the stored turns
    - ``stored`` (responses can be retrieved and deleted): else recovery and ``cleanup`` know only our own store
    - ``conversations`` (the Conversations API): else a session is a chain or a replay
    - ``resume`` (a background response's stream can be read again from any place): else it is asked about
    - ``compact`` (``responses/compact``): else ``turns`` has the model write a summary
    - ``containers`` (files that the code interpreter wrote can be fetched): else they are only cited
    - ``background`` (native background mode): else a worker of this process runs the job
    - ``files`` (a Files API): else ``files`` sends the content inline, and text as text
    - ``pdf``, ``documents`` (PDF and Office files as ``input_file``): else ``files`` sends their text
    - ``file_urls`` (it fetches files by URL itself): else ``files`` fetches them
    - ``vector_stores`` (hosted search): else ``index`` searches the embedded index
    - ``embeddings`` (an embeddings endpoint, for the embedded index): else the embedded engine embeds
    - ``json_schema``: ``strict`` = the API's strict subset, ``grammar`` = any schema is enforced while generating,
      ``none`` = the schema is only asked for; the answer is validated in all three

    ``free`` says that running a request twice costs nothing, so that an interrupted one may simply run again.
    ``refused`` are ``responses.create`` parameters, by API name, that the backend does not take.
    ``hosted_tools`` are the tool types it runs itself; ``function_tools`` whether the caller's own can be offered.
    """

    chain: bool = False
    stored: bool = False
    conversations: bool = False
    resume: bool = False
    compact: bool = False
    containers: bool = False
    background: bool = False
    files: bool = False
    vector_stores: bool = False
    embeddings: bool = False
    json_schema: Literal["strict", "grammar", "none"] = "none"
    images: bool = False
    pdf: bool = False
    documents: bool = False
    file_urls: bool = False
    function_tools: bool = True
    hosted_tools: frozenset[str] = frozenset()
    prompt_cache_key: bool = False
    input_tokens: bool = False
    free: bool = False
    refused: frozenset[str] = frozenset()
