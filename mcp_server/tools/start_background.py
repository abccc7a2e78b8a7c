"""``start_background``: the same as ``generate``, but nobody waits."""

from pydantic import Field

from mcp_server.errors import InvalidArgument
from mcp_server.files.content import check
from mcp_server.model.request import Extraction
from mcp_server.model.value import JsonObject
from mcp_server.schemas.strict import prepare
from mcp_server.tools.generate import GenerateArguments, turn_request
from mcp_server.tools.pay import pay
from mcp_server.tools.result import SharedResult, result_of
from mcp_server.tools.shared import WaitSeconds
from mcp_server.tools.spec import PAID, Call, Tool


class StartBackgroundArguments(GenerateArguments):
    """Everything that ``generate`` takes, and files and a schema besides."""

    files: list[str] | None = Field(default=None, description="As in file_ask")
    json_schema: JsonObject | bool | None = Field(default=None, alias="schema", description="As in structured_extract")
    wait_seconds: WaitSeconds | None = Field(default=None, description="Wait this long for its end (default 0)")


async def start_background(call: Call, arguments: StartBackgroundArguments) -> SharedResult:
    """Admit the job and return its handle, unless ``wait_seconds`` asks for a look at its end."""
    if arguments.store is False and call.app.backend.profile.background:
        raise InvalidArgument("store: background work is kept upstream while it runs; leave store out.")
    if arguments.json_mode and arguments.json_schema is not None:
        raise InvalidArgument("json excludes schema, which already asks for JSON; pass one of them.")
    extraction = None if arguments.json_schema is None else Extraction(json_schema=arguments.json_schema)
    if extraction:
        # Refused now and not by a job that somebody has to poll first.
        prepare(extraction.json_schema, strict=call.app.backend.profile.json_schema != "grammar")
    roots = await call.roots(arguments.files)
    request = await turn_request(
        call,
        arguments,
        "start_background",
        background=True,
        files=await check(arguments.files or [], roots, call.app.fetcher),
        roots=roots,
        extraction=extraction,
    )
    return result_of(await pay(call, arguments, request, wait_seconds=0))


TOOL = Tool(
    name="start_background",
    title="Start background work",
    description=(
        "Start long work (deep research, big extractions) and get a job_id at once; it survives "
        "restarts. Collect the result with poll, stop it with cancel. Takes generate's arguments, files and schema."
    ),
    annotations=PAID,
    arguments=StartBackgroundArguments,
    output=SharedResult,
    handler=start_background,
)
