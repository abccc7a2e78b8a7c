"""The recording in the README: small, at rest after its end, and without anything from elsewhere or of this machine."""

import re
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

from mcp_server.tools import TOOLS

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "demo.svg"
SVG = "{http://www.w3.org/2000/svg}"
CLEAR = "\r\x1b[2K"


@pytest.fixture(scope="module")
def recording() -> ModuleType:
    """The script; it needs a POSIX terminal to be imported."""
    if sys.platform == "win32":
        pytest.skip("there is no pty on Windows")
    return import_module("scripts.recording")


def test_the_picture_is_small_and_brings_nothing_from_elsewhere() -> None:
    picture = PICTURE.read_text("utf-8")
    assert len(picture.encode()) <= 150_000
    for foreign in ("<script", "href", "url(", "@import", "@font-face", "foreignObject"):
        assert foreign not in picture
    assert re.findall(r"https?://[^\"]*", picture) == ["http://www.w3.org/2000/svg"]
    shown = "\n".join(ElementTree.fromstring(picture).itertext())
    assert "handbook/furniture.md" in shown
    assert not re.findall(r"(?:^|[\s\"(])(?:/|[A-Z]:\\)\w+", shown), "a path of somebody's machine"


def test_the_picture_shows_every_tool_and_ends_with_the_summary_in_sight() -> None:
    root = ElementTree.parse(PICTURE).getroot()
    stayed = ["".join(text.itertext()) for text in root.iter(f"{SVG}text") if text.get("class") == "l"]
    for tool in TOOLS:
        assert any(line.startswith(f"   → {tool.name}(") for line in stayed), tool.name
    verdict = next(line for line in stayed if "calls of 9 tools" in line)
    assert verdict.endswith("all as they should be")
    at = {"".join(text.itertext()): int(text.get("y", "0")) for text in root.iter(f"{SVG}text")}
    sheet = "".join(root.itertext())
    scrolled = -int(re.findall(r"to\{transform:translateY\((-?\d+)px\)\}", sheet)[-1])
    window = root.find(f"{SVG}svg")
    assert window is not None
    top, height = int(window.get("y", "0")), int(window.get("height", "0"))
    for line in ("tool                calls  seconds  tokens in  cached  out", verdict, stayed[-1]):
        assert top < at[line] - scrolled < top + height, line


def test_a_long_wait_is_shortened_and_what_moved_is_gone_when_the_line_is_there(recording: ModuleType) -> None:
    moving = [(second, f"{CLEAR}\x1b[36m   … {second} s  writing\x1b[0m") for second in range(1, 11)]
    written = [(0.5, "Hello\r\n"), *moving, (11.0, f"{CLEAR}   ✓ 10.5 s\r\n"), (11.1, "Bye <&>\r\n")]
    found = recording.rows(written)
    seconds = recording.timed(found)
    assert [row.text for row in found[1:]] == ["Hello", "   ✓ 10.5 s", "Bye <&>"]
    shown = found[2]
    assert shown.at == pytest.approx(0.5 + recording.LONGEST_WAIT)
    assert 4 <= len(shown.moved) <= recording.LONGEST_WAIT / recording.FRAME
    assert shown.moved[0][1] == "\x1b[36m   … 1 s  writing\x1b[0m"
    assert seconds == pytest.approx(shown.at + recording.STANDS + 0.1)
    drawn = list(recording.lines(found))
    assert '<tspan class="c">   … 1 s  writing</tspan>' in drawn[2]
    assert "Bye &lt;&amp;&gt;" in drawn[-1]
    begins, ends = map(float, re.findall(r"([\d.]+)s", drawn[2])[:2])
    assert begins < ends <= shown.at


def test_a_picture_of_this_machine_is_refused(recording: ModuleType) -> None:
    with pytest.raises(SystemExit, match="nothing was written"):
        recording.check(f"<svg>{ROOT}/docs</svg>")
    with pytest.raises(SystemExit, match="the limit is 150,000"):
        recording.check("x" * 150_001)
