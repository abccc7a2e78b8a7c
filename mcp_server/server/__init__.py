"""The MCP boundary: lists, calls, resources, progress; the only place where failures become results."""
