"""How bytes reach the server: stdio, Streamable HTTP and SSE."""
