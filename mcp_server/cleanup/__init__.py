"""Deleting what this server made for a caller, here and upstream: chosen by the caller, or past its own date."""
