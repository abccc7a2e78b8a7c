"""Which local files may be read, what is in them, and how they go with a request."""
