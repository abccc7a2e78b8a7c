"""A terminal for a person who watches: headings, colours, and one line that moves while something is going on.

Where there is no terminal, or none that can move (``NO_COLOR``, ``TERM=dumb``), the same words come as plain lines.
"""

import ctypes
import shutil
import sys
import textwrap
import time
import unicodedata
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from io import TextIOWrapper
from typing import Any, cast

import anyio

from mcp_server.settings.terminal import wants_plain

STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "cyan": "36"}
TICK_SECONDS = 0.2
PATIENCE_SECONDS = 10.0
"""After so long without a word a plain listing says what is going on, too."""
WIDTH = 100
"""Columns used at most: longer lines are hard to read."""
PLAIN_WIDTH = 160
CLEAR = "\r\x1b[2K"
INDENT = "   "


class Screen:
    """Prints for a person, or nothing at all when ``silent``."""

    def __init__(self, *, silent: bool = False) -> None:
        out: object = sys.stdout
        if isinstance(out, TextIOWrapper):
            cast("TextIOWrapper[Any]", out).reconfigure(errors="replace")  # a Windows pipe may lack a letter of ours
        self.silent = silent
        self.moves = not silent and sys.stdout.isatty() and not wants_plain() and _takes_commands()
        self.width = min(WIDTH, shutil.get_terminal_size().columns - 1) if self.moves else PLAIN_WIDTH
        self._doing = ""
        self._said = self._since = time.monotonic()

    def say(self, text: str = "", *styles: str) -> None:
        """One line; where the terminal is too narrow for it, broken between two words."""
        if self.silent:
            return
        self._said = time.monotonic()
        narrow = self.moves and len(text) > self.width and "\x1b" not in text
        indent = text[: len(text) - len(text.lstrip())]
        for part in textwrap.wrap(text, self.width, subsequent_indent=indent) if narrow else [text]:
            print(f"{CLEAR if self._doing and self.moves else ''}{self.styled(part, *styles)}", flush=True)

    def styled(self, text: str, *styles: str) -> str:
        """The text in these styles, where there are any."""
        codes = ";".join(STYLES[style] for style in styles)
        return f"\x1b[{codes}m{text}\x1b[0m" if self.moves and codes and text else text

    def quote(self, lines: Sequence[str], *styles: str) -> None:
        """Lines that somebody else wrote, behind a bar."""
        for line in lines:
            for part in self._wrapped(line):
                self.say(f"{INDENT}{self.styled('│', 'dim')} {self.styled(part, *styles)}")

    def note(self, doing: str) -> None:
        """What is going on now."""
        if self._doing and not self.silent and not self.moves and time.monotonic() - self._said > PATIENCE_SECONDS:
            self.say(f"{INDENT}… {doing}")
        self._doing = doing

    def begin(self, doing: str) -> None:
        """Something takes time from here on: a line says what, and for how long."""
        self._since = time.monotonic()
        self._doing = doing

    def end(self) -> None:
        """It is over, and the line is gone."""
        self._doing = ""
        if self.moves:
            print(CLEAR, end="", flush=True)

    @asynccontextmanager
    async def live(self) -> AsyncGenerator[None]:
        """The line moves while the block runs."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._tick)
            try:
                yield
            finally:
                self.end()
                tasks.cancel_scope.cancel()

    async def _tick(self) -> None:
        while self.moves:
            if self._doing:
                line = cut(f"{INDENT}… {time.monotonic() - self._since:.1f} s  {self._doing}", self.width)
                print(CLEAR + self.styled(line, "cyan"), end="", flush=True)
            await anyio.sleep(TICK_SECONDS)

    def _wrapped(self, line: str) -> list[str]:
        if not self.moves or line.startswith("- "):
            return [cut(line, self.width - len(INDENT) - 2)]
        shown = textwrap.wrap(line, self.width - len(INDENT) - 2) or [""]
        return shown if len(shown) <= 3 else [*shown[:2], f"{shown[2][: self.width - len(INDENT) - 4]} …"]


def cut(line: str, width: int) -> str:
    """The line within so many columns; what is printed wide counts twice."""
    used = 0
    for index, one in enumerate(line):
        used += 2 if unicodedata.east_asian_width(one) in "WF" else 1
        if used > width - 1 and index < len(line) - 1:
            return line[:index] + "…"
    return line


def _takes_commands() -> bool:
    """Whether the terminal knows ANSI sequences. A Windows console has to be asked to (mode 4 of its output)."""
    if sys.platform != "win32":
        return True
    kernel = ctypes.windll.kernel32
    handle, mode = kernel.GetStdHandle(-11), ctypes.c_ulong()
    if not kernel.GetConsoleMode(handle, ctypes.byref(mode)):
        return False
    return bool(kernel.SetConsoleMode(handle, mode.value | 4))
