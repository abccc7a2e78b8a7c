"""``structured_extract``: JSON that is valid against the caller's own schema, or an honest word why there is none."""

from typing import Annotated

from pydantic import Field

from mcp_server.errors import InvalidArgument
from mcp_server.files.content import check
from mcp_server.model.request import Extraction
from mcp_server.model.session import KeptObject
from mcp_server.model.value import JsonObject
from mcp_server.schemas.strict import prepare
from mcp_server.tools.pay import pay
from mcp_server.tools.result import ExtractResult
from mcp_server.tools.shared import SharedArguments, user_message
from mcp_server.tools.spec import PAID, Call, Tool

KIND = "schema"
"""Under which the store keeps schemas by their names."""

SchemaName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class ExtractArguments(SharedArguments):
    """What to read, and the form to fill in."""

    input: str = Field(default="", description="The text to read, or what to look for in files")
    json_schema: JsonObject | bool | None = Field(default=None, alias="schema", description="JSON Schema of the answer")
    schema_name: SchemaName | None = Field(default=None, description="Keeps the schema; later the name alone will do")
    files: list[str] | None = Field(default=None, description="As in file_ask")
    strict: bool = Field(default=True, description="Have the model's output held to the schema")
    max_repairs: Annotated[int, Field(ge=0, le=3)] = Field(
        default=1, description="How often an invalid answer is sent back"
    )


async def structured_extract(call: Call, arguments: ExtractArguments) -> ExtractResult:
    """One extraction with its repairs, as one job."""
    roots = await call.roots(arguments.files)
    files = await check(arguments.files or [], roots, call.app.fetcher)
    if not arguments.input and not files:
        raise InvalidArgument("input: pass the text to read, or files.")
    extraction = await extraction_of(call, arguments)
    message = user_message(arguments.input or "Extract the data from these files.")
    request = arguments.request("structured_extract", [message], files=files, roots=roots, extraction=extraction)
    return ExtractResult.model_validate(await pay(call, arguments, request))


async def extraction_of(call: Call, arguments: ExtractArguments) -> Extraction:
    """The schema given, which keeps its name, or the one kept under the name.

    Raises:
        InvalidArgument: neither is there, or it is not a JSON Schema.
    """
    name, schema = arguments.schema_name, arguments.json_schema
    if schema is None:
        schema = await _kept(call, name)
    elif name:
        prepare(schema, strict=False)
        now = call.app.now()
        await call.app.store.objects.put(
            KeptObject(scope=call.scope, kind=KIND, key=name, id=name, data={"schema": schema}, created_at=now)
        )
    return Extraction(
        json_schema=schema, name=name or "result", strict=arguments.strict, max_repairs=arguments.max_repairs
    )


async def _kept(call: Call, name: str | None) -> JsonObject | bool:
    if name is None:
        raise InvalidArgument("schema: pass a JSON Schema, or the schema_name of one that was passed before.")
    if kept := await call.app.store.objects.get(call.scope, KIND, name):
        return kept.data["schema"]
    names = [item.key for item in await call.app.store.objects.all(call.scope, KIND)]
    raise InvalidArgument(f"schema_name: no schema {name!r} was passed before; kept are {names}. Pass schema with it.")


TOOL = Tool(
    name="structured_extract",
    title="Extract JSON",
    description=(
        "Turn text or files into JSON that is valid against your JSON Schema (validated here; invalid answers are sent "
        "back for repair). outcome is ok, invalid, refusal, incomplete or tool_call; data holds the JSON."
    ),
    annotations=PAID,
    arguments=ExtractArguments,
    output=ExtractResult,
    handler=structured_extract,
)
