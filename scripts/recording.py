"""Records ``responses-mcp demo`` in a terminal and draws it as ``docs/demo.svg``: no script, no font, no address in it.

    .venv/bin/python scripts/recording.py [--home FOLDER] [--out FILE]

FOLDER is a state folder that has the model files (default: the user's own). What is shown is what happened, in the
embedded model's own words; the seconds that the demo tells are real. A wait of more than two seconds is shown in two,
and a result stands for a moment: the picture says so itself. Needs a POSIX terminal.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import re
import struct
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COLUMNS, ROWS = 92, 32
LONGEST_WAIT = 2.0
STANDS = 1.2
"""Seconds that a result stands before the next question."""
FRAME = 0.25
"""The moving line changes no more often, in seconds as shown."""
MOST_BYTES = 150_000
OURS = re.compile("RESPONSES_MCP_|OPENAI_|AZURE_|AWS_|BEDROCK_|NO_COLOR|COLUMNS")

WIDTH, LINE, MARGIN, TOP = 760, 18, 20, 44
STYLES = {"1": "b", "2": "d", "31": "r", "32": "g", "36": "c"}
TOKEN = re.compile(r"(\x1b\[[0-9;]*[A-Za-z]|\r?\n)")
SHEET = """
text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#d6deeb;white-space:pre}
.b{font-weight:bold;fill:#fff}.d{fill:#6b7a90}.r{fill:#ff7b72}.g{fill:#56d364}.c{fill:#79c0ff}
.l,.w{opacity:0;animation:on 1ms forwards}.w{animation:on 1ms forwards,off 1ms forwards}
@keyframes on{to{opacity:1}}@keyframes off{from{opacity:1}to{opacity:0}}
@media (prefers-reduced-motion:reduce){.l,.w,#tape{animation-delay:0s!important;animation-duration:1ms!important}}
"""


@dataclass
class Row:
    """A line of the terminal, as it stayed, and what moved in its place before: each with its second."""

    moved: list[tuple[float, str]] = field(default_factory=list)
    text: str = ""
    at: float = 0.0


def record(home: Path | None) -> list[tuple[float, str]]:
    """Run the demo on a terminal; returns what it wrote and when.

    Raises:
        SystemExit: the demo failed.
    """
    environment = {name: value for name, value in os.environ.items() if not OURS.match(name)}
    environment |= {"TERM": "xterm-256color"} | ({"RESPONSES_MCP_HOME": str(home)} if home else {})
    child, terminal = pty.fork()
    if child == 0:
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        os.chdir(ROOT)
        os.execve(sys.executable, [sys.executable, "-m", "mcp_server", "demo"], environment)
    started, written, pending = time.monotonic(), list[tuple[float, str]](), b""
    while True:
        try:
            more = os.read(terminal, 65536)
        except OSError:  # Linux says so when the other side has closed
            more = b""
        if not more:
            break
        pending += more
        text = pending.decode("utf-8", "ignore")
        pending = pending[len(text.encode()) :]
        written.append((time.monotonic() - started, text))
    if code := os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
        print("".join(text for _, text in written))
        raise SystemExit(f"The demo ended with {code}; nothing was drawn.")
    return written


def rows(written: list[tuple[float, str]]) -> list[Row]:
    """The lines that stayed, in order."""
    found, row = [Row(text="\x1b[2m$\x1b[0m \x1b[1mresponses-mcp demo\x1b[0m")], Row()
    for at, text in written:
        for token in TOKEN.split(text):
            if token.endswith("\n"):
                row.at = at
                found.append(row)
                row = Row()
            elif token.endswith("K"):
                row.text = ""
            elif token != "\r":
                row.text += token.removesuffix("\r")
        if row.text:
            row.moved.append((at, row.text))
    return found


def timed(found: list[Row]) -> float:
    """Give each row the second at which it is shown; returns the last one."""
    real = shown = 0.0
    for row in found:
        wait = row.at - real
        factor = LONGEST_WAIT / wait if wait > LONGEST_WAIT else 1.0
        moved: list[tuple[float, str]] = []
        for at, text in row.moved:
            begins = shown + max(0.0, at - real) * factor
            if not moved or begins - moved[-1][0] >= FRAME:
                moved.append((begins, text))
        real, shown = row.at, shown + wait * factor
        row.moved, row.at = moved, shown
        if "\u2713" in row.text:
            shown += STANDS
    return found[-1].at


def spans(text: str) -> str:
    """The line in SVG: each style of ours is a class."""
    parts, style = list[str](), ""
    for token in TOKEN.split(text.rstrip()):
        if token.startswith("\x1b"):
            style = " ".join(STYLES[code] for code in token[2:-1].split(";") if code in STYLES)
        elif token:
            parts.append(f'<tspan class="{style}">{escape(token)}</tspan>' if style else escape(token))
    return "".join(parts)


def lines(found: list[Row]) -> Iterator[str]:
    """One element for each row, and for each state of what moved."""
    for number, row in enumerate(found):
        y = TOP + LINE * number
        place = f'x="{MARGIN}" y="{y}" style="animation-delay:'
        ends = [begins for begins, _ in row.moved[1:]] + [row.at]
        for (begins, text), end in zip(row.moved, ends, strict=False):
            if end > begins:
                yield f'<text class="w" {place}{begins:.2f}s,{end:.2f}s">{spans(text)}</text>'
        if drawn := spans(row.text):
            yield f'<text class="l" {place}{row.at:.2f}s">{drawn}</text>'


def scroll(found: list[Row], seconds: float) -> str:
    """The keyframes that keep the last line in sight."""
    steps: dict[str, int] = {}
    for number, row in enumerate(found):
        first = row.moved[0][0] if row.moved else row.at
        steps[f"{100 * min(1.0, first / seconds):.2f}"] = -LINE * max(0, number + 1 - ROWS)
    kept: list[str] = []
    last = None
    for share, offset in steps.items():
        if offset != last:
            kept.append(f"{share}%{{transform:translateY({offset}px)}}")
        last = offset
    return f"@keyframes up{{{''.join(kept)}to{{transform:translateY({last}px)}}}}"


def draw(found: list[Row], release: str) -> str:
    """The picture."""
    seconds = timed(found)
    height = TOP + LINE * ROWS + 34
    told = (
        f"Recorded on the embedded 135M model; waits over {LONGEST_WAIT:g} s are shortened, the times shown are real."
    )
    body = "\n".join(lines(found))
    edge = TOP - LINE + 5
    window = f'y="{edge}" width="{WIDTH}" height="{LINE * ROWS + 4}" viewBox="0 {edge} {WIDTH} {LINE * ROWS + 4}"'
    knobs = "".join(f'<circle cx="{x}" cy="15" r="4.5" fill="#3b4658"/>' for x in (20, 36, 52))
    size = f'width="{WIDTH}" height="{height}"'
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" {size} role="img">
<!-- Written by scripts/recording.py from responses-mcp {release}. {told} -->
<title>responses-mcp demo: every tool used once or more, and a table of what it took</title>
<style>{SHEET}{scroll(found, seconds)}
#tape{{animation:up {seconds:.2f}s step-end forwards}}.s{{font-size:11px;fill:#8b98a9}}</style>
<rect x=".5" y=".5" width="{WIDTH - 1}" height="{height - 1}" rx="8" fill="#0f1724" stroke="#3b4658"/>
<svg {window}><g id="tape">
{body}
</g></svg>
{knobs}
<text class="s" x="{MARGIN}" y="{height - 13}">{escape(told)}</text>
</svg>
"""


def check(picture: str) -> None:
    """Refuse what must not be in a file that everybody sees.

    Raises:
        SystemExit: it names what.
    """
    for place in (str(ROOT), str(Path.home()), tempfile.gettempdir(), "responses-mcp-demo-"):
        if len(place) > 1 and place in picture:
            raise SystemExit(f"The recording shows {place}; nothing was written.")
    if len(picture.encode()) > MOST_BYTES:
        raise SystemExit(f"The picture has {len(picture.encode()):,} bytes, the limit is {MOST_BYTES:,}.")


def main() -> int:
    """Record, draw, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--home", type=Path, help="a state folder that has the model files")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "demo.svg")
    chosen = parser.parse_args()
    found = rows(record(chosen.home))
    picture = draw(found, version("responses-mcp"))
    check(picture)
    chosen.out.write_text(picture, "utf-8")
    print(f"{chosen.out.name}: {len(found)} lines, {found[-1].at:.0f} s, {len(picture.encode()):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
