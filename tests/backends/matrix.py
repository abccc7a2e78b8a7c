"""The page that shows what was found: a row for each backend, a column for each tool.

Every cell is the finding of one flow of the suite. Each flow holds its cell of the committed page to what it found, or
writes it, when ``UPDATE_SNAPSHOTS`` is set.
"""

import os
from pathlib import Path

from tests.backends.kinds import KINDS

PAGE = Path(__file__).parents[2] / "docs" / "backends.md"
COLUMNS = (
    *("generate", "sessions", "structured_extract", "file_ask", "vector_search"),
    *("start_background", "cancel", "cleanup", "left out", "refused"),
)
HEAD = """\
# What each backend does itself, and what happens where it does not

All nine tools work on every backend. The table says how: whether the backend does the work itself, or this server does
it in its place. Nobody edits it: `python3 scripts/dev.py matrix` writes it from what the conformance suite saw on the
wire, against one scripted server per backend that takes, ignores and refuses what its original does (`tests/backends`).

- **generate**: where the answer is kept. What the backend does not keep is kept here alone.
- **sessions**: a *chain* continues by `previous_response_id`, a *replay* sends the turns again; how it is compacted, by
  the backend or by a summary that the model writes.
- **structured_extract**: whether the backend enforces the schema. The answer is validated here in every case.
- **file_ask**: how a PDF and an image travel. Text always goes as text.
- **vector_search**: the backend's vector stores or the index here, and whose embeddings stand in that. Where none are
  named, the packaged model embeds if its extra is installed; without it the index knows words alone.
- **start_background**, and with it `poll`: the backend's background mode, or a job of this server's process.
- **cancel**: how the work is ended.
- **cleanup**: what is deleted upstream, beside all that stands here.
- **left out**: of `metadata`, `safety_identifier` and `service_tier`, what the answer then warns of.
- **refused**: of web search and conversations, what is refused, by name before anything is sent or in its own words.
"""


def pinned(kind: str, column: str, found: str) -> None:
    """Hold the page's cell to what was found."""
    cells = read()
    if os.environ.get("UPDATE_SNAPSHOTS"):
        cells[kind, column] = found
        PAGE.write_text(page(cells), "utf-8")
    assert cells.get((kind, column)) == found, "run `python3 scripts/dev.py matrix` and look at the difference"


def page(cells: dict[tuple[str, str], str]) -> str:
    """The whole page."""
    lines = [("backend", *COLUMNS), ("---",) * (len(COLUMNS) + 1)]
    lines += [(kind.name, *(cells.get((kind.name, column), "?") for column in COLUMNS)) for kind in KINDS]
    return HEAD + "\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def read() -> dict[tuple[str, str], str]:
    """The cells of the committed page, by backend and column."""
    text = PAGE.read_text("utf-8") if PAGE.exists() else ""
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {(name, column): cell for name, *found in rows[2:] for column, cell in zip(COLUMNS, found, strict=True)}
