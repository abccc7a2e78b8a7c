"""What a tool gave or what went wrong, as MCP's result. Failures become results here and nowhere else."""

from typing import Any

from mcp.types import CallToolResult, ContentBlock, ResourceLink, TextContent

from mcp_server.app import App
from mcp_server.errors import CallFailed, ServerError
from mcp_server.model.value import Scope
from mcp_server.redaction import redact
from mcp_server.server.artifacts import inline_images
from mcp_server.tools.result import ArtifactLink, SharedResult
from mcp_server.tools.spec import Output

ATTEMPTS_META = "responses-mcp/attempts"
ERROR_META = "responses-mcp/error"


async def result(app: App, scope: Scope, output: Output) -> CallToolResult:
    """The answer in both places: fields for hosts that show those, text for hosts that show only text.

    Small images stand beside the text, and links to whatever is not in the result.
    """
    content: list[ContentBlock] = [TextContent(type="text", text=output.render())]
    links = output.resources()
    content += await inline_images(app, scope, [link for link in links if isinstance(link, ArtifactLink)])
    content += [ResourceLink(type="resource_link", **link.model_dump()) for link in links]
    return CallToolResult(
        content=content,
        structured_content=output.model_dump(mode="json", exclude_unset=True),
        _meta=_meta(output),
    )


def _meta(output: Output) -> dict[str, Any] | None:
    # Sending more than once is worth a word, and only to those who look for it.
    more = isinstance(output, SharedResult) and output.requests_sent
    return {ATTEMPTS_META: more} if more else None


def failure_result(error: ServerError) -> CallToolResult:
    """An ``isError`` result: one sentence, what had arrived before it, and the rest in ``_meta``.

    No ``structuredContent``: TypeScript clients validate it against the output schema even on errors, and throw.
    """
    failure = error.failure()
    told = failure.model_dump(exclude_none=True, exclude={"message"})
    content: list[ContentBlock] = [TextContent(type="text", text=redact(failure.message))]
    if isinstance(error, CallFailed):
        told["job_id"] = error.job_id
        if error.partial:
            content.append(TextContent(type="text", text=f"What had arrived before that:\n\n{error.partial}"))
    return CallToolResult(content=content, is_error=True, _meta={ERROR_META: told})
