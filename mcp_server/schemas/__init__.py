"""The caller's JSON Schema: rewritten into what a backend enforces, and the answer read against the original."""
