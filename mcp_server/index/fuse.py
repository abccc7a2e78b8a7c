"""Reciprocal rank fusion: several rankings of the same passages become one, whatever their own scores mean."""

from collections.abc import Iterable, Sequence

K = 60
"""How slowly a rank loses weight; the usual constant."""


def fuse(rankings: Sequence[Iterable[int]]) -> list[tuple[int, float]]:
    """Ids with scores, best first. 1 means first in every ranking; a ranking without an id gives it nothing."""
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, found in enumerate(ranking, 1):
            scores[found] = scores.get(found, 0.0) + (K + 1) / (K + rank)
    best = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
    return [(found, score / len(rankings)) for found, score in best]
