"""What a text file says, in whichever encoding it was saved, and where its lines end."""

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE
from unicodedata import category

# The marks of UTF-32 come first: one of them begins with one of UTF-16's.
_MARKS = {
    BOM_UTF32_LE: "utf-32",
    BOM_UTF32_BE: "utf-32",
    BOM_UTF16_LE: "utf-16",
    BOM_UTF16_BE: "utf-16",
    BOM_UTF8: "utf-8-sig",
}
_WIDE = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
_COMMONEST = ["cp1252", "mac_roman"]
_WESTERN = [*_COMMONEST, "cp1250", "cp1254", "iso8859_2", "iso8859_9", "cp850"]
_FOREIGN = re.compile(rb"[\x80-\xff]+")
_BEYOND_ASCII = bytes(range(128, 256))
_CONTROLS = bytes({*range(32), 127} - {*b"\t\n\f\r\b\x1b"})

SAMPLE = 65_536
"""Bytes that an encoding is told from."""
HEAD = 4096
"""Bytes from the start of a file that decide about its kind."""
FEW = 6
"""So few bytes beyond ASCII say little about an encoding: it is taken for one of the commonest."""

MESSY = 0.5
"""The share of odd neighbours up to which a guess counts; Polish prose has 0.2, and the best guess wins anyway."""


def is_text(head: bytes) -> bool:
    """True for the start of a text: no NUL byte outside UTF-16 and UTF-32, and hardly any other control character."""
    if b"\0" in head:
        return _wide(head) is not None
    controls = len(head) - len(head.translate(None, _CONTROLS))
    return controls <= len(head) // 20


def decode(content: bytes) -> str:
    """The text of these bytes: Unicode in any of its forms, else in the likeliest of the older encodings.

    Nothing is ever refused: a byte that has no meaning in the encoding becomes U+FFFD.
    """
    wide = _wide(content[:HEAD])
    if wide is not None:
        return content.decode(wide, "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return _guessed(content, error.start)


def lines_of(text: str) -> list[str]:
    """Its lines as editors count them, each with its line end; joined they are the text again."""
    lines = [f"{line}\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def _wide(head: bytes) -> str | None:
    """The encoding that a mark names or, without one, UTF-16 or UTF-32 where that is beyond doubt."""
    for mark, encoding in _MARKS.items():
        if head.startswith(mark):
            return encoding
    if b"\0" not in head:
        return None
    return next((encoding for encoding in _WIDE if _reads_well(head, encoding)), None)


def _reads_well(head: bytes, encoding: str) -> bool:
    """Every character is one that texts have, and enough are ASCII, of which the wrong byte order makes Chinese."""
    if len(head) % (4 if encoding.startswith("utf-32") else 2):
        return False
    text = head.decode(encoding, "ignore")
    fine = all(character in "\t\n\r\f" or category(character)[0] != "C" for character in text)
    return fine and 20 * sum(map(str.isascii, text)) >= len(text) > 0


def _guessed(content: bytes, first: int) -> str:
    """``content`` is not UTF-8, or damaged; ``first`` is where that shows."""
    from charset_normalizer import from_bytes  # noqa: PLC0415  only texts that are not Unicode need it

    text = content.decode("utf-8", "replace")
    if 20 * text.count("\ufffd") < len(content) - len(content.translate(None, _BEYOND_ASCII)):
        return text
    sample = content[max(0, first - HEAD) : first + SAMPLE]
    found = _FOREIGN.findall(sample)
    count = sum(map(len, found))
    # Letters with accents stand alone between others; in other scripts whole words are beyond ASCII.
    scattered = count <= 2 * len(found)
    likely = _COMMONEST if count < FEW else _WESTERN
    best = from_bytes(sample, threshold=MESSY, cp_isolation=likely if scattered else None).best()
    return _as_windows(content) if best is None else content.decode(best.encoding, "replace")


def _as_windows(content: bytes) -> str:
    """Windows' Western encoding, or Latin-1, which any bytes are."""
    try:
        return content.decode("cp1252")
    except UnicodeDecodeError:
        return content.decode("latin-1")
