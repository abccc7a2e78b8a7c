"""Rows of text for a terminal."""

from collections.abc import Sequence


def lines(rows: Sequence[Sequence[str]]) -> list[str]:
    """The rows in columns, the first one as the head above a rule."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    laid = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [laid[0], "-" * max(map(len, laid)), *laid[1:]]
