"""What a tool gave or what went wrong, as MCP's result. Failures become results here and nowhere else."""

from mcp.types import CallToolResult, ContentBlock, ResourceLink, TextContent

from mcp_server.errors import CallFailed, ServerError
from mcp_server.redaction import redact
from mcp_server.tools.spec import Output

ERROR_META = "responses-mcp/error"


def result(output: Output) -> CallToolResult:
    """The answer in both places: fields for hosts that show those, text for hosts that show only text."""
    content: list[ContentBlock] = [TextContent(type="text", text=output.render())]
    content += [
        ResourceLink(type="resource_link", uri=link.uri, name=link.name, mime_type=link.mime_type)
        for link in output.resources()
    ]
    return CallToolResult(content=content, structured_content=output.model_dump(mode="json", exclude_unset=True))


def failure_result(error: ServerError) -> CallToolResult:
    """An ``isError`` result: one sentence, and the rest in ``_meta``.

    No ``structuredContent``: TypeScript clients validate it against the output schema even on errors, and throw.
    """
    failure = error.failure()
    told = failure.model_dump(exclude_none=True, exclude={"message"})
    if isinstance(error, CallFailed):
        told["job_id"] = error.job_id
    return CallToolResult(
        content=[TextContent(type="text", text=redact(failure.message))], is_error=True, _meta={ERROR_META: told}
    )
