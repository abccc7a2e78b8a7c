"""Where sessions, turns, jobs and kept objects live. SQL stands in this package alone."""
