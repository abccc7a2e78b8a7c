"""``file_ask``: a question about files."""

from typing import Annotated

from pydantic import Field

from mcp_server.files.content import check
from mcp_server.model.value import JsonObject
from mcp_server.tools.pay import pay
from mcp_server.tools.result import SharedResult
from mcp_server.tools.shared import SharedArguments, user_message
from mcp_server.tools.spec import PAID, Call, Tool


class FileAskArguments(SharedArguments):
    """What to ask, about which files."""

    question: Annotated[str, Field(min_length=1)]
    files: Annotated[list[str], Field(min_length=1)] = Field(description="Paths, globs, https URLs or file ids")


class FileAskResult(SharedResult):
    """The answer, and how each file was sent."""

    files: list[JsonObject] | None = None


async def file_ask(call: Call, arguments: FileAskArguments) -> FileAskResult:
    """One question; files are checked before anything is admitted, and read when it is the job's turn."""
    roots = await call.roots(arguments.files)
    files = await check(arguments.files, roots, call.app.fetcher)
    request = arguments.request("file_ask", [user_message(arguments.question)], files=files, roots=roots)
    return FileAskResult.model_validate(await pay(call, arguments, request))


TOOL = Tool(
    name="file_ask",
    title="Ask about files",
    description=(
        "Read files and answer a question about them: PDF, Office documents, spreadsheets, images, web pages, text, "
        "source code. The same file is uploaded once. To search many documents use vector_search."
    ),
    annotations=PAID,
    arguments=FileAskArguments,
    output=FileAskResult,
    handler=file_ask,
)
