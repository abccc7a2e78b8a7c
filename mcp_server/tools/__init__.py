"""The registry: these tools are served, in this order, and no others."""

from functools import cache

from mcp_server.tools import (
    cancel,
    cleanup,
    file_ask,
    generate,
    poll,
    sessions,
    start_background,
    structured_extract,
    vector_search,
)
from mcp_server.tools.spec import Tool, ToolDefinition

TOOLS: tuple[Tool, ...] = (
    generate.TOOL,
    structured_extract.TOOL,
    file_ask.TOOL,
    vector_search.TOOL,
    start_background.TOOL,
    poll.TOOL,
    cancel.TOOL,
    cleanup.TOOL,
    sessions.TOOL,
)


@cache
def definitions() -> list[ToolDefinition]:
    """What ``tools/list`` shows. It never changes, and writing the schemas takes longer than a call."""
    return [tool.definition() for tool in TOOLS]
