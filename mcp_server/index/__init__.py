"""Searching files: stores kept by the backend, or the embedded index of words and vectors."""
