"""What stands in the pages: blocks of code, links, and what is between backticks."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)|<img [^>]*src=\"([^\"]+)\"")
_WORD = re.compile(r"`([^`\n]+)`")


class Block(NamedTuple):
    """A fenced block; ``line`` is where it begins."""

    page: Path
    line: int
    language: str
    text: str

    @property
    def name(self) -> str:
        """For the test's id."""
        return f"{self.page.name}:{self.line} {self.language}"


def blocks(page: Path) -> list[Block]:
    """The page's blocks in their order."""
    text = page.read_text("utf-8")
    return [Block(page, text.count("\n", 0, found.start()) + 1, found[1], found[2]) for found in _BLOCK.finditer(text)]


def prose(page: Path) -> str:
    """The page without its blocks."""
    return _BLOCK.sub("", page.read_text("utf-8"))


def links(page: Path) -> list[str]:
    """Where its links and pictures lead."""
    return [one or other for one, other in _LINK.findall(prose(page))]


def words(page: Path) -> list[str]:
    """What stands between backticks."""
    return _WORD.findall(prose(page))


def anchors(page: Path) -> set[str]:
    """The names of its headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}
