"""Whoever answers: one protocol, and profiles as data. ``openai`` is imported in this package alone, and lazily."""
