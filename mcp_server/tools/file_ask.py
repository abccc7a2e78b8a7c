"""``file_ask``: a question about files."""

from typing import Annotated

from anyio import to_thread
from pydantic import Field

from mcp_server.files.content import check
from mcp_server.model.value import JsonObject
from mcp_server.tools.result import SharedResult, pay
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
    files = await to_thread.run_sync(check, arguments.files, call.app.roots)
    request = arguments.request("file_ask", [user_message(arguments.question)], files=files)
    return FileAskResult.model_validate(await pay(call, arguments, request))


TOOL = Tool(
    name="file_ask",
    title="Ask about files",
    description=(
        "Ask a model a question about files: PDF, Markdown, text, source code, and whatever else the backend reads. "
        "The same file is uploaded once. For many documents use vector_search."
    ),
    annotations=PAID,
    arguments=FileAskArguments,
    output=FileAskResult,
    handler=file_ask,
)
