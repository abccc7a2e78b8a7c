"""responses-mcp: the OpenAI Responses API as a handful of MCP tools."""

__version__ = "0.1.0"
